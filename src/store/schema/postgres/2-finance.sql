-- Schema 2: labels, and what finance reads.

-- What apps put on their requests: a JSON object of texts.
ALTER TABLE usage ADD COLUMN labels text NOT NULL DEFAULT '{}';

-- The same for a job that runs later, as its header spells it.
ALTER TABLE job ADD COLUMN labels text NOT NULL DEFAULT '';

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
       u.policy_version
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
       e.key, h.policy_version, u.dialect, u.model, u.vendor, u.offering, u.labels
FROM entry AS e
LEFT JOIN workspace AS w ON w.id = e.workspace
LEFT JOIN "grant" AS g ON g.id = e."grant"
LEFT JOIN hold AS h ON h.id = e.hold
LEFT JOIN usage AS u ON u.hold = e.hold AND e.hold IS NOT NULL;
