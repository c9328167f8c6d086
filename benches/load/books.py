"""Large books: millions of entries written behind the gateway's back, then proved, then served from."""

import hashlib
import os
import random
import sqlite3
import time

WORKSPACES = 1_000
PRICE, HELD = 39_000_000, 40_000_000
BATCH = 20_000
LETTERS = "0123456789bcdfghjkmnpqrstvwxyzBC"
DAY_MS = 86_400_000


def name(prefix):
    return prefix + "".join(random.choices(LETTERS, k=20))


def insert(database, table, columns, rows):
    quoted = ", ".join(f'"{column}"' for column in columns)
    database.executemany(f'INSERT INTO "{table}" ({quoted}) VALUES ({", ".join("?" * len(columns))})', rows)


def registry(database, now_ms, keys):
    """Workspaces, and the keys of each."""
    workspaces = [name("ws_") for _ in range(WORKSPACES)]
    rows = [(one, f"team {at}", 0, now_ms) for at, one in enumerate(workspaces)]
    insert(database, "workspace", ["id", "name", "suspended", "created_at_ms"], rows)
    columns = ["id", "workspace", "digest", "scopes", "mode", "plan", "status", "name", "created_at_ms"]
    like = dict(zip(columns, database.execute(f"SELECT {', '.join(columns)} FROM key LIMIT 1").fetchone()))
    made = []
    for at in range(keys):
        made.append(like | {"id": name("key_"), "workspace": workspaces[at % WORKSPACES], "digest": hashlib.sha256(os.urandom(16)).digest()})
    insert(database, "key", columns, [tuple(one.values()) for one in made])
    by_workspace = {one: [] for one in workspaces}
    for one in made:
        by_workspace[one["workspace"]].append(one["id"])
    return by_workspace


def write(path, entries, keys):
    """Fills the tables of a stopped store: each request has a hold, three entries and a usage row."""
    random.seed(1)
    database = sqlite3.connect(path)
    database.executescript("PRAGMA synchronous = off; PRAGMA cache_size = -400000; PRAGMA journal_mode = off;")
    now_ms = int(time.time() * 1000)
    workspaces = registry(database, now_ms, keys)
    requests = max(entries - WORKSPACES, 0) // 3
    each = requests // WORKSPACES
    grants, seq = {}, database.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()[0]
    entry_columns = ["seq", "workspace", "kind", "source", "target", "grant", "hold", "amount_nanos", "request", "key", "at_ms"]
    amount, began_ms = 2 * HELD * (each + 1), now_ms - 30 * DAY_MS
    rows = []
    for workspace in workspaces:
        seq += 1
        grants[workspace] = name("grant_")
        rows.append((seq, workspace, "grant", "issued", "available", grants[workspace], None, amount, None, None, began_ms))
    insert(database, "entry", entry_columns, rows)
    spent = each * PRICE
    rows = [(grant, workspace, amount, "manual", 100, 0, 0, None, began_ms, amount - spent, 0, spent, 0, "") for workspace, grant in grants.items()]
    insert(database, "grant", ["id", "workspace", "amount_nanos", "source", "priority", "promotional", "effective_at_ms", "expires_at_ms", "granted_at_ms", "available_nanos", "held_nanos", "spent_nanos", "expired_nanos", "memo"], rows)
    hold_columns = ["id", "workspace", "key", "request", "amount_nanos", "opened_at_ms", "expires_at_ms", "policy_version", "pinned", "quotas", "remaining_nanos", "state", "ended_at_ms", "charged_nanos", "images", "ended_remaining_nanos"]
    usage_columns = ["request", "at_ms", "workspace", "key", "plan", "test", "dialect", "operation", "model", "vendor", "offering", "images_asked", "images", "size", "hold", "charged_nanos", "cost_nanos", "attempts", "outcome", "status", "total_us", "vendor_us", "store_us", "answer_bytes", "policy_version", "outcome_unknown"]
    holds, lines, usage = [], [], []
    owners, step = list(workspaces), 30 * DAY_MS / max(requests, 1)
    for at in range(each * WORKSPACES):
        workspace = owners[at % WORKSPACES]
        key = workspaces[workspace][at % len(workspaces[workspace])]
        hold, request, grant, at_ms = name("hold_"), name("req_"), grants[workspace], began_ms + int(at * step)
        holds.append((hold, workspace, key, request, HELD, at_ms, at_ms + 300_000, "p1", f'[["{grant}",{HELD}]]', "", 0, "settled", at_ms + 900, PRICE, 1, 0))
        for kind, source, target, nanos, late in (("hold", "available", "held", HELD, 0), ("settle", "held", "spent", PRICE, 900), ("settle", "held", "available", HELD - PRICE, 900)):
            seq += 1
            lines.append((seq, workspace, kind, source, target, grant, hold, nanos, request, key, at_ms + late))
        usage.append((request, at_ms, workspace, key, "open", 0, "openai", "generate", "painter-1", "one", "one/painter-1", 1, 1, "1024x1024", hold, PRICE, 10_000_000, 1, "ok", 200, 900_000, 899_000, 300, 1_400_000, "p1", 0))
        if len(holds) == BATCH or at + 1 == each * WORKSPACES:
            insert(database, "hold", hold_columns, holds)
            insert(database, "entry", entry_columns, lines)
            insert(database, "usage", usage_columns, usage)
            holds, lines, usage = [], [], []
    database.commit()
    database.execute("PRAGMA journal_mode = wal")
    database.close()
    return seq


def keys_of_a_fresh_store(gateway, keys):
    """Gives a stopped gateway so many keys more."""
    database = sqlite3.connect(gateway.folder / "data" / "pixelgate.sqlite")
    registry(database, int(time.time() * 1000), keys)
    database.commit()
    database.close()


def books(world, options):
    """How fast large books are proved, and how long a start with them takes."""
    gateway = world.gateway
    gateway.stop()
    began = time.monotonic()
    entries = write(world.folder / "data" / "pixelgate.sqlite", options.entries, options.keys)
    print(f"\n{entries:,} entries and {options.keys:,} keys written in {time.monotonic() - began:.0f} s", flush=True)
    began = time.monotonic()
    said = gateway.cli("ledger", "verify")
    took = time.monotonic() - began
    print(said.strip().splitlines()[-1])
    gateway.start()
    return entries, took, gateway.started_ms, gateway.memory_mb("VmRSS")
