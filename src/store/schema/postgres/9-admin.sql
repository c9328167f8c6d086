-- Schema 9 of the shared store: who may operate, what they did, and what they took out of use.

-- The text of a token is never stored: `digest` is SHA-256 over the whole of it.
CREATE TABLE admin_token (
    id            text PRIMARY KEY,
    name          text NOT NULL,
    role          text NOT NULL CHECK (role IN ('viewer', 'finance', 'operator')),
    digest        bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint,
    revoked_at_ms bigint
);

-- One row for each change that somebody made, in the commit of the change. `token` is empty for
-- the command line. `was` and `became` are JSON, empty where there was or is nothing.
CREATE TABLE audit (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms     bigint NOT NULL,
    token     text,
    name      text NOT NULL,
    role      text,
    address   text,
    request   text,
    action    text NOT NULL,
    subject   text NOT NULL,
    workspace text,
    was       text,
    became    text
);

CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of the audit log is never changed and never removed';
END $$;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

CREATE TRIGGER audit_is_never_removed BEFORE DELETE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

-- Offerings that get no new requests.
CREATE TABLE drain (
    offering text PRIMARY KEY,
    at_ms    bigint NOT NULL,
    reason   text NOT NULL,
    name     text NOT NULL
);
