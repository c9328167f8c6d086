"""The processes of a measurement: a vendor that answers at once, a plain proxy, and the gateway with everything on."""

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
import zlib
from pathlib import Path

SIZES = {"1k": 1 << 10, "100k": 100 << 10, "2m": 2 << 20, "10m": 10 << 20}

# Run by root, its workers would be another user, who may not read the answers.
NGINX = ("user root;" if os.geteuid() == 0 else "") + """
worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log {folder}/{name}.log crit;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-f; uwsgi_temp_path {folder}/{name}-u; scgi_temp_path {folder}/{name}-s;
  client_max_body_size 32m;
  {inside}
}}
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def picture(base64_bytes):
    """A PNG whose base64 has about so many letters: noise, so that nothing compresses it."""
    import base64

    raw = max(base64_bytes * 3 // 4 - 80, 64)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1024, 1024, 8, 2, 0, 0, 0)
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", os.urandom(raw)) + chunk(b"IEND", b"")
    return base64.b64encode(whole).decode()


class Process:
    """A process and its children, as the kernel accounts for them."""

    def __init__(self, command, **more):
        self.popen = subprocess.Popen(command, **more)

    def pids(self):
        own = self.popen.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def cpu_seconds(self):
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, what):
        """`VmHWM` is the most since the last reset, `VmRSS` what is taken now."""
        total = 0
        for pid in self.pids():
            found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            total += int(found.group(1)) if found else 0
        return total / 1024

    def reset_peak(self):
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(60)


def wait_until(port, seconds=60):
    """Until somebody listens there."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise SystemExit(f"nobody listens on port {port}") from None
            time.sleep(0.01)


def wait_for(port, path="/", seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            ask = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            ask.request("GET", path)
            status = ask.getresponse().status
            if path == "/" or status == 200:
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"nothing answers on port {port}")
        time.sleep(0.01)


class Vendor(Process):
    """Answers each call of the OpenAI and the Gemini API with a file: nginx, so that it is never what is measured."""

    def __init__(self, folder):
        self.port = free_port()
        files = folder / "answers"
        files.mkdir()
        places = []
        for name, size in SIZES.items():
            body = picture(size)
            (files / f"openai-{name}.json").write_text(json.dumps({"created": 1, "data": [{"b64_json": body}]}))
            part = {"inlineData": {"mimeType": "image/png", "data": body}}
            content = {"role": "model", "parts": [part]}
            answer = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}
            (files / f"gemini-{name}.json").write_text(json.dumps(answer))
            places.append(
                f"location /openai/{name}/ {{ rewrite ^ /openai-{name}.json break; error_page 405 =200 $uri; }}"
                f"location /gemini/{name}/ {{ rewrite ^ /gemini-{name}.json break; error_page 405 =200 $uri; }}"
            )
        # The same, but for three calls of ten, which fail.
        lossy = 'split_clients "${request_id}" $lost { 30% 1; * 0; }'
        places.append(
            "location /lossy/ { if ($lost) { return 503; } rewrite ^ /openai-1k.json break; error_page 405 =200 $uri; }"
        )
        inside = (
            f"types {{ application/json json; }} {lossy} server {{ listen 127.0.0.1:{self.port} reuseport backlog=8192;"
            f" root {files}; {' '.join(places)} }}"
        )
        text = NGINX.format(folder=folder, name="vendor", inside=inside)
        (folder / "vendor.conf").write_text(text)
        super().__init__(["nginx", "-c", str(folder / "vendor.conf")], stderr=subprocess.DEVNULL)
        wait_for(self.port)


class PlainProxy(Process):
    """What is compared with: nginx, which reads nothing and changes nothing."""

    def __init__(self, folder, vendor_port):
        self.port = free_port()
        inside = (
            f"upstream vendor {{ server 127.0.0.1:{vendor_port}; keepalive 256; keepalive_requests 1000000000; }}"
            f" server {{ listen 127.0.0.1:{self.port} backlog=8192; location / {{ proxy_pass http://vendor;"
            ' proxy_http_version 1.1; proxy_set_header Connection ""; } }'
        )
        (folder / "proxy.conf").write_text(NGINX.format(folder=folder, name="proxy", inside=inside))
        super().__init__(["nginx", "-c", str(folder / "proxy.conf")], stderr=subprocess.DEVNULL)
        wait_for(self.port)


class Passthrough(Process):
    """What is compared with, too: Pingora itself, which reads nothing and changes nothing."""

    def __init__(self, binary, vendor_port):
        self.port = free_port()
        addresses = [f"127.0.0.1:{self.port}", f"127.0.0.1:{vendor_port}"]
        super().__init__([binary, *addresses], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        # Asked kindly it waits five minutes.
        self.popen.kill()
        self.popen.wait(60)


PLAN = """
[plans.open]
models = ["*"]
concurrency_max = 100000
limits = [
  { name = "minute", requests = 100000000, per = "1m" },
  { name = "hour", requests = 1000000000, per = "1h" },
]
quotas = [{ name = "day", images = 1000000000, per = "day" }]
"""


def policy(vendor_port, slow_port):
    base = f"http://127.0.0.1:{vendor_port}"
    parts = [PLAN]

    def vendor(name, dialect, url):
        parts.append(
            f'[vendors.{name}]\ndialect = "{dialect}"\nbase_url = "{url}"\nsecret = "env:VENDOR_KEY"\ntimeout = "120s"\n'
        )

    def model(name, vendors):
        shape = 'ratios = { "1:1" = "1024x1024" }' if name.startswith("other") else 'sizes = ["1024x1024"]'
        offerings = ", ".join(f'{{ vendor = "{one}", {shape}, cost = [{{ image = "0.01" }}] }}' for one in vendors)
        parts.append(
            f'[models."{name}"]\ndeadline = "100s"\nprice = [{{ image = "0.001" }}]\nofferings = [{offerings}]\n'
        )

    for name in SIZES:
        vendor(f"same-{name}", "openai", f"{base}/openai/{name}/v1")
        vendor(f"other-{name}", "gemini", f"{base}/gemini/{name}/v1beta")
        model(f"same-{name}", [f"same-{name}"])
        model(f"other-{name}", [f"other-{name}"])
    vendor("slow", "openai", f"http://127.0.0.1:{slow_port}/v1")
    model("slow", ["slow"])
    vendor("lossy", "openai", f"{base}/lossy/v1")
    vendor("sound", "openai", f"{base}/openai/1k/v1")
    parts.append(
        '[models.lossy]\nstrategy = "priority"\nprice = [{ image = "0.001" }]\nofferings = ['
        '{ vendor = "lossy", priority = 1, sizes = ["1024x1024"], cost = [{ image = "0.01" }] },'
        '{ vendor = "sound", priority = 2, sizes = ["1024x1024"], cost = [{ image = "0.01" }] }]\n'
    )
    return "\n".join(parts)


class Gateway(Process):
    """Pixelgate with everything on: keys, two windows, a quota, the durable ledger, usage rows, metrics, the log."""

    def __init__(self, folder, binary, vendor_port, slow_port, more="", store=""):
        self.port, self.admin = free_port(), free_port()
        self.folder, self.binary = folder, binary
        (folder / "policies").mkdir(exist_ok=True)
        (folder / "policies" / "p.toml").write_text(policy(vendor_port, slow_port))
        self.config = folder / "gateway.toml"
        self.config.write_text(
            f'[public]\naddress = "127.0.0.1:{self.port}"\nin_flight_max = 20000\n'
            f'[admin]\naddress = "127.0.0.1:{self.admin}"\n'
            f'[store]\ndirectory = "{folder}/data"\n{store}\n[policy]\ndirectory = "{folder}/policies"\n{more}\n'
        )
        self.start()
        self.workspace = self.cli("workspace", "create", "bench").split()[-1]
        self.key = next(word for word in self.cli("key", "create", "--plan", "open", self.workspace).split() if word.startswith("pg_"))
        self.cli("credits", "grant", self.workspace, "1000000000")

    def start(self):
        self.log = open(self.folder / "gateway.log", "ab")
        began = time.monotonic()
        environment = {**os.environ, "VENDOR_KEY": "made-up"}
        super().__init__([self.binary, "serve", "--config", str(self.config)], stdout=self.log, stderr=self.log, env=environment)
        wait_for(self.admin, "/readyz")
        self.started_ms = (time.monotonic() - began) * 1000

    def upgrade(self):
        """Another process takes over; the one before ends when it has finished what it had in flight."""
        before = self.popen
        environment = {**os.environ, "VENDOR_KEY": "made-up"}
        command = [self.binary, "serve", "--take-over", "--config", str(self.config)]
        self.popen = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)
        while before.poll() is None:
            if self.popen.poll() is not None:
                # Whoever was to take over is gone; the one before goes on.
                self.popen = before
                said = [one for one in Path(self.log.name).read_text().splitlines() if '"outcome"' not in one]
                raise RuntimeError("no process took over: " + "\n".join(said[-5:]))
            time.sleep(0.01)

    def cli(self, *arguments):
        done = subprocess.run([self.binary, *arguments, "--config", str(self.config)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{arguments}: {done.stderr}")
        return done.stdout
