"""Runs docs/openapi.yaml against a gateway with schemathesis: base URL, key, arguments for `st run`.

Before that it draws a picture and ends a job, so that what is asked after is there.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

root = pathlib.Path(__file__).resolve().parents[2]
url, key, *arguments = sys.argv[1:]


def asked(method: str, path: str, body: object = None) -> dict:
    """What the gateway answers, if it is a success."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, content, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def ended(job: str) -> None:
    """Waits until a job has come to its end."""
    deadline = time.monotonic() + 60
    while asked("GET", f"/v1/jobs/{job}")["status"] in ("pending", "processing"):
        assert time.monotonic() < deadline, "the job does not end"
        time.sleep(0.1)


name = "hero.background"
picture = asked("POST", "/v1/ai/generate-image", {"prompt": "a lighthouse at dusk"})["data"]["media_id"]
file = asked("GET", f"/v1/media/{picture}")["data"]["url"].rsplit("/", 1)[1]
job = asked("POST", "/v1/images", {"prompt": "a lighthouse at dusk", "key": name})["id"]
ended(job)

there = {"URL": url, "KEY": key, "PICTURE": picture, "FILE": file, "JOB": job, "NAME": name}
environment = {f"PIXELGATE_{name}": value for name, value in there.items()}
config = root / "tests/fixtures/openapi/schemathesis.toml"
command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
command += [str(root / "docs/openapi.yaml"), "--no-color", *arguments]
# In a folder of its own, as it leaves notes behind.
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run(command, env=os.environ | environment, cwd=folder)
sys.exit(done.returncode)
