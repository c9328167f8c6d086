"""Thousands of connections that wait for a slow vendor, and what each takes of memory."""

import asyncio
import json

ANSWER = json.dumps({"created": 1, "data": [{"b64_json": "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU"}]}).encode()


class SlowVendor:
    """Takes every order at once, and answers all of them when it is told to."""

    def __init__(self):
        self.taken, self.go = 0, asyncio.Event()

    async def start(self, port):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port, backlog=8192)

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
                )
                await reader.readexactly(length)
                self.taken += 1
                await self.go.wait()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()


async def ask(port, key, body):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /v1/images/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def park(gateway, slow_port, connections):
    """Kilobytes that each parked connection takes, and how many calls came to no picture."""
    vendor = SlowVendor()
    await vendor.start(slow_port)
    body = json.dumps({"model": "slow", "prompt": "a fox", "size": "1024x1024"}).encode()
    before = gateway.memory_mb("VmRSS")
    asks = [asyncio.ensure_future(ask(gateway.port, gateway.key, body)) for _ in range(connections)]
    while vendor.taken < connections and not all(one.done() for one in asks):
        await asyncio.sleep(0.05)
    each_kb = (gateway.memory_mb("VmRSS") - before) * 1024 / connections
    vendor.go.set()
    statuses = await asyncio.gather(*asks)
    return each_kb, sum(status != 200 for status in statuses)
