"""Where fuzzing begins: the bodies of the golden files, the policies of the tests, some small pictures."""

import base64
import json
import re
import struct
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
STATUSES = [200, 201, 202, 400, 401, 404, 429, 500]
# One pixel each.
JPEG = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP////////////////////////////////////////////////////////////////////////////"
    "//////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
)
WEBP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="


def png():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress((b"\0" + b"\x10\x80\xf0" * 4) * 4)) + chunk(b"IEND", b"")


def text_of(golden):
    if golden.get("body") is not None:
        return json.dumps(golden["body"]).encode()
    return (golden.get("body_text") or "").encode()


def form(parts):
    body = b""
    for part in parts:
        head = "\r\n".join(part["head"]) if isinstance(part, dict) and isinstance(part.get("head"), list) else 'content-disposition: form-data; name="prompt"'
        content = part.get("content", "a fox") if isinstance(part, dict) else "a fox"
        body += b"--golden-form\r\n" + head.encode() + b"\r\n\r\n" + str(content).encode() + b"\r\n"
    return body + b"--golden-form--\r\n"


def goldens():
    for folder in sorted(path for path in (FIXTURES / "dialects").iterdir() if path.is_dir()):
        for file in sorted(folder.glob("*.json")):
            golden = json.loads(file.read_text())
            if isinstance(golden, dict):
                yield folder.name, file.name, golden


def seeds():
    """Pairs of a target and what it begins with. First bytes choose a dialect: any will do."""
    names = sorted({folder for folder, _, _ in goldens()})
    for folder, name, golden in goldens():
        choice = bytes([names.index(folder)])
        if name.endswith(".client.json"):
            if isinstance(golden.get("form"), list):
                yield "form", form(golden["form"])
            else:
                yield "client", choice + text_of(golden)
        elif name.endswith(".reply.json"):
            status = golden.get("status", 200)
            place = STATUSES.index(status) if status in STATUSES else 0
            body = text_of(golden)
            yield "vendor", choice + bytes([place]) + body
            if body.startswith((b"data:", b"event:")):
                yield "events", b"\x07" + body
    yield "events", b"\x05event: image\r\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"iVBORw0KGgo=\"}\r\n\r\ndata: [DONE]\n\n"
    files = [*(ROOT / "policies").glob("*.toml"), *(FIXTURES / "policies").rglob("*.toml")]
    for file in files:
        text = file.read_text()
        yield "policy", text.encode()
        for condition in re.findall(r"^if = '(.*)'$", text, re.M):
            yield "rule", condition.encode()
        for formula in re.findall(r"expression = '(.*?)'", text):
            yield "price", b"\x01" + formula.encode()
    # The manual's own examples are conditions too.
    for condition in re.findall(r"^if = '(.*)'$", (ROOT / "docs" / "rules.md").read_text(), re.M):
        yield "rule", condition.encode()
    for picture in [png(), base64.b64decode(JPEG), base64.b64decode(WEBP)]:
        yield "picture", picture


def main():
    corpus = Path(sys.argv[1])
    for count, (target, data) in enumerate(seeds()):
        (corpus / target).mkdir(parents=True, exist_ok=True)
        (corpus / target / f"golden-{count}").write_bytes(data)


main()
