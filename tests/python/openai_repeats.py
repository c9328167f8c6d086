"""Loses patience with a slow vendor, as the official OpenAI package does; exits 0 when all is good."""

import base64
import io
import sys

import openai
from PIL import Image

base_url, api_key = sys.argv[1:3]
# The vendor takes longer than the package waits, so each call is repeated by itself.
client = openai.OpenAI(base_url=base_url, api_key=api_key, timeout=0.6, max_retries=5)


def must_be_a_picture(answer) -> None:
    picture = Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json)))
    assert picture.size == (64, 64), picture


must_be_a_picture(client.images.generate(model="remote", prompt="a fox", size="64x64"))

file = io.BytesIO()
Image.new("RGB", (64, 64), (255, 0, 0)).save(file, "PNG")
# A form has another boundary each time that it is sent.
must_be_a_picture(
    client.images.edit(
        model="remote", prompt="a fox", size="64x64", image=("square.png", file.getvalue())
    )
)

print("all good")
