-- Which life of the database this is. A restored backup gets another one, so that nobody goes on from a place that it never reached. And
-- the key that cursors are signed with.
CREATE TABLE offline.lineage (
    one boolean NOT NULL PRIMARY KEY CHECK (one),
    id uuid NOT NULL,
    cursor_key bytea NOT NULL
);

-- Leads from a place in the order of changes to the records that changed behind it, and tells their kinds.
CREATE INDEX record_changes ON offline.record (workspace_id, change_seq, kind);

-- Up to where the log has been dropped: whoever is behind that begins anew.
ALTER TABLE offline.workspace ADD COLUMN pruned_seq bigint NOT NULL DEFAULT 0;

-- When, by the server's clock; 0 for what is older than this step.
ALTER TABLE offline.change ADD COLUMN changed_at bigint NOT NULL DEFAULT 0;

GRANT SELECT ON offline.lineage TO offline_app;
GRANT DELETE ON offline.change TO offline_app;
