-- Schema 10: who may operate, what they did, and what they took out of use.

-- The text of a token is never stored: `digest` is SHA-256 over the whole of it.
CREATE TABLE admin_token (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('viewer', 'finance', 'operator')),
    digest        BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID;

-- One row for each change that somebody made, in the commit of the change. `token` is empty for
-- the command line. `was` and `became` are JSON, empty where there was or is nothing.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms     INTEGER NOT NULL,
    token     TEXT,
    name      TEXT NOT NULL,
    role      TEXT,
    address   TEXT,
    request   TEXT,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    workspace TEXT,
    was       TEXT,
    became    TEXT
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'a row of the audit log is never changed'); END;

CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'a row of the audit log is never removed'); END;

-- Offerings that get no new requests.
CREATE TABLE drain (
    offering TEXT PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    name     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A page of one workspace's ledger.
CREATE INDEX entry_of ON entry (workspace, seq);
