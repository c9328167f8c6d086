-- What a test-mode key has played for a job, and what a request would be judged by again.

ALTER TABLE job ADD COLUMN played TEXT;

-- A JSON object: the shape of what was asked, without its words, and what came of it; empty for older
-- rows and for what was turned away before it was understood.
ALTER TABLE usage ADD COLUMN sketch TEXT;
