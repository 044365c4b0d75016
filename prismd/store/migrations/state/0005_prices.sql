-- Prices that the operator has set: at most one of each model, provider (NULL: whoever serves it)
-- and org (NULL: everybody). rates: unit -> pico-dollars, as JSON.
CREATE TABLE prices (
    id TEXT PRIMARY KEY,
    model TEXT NOT NULL CHECK (model <> ''),
    provider TEXT CHECK (provider <> ''),
    org_id TEXT CHECK (org_id <> ''),
    rates TEXT NOT NULL,
    created_at_s INTEGER NOT NULL,
    updated_at_s INTEGER NOT NULL
) STRICT;

-- NULLs are all different to a UNIQUE constraint; '' stands for them here, and is no value itself.
CREATE UNIQUE INDEX prices_by_subject ON prices (model, ifnull(provider, ''), ifnull(org_id, ''));
