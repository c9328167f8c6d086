-- Schema 3: who is to be told of a job's end, and what is known of the telling.

-- The address that the app gave; it may hold a secret of the app's, so it is never logged.
ALTER TABLE job ADD COLUMN webhook text;

-- Written in the commit of the job's end, and gone with the job. The node of the job tells it.
CREATE TABLE notice (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text NOT NULL UNIQUE,
    job           text NOT NULL UNIQUE REFERENCES job (id) ON DELETE CASCADE,
    workspace     text NOT NULL,
    origin        text NOT NULL,
    created_at_ms bigint NOT NULL,
    at_ms         bigint NOT NULL,
    tries         bigint NOT NULL,
    answer        text,
    state         text NOT NULL CHECK (state IN ('waiting', 'told', 'dead')),
    why           text CHECK ((why IS NULL) = (state <> 'dead'))
);

CREATE INDEX notice_waiting ON notice (workspace, seq) WHERE state = 'waiting';
