-- Schema 7: quotas count pixels and credits too, and what a request was admitted as is kept, so that
-- its windows can be counted again after a restart.

CREATE TABLE quota_next (
    period  INTEGER NOT NULL,
    subject TEXT NOT NULL,
    -- Longer than `IN`, of which SQLite would build an index of its own for every row.
    unit    TEXT NOT NULL CHECK (unit = 'requests' OR unit = 'images' OR unit = 'pixels'
                                 OR unit = 'credits'),
    used    INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (period, subject, unit)
) STRICT, WITHOUT ROWID;
INSERT INTO quota_next SELECT period, subject, unit, used FROM quota;
DROP TABLE quota;
ALTER TABLE quota_next RENAME TO quota;

-- A JSON object: the model, if there was one, the images and the pixels; empty for older rows.
ALTER TABLE hold ADD COLUMN weighs TEXT NOT NULL DEFAULT '';

-- Pixels of all images asked for.
ALTER TABLE usage ADD COLUMN pixels_asked INTEGER NOT NULL DEFAULT 0;
