CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX requests_by_time ON requests (ts_ms);
