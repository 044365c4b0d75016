CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    hash_ver INTEGER NOT NULL DEFAULT 1,
    prefix TEXT NOT NULL,
    name TEXT NOT NULL CHECK (name <> ''),
    status TEXT NOT NULL CHECK (status IN ('active', 'blocked', 'revoked')),
    key_type TEXT NOT NULL CHECK (key_type IN ('byok', 'managed')),
    owner TEXT,
    org_id TEXT,
    models TEXT,
    providers TEXT,
    metadata TEXT NOT NULL,
    credits_nano_usd INTEGER NOT NULL CHECK (credits_nano_usd >= 0),
    rate_limit_rpm INTEGER CHECK (rate_limit_rpm >= 0),
    rate_limit_tpm INTEGER CHECK (rate_limit_tpm >= 0),
    max_concurrency INTEGER CHECK (max_concurrency >= 0),
    allowed_ips TEXT,
    allowed_tools TEXT,
    denied_tools TEXT,
    expires_at_s INTEGER,
    budgets TEXT NOT NULL,
    created_at_s INTEGER NOT NULL,
    updated_at_s INTEGER NOT NULL,
    last_used_at_s INTEGER,
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT;

CREATE TABLE sealed_secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
