-- One row for each workspace that a command was ever sent to: the place of its last change. Its lock is the order of the workspace.
CREATE TABLE offline.workspace (
    workspace_id text COLLATE "C" NOT NULL PRIMARY KEY,
    change_seq bigint NOT NULL
);

-- The records, deleted ones (data is null) included. The data are kept as they were written, to the byte; cast them to json to look inside.
CREATE TABLE offline.record (
    workspace_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    data text,
    updated_by text NOT NULL,
    updated_at bigint NOT NULL,
    change_seq bigint NOT NULL,
    PRIMARY KEY (workspace_id, kind, id)
);

-- The log of changes, without gaps within a workspace.
CREATE TABLE offline.change (
    workspace_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    command_id uuid NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);

-- The verdicts. result is null once the receipt has been thinned out.
CREATE TABLE offline.receipt (
    workspace_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    command_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    status text NOT NULL,
    verdict text NOT NULL,
    result text,
    received_at bigint NOT NULL,
    PRIMARY KEY (workspace_id, user_id, idempotency_key)
);

-- Finds what a command produced; and a second wall: no command is ever applied twice.
CREATE UNIQUE INDEX receipt_applied ON offline.receipt (workspace_id, user_id, command_id) WHERE status = 'applied';

-- A second wall between the workspaces: each transaction names the one that it is about, and sees no other, whatever its statements say.
ALTER TABLE offline.workspace ENABLE ROW LEVEL SECURITY;
ALTER TABLE offline.record ENABLE ROW LEVEL SECURITY;
ALTER TABLE offline.change ENABLE ROW LEVEL SECURITY;
ALTER TABLE offline.receipt ENABLE ROW LEVEL SECURITY;
ALTER TABLE offline.workspace FORCE ROW LEVEL SECURITY;
ALTER TABLE offline.record FORCE ROW LEVEL SECURITY;
ALTER TABLE offline.change FORCE ROW LEVEL SECURITY;
ALTER TABLE offline.receipt FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON offline.workspace USING (workspace_id = current_setting('offline.workspace_id', true));
CREATE POLICY own ON offline.record USING (workspace_id = current_setting('offline.workspace_id', true));
CREATE POLICY own ON offline.change USING (workspace_id = current_setting('offline.workspace_id', true));
CREATE POLICY own ON offline.receipt USING (workspace_id = current_setting('offline.workspace_id', true));
-- The names of the workspaces alone may be listed: old receipts are dropped in one after the other.
CREATE POLICY names ON offline.workspace FOR SELECT USING (true);

GRANT SELECT, INSERT, UPDATE ON offline.workspace, offline.record TO offline_app;
GRANT SELECT, INSERT ON offline.change TO offline_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON offline.receipt TO offline_app;
