-- Who is to be told of a job's end, and what is known of the telling.

-- The address that the app gave; it may hold a secret of the app's, so it is never logged.
ALTER TABLE job ADD COLUMN webhook TEXT;

-- Written in the commit of the job's end, and gone with the job.
CREATE TABLE IF NOT EXISTS notice (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    job           TEXT NOT NULL UNIQUE REFERENCES job (id) ON DELETE CASCADE,
    workspace     TEXT NOT NULL,
    origin        TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    tries         INTEGER NOT NULL,
    answer        TEXT,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'told', 'dead')),
    why           TEXT CHECK ((why IS NULL) = (state != 'dead'))
) STRICT;

CREATE INDEX IF NOT EXISTS notice_waiting ON notice (seq) WHERE state = 'waiting';
