"""Measures the gateway with everything on, beside a plain proxy and beside the disk, in the same run."""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from books import books, keys_of_a_fresh_store
from machines import SIZES, Gateway, Passthrough, PlainProxy, Vendor, free_port
from measure import load, median, round_of, syncs_per_second
from parked import park
from servers import Postgres, Redis

PATH = "/v1/images/generations"
# After a burst, before what it left of memory is looked at.
SETTLE_S = 25
CLIENTS = {"1k": 64, "100k": 64, "2m": 32, "10m": 8}


def body(model):
    return json.dumps({"model": model, "prompt": "a fox", "size": "1024x1024"})


def line(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def title(text, *cells):
    print(f"\n{text}\n")
    line(*cells)
    line(*["---"] * len(cells))


def throughput(world, options):
    """In turn, several rounds: plain proxies, the same dialect, another dialect."""
    cells = ("answer", "clients", "what", "requests/s", "÷ nginx", "÷ syncs", "p50 ms", "p99 ms", "CPU µs", "CPU ÷ nginx", "CPU ÷ pingora", "peak MB", "void rounds")
    title("Throughput and CPU of the process itself, per request", *cells)
    for size, clients in CLIENTS.items():
        ways = {
            "nginx": (world.proxy, f"http://127.0.0.1:{world.proxy.port}/openai/{size}{PATH}", body("x")),
            "pingora": (world.passthrough, f"http://127.0.0.1:{world.passthrough.port}/openai/{size}{PATH}", body("x")),
            "pixelgate": (world.gateway, f"http://127.0.0.1:{world.gateway.port}{PATH}", body(f"same-{size}")),
            "pixelgate, translated": (world.gateway, f"http://127.0.0.1:{world.gateway.port}{PATH}", body(f"other-{size}")),
        }
        if options.other_url:
            ways[options.other_url] = (None, options.other_url + PATH, body(options.other_model))
        rounds = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, (process, url, asked) in ways.items():
                key = world.gateway.key if process else options.other_key
                if process:
                    told = round_of(process, world.folder, url, asked, key, clients, options.seconds)
                else:
                    told = load(world.folder, url, asked, key, clients, options.seconds) | {"cpu_us": float("nan"), "peak_mb": float("nan")}
                rounds[name].append(told)
        plain, pingora = median(rounds["nginx"], "cpu_us"), median(rounds["pingora"], "cpu_us")
        plain_rate = median(rounds["nginx"], "rate")
        for name, told in rounds.items():
            cpu, rate = median(told, "cpu_us"), median(told, "rate")
            line(
                size,
                clients,
                name,
                f"{rate:,.0f}",
                f"{rate / plain_rate:.2f}",
                f"{rate / world.syncs:.2f}",
                f"{median(told, 'p50') * 1e3:.2f}",
                f"{median(told, 'p99') * 1e3:.2f}",
                f"{cpu:,.0f}",
                f"{cpu / plain:.2f}",
                f"{cpu / pingora:.2f}",
                f"{median(told, 'peak_mb'):.0f}",
                sum(bool(one["failed"]) for one in told),
            )


def latency(world, options):
    """One client, 1 KiB: what each adds to asking the vendor itself. Books in memory are all of it but the two syncs of the disk."""
    with tempfile.TemporaryDirectory(prefix="bench", dir="/dev/shm") as folder:
        in_memory = Gateway(Path(folder), options.binary, world.vendor.port, world.slow_port, options.config)
        try:
            ways = {
                "straight to the vendor": (world.vendor.port, "/openai/1k", "x", ""),
                "nginx, plain": (world.proxy.port, "/openai/1k", "x", ""),
                "Pingora, plain": (world.passthrough.port, "/openai/1k", "x", ""),
                "pixelgate, books in memory": (in_memory.port, "", "same-1k", in_memory.key),
                "pixelgate, books on disk": (world.gateway.port, "", "same-1k", world.gateway.key),
            }
            rounds = {name: [] for name in ways}
            for _ in range(options.rounds):
                for name, (port, before, model, key) in ways.items():
                    rounds[name].append(load(world.folder, f"http://127.0.0.1:{port}{before}{PATH}", body(model), key, 1, options.seconds))
        finally:
            in_memory.stop()
    title("One client, 1 KiB", "what", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms", "void rounds")
    straight = rounds["straight to the vendor"]
    for name, told in rounds.items():
        is_ms = [median(told, which) * 1e3 for which in ("p50", "p99")]
        added_ms = [one - median(straight, which) * 1e3 for one, which in zip(is_ms, ("p50", "p99"))]
        line(name, *(f"{one:.3f}" for one in (*is_ms, *added_ms)), sum(bool(one["failed"]) for one in told))


def upsets(world, options):
    """Load while policy is reloaded each second, while processes take over from each other, and while a vendor loses three calls of ten."""
    title("Failed requests", "what", "requests", "failed")
    url = f"http://127.0.0.1:{world.gateway.port}{PATH}"
    file = world.folder / "policies" / "p.toml"
    text, count = file.read_text(), 0

    def edit():
        nonlocal count
        count += 1
        file.write_text(f"{text}\n# {count}\n")

    def under_load(happens):
        """Load for a while, with something that happens each second; how often it did."""
        done, times = threading.Event(), 0

        def again():
            nonlocal times
            while not done.wait(1):
                happens()
                times += 1

        beside = threading.Thread(target=again)
        beside.start()
        told = load(world.folder, url, body("same-1k"), world.gateway.key, 32, max(options.seconds, 5) * 2)
        done.set()
        beside.join()
        return told, times

    told, times = under_load(edit)
    file.write_text(text)
    line(f"policy reloaded {times} times", f"{told['requests']:,}", told["failed"])
    told, times = under_load(world.gateway.upgrade)
    line(f"{times} processes, each taking over from the one before", f"{told['requests']:,}", told["failed"])
    told = load(world.folder, url, body("lossy"), world.gateway.key, 32, options.seconds)
    line("a vendor that loses 30 % of calls, another beside it", f"{told['requests']:,}", told["failed"])


def shared(world, options):
    """What several nodes share, at 1 KiB: windows in Redis, books in PostgreSQL, both; nginx in the same rounds."""
    title("Shared by several nodes, 1 KiB, 64 clients", "what", "requests/s", "p50 ms", "p99 ms", "CPU µs", "CPU ÷ nginx", "void rounds")
    redis, postgres = world.stopped_later(Redis()), world.stopped_later(Postgres())
    counted = f'[limits]\nredis = "{redis.url}"'
    # Several nodes have no folder for pictures; none is stored here.
    bucket = '[media]\nplace = "s3://nowhere"\ns3_endpoint = "http://127.0.0.1:9"\n'
    ways = {
        "windows in Redis": (counted, ""),
        "books in PostgreSQL": (bucket, f'postgres = "{postgres.database("books")}"'),
        "both": (bucket + counted, f'postgres = "{postgres.database("both")}"'),
    }
    asked = body("same-1k")
    for at, (name, (more, store)) in enumerate(ways.items()):
        folder = world.folder / f"shared-{at}"
        folder.mkdir()
        gateway = world.stopped_later(Gateway(folder, options.binary, world.vendor.port, world.slow_port, more, store))
        plain, through = [], []
        for _ in range(options.rounds):
            plain_url = f"http://127.0.0.1:{world.proxy.port}/openai/1k{PATH}"
            plain.append(round_of(world.proxy, folder, plain_url, body("x"), gateway.key, 64, options.seconds))
            url = f"http://127.0.0.1:{gateway.port}{PATH}"
            through.append(round_of(gateway, folder, url, asked, gateway.key, 64, options.seconds))
        cpu = median(through, "cpu_us")
        latencies = [f"{median(through, which) * 1e3:.2f}" for which in ("p50", "p99")]
        ratio = f"{cpu / median(plain, 'cpu_us'):.2f}"
        line(name, f"{median(through, 'rate'):,.0f}", *latencies, f"{cpu:,.0f}", ratio, sum(bool(one["failed"]) for one in through))


def at_rest(world, options):
    """A fresh gateway with 10,000 keys: how long a start takes, and what it takes of memory then."""
    folder = world.folder / "fresh"
    folder.mkdir()
    gateway = Gateway(folder, options.binary, world.vendor.port, world.slow_port)
    gateway.stop()
    keys_of_a_fresh_store(gateway, 10_000)
    started = []
    for _ in range(options.rounds):
        gateway.start()
        started.append(gateway.started_ms)
        time.sleep(3)
        taken_mb = gateway.memory_mb("VmRSS")
        gateway.stop()
    line("start to ready, 10,000 keys", f"{statistics.median(started):.0f} ms")
    line("idle after it", f"{taken_mb:.0f} MB")


def memory(world, options):
    title("Memory", "what", "is")
    url = f"http://127.0.0.1:{world.gateway.port}{PATH}"
    for model in ("same-2m", "other-2m"):
        told = round_of(world.gateway, world.folder, url, body(model), world.gateway.key, 64, options.seconds)
        time.sleep(SETTLE_S)
        settled_mb = world.gateway.memory_mb("VmRSS")
        line(f"64 clients × 2 MB, {model}", f"{told['peak_mb']:.0f} MB at most, {settled_mb:.0f} MB {SETTLE_S} s after, {told['failed']} failed")
    at_rest(world, options)
    each_kb, failed = asyncio.run(park(world.gateway, world.slow_port, options.parked))
    line(f"each of {options.parked:,} parked connections", f"{each_kb:.1f} KB, {failed} failed")
    world.gateway.stop()
    world.gateway.start()
    line("start to ready, with the books of this run", f"{world.gateway.started_ms:.0f} ms")
    line("idle after it", f"{world.gateway.memory_mb('VmRSS'):.0f} MB")


def large_books(world, options):
    """Millions of entries: how fast they are proved, and how long a start with them takes."""
    entries, took, started_ms, memory_mb = books(world, options)
    title("Large books", "what", "is")
    line(f"proof of {entries:,} entries (`ledger verify`)", f"{took:.1f} s, {entries / took:,.0f} entries/s")
    line(f"start to ready with them and {options.keys:,} keys", f"{started_ms:.0f} ms, then {memory_mb:.0f} MB")


class World:
    """What is measured, and what it is measured with. All of it is stopped at the end, however that comes."""

    def __init__(self, folder, options):
        self.folder, self.running = folder, []
        self.syncs = syncs_per_second(folder)
        self.vendor = self.stopped_later(Vendor(folder))
        self.slow_port = free_port()
        self.proxy = self.stopped_later(PlainProxy(folder, self.vendor.port))
        self.passthrough = self.stopped_later(Passthrough(options.passthrough, self.vendor.port))
        self.gateway = self.stopped_later(Gateway(folder, options.binary, self.vendor.port, self.slow_port, options.config))

    def stopped_later(self, process):
        self.running.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.stop()


def main():
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--binary", default="target/release/pixelgate")
    read.add_argument("--passthrough", default="target/release/passthrough", help="Pingora as a plain proxy")
    read.add_argument("--rounds", type=int, default=5)
    read.add_argument("--seconds", type=int, default=5, help="of each round")
    read.add_argument("--parked", type=int, default=5000, help="connections")
    read.add_argument("--entries", type=int, default=10_000_000, help="of the large books")
    read.add_argument("--keys", type=int, default=100_000, help="of the large books")
    read.add_argument("--config", default="", help="more of the gateway's config")
    read.add_argument("--other-url", help="another gateway, in turn with the rest")
    read.add_argument("--other-key", default="")
    read.add_argument("--other-model", default="")
    read.add_argument("--only", choices=["throughput", "latency", "upsets", "shared", "memory", "books"], action="append")
    options = read.parse_args()
    options.binary, options.passthrough = map(os.path.abspath, (options.binary, options.passthrough))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parts = {"throughput": throughput, "latency": latency, "upsets": upsets, "shared": shared, "memory": memory, "books": large_books}
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        with World(Path(folder), options) as world:
            version = subprocess.run([options.binary, "--version"], capture_output=True, text=True).stdout.strip()
            nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
            print(f"{version}; {nginx}; {os.cpu_count()} CPUs, {platform.platform()}")
            print(f"floor: {world.syncs:,.0f} syncs of 600 bytes a second, one after another")
            print(f"rounds: {options.rounds} of {options.seconds} s, medians")
            for name, part in parts.items():
                if not options.only or name in options.only:
                    part(world, options)
        assert world.gateway.cli("ledger", "verify"), "the books are proved"


if __name__ == "__main__":
    main()
