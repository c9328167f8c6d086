"""Drives the gateway with the official OpenAI package: base URL, key; exits 0 when all is good."""

import base64
import io
import sys
import time

import openai
from PIL import Image

base_url, api_key = sys.argv[1:3]
client = openai.OpenAI(base_url=base_url, api_key=api_key)


def opened(text: str) -> Image.Image:
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    picture.load()
    return picture


def png(colour: tuple[int, int, int, int]) -> io.BytesIO:
    """A square picture as a file that has a name."""
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), colour).save(file, "PNG")
    file.seek(0)
    file.name = "square.png"
    return file


assert [model.id for model in client.models.list()] == ["paint"]
assert client.models.retrieve("paint").id == "paint"

answer = client.images.generate(model="paint", prompt="a fox", size="256x256", n=2)
assert [opened(item.b64_json).size for item in answer.data] == [(256, 256)] * 2, answer
assert answer.size == "256x256" and answer.output_format == "png"

answer = client.images.generate(
    model="paint",
    prompt="a fox",
    size="512x256",
    quality="high",
    background="transparent",
    output_format="webp",
    output_compression=80,
    moderation="low",
    user="u-1",
)
picture = opened(answer.data[0].b64_json)
assert (picture.format, picture.size) == ("WEBP", (512, 256)), picture

answer = client.images.generate(
    model="paint", prompt="a fox", size="256x256", response_format="url"
)
assert answer.data[0].url.startswith(base_url.removesuffix("/v1")), answer

answer = client.images.edit(
    model="paint",
    prompt="a fox",
    image=[png((255, 0, 0, 255)), png((0, 255, 0, 255))],
    mask=png((0, 0, 0, 0)),
    size="256x256",
    n=2,
)
assert [opened(item.b64_json).size for item in answer.data] == [(256, 256)] * 2, answer

answer = client.images.edit(
    model="paint", prompt="a fox", image=png((255, 0, 0, 255)), output_format="jpeg"
)
assert opened(answer.data[0].b64_json).format == "JPEG", answer

answer = client.images.create_variation(
    model="paint", image=png((255, 0, 0, 255)), size="256x256", response_format="b64_json"
)
assert opened(answer.data[0].b64_json).size == (256, 256), answer

try:
    client.images.edit(model="paint", prompt="a fox", image=("fox.svg", b"<svg></svg>"))
    raise SystemExit("a text was accepted as a picture")
except openai.BadRequestError as error:
    assert error.param == "image", error.body

try:
    client.images.generate(model="paint", prompt="a fox", n=11)
    raise SystemExit("n=11 was accepted")
except openai.BadRequestError as error:
    assert error.param == "n" and error.code == "integer_above_max_value", error.body

try:
    client.images.generate(model="nope", prompt="a fox")
    raise SystemExit("an unknown model was accepted")
except openai.NotFoundError as error:
    assert error.code == "model_not_found" and error.request_id.startswith("req_"), error.body

try:
    openai.OpenAI(base_url=base_url, api_key="wrong").models.list()
    raise SystemExit("a wrong key was accepted")
except openai.AuthenticationError as error:
    assert error.code == "invalid_api_key", error.body

events = list(
    client.images.generate(
        model="paint", prompt="a fox", size="256x256", stream=True, partial_images=2
    )
)
assert [event.type for event in events] == ["image_generation.completed"], events
assert opened(events[0].b64_json).size == (256, 256), events

# The eighth request is the last of the window; the ninth must fail at once, not after 300 s.
client.images.generate(model="paint", prompt="a fox", size="256x256")
began = time.monotonic()
try:
    client.images.generate(model="paint", prompt="a fox", size="256x256")
    raise SystemExit("the limit let a ninth request through")
except openai.RateLimitError as error:
    assert error.code == "rate_limit_exceeded", error.body
assert time.monotonic() - began < 5, "the package waited although it was told not to"

print("all good")
