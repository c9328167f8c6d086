-- Schema 2: requests that name themselves are served once.

-- Whether a call that its library repeats by itself joins the first.
ALTER TABLE key ADD COLUMN joins_repeats INTEGER NOT NULL DEFAULT 0 CHECK (joins_repeats IN (0, 1));

-- One row for each name in use. `scope` is SHA-256 over the key and the name, `fingerprint` over what
-- was asked. An open row lives and ends with its hold; `until_ms` is then when that expires, and
-- afterwards when the row is forgotten. What is `kept` can be said again: its head in `head` as JSON,
-- its body here or in the file that is named after the hold, `digest` over it, `bytes` its length.
CREATE TABLE pledge (
    seq          INTEGER PRIMARY KEY,
    scope        BLOB NOT NULL UNIQUE CHECK (length(scope) = 32),
    key          TEXT NOT NULL,
    fingerprint  BLOB NOT NULL CHECK (length(fingerprint) = 32),
    implied      INTEGER NOT NULL CHECK (implied IN (0, 1)),
    hold         TEXT NOT NULL UNIQUE,
    request      TEXT NOT NULL,
    run          INTEGER NOT NULL,
    opened_at_ms INTEGER NOT NULL,
    until_ms     INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('open', 'kept', 'gone')),
    gone         TEXT CHECK ((state = 'gone') = (gone IS NOT NULL)),
    bytes        INTEGER NOT NULL DEFAULT 0,
    head         TEXT CHECK ((state = 'kept') = (head IS NOT NULL)),
    digest       BLOB,
    body         BLOB
) STRICT;

CREATE INDEX pledge_until ON pledge (until_ms) WHERE state <> 'open';
CREATE INDEX pledge_kept ON pledge (seq) WHERE state = 'kept';
CREATE INDEX pledge_implied ON pledge (key, fingerprint, seq) WHERE implied;
