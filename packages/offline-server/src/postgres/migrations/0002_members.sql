-- Who belongs to which workspace.
CREATE TABLE offline.member (
    workspace_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);

ALTER TABLE offline.member ENABLE ROW LEVEL SECURITY;
ALTER TABLE offline.member FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON offline.member USING (workspace_id = current_setting('offline.workspace_id', true));

GRANT SELECT, INSERT, DELETE ON offline.member TO offline_app;
