-- Which life of the database this is. A restored backup gets another one, so that nobody goes on from a place that it never reached. And
-- the key that cursors are signed with.
CREATE TABLE lineage (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    cursor_key BLOB NOT NULL
) STRICT;

-- Leads from a place in the order of changes to the records that changed behind it, and tells their kinds.
CREATE INDEX record_changes ON record (workspace_id, change_seq, kind);

-- Up to where the log has been dropped: whoever is behind that begins anew.
ALTER TABLE workspace ADD COLUMN pruned_seq INTEGER NOT NULL DEFAULT 0;

-- When, by the server's clock; 0 for what is older than this step.
ALTER TABLE change ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
