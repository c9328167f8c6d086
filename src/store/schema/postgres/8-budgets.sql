-- Schema 8: adjustments, the price's version in the views, budgets and what is told of them.

-- Credits that an operator took back. `id` is the operator's own name for it: it is made once. The
-- entries that name it are what it moved.
CREATE TABLE adjustment (
    id           text PRIMARY KEY,
    workspace    text NOT NULL,
    "grant"      text,
    amount_nanos bigint NOT NULL CHECK (amount_nanos > 0),
    memo         text NOT NULL CHECK (memo <> ''),
    at_ms        bigint NOT NULL
);

CREATE TRIGGER adjustment_is_never_changed BEFORE UPDATE ON adjustment
    FOR EACH ROW EXECUTE FUNCTION entry_stays();
CREATE TRIGGER adjustment_is_never_removed BEFORE DELETE ON adjustment
    FOR EACH ROW EXECUTE FUNCTION entry_stays();
CREATE TRIGGER adjustment_is_never_emptied BEFORE TRUNCATE ON adjustment
    FOR EACH STATEMENT EXECUTE FUNCTION entry_stays();

ALTER TABLE entry ADD COLUMN adjustment text;
ALTER TABLE "grant" ADD COLUMN memo text NOT NULL DEFAULT '';

-- Of budgets: what of `used` was spent, and the highest part that was told of, in percent.
ALTER TABLE quota ADD COLUMN spent bigint NOT NULL DEFAULT 0;
ALTER TABLE quota ADD COLUMN told bigint NOT NULL DEFAULT 0;

-- One row for each part of a budget that was spent in a period, written in the commit that spent it.
-- `said` once the log and the metrics have it; `state` is about who is told by a webhook.
CREATE TABLE budget_alert (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text NOT NULL UNIQUE,
    budget        text NOT NULL,
    subject       text NOT NULL,
    period        bigint NOT NULL,
    percent       bigint NOT NULL CHECK (percent > 0),
    limit_nanos   bigint NOT NULL,
    spent_nanos   bigint NOT NULL,
    request       text NOT NULL,
    workspace     text NOT NULL,
    key           text NOT NULL,
    reached_at_ms bigint NOT NULL,
    said          boolean NOT NULL DEFAULT false,
    at_ms         bigint NOT NULL,
    tries         bigint NOT NULL DEFAULT 0,
    answer        text,
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'told', 'dead')),
    why           text CHECK ((why IS NULL) = (state != 'dead')),
    -- The node that tells it.
    run           bigint
);

CREATE INDEX budget_alert_waiting ON budget_alert (seq) WHERE state = 'waiting';

DROP VIEW usage_line;
DROP VIEW entry_line;

-- One line for each request that was answered, with the names of whoever pays. Money is whole
-- nano-credits (`charged_nanos`) and nano-dollars (`cost_nanos`), times are UTC.
CREATE VIEW usage_line AS
SELECT u.seq, u.at_ms,
       to_char(to_timestamp(u.at_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at,
       to_char(to_timestamp(u.at_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
       u.request, u.workspace, w.name AS workspace_name,
       u.key, k.name AS key_name, u.plan, u.test, u.dialect, u.operation, u.model, u.vendor,
       u.offering, u.images_asked, u.images, u.size, u.quality, u.labels, u.hold,
       u.charged_nanos, u.cost_nanos, u.attempts, u.outcome, u.status, u.outcome_unknown,
       u.policy_version, u.price_version, u.cost_version
FROM usage AS u
LEFT JOIN workspace AS w ON w.id = u.workspace
LEFT JOIN key AS k ON k.id = u.key;

-- One line for each transfer of credits, with what it was for; `seq` counts in each workspace. A
-- hold that has not ended has no usage row yet, so what it is for stands empty until then.
CREATE VIEW entry_line AS
SELECT e.seq, e.at_ms,
       to_char(to_timestamp(e.at_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at,
       to_char(to_timestamp(e.at_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day,
       e.workspace, w.name AS workspace_name, e.kind,
       e.source, e.target, e."grant", g.source AS grant_source, e.amount_nanos, e.hold, e.request,
       e.key, h.policy_version, h.price_version, u.cost_version, u.dialect, u.model,
       u.vendor, u.offering, u.labels, e.adjustment, coalesce(a.memo, CASE WHEN e.kind = 'grant' THEN nullif(g.memo, '') END) AS memo
FROM entry AS e
LEFT JOIN workspace AS w ON w.id = e.workspace
LEFT JOIN "grant" AS g ON g.id = e."grant"
LEFT JOIN adjustment AS a ON a.id = e.adjustment
LEFT JOIN hold AS h ON h.id = e.hold
LEFT JOIN usage AS u ON u.hold = e.hold AND e.hold IS NOT NULL;
