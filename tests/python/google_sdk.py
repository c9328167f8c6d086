"""Drives the gateway with the official google-genai package: base URL, key; exits 0 when all is good."""

import io
import sys
import time
import warnings

from google import genai
from google.genai import errors, types
from PIL import Image

base_url, api_key = sys.argv[1:3]


def client_of(key: str, **more) -> genai.Client:
    return genai.Client(api_key=key, http_options={"base_url": base_url}, **more)


client = client_of(api_key)


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def pictures(answer: types.GenerateContentResponse) -> list[Image.Image]:
    """The picture of every candidate."""
    return [opened(candidate.content.parts[0].inline_data.data) for candidate in answer.candidates]


def config(**more) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(response_modalities=["IMAGE"], **more)


def square(colour: tuple[int, int, int]) -> types.Part:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return types.Part.from_bytes(data=file.getvalue(), mime_type="image/png")


def refused(code: int, status: str, call) -> dict[str, dict]:
    """The details of a no, by their kind."""
    try:
        call()
    except errors.APIError as error:
        assert (error.code, error.status) == (code, status), error
        details = error.details["error"]["details"]
        return {detail["@type"].rpartition(".")[2]: detail for detail in details}
    raise SystemExit(f"accepted, instead of {status}")


assert [model.name for model in client.models.list()] == ["models/paint"]
model = client.models.get(model="paint")
assert model.name == "models/paint" and "generateContent" in model.supported_actions, model

answer = client.models.generate_content(
    model="paint",
    contents="a fox",
    config=config(image_config=types.ImageConfig(aspect_ratio="16:9", image_size="1K"), seed=7),
)
assert [picture.size for picture in pictures(answer)] == [(1376, 768)], answer
assert answer.candidates[0].finish_reason == types.FinishReason.STOP
assert answer.model_version == "paint" and answer.response_id.startswith("req_"), answer
assert answer.parts[0].as_image().mime_type == "image/png"

answer = client.models.generate_content(
    model="models/paint", contents="a fox", config=config(candidate_count=2)
)
assert len(pictures(answer)) == 2, answer

answer = client.models.generate_content(
    model="paint",
    contents=["make it night", square((255, 0, 0)), square((0, 255, 0))],
    config=config(image_config=types.ImageConfig(aspect_ratio="1:1", image_size="512")),
)
assert [picture.size for picture in pictures(answer)] == [(512, 512)], answer

chat = client.chats.create(model="paint", config=config())
chat.send_message("a fox")
assert len(pictures(chat.send_message("make it night"))) == 1

chunks = list(
    client.models.generate_content_stream(model="paint", contents="a fox", config=config())
)
assert len(chunks) == 1 and len(pictures(chunks[0])) == 1, chunks

# A refused prompt is a success without a candidate, in the stream as well.
answer = client.models.generate_content(model="paint", contents="a unicorn", config=config())
assert answer.candidates is None, answer
assert answer.prompt_feedback.block_reason == types.BlockedReason.BLOCKLIST, answer
chunks = list(
    client.models.generate_content_stream(model="paint", contents="a unicorn", config=config())
)
assert [chunk.prompt_feedback.block_reason for chunk in chunks] == ["BLOCKLIST"], chunks


def draw(by: genai.Client = client, name: str = "paint", **more):
    return by.models.generate_content(model=name, contents="a fox", config=config(**more))


# A client closes its connections as soon as nothing refers to it.
stranger = client_of("wrong")
vertex = client_of(api_key, vertexai=True)


details = refused(
    400,
    "INVALID_ARGUMENT",
    lambda: draw(image_config=types.ImageConfig(aspect_ratio="7:5")),
)
violation = details["BadRequest"]["fieldViolations"][0]
assert violation["field"] == "generationConfig.imageConfig.aspectRatio", details
refused(404, "NOT_FOUND", lambda: draw(name="nope"))
details = refused(400, "INVALID_ARGUMENT", lambda: draw(by=stranger))
assert details["ErrorInfo"]["reason"] == "API_KEY_INVALID", details

# Imagen's models are asked for in Vertex's way only, by this package.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    answer = vertex.models.generate_images(
        model="paint",
        prompt="a fox",
        config=types.GenerateImagesConfig(
            number_of_images=2, aspect_ratio="4:3", output_mime_type="image/jpeg"
        ),
    )
drawn = [opened(image.image.image_bytes) for image in answer.generated_images]
assert [picture.format for picture in drawn] == ["JPEG"] * 2, answer
assert all(picture.width > picture.height for picture in drawn), drawn

# Seven requests came as far as to the window, which is full now; the next must fail at once, with a wait.
began = time.monotonic()
details = refused(429, "RESOURCE_EXHAUSTED", draw)
assert details["RetryInfo"]["retryDelay"].endswith("s"), details
assert details["QuotaFailure"]["violations"][0]["quotaId"] == "5 minutes", details
assert time.monotonic() - began < 5, "the package waited although it was told not to"

print("all good")
