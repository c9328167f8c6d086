-- Schema 1 of the shared store: what the embedded store has after its third step. Money is whole
-- nano-credits or nano-dollars, times are milliseconds since the Unix epoch (UTC), names are text.

CREATE SEQUENCE registry_version;

CREATE TABLE workspace (
    id            text PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    suspended     boolean NOT NULL,
    created_at_ms bigint NOT NULL,
    version       bigint NOT NULL
);

-- The text of a key is never stored: `digest` is SHA-256 over the whole of it.
CREATE TABLE key (
    id              text PRIMARY KEY,
    workspace       text NOT NULL REFERENCES workspace (id),
    digest          bytea NOT NULL CHECK (length(digest) = 32),
    scopes          text NOT NULL,
    mode            text NOT NULL CHECK (mode IN ('live', 'test')),
    plan            text NOT NULL,
    status          text NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    expires_at_ms   bigint,
    name            text NOT NULL,
    created_at_ms   bigint NOT NULL,
    joins_repeats   boolean NOT NULL DEFAULT false,
    last_used_at_ms bigint,
    version         bigint NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX workspace_version ON workspace (version);
CREATE INDEX key_version ON key (version);

-- Every change to a workspace or key gets a number, later ones a higher one: whoever changes them
-- has the lock of the registry. Other nodes are told, and ask for what has a higher number.
CREATE FUNCTION registry_is_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := nextval('registry_version');
    PERFORM pg_notify('pixelgate', 'registry');
    RETURN NEW;
END $$;

CREATE TRIGGER workspace_is_numbered BEFORE INSERT OR UPDATE OF suspended ON workspace
FOR EACH ROW EXECUTE FUNCTION registry_is_numbered();

CREATE TRIGGER key_is_numbered BEFORE INSERT OR UPDATE OF status ON key
FOR EACH ROW EXECUTE FUNCTION registry_is_numbered();

-- Credits that were added, and where they are now. The database itself refuses a grant whose
-- credits are not all somewhere. What is indexed changes only when a grant runs empty or is filled
-- again, so that most changes stay on their page.
CREATE TABLE "grant" (
    id              text PRIMARY KEY,
    workspace       text NOT NULL,
    amount_nanos    bigint NOT NULL CHECK (amount_nanos > 0),
    source          text NOT NULL,
    priority        bigint NOT NULL,
    promotional     boolean NOT NULL,
    effective_at_ms bigint NOT NULL,
    expires_at_ms   bigint,
    granted_at_ms   bigint NOT NULL,
    available_nanos bigint NOT NULL CHECK (available_nanos >= 0),
    held_nanos      bigint NOT NULL CHECK (held_nanos >= 0),
    spent_nanos     bigint NOT NULL CHECK (spent_nanos >= 0),
    expired_nanos   bigint NOT NULL CHECK (expired_nanos >= 0),
    has_available   boolean GENERATED ALWAYS AS (available_nanos > 0) STORED,
    CHECK (amount_nanos = available_nanos + held_nanos + spent_nanos + expired_nanos)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

CREATE INDEX grant_of ON "grant" (workspace) WHERE has_available OR source = 'plan';
CREATE INDEX grant_all_of ON "grant" (workspace);
CREATE INDEX grant_ends ON "grant" (expires_at_ms) WHERE has_available AND expires_at_ms IS NOT NULL;

-- `pinned` is a JSON list of [grant, nanos]; `quotas` the JSON list of quota shares, empty if none.
-- The two `remaining` columns are what was answered, so that asking again is answered the same.
CREATE TABLE hold (
    id                    text PRIMARY KEY,
    workspace             text NOT NULL,
    key                   text NOT NULL,
    request               text NOT NULL,
    amount_nanos          bigint NOT NULL CHECK (amount_nanos >= 0),
    opened_at_ms          bigint NOT NULL,
    expires_at_ms         bigint NOT NULL,
    policy_version        text NOT NULL,
    pinned                text NOT NULL,
    quotas                text NOT NULL,
    remaining_nanos       bigint NOT NULL,
    state                 text NOT NULL CHECK (state IN ('open', 'settled', 'voided', 'expired')),
    ended_at_ms           bigint,
    charged_nanos         bigint CHECK (charged_nanos BETWEEN 0 AND amount_nanos),
    images                bigint,
    ended_remaining_nanos bigint,
    CHECK ((state = 'open') = (ended_at_ms IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX hold_open ON hold (expires_at_ms) WHERE state = 'open';

-- The journal: one transfer a row, numbered without gaps in each workspace, never changed.
CREATE TABLE entry (
    seq          bigint NOT NULL CHECK (seq > 0),
    workspace    text NOT NULL,
    kind         text NOT NULL,
    source       text NOT NULL,
    target       text NOT NULL CHECK (target <> source),
    "grant"      text NOT NULL,
    hold         text,
    amount_nanos bigint NOT NULL CHECK (amount_nanos > 0),
    request      text,
    key          text,
    at_ms        bigint NOT NULL,
    PRIMARY KEY (workspace, seq)
);

CREATE FUNCTION entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an entry is never changed and never removed';
END $$;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
FOR EACH STATEMENT EXECUTE FUNCTION entry_stays();

CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
FOR EACH STATEMENT EXECUTE FUNCTION entry_stays();

CREATE TRIGGER entry_is_never_emptied BEFORE TRUNCATE ON entry
FOR EACH STATEMENT EXECUTE FUNCTION entry_stays();

-- `period` is the UTC day that the period begins with, counted from the Unix epoch.
CREATE TABLE quota (
    period  bigint NOT NULL,
    subject text NOT NULL,
    unit    text NOT NULL CHECK (unit IN ('requests', 'images')),
    used    bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (period, subject, unit)
) WITH (fillfactor = 50);

-- One row for each request that was answered, whether it was served or refused.
CREATE TABLE usage (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request         text NOT NULL,
    at_ms           bigint NOT NULL,
    workspace       text,
    key             text,
    plan            text,
    test            boolean NOT NULL,
    dialect         text NOT NULL,
    operation       text,
    model           text,
    vendor          text,
    offering        text,
    images_asked    bigint NOT NULL,
    images          bigint NOT NULL,
    size            text,
    quality         text,
    hold            text,
    charged_nanos   bigint NOT NULL CHECK (charged_nanos >= 0),
    cost_nanos      bigint NOT NULL,
    attempts        bigint NOT NULL,
    outcome         text NOT NULL,
    status          bigint NOT NULL,
    total_us        bigint NOT NULL,
    vendor_us       bigint NOT NULL,
    store_us        bigint NOT NULL,
    answer_bytes    bigint NOT NULL,
    policy_version  text NOT NULL,
    outcome_unknown boolean NOT NULL
);

CREATE INDEX usage_at ON usage (at_ms);
CREATE INDEX usage_served ON usage (key, at_ms, images) WHERE outcome = 'ok' AND hold IS NOT NULL;

-- One row for each name in use, as in the embedded store. `run` is the node that began it.
CREATE TABLE pledge (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope        bytea NOT NULL UNIQUE CHECK (length(scope) = 32),
    key          text NOT NULL,
    fingerprint  bytea NOT NULL CHECK (length(fingerprint) = 32),
    implied      boolean NOT NULL,
    hold         text NOT NULL UNIQUE,
    request      text NOT NULL,
    run          bigint NOT NULL,
    opened_at_ms bigint NOT NULL,
    until_ms     bigint NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'kept', 'gone')),
    gone         text CHECK ((state = 'gone') = (gone IS NOT NULL)),
    bytes        bigint NOT NULL DEFAULT 0,
    head         text CHECK ((state = 'kept') = (head IS NOT NULL)),
    digest       bytea,
    body         bytea
);

CREATE INDEX pledge_until ON pledge (until_ms) WHERE state <> 'open';
CREATE INDEX pledge_kept ON pledge (seq) WHERE state = 'kept';
CREATE INDEX pledge_implied ON pledge (key, fingerprint, seq) WHERE implied;

-- Bodies that are too large to be written with a commit of others: they are here before their row
-- says so, and go with it.
CREATE TABLE answer (
    hold text PRIMARY KEY REFERENCES pledge (hold) ON DELETE CASCADE,
    body bytea NOT NULL
);

-- The request's bytes are kept as they came, so that the dialect it came in can read them again.
-- `run` is the node that works on it.
CREATE TABLE job (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text NOT NULL UNIQUE,
    workspace       text NOT NULL,
    key             text NOT NULL,
    test            boolean NOT NULL,
    request         text NOT NULL,
    hold            text NOT NULL,
    quote_nanos     bigint NOT NULL,
    dialect         text NOT NULL,
    operation       text NOT NULL,
    model           text NOT NULL,
    asset_key       text,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    ends_by_ms      bigint NOT NULL,
    forgotten_at_ms bigint,
    unwanted        boolean NOT NULL,
    state           text NOT NULL CHECK (state IN ('queued', 'begun', 'placed',
                                                   'completed', 'failed', 'cancelled')),
    orders          text NOT NULL,
    outcome         text,
    path            text NOT NULL,
    content_type    text NOT NULL,
    body            bytea NOT NULL,
    public_url      text NOT NULL,
    run             bigint,
    CHECK ((outcome IS NULL) = (state IN ('queued', 'begun', 'placed')))
) WITH (fillfactor = 80);

CREATE INDEX job_open ON job (workspace, seq) WHERE forgotten_at_ms IS NULL;
CREATE INDEX job_forgotten ON job (forgotten_at_ms) WHERE forgotten_at_ms IS NOT NULL;
CREATE INDEX job_of ON job (workspace, test, seq);

-- Every picture that was ever given a name; the last one of a name is the one that is meant.
CREATE TABLE asset (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text NOT NULL,
    test      boolean NOT NULL,
    key       text NOT NULL,
    job       text NOT NULL,
    picture   text NOT NULL,
    at_ms     bigint NOT NULL
);

CREATE INDEX asset_of ON asset (workspace, test, key, seq);

-- The index of the media library: who owns which picture, and until when.
CREATE TABLE media (
    id            text PRIMARY KEY,
    workspace     text NOT NULL,
    digest        text NOT NULL CHECK (length(digest) = 64),
    format        text NOT NULL CHECK (format IN ('png', 'jpeg', 'webp')),
    width         bigint,
    height        bigint,
    bytes         bigint NOT NULL CHECK (bytes >= 0),
    model         text NOT NULL,
    request       text NOT NULL,
    created_at_ms bigint NOT NULL,
    expires_at_ms bigint,
    CHECK ((width IS NULL) = (height IS NULL))
);

CREATE INDEX media_listed ON media (workspace, created_at_ms, id);
CREATE INDEX media_of_digest ON media (digest);
CREATE INDEX media_over ON media (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

-- What each workspace keeps. The embedded store has a table of it; here that row would be one that
-- all nodes wait for.
CREATE VIEW media_total AS
SELECT workspace, count(*) AS pictures, CAST(sum(bytes) AS bigint) AS bytes FROM media GROUP BY 1;

-- Processes that serve. `batch` is the number of their last commit, so that one whose connection
-- broke can find out whether it was done.
CREATE TABLE node (
    run        bigint PRIMARY KEY,
    batch      bigint NOT NULL,
    began_ms   bigint NOT NULL,
    beat_at_ms bigint NOT NULL
) WITH (fillfactor = 10);

-- For people: the balance of each workspace in credits.
CREATE VIEW balance_readable AS
SELECT w.id AS workspace, w.name,
       CAST(sum(g.amount_nanos) / 1000000000.0 AS numeric(20, 9)) AS granted,
       CAST(sum(g.available_nanos) / 1000000000.0 AS numeric(20, 9)) AS available,
       CAST(sum(g.held_nanos) / 1000000000.0 AS numeric(20, 9)) AS held,
       CAST(sum(g.spent_nanos) / 1000000000.0 AS numeric(20, 9)) AS spent,
       CAST(sum(g.expired_nanos) / 1000000000.0 AS numeric(20, 9)) AS expired
FROM workspace AS w JOIN "grant" AS g ON g.workspace = w.id GROUP BY w.id, w.name;

-- For people: every request, with its time and its money as they are read.
CREATE VIEW usage_readable AS
SELECT to_timestamp(u.at_ms / 1000.0) AS at, u.request,
       w.name AS workspace, k.name AS key, u.plan, u.dialect, u.operation, u.model, u.vendor,
       u.offering, u.images_asked, u.images, u.size, u.quality, u.outcome, u.status,
       CAST(u.charged_nanos / 1000000000.0 AS numeric(20, 9)) AS charged,
       CAST(u.cost_nanos / 1000000000.0 AS numeric(20, 9)) AS cost_dollars,
       u.attempts, u.total_us / 1000 AS total_ms, u.outcome_unknown
FROM usage AS u
LEFT JOIN workspace AS w ON w.id = u.workspace
LEFT JOIN key AS k ON k.id = u.key;
