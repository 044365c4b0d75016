CREATE TABLE usage (
    request_id TEXT PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    key_id TEXT NOT NULL REFERENCES keys (id),
    owner TEXT,
    org_id TEXT,
    op TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    status INTEGER NOT NULL,
    error_code TEXT,
    is_stream INTEGER NOT NULL CHECK (is_stream IN (0, 1)),
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    is_estimated INTEGER NOT NULL CHECK (is_estimated IN (0, 1)),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    cached_input_tokens INTEGER NOT NULL CHECK (cached_input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens INTEGER NOT NULL CHECK (reasoning_tokens >= 0),
    cost_nano_usd INTEGER CHECK (cost_nano_usd >= 0),
    price_source TEXT,
    latency_ms REAL NOT NULL,
    first_byte_ms REAL,
    attempts INTEGER NOT NULL
) STRICT;

CREATE INDEX usage_by_time ON usage (ts_ms);
CREATE INDEX usage_by_key ON usage (key_id, ts_ms);
