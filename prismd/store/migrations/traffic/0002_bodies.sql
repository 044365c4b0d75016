CREATE TABLE bodies (
    request_id TEXT PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX bodies_by_time ON bodies (ts_ms);
