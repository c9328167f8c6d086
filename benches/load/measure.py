"""Rounds of load, and what they took: `wrk` asks, the kernel accounts."""

import os
import re
import statistics
import subprocess
import time

ASK = """
wrk.method = "POST"
wrk.body = '{body}'
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer {key}"
"""

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def load(folder, url, body, key, clients, seconds):
    """Requests, failures and latencies of one burst of load."""
    script = folder / "ask.lua"
    script.write_text(ASK.format(body=body, key=key))
    command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{seconds}s", "--timeout", "60s", "--latency", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    failed = sum(int(found) for found in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    for errors in re.findall(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said):
        failed += sum(map(int, errors))

    def percentile(which):
        number, unit = re.search(rf"{which}%\s+([\d.]+)(us|ms|s|m)", said).groups()
        return float(number) * UNITS[unit]

    requests = int(re.search(r"(\d+) requests in", said).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    return {"requests": requests, "failed": failed, "rate": rate, "p50": percentile(50), "p99": percentile(99)}


def round_of(process, folder, url, body, key, clients, seconds):
    """One round against one process: load, CPU of the process per request, and its memory."""
    load(folder, url, body, key, clients, 1)
    process.reset_peak()
    before = process.cpu_seconds()
    told = load(folder, url, body, key, clients, seconds)
    told["cpu_us"] = (process.cpu_seconds() - before) / max(told["requests"], 1) * 1e6
    told["peak_mb"] = process.memory_mb("VmHWM")
    return told


def median(rounds, what):
    """Of rounds without a failure; a round with one is void."""
    sound = [told[what] for told in rounds if not told["failed"]]
    return statistics.median(sound) if sound else float("nan")


def syncs_per_second(folder, seconds=2):
    """How often this disk makes a few hundred bytes durable, one after another: the floor of what is durable."""
    path = folder / "floor"
    with open(path, "wb") as file:
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            file.write(b"x" * 600)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count / seconds
