CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('credit', 'spend', 'system')),
    key_id TEXT REFERENCES keys (id),
    posted_nano_usd INTEGER NOT NULL DEFAULT 0,
    held_nano_usd INTEGER NOT NULL DEFAULT 0 CHECK (held_nano_usd >= 0),
    overrun_nano_usd INTEGER NOT NULL DEFAULT 0 CHECK (overrun_nano_usd >= 0),
    -- Prepaid money is never spent twice: what is gone or held was there, or is counted as overrun.
    CHECK (kind <> 'credit' OR posted_nano_usd - held_nano_usd + overrun_nano_usd >= 0),
    CHECK ((kind = 'system') = (key_id IS NULL))
) STRICT;

CREATE TABLE postings (
    id INTEGER PRIMARY KEY,
    ts_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('grant', 'charge', 'opening')),
    from_account TEXT NOT NULL REFERENCES accounts (id),
    to_account TEXT NOT NULL REFERENCES accounts (id),
    amount_nano_usd INTEGER NOT NULL CHECK (amount_nano_usd > 0),
    request_id TEXT,
    note TEXT,
    checksum INTEGER,
    CHECK (from_account <> to_account)
) STRICT;

CREATE UNIQUE INDEX postings_charge_once ON postings (request_id) WHERE kind = 'charge';
CREATE INDEX postings_by_source ON postings (from_account, id);
CREATE INDEX postings_by_target ON postings (to_account, id) WHERE to_account <> 'system:usage';

CREATE TRIGGER postings_keep_rows BEFORE DELETE ON postings
BEGIN
    SELECT RAISE (ABORT, 'postings are never deleted');
END;

CREATE TRIGGER postings_keep_content BEFORE UPDATE ON postings
BEGIN
    SELECT RAISE (ABORT, 'postings are never changed');
END;

CREATE TABLE holds (
    request_id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    amount_nano_usd INTEGER NOT NULL CHECK (amount_nano_usd >= 0),
    budgets TEXT NOT NULL,
    body TEXT NOT NULL,
    output_tokens INTEGER NOT NULL DEFAULT 0 CHECK (output_tokens >= 0),
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE budgets (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL CHECK (scope IN ('key', 'owner', 'org', 'model', 'tag')),
    subject TEXT NOT NULL CHECK (subject <> ''),
    window TEXT NOT NULL CHECK (window IN ('daily', 'weekly', 'monthly', 'total')),
    limit_nano_usd INTEGER NOT NULL CHECK (limit_nano_usd >= 0),
    is_hard INTEGER NOT NULL CHECK (is_hard IN (0, 1)),
    warn_percent INTEGER NOT NULL CHECK (warn_percent BETWEEN 1 AND 100),
    created_at_s INTEGER NOT NULL,
    updated_at_s INTEGER NOT NULL,
    UNIQUE (scope, subject, window)
) STRICT;

-- The past of a budget outlives it: usage rows name the windows that they were charged to.
CREATE TABLE budget_windows (
    budget_id TEXT NOT NULL,
    starts_at_s INTEGER NOT NULL,
    spent_nano_usd INTEGER NOT NULL DEFAULT 0 CHECK (spent_nano_usd >= 0),
    held_nano_usd INTEGER NOT NULL DEFAULT 0 CHECK (held_nano_usd >= 0),
    forgiven_nano_usd INTEGER NOT NULL DEFAULT 0
        CHECK (forgiven_nano_usd BETWEEN 0 AND spent_nano_usd),
    PRIMARY KEY (budget_id, starts_at_s)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_usage (
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
    usage_source TEXT NOT NULL CHECK (usage_source IN ('reported', 'estimated', 'recovered')),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    cached_input_tokens INTEGER NOT NULL CHECK (cached_input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens INTEGER NOT NULL CHECK (reasoning_tokens >= 0),
    usage TEXT,
    cost_nano_usd INTEGER CHECK (cost_nano_usd >= 0),
    -- Text: it may be more than an integer of SQLite holds.
    cost_pico_usd TEXT,
    price_source TEXT,
    price_lines TEXT,
    account TEXT REFERENCES accounts (id),
    budgets TEXT,
    tags TEXT,
    latency_ms REAL NOT NULL,
    first_byte_ms REAL,
    attempts INTEGER NOT NULL,
    checksum INTEGER
) STRICT;

INSERT INTO new_usage (
    request_id, ts_ms, key_id, owner, org_id, op, model, provider, upstream_model, status,
    error_code, is_stream, is_complete, usage_source, input_tokens, cached_input_tokens,
    output_tokens, reasoning_tokens, cost_nano_usd, price_source, latency_ms, first_byte_ms,
    attempts
)
SELECT
    request_id, ts_ms, key_id, owner, org_id, op, model, provider, upstream_model, status,
    error_code, is_stream, is_complete, CASE is_estimated WHEN 1 THEN 'estimated' ELSE 'reported' END,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost_nano_usd,
    price_source, latency_ms, first_byte_ms, attempts
FROM usage;

DROP TABLE usage;
ALTER TABLE new_usage RENAME TO usage;
CREATE INDEX usage_by_time ON usage (ts_ms);
CREATE INDEX usage_by_key ON usage (key_id, ts_ms);

-- What keys were granted before there was a ledger. Usage from then was never charged to credits,
-- and is not now: its rows name no account.
INSERT INTO accounts (id, kind) VALUES ('system:grants', 'system'), ('system:usage', 'system');
INSERT INTO accounts (id, kind, key_id, posted_nano_usd)
SELECT 'key:' || id || ':credit', 'credit', id, credits_nano_usd FROM keys;
INSERT INTO accounts (id, kind, key_id) SELECT 'key:' || id || ':spend', 'spend', id FROM keys;
INSERT INTO postings (ts_ms, kind, from_account, to_account, amount_nano_usd, note)
SELECT created_at_s * 1000, 'opening', 'system:grants', 'key:' || id || ':credit',
    credits_nano_usd, 'credits from before the ledger'
FROM keys WHERE credits_nano_usd > 0;
UPDATE accounts SET posted_nano_usd = -(SELECT COALESCE(SUM(amount_nano_usd), 0) FROM postings)
WHERE id = 'system:grants';

-- A key could have several budgets of one window; the tightest was the one that counted.
INSERT INTO budgets (
    id, scope, subject, window, limit_nano_usd, is_hard, warn_percent, created_at_s, updated_at_s
)
SELECT 'bgt_' || lower(hex(randomblob(13))), 'key', keys.id,
    json_extract(budget.value, '$.window'), MIN(json_extract(budget.value, '$.limit_nano_usd')),
    json_extract(budget.value, '$.hard'), 80, keys.created_at_s, keys.updated_at_s
FROM keys, json_each(keys.budgets) AS budget
GROUP BY keys.id, json_extract(budget.value, '$.window');

ALTER TABLE keys DROP COLUMN credits_nano_usd;
ALTER TABLE keys DROP COLUMN budgets;
