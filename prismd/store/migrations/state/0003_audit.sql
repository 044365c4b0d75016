CREATE TABLE audit (
    seq INTEGER PRIMARY KEY CHECK (seq >= 1),
    ts_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    ip TEXT,
    request_id TEXT,
    action TEXT NOT NULL,
    object_id TEXT NOT NULL,
    changes TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_by_object ON audit (object_id, seq);

CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
BEGIN
    SELECT RAISE (ABORT, 'audit rows are never deleted');
END;

CREATE TRIGGER audit_keeps_content BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE (ABORT, 'audit rows are never changed');
END;
