-- The index of the media library: who owns which picture, and until when. The bytes are elsewhere,
-- under their digest. Made beside schema 1 where it is not there yet.

CREATE TABLE IF NOT EXISTS media (
    id            TEXT PRIMARY KEY,
    workspace     TEXT NOT NULL,
    digest        TEXT NOT NULL CHECK (length(digest) = 64),
    format        TEXT NOT NULL CHECK (format IN ('png', 'jpeg', 'webp', 'avif')),
    width         INTEGER,
    height        INTEGER,
    bytes         INTEGER NOT NULL CHECK (bytes >= 0),
    model         TEXT NOT NULL,
    request       TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    CHECK ((width IS NULL) = (height IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS media_listed ON media (workspace, created_at_ms, id);
CREATE INDEX IF NOT EXISTS media_of_digest ON media (digest);
CREATE INDEX IF NOT EXISTS media_over ON media (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

-- What each workspace keeps, so that a bound need not count rows.
CREATE TABLE IF NOT EXISTS media_total (
    workspace TEXT PRIMARY KEY,
    pictures  INTEGER NOT NULL CHECK (pictures >= 0),
    bytes     INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER IF NOT EXISTS media_is_counted AFTER INSERT ON media BEGIN
    INSERT INTO media_total (workspace, pictures, bytes) VALUES (NEW.workspace, 1, NEW.bytes)
    ON CONFLICT (workspace) DO UPDATE SET pictures = pictures + 1, bytes = bytes + NEW.bytes;
END;

CREATE TRIGGER IF NOT EXISTS media_is_discounted AFTER DELETE ON media BEGIN
    UPDATE media_total SET pictures = pictures - 1, bytes = bytes - OLD.bytes
    WHERE workspace = OLD.workspace;
END;
