-- Schema 5: pictures may be AVIF.

ALTER TABLE media DROP CONSTRAINT media_format_check;
ALTER TABLE media ADD CONSTRAINT media_format_check
    CHECK (format IN ('png', 'jpeg', 'webp', 'avif'));
