-- One row for each workspace that was ever written to: the place of its last change.
CREATE TABLE workspace (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    change_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The records, deleted ones (data is null) included.
CREATE TABLE record (
    workspace_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    data TEXT,
    updated_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    change_seq INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, kind, id)
) STRICT;

-- The log of changes, without gaps within a workspace.
CREATE TABLE change (
    workspace_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    command_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (workspace_id, seq)
) STRICT, WITHOUT ROWID;

-- The verdicts. result is null once the receipt has been thinned out.
CREATE TABLE receipt (
    workspace_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    command_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status TEXT NOT NULL,
    verdict TEXT NOT NULL,
    result TEXT,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id, idempotency_key)
) STRICT;

-- Finds what a command produced; and a second wall: no command is ever applied twice.
CREATE UNIQUE INDEX receipt_applied ON receipt (workspace_id, user_id, command_id) WHERE status = 'applied';
