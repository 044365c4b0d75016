CREATE TABLE idempotency (
    -- Whose key it is: a virtual key's id, or 'admin'.
    scope TEXT NOT NULL,
    key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),
    -- What was asked under it: another request under the same key is refused.
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    state TEXT NOT NULL CHECK (state IN ('in_flight', 'done', 'not_replayable')),
    request_id TEXT NOT NULL,
    answer BLOB CHECK ((state = 'done') = (answer IS NOT NULL)),
    created_at_s INTEGER NOT NULL,
    expires_at_s INTEGER NOT NULL CHECK (expires_at_s > created_at_s),
    PRIMARY KEY (scope, key_digest)
) STRICT;

CREATE INDEX idempotency_by_end ON idempotency (expires_at_s);
