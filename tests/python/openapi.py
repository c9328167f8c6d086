"""Runs docs/openapi.yaml against a gateway with schemathesis: base URL, key, policy folder, arguments for `st run`.

Before that it draws a picture and ends a job, so that what is asked after is there, and adds to the policy where apps may
be told of their jobs: here. Whatever is told must be what the description calls `jobEnded`, as far as its outline goes.
"""

import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

root = pathlib.Path(__file__).resolve().parents[2]
url, key, policies, *arguments = sys.argv[1:]
told = []


def asked(method: str, path: str, body: object = None, **more: str) -> dict:
    """What the gateway answers, if it is a success."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | more
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, content, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what apps are told."""

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_whole = event.keys() == {"type", "timestamp", "data"} and "id" in event["data"]
        is_signed = self.headers["webhook-signature"].startswith("v1,") and self.headers["webhook-timestamp"].isdecimal()
        told.append((event["type"], is_whole and is_signed))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def listening() -> str:
    """Where apps may be told from now on."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    folder = pathlib.Path(policies).resolve()
    secret = folder.parent / "webhook.secret"
    secret.write_text("whsec_" + base64.b64encode(os.urandom(32)).decode())
    policy = f'[webhooks]\ninside_hosts = ["{origin}"]\nsecrets = ["file:{secret}"]\n'
    (folder / "webhooks.toml").write_text(policy)
    until(lambda: "key" in asked("GET", "/v1/webhooks/default/secret"), "the policy is not in force")
    return origin + "/jobs"


def until(is_so, complaint: str) -> None:
    """Asks until it is so."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if is_so():
                return
        except urllib.error.HTTPError as refused:
            if refused.code != 404:
                raise
        assert time.monotonic() < deadline, complaint
        time.sleep(0.1)


name = "hero.background"
webhook = listening()
picture = asked("POST", "/v1/ai/generate-image", {"prompt": "a lighthouse at dusk"})["data"]["media_id"]
file = asked("GET", f"/v1/media/{picture}")["data"]["url"].rsplit("/", 1)[1]
job = asked("POST", "/v1/images", {"prompt": "a lighthouse at dusk", "key": name}, **{"Pixelgate-Webhook": webhook})["id"]
until(lambda: asked("GET", f"/v1/jobs/{job}")["status"] == "completed", "the job does not end")
until(lambda: told, "nothing is told")

there = {"URL": url, "KEY": key, "PICTURE": picture, "FILE": file, "JOB": job, "NAME": name}
environment = {f"PIXELGATE_{name}": value for name, value in there.items()}
environment["PIXELGATE_WEBHOOK"] = webhook
environment["SCHEMATHESIS_HOOKS"] = "openapi_hooks"
environment["PYTHONPATH"] = str(root / "tests/python")
config = root / "tests/fixtures/openapi/schemathesis.toml"
command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
command += [str(root / "docs/openapi.yaml"), "--no-color", *arguments]
# In a folder of its own, as it leaves notes behind.
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run(command, env=os.environ | environment, cwd=folder)
wrong = [kind for kind, is_right in told if not is_right or kind not in ("job.completed", "job.failed", "job.cancelled")]
assert not wrong, wrong
print(f"told of {len(told)} jobs")
sys.exit(done.returncode)
