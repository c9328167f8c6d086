-- Jobs, and the names that apps give to pictures of theirs.

-- The request's bytes are kept as they came, so that the dialect it came in can read them again.
CREATE TABLE IF NOT EXISTS job (
    seq             INTEGER PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    workspace       TEXT NOT NULL,
    key             TEXT NOT NULL,
    test            INTEGER NOT NULL CHECK (test IN (0, 1)),
    request         TEXT NOT NULL,
    hold            TEXT NOT NULL,
    quote_nanos     INTEGER NOT NULL,
    dialect         TEXT NOT NULL,
    operation       TEXT NOT NULL,
    model           TEXT NOT NULL,
    asset_key       TEXT,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    ends_by_ms      INTEGER NOT NULL,
    forgotten_at_ms INTEGER,
    unwanted        INTEGER NOT NULL CHECK (unwanted IN (0, 1)),
    state           TEXT NOT NULL CHECK (state IN ('queued', 'begun', 'placed',
                                                   'completed', 'failed', 'cancelled')),
    orders          TEXT NOT NULL,
    outcome         TEXT,
    path            TEXT NOT NULL,
    content_type    TEXT NOT NULL,
    body            BLOB NOT NULL,
    public_url      TEXT NOT NULL,
    CHECK ((outcome IS NULL) = (state IN ('queued', 'begun', 'placed')))
) STRICT;

CREATE INDEX IF NOT EXISTS job_open ON job (seq) WHERE forgotten_at_ms IS NULL;
CREATE INDEX IF NOT EXISTS job_forgotten ON job (forgotten_at_ms) WHERE forgotten_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_of ON job (workspace, test, seq);

-- Every picture that was ever given a name; the last one of a name is the one that is meant.
CREATE TABLE IF NOT EXISTS asset (
    seq       INTEGER PRIMARY KEY,
    workspace TEXT NOT NULL,
    test      INTEGER NOT NULL CHECK (test IN (0, 1)),
    key       TEXT NOT NULL,
    job       TEXT NOT NULL,
    picture   TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS asset_of ON asset (workspace, test, key, seq);
