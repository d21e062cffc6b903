-- What a batch of 100 new records writes, by the server's own statement; the values come from here instead of arrays.
\set w random(0, :workspaces - 1)
\set n random(1, 4611686018427387904)
BEGIN;
SELECT set_config('offline.workspace_id', 'w' || :w, true);
INSERT INTO offline.workspace (workspace_id, change_seq) VALUES ('w' || :w, 0) ON CONFLICT (workspace_id) DO NOTHING;
SELECT change_seq FROM offline.workspace WHERE workspace_id = 'w' || :w FOR UPDATE \gset
WITH receipts AS (
    INSERT INTO offline.receipt (workspace_id, user_id, idempotency_key, command_id, fingerprint, status, verdict, result, received_at)
    SELECT 'w' || :w, 'ana', 'key-' || :n || '-' || i, md5(:n || '-' || i)::uuid, decode(repeat('07', 32), 'hex'), 'applied',
        '{"applied":{"versions":[{"kind":"expense","id":"e' || :n || '-' || i || '","version":1}],"changeSeq":' || :change_seq + i || '}}',
        NULL, 1795370400000
    FROM generate_series(1, 100) i
), records AS (
    INSERT INTO offline.record (workspace_id, kind, id, version, data, updated_by, updated_at, change_seq)
    SELECT 'w' || :w, 'expense', 'e' || :n || '-' || i, 1,
        '{"amountMinor":4990,"category":"travel","createdBy":"ana","currency":"CHF","description":"Train to Basel, second class, with the half-fare card","spentOn":"2026-11-20","state":"draft"}',
        'ana', 1795370400000, :change_seq + i
    FROM generate_series(1, 100) i
    ON CONFLICT (workspace_id, kind, id) DO UPDATE SET version = excluded.version, data = excluded.data,
        updated_by = excluded.updated_by, updated_at = excluded.updated_at, change_seq = excluded.change_seq
), changes AS (
    INSERT INTO offline.change (workspace_id, seq, kind, id, version, command_id, user_id, changed_at)
    SELECT 'w' || :w, :change_seq + i, 'expense', 'e' || :n || '-' || i, 1, md5(:n || '-' || i)::uuid, 'ana', 1795370400000
    FROM generate_series(1, 100) i
) UPDATE offline.workspace SET change_seq = :change_seq + 100 WHERE workspace_id = 'w' || :w;
COMMIT;
