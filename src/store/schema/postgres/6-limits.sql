-- Schema 6: quotas count pixels and credits too, and what a request was admitted as is kept, so that
-- its windows can be counted again after a restart.

ALTER TABLE quota DROP CONSTRAINT quota_unit_check;
ALTER TABLE quota ADD CONSTRAINT quota_unit_check
    CHECK (unit IN ('requests', 'images', 'pixels', 'credits'));

-- A JSON object: the model, if there was one, the images and the pixels; empty for older rows.
ALTER TABLE hold ADD COLUMN weighs text NOT NULL DEFAULT '';

-- Pixels of all images asked for.
ALTER TABLE usage ADD COLUMN pixels_asked bigint NOT NULL DEFAULT 0;
