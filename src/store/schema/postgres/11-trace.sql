-- The trace and span of the request that a job came as, as a W3C traceparent; empty where none was read or begun.

ALTER TABLE job ADD COLUMN trace text;
