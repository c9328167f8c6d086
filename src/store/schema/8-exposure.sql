-- Schema 8: what a vendor may bill without our knowing.

-- One row for each request of which nobody knows what came of it: a vendor was asked and did not
-- say, or the gateway stopped before it could be written down and the hold was given back by its
-- expiry. `hold_nanos` is what was set aside for it.
CREATE VIEW exposure AS
SELECT u.at_ms, strftime('%Y-%m-%dT%H:%M:%fZ', u.at_ms / 1000.0, 'unixepoch') AS at, u.request,
       u.workspace, u.key, u.vendor, u.offering, u.model, u.hold, h.amount_nanos AS hold_nanos,
       'the vendor did not say' AS why
FROM usage AS u LEFT JOIN hold AS h ON h.id = u.hold
WHERE u.outcome_unknown = 1
UNION ALL
SELECT h.opened_at_ms, strftime('%Y-%m-%dT%H:%M:%fZ', h.opened_at_ms / 1000.0, 'unixepoch'),
       h.request, h.workspace, h.key, NULL, NULL, NULL, h.id, h.amount_nanos,
       'nobody ended its hold'
FROM hold AS h
WHERE h.state = 'expired' AND NOT EXISTS (SELECT 1 FROM usage AS u WHERE u.hold = h.id);
