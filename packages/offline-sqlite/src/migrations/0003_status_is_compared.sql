-- For `status IN (...)` with three values SQLite builds a table of them, on each insert anew: a tenth of what an append costs.
CREATE TABLE commands (
    seq INTEGER PRIMARY KEY,
    command_id BLOB NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status = 'PENDING' OR status = 'FAILED' OR status = 'CONFLICT'),
    body TEXT NOT NULL
) STRICT;
INSERT INTO commands SELECT seq, command_id, status, body FROM outbox;
DROP TABLE outbox;
ALTER TABLE commands RENAME TO outbox;
CREATE INDEX outbox_parked ON outbox (seq) WHERE status <> 'PENDING';
