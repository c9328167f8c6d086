"""Mixed traffic for as long as told; afterwards nothing may be left behind, and the books must balance."""

import argparse
import asyncio
import json
import os
import random
import resource
import sqlite3
import statistics
import struct
import subprocess
import tempfile
import time
import urllib.request
import zlib
from collections import Counter
from pathlib import Path

from machines import Gateway, Vendor, free_port, picture, policy

PICTURE = picture(60_000)
SETTLE_SECONDS = 150
SERVED, TURNED_AWAY = {200}, {429}
# What a request may come to whose vendors are in a bad mood.
MOODY = {200, 429, 500, 502, 503, 504}

MORE = """
[defaults]
model = "paint"

[vendors.painter]
dialect = "painter"
base_url = "painter:"

[models.paint]
price = [{ image = "0.001" }]
offerings = [{ vendor = "painter", sides = { min = 16, max = 512, step = 1 }, count_max = 4, formats = ["png", "jpeg"], can = ["seed", "quality", "mask"], inputs_max = 4, cost = [{ image = "0" }] }]

[plans.tight]
models = ["*"]
concurrency_max = 2
limits = [{ name = "second", requests = 5, per = "1s" }]
"""


class MoodyVendor:
    """Speaks OpenAI's API: late, broken, busy, cut off, silent, or as it should."""

    async def start(self, port):
        self.answer = json.dumps({"created": 1, "data": [{"b64_json": PICTURE}]}).encode()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port, backlog=4096)

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = [line.split(b":", 1) for line in head.lower().split(b"\r\n")]
                length = next((int(line[1]) for line in lines if line[0] == b"content-length"), 0)
                await reader.readexactly(length)
                if not await self.answer_in_some_mood(writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer_in_some_mood(self, writer):
        mood = random.random()
        await asyncio.sleep(random.choice([0, 0, 0.05, 0.3, 1.5]))
        if mood < 0.03:
            await asyncio.sleep(30)
            return False
        status, body = 200, self.answer
        if mood < 0.15:
            status = random.choice([429, 500, 503])
            body = b'{"error": {"message": "not now", "type": "server_error"}}'
        head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % (status, len(body)))
        is_cut = 0.15 <= mood < 0.18
        writer.write(body[: len(body) // 2] if is_cut else body)
        await writer.drain()
        return not is_cut


def soak_policy(vendor_port, moody_port):
    base = f"http://127.0.0.1:{moody_port}/v1"
    vendor = f'[vendors.moody]\ndialect = "openai"\nbase_url = "{base}"\nsecret = "env:VENDOR_KEY"\ntimeout = "5s"\n'
    cost = 'sizes = ["1024x1024"], cost = [{ image = "0.01" }]'
    model = (
        '[models.moody]\nstrategy = "priority"\ndeadline = "15s"\nprice = [{ image = "0.001" }]\nofferings = ['
        f'{{ vendor = "moody", priority = 1, {cost} }}, {{ vendor = "sound", priority = 2, {cost} }}]\n'
    )
    return policy(vendor_port, moody_port) + MORE + vendor + model


class Client:
    """One connection, used again while it lasts."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def connect(self):
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None

    async def send(self, method, path, headers, body, cut=None):
        await self.connect()
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
        self.writer.write(whole if cut is None else whole[:cut])
        await self.writer.drain()

    async def ask(self, method, path, headers, body=b""):
        for attempt in (1, 2):
            try:
                await self.send(method, path, headers, body)
                return await self.read()
            except (ConnectionError, asyncio.IncompleteReadError):
                # An idle connection may have been closed meanwhile.
                self.close()
                if attempt == 2:
                    raise

    async def read(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split()[1])
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = b""
        if "content-length" in fields:
            body = await self.reader.readexactly(int(fields["content-length"]))
        elif "chunked" in fields.get("transfer-encoding", ""):
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readline()
        if fields.get("connection") == "close":
            self.close()
        return status, body


def small_png():
    """A picture that can be decoded, unlike those that only have to be long."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + os.urandom(64 * 3) for _ in range(64))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def form():
    """A form as OpenAI's edits have it, with a picture."""
    parts = [("model", None, b"paint"), ("prompt", None, b"more fog"), ("image", "a.png", small_png())]
    body = b""
    for name, file, value in parts:
        place = f'name="{name}"' + (f'; filename="{file}"\r\ncontent-type: image/png' if file else "")
        body += f"--soak\r\ncontent-disposition: form-data; {place}\r\n\r\n".encode() + value + b"\r\n"
    return body + b"--soak--\r\n"


class Soak:
    def __init__(self, gateway, tight_key):
        self.gateway, self.tight_key = gateway, tight_key
        self.done, self.surprises, self.served = Counter(), [], 0
        self.form, self.repeats = form(), 0

    def headers(self, **more):
        # Each dialect looks for the key in a header of its own.
        names = ["x-goog-api-key", "x-neariq-key", "x-api-key"]
        shown = {"authorization": f"Bearer {self.gateway.key}"} | dict.fromkeys(names, self.gateway.key)
        return {**shown, "content-type": "application/json", **more}

    async def tell(self, client, name, expected, path, body, paid=True, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, said = await client.ask("POST", path, self.headers(**headers), raw)
        self.done[name, status] += 1
        self.served += paid and status == 200
        if status not in expected and len(self.surprises) < 20:
            self.surprises.append(f"{name}: {status} {said[:300]!r}")
        return status, said

    async def openai(self, client):
        size = random.choice(["1k"] * 6 + ["100k"] * 6 + ["2m"] * 3 + ["10m"])
        model = random.choice(["same", "other"]) + "-" + size
        asked = {"model": model, "prompt": "a fox", "size": "1024x1024"}
        await self.tell(client, f"openai {model}", SERVED, "/v1/images/generations", asked)

    async def moody(self, client):
        asked = {"model": "moody", "prompt": "a fox", "size": "1024x1024"}
        await self.tell(client, "moody vendor", MOODY, "/v1/images/generations", asked)

    async def lossy(self, client):
        asked = {"model": "lossy", "prompt": "a fox", "size": "1024x1024"}
        await self.tell(client, "lossy vendor", {200, 503}, "/v1/images/generations", asked)

    async def edit(self, client):
        kind = {"content-type": "multipart/form-data; boundary=soak"}
        await self.tell(client, "edit by form", {200, 400}, "/v1/images/edits", self.form, **kind)

    async def gemini(self, client):
        asked = {"contents": [{"parts": [{"text": "a fox"}]}]}
        await self.tell(client, "gemini", SERVED, "/v1beta/models/other-100k:generateContent", asked)

    async def imagen(self, client):
        asked = {"instances": [{"prompt": "a fox"}], "parameters": {"sampleCount": 1}}
        await self.tell(client, "imagen", SERVED, "/v1beta/models/other-1k:predict", asked)

    async def others(self, client):
        path, body = random.choice(
            [
                ("/api/v1/ai/generate-image", {"model": "paint", "prompt": "a fox"}),
                ("/api/v1/images", {"prompt": "a fox"}),
                ("/v1/ai/generate-image", {"model": "paint", "prompt": "a fox"}),
                ("/api/v1/generate", {"prompt": "a fox", "width": 256, "height": 256}),
                ("/v1/quote", {"dialect": "openai", "request": {"model": "same-1k", "prompt": "a fox"}}),
            ]
        )
        await self.tell(client, path, {200, 201}, path, body, paid=path != "/v1/quote")

    async def job(self, client):
        asked = {"model": random.choice(["moody", "same-100k"]), "prompt": "a fox", "size": "1024x1024"}
        status, said = await self.tell(client, "job", {202, 429}, "/v1/images/generations", asked, prefer="respond-async")
        if status != 202:
            return
        job = json.loads(said)["id"]
        if random.random() < 0.4:
            await client.ask("POST", f"/v1/jobs/{job}/cancel", self.headers())
        await client.ask("GET", f"/v1/jobs/{job}", self.headers())

    async def repeated(self, client):
        self.repeats += random.random() < 0.5
        asked = {"model": "same-100k", "prompt": "a fox", "size": "1024x1024"}
        name = {"idempotency-key": f"soak-{self.repeats}"}
        await self.tell(client, "repeated", {200, 409}, "/v1/images/generations", asked, paid=False, **name)

    async def leaves(self, client):
        body = json.dumps({"model": random.choice(["moody", "same-10m"]), "prompt": "a fox"}).encode()
        whole = random.random() < 0.7
        await client.send("POST", "/v1/images/generations", self.headers(), body, None if whole else 150)
        await asyncio.sleep(random.choice([0, 0.01, 0.2]))
        client.close()
        self.done["client left", 0] += 1

    async def refused(self, client):
        key, body, expected = random.choice(
            [
                ("Bearer pg_live_nobody", b"{}", {401, 429}),
                (f"Bearer {self.gateway.key}", b"{", {400}),
                (f"Bearer {self.gateway.key}", b'{"model": "no-such", "prompt": "x"}', {404}),
                (f"Bearer {self.tight_key}", b'{"model": "same-1k", "prompt": "x"}', {200, 429}),
            ]
        )
        path = "/v1/images/generations"
        await self.tell(client, "refused", expected, path, body, authorization=key)

    async def worker(self, until):
        ways = [self.openai] * 8 + [self.moody] * 2 + [self.others] * 2
        ways += [self.lossy, self.edit, self.gemini, self.imagen, self.job, self.repeated, self.leaves, self.refused]
        client = Client(self.gateway.port)
        while time.monotonic() < until:
            way = random.choice(ways)
            try:
                await way(client)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.surprises.append(f"{way.__name__}: {error!r}")
                client.close()
            # So that the machine that asks is not what is measured.
            await asyncio.sleep(random.random() * 0.05)
        client.close()


async def reload(folder, until):
    """A change of policy every few seconds; each fifth one is broken, and not taken."""
    file, count = folder / "policies" / "p.toml", 0
    text = file.read_text()
    while time.monotonic() < until:
        count += 1
        file.write_text(f"{text}\n# {count}\n" if count % 5 else text + "\n[models.broken]\n")
        await asyncio.sleep(3)
    file.write_text(text)


async def watch(gateway, until, samples):
    while time.monotonic() < until:
        await asyncio.sleep(2)
        samples.append(gateway.memory_mb("VmRSS"))


def metric(gateway, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{gateway.admin}/metrics", timeout=10).read().decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)


LEFT = [
    "pixelgate_holds_open",
    "pixelgate_jobs_open",
    "pixelgate_in_flight_requests",
    "pixelgate_in_flight_bytes",
    "pixelgate_answers_in_flight_bytes",
    "pixelgate_connections",
]


def wait_for_rest(gateway, open_files):
    """What is still taken once nobody asks any more; empty when nothing is."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        left = {name: metric(gateway, name) for name in LEFT}
        files = len(os.listdir(f"/proc/{gateway.popen.pid}/fd"))
        left = {name: count for name, count in left.items() if count}
        if files > open_files + 4:
            left["open files"] = f"{files}, {open_files} at the start"
        if not left or time.monotonic() > end:
            return left
        time.sleep(1)


def main():
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--binary", default="target/release/pixelgate")
    read.add_argument("--minutes", type=float, default=60)
    read.add_argument("--clients", type=int, default=24)
    read.add_argument("--config", default="", help="more of the gateway's config, such as Redis and PostgreSQL")
    options = read.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="soak") as name:
        faults = soak(Path(name), options)
    for fault in faults:
        print(f"fault: {fault}")
    print("soak: FAILED" if faults else "soak: clean")
    raise SystemExit(bool(faults))


def soak(folder, options):
    vendor, moody_port = Vendor(folder), free_port()
    (folder / "policies").mkdir()
    gateway = Gateway(folder, os.path.abspath(options.binary), vendor.port, moody_port, options.config)
    (folder / "policies" / "p.toml").write_text(soak_policy(vendor.port, moody_port))
    gateway.cli("check", str(folder / "policies"))
    made = gateway.cli("key", "create", "--plan", "tight", gateway.workspace).split()
    soaking = Soak(gateway, next(word for word in made if word.startswith("pg_")))
    time.sleep(3)
    open_files, samples = len(os.listdir(f"/proc/{gateway.popen.pid}/fd")), []

    async def run():
        moody = MoodyVendor()
        await moody.start(moody_port)
        until = time.monotonic() + options.minutes * 60
        workers = [soaking.worker(until) for _ in range(options.clients)]
        await asyncio.gather(*workers, reload(folder, until), watch(gateway, until, samples))
        # Jobs and calls whose clients left go on, and their vendor is still there.
        return await asyncio.to_thread(wait_for_rest, gateway, open_files)

    left = asyncio.run(run())
    faults = [f"{count} left of {name}" for name, count in left.items()]
    faults += [f"surprise: {one}" for one in soaking.surprises]
    faults += memory(samples, gateway)
    requests = sum(soaking.done.values())
    print(f"\n{requests:,} requests in {options.minutes:g} minutes, {soaking.served:,} of them served and paid for")
    for (what, status), count in sorted(soaking.done.items()):
        print(f"  {what}: {status or 'no answer waited for'}: {count:,}")
    gateway.stop()
    faults += books(folder, gateway, soaking.served)
    vendor.stop()
    return faults


def memory(samples, gateway):
    """The last third of the time against the second: what grows on and on is a leak."""
    third = max(len(samples) // 3, 1)
    middle, last = statistics.median(samples[third : 2 * third] or samples), statistics.median(samples[-third:])
    print(f"memory: {samples[0]:.0f} MB at first, {middle:.0f} MB in the middle, {last:.0f} MB at last,", end=" ")
    print(f"{max(samples):.0f} MB at most, {gateway.memory_mb('VmRSS'):.0f} MB at rest")
    grown = last > middle * 1.15 + 8
    return [f"memory grew from {middle:.0f} to {last:.0f} MB"] if grown else []


def books(folder, gateway, served):
    proof = subprocess.run(
        [gateway.binary, "ledger", "verify", "--full", "--config", str(gateway.config)], capture_output=True, text=True
    )
    print(proof.stdout.strip())
    faults = [] if proof.returncode == 0 else ["the books do not balance"]
    if "postgres" not in gateway.config.read_text():
        database = sqlite3.connect(folder / "data" / "pixelgate.sqlite")
        booked = database.execute("SELECT count(*) FROM usage WHERE outcome = 'ok' AND hold IS NOT NULL").fetchone()[0]
        if booked < served:
            faults.append(f"{served} were served and {booked} are in the books")
        # A kept answer has a file that is named after its hold; any other is one that nobody will remove.
        kept = {row[0] for row in database.execute("SELECT hold FROM pledge WHERE state = 'kept'")}
        files = {path.name for path in (folder / "data" / "answers").iterdir()}
        faults += [f"left behind: answers/{name}" for name in sorted(files - kept)]
    # What the media library is still writing has a mark and a number behind its name.
    writing = [path.name for path in (folder / "data").rglob("*#*")]
    return faults + [f"left behind: {name}" for name in writing]


if __name__ == "__main__":
    main()
