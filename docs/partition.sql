-- Makes the tables of the schema "offline" ones that are partitioned by workspace, into eight. Once, with no server running, by the user who
-- owns them: psql --single-transaction -f partition.sql. It copies every row: try it on a copy of the database first.
DO $$
DECLARE
    name text;
    policy record;
BEGIN
    FOREACH name IN ARRAY ARRAY['workspace', 'record', 'change', 'receipt', 'member'] LOOP
        EXECUTE format('ALTER TABLE offline.%I RENAME TO %I', name, name || '_whole');
        -- Keys, indexes and defaults with it: the workspace leads each of them.
        EXECUTE format('CREATE TABLE offline.%I (LIKE offline.%I INCLUDING ALL) PARTITION BY HASH (workspace_id)',
            name, name || '_whole');
        FOR part IN 0..7 LOOP
            EXECUTE format('CREATE TABLE offline.%I PARTITION OF offline.%I FOR VALUES WITH (MODULUS 8, REMAINDER %s)',
                name || '_' || part, name, part);
        END LOOP;
        EXECUTE format('INSERT INTO offline.%I SELECT * FROM offline.%I', name, name || '_whole');
        EXECUTE format('ALTER TABLE offline.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE offline.%I FORCE ROW LEVEL SECURITY', name);
        FOR policy IN SELECT polname, polcmd, pg_get_expr(polqual, polrelid) AS condition FROM pg_policy
            WHERE polrelid = format('offline.%I', name || '_whole')::regclass
        LOOP
            EXECUTE format('CREATE POLICY %I ON offline.%I FOR %s USING (%s)', policy.polname, name,
                CASE policy.polcmd WHEN 'r' THEN 'SELECT' ELSE 'ALL' END, policy.condition);
        END LOOP;
        -- The partitions get no rights of their own: they are reached through the table, which has the wall.
        EXECUTE (SELECT format('GRANT %s ON offline.%I TO offline_app', string_agg(privilege_type, ', '), name)
            FROM information_schema.role_table_grants
            WHERE table_schema = 'offline' AND table_name = name || '_whole' AND grantee = 'offline_app');
        EXECUTE format('DROP TABLE offline.%I', name || '_whole');
    END LOOP;
END $$;
ANALYZE offline.workspace, offline.record, offline.change, offline.receipt, offline.member;
