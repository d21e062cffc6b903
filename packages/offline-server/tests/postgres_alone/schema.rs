//! The schema: its history, its roles, the wall between the workspaces.

use futures_util::future::join_all;
use offline_protocol::{UserId, WorkspaceId};
use offline_server::{PostgresStore, Role, StoreError};

use crate::{place::Place, support::TestServer};

#[tokio::test]
async fn servers_that_start_together_make_one_schema() {
    let place = Place::new().await;
    join_all((0..8).map(|_| place.open())).await;
    let numbers: Vec<i64> = place
        .connect()
        .await
        .query("SELECT number FROM offline.migration ORDER BY 1", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4], "the numbers of the SQLite store");
}

/// Takes the fourth step back.
const UNDO_0004: &str = "DROP TABLE offline.lineage; DROP INDEX offline.record_changes; \
    ALTER TABLE offline.workspace DROP COLUMN pruned_seq; ALTER TABLE offline.change DROP COLUMN changed_at;";

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_up_to_date_with_its_rows() {
    let place = Place::new().await;
    drop(place.open().await);
    let back = "DROP TABLE offline.member; DELETE FROM offline.migration WHERE number > 1; \
        INSERT INTO offline.workspace VALUES ('acme', 7)";
    place.connect().await.batch_execute(&format!("{UNDO_0004} {back}")).await.unwrap();
    for _ in 0..2 {
        drop(place.open().await);
        assert_eq!((place.count("member").await, place.count("workspace").await), (0, 1));
    }
}

#[tokio::test]
async fn a_member_from_before_there_were_roles_is_a_plain_member() {
    let place = Place::new().await;
    drop(place.open().await);
    let back = "ALTER TABLE offline.member DROP COLUMN role; DELETE FROM offline.migration WHERE number > 2; \
        INSERT INTO offline.member VALUES ('acme', 'ana')";
    place.connect().await.batch_execute(&format!("{UNDO_0004} {back}")).await.unwrap();
    let members = place.open().await.members;
    let (acme, ana) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
    assert_eq!(members.role(&acme, &ana).await.unwrap(), Some(Role::member()));
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_untouched() {
    let place = Place::new().await;
    drop(place.open().await);
    place.connect().await.batch_execute("INSERT INTO offline.migration VALUES (99)").await.unwrap();
    let refused = PostgresStore::open(&place.url()).await.err().unwrap();
    assert!(matches!(refused, StoreError::NewerSchema { found: 99, known: 4 }), "{refused:?}");
}

#[tokio::test]
async fn a_role_that_owns_nothing_is_enough_once_the_schema_is_there() {
    let place = Place::new().await;
    drop(place.open().await);
    let role = format!("clerk_{}", place.database);
    let admin = place.connect().await;
    admin.batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT offline_app TO {role}")).await.unwrap();
    let url = place.url().replace("postgres://postgres@", &format!("postgres://{role}@"));
    PostgresStore::open(&url).await.unwrap();
    admin.batch_execute(&format!("REVOKE offline_app FROM {role}")).await.unwrap();
    assert!(PostgresStore::open(&url).await.is_err());
}

#[tokio::test]
async fn row_level_security_walls_off_every_table_whatever_a_statement_says() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let admin = server.place.connect().await;
    let tables = admin
        .query(
            "SELECT relname, relrowsecurity AND relforcerowsecurity, pg_has_role('offline_app', relowner, 'MEMBER') \
             FROM pg_class WHERE relnamespace = 'offline'::regnamespace AND relkind = 'r' AND relname NOT IN ('migration', 'lineage')",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(tables.len(), 5);
    for table in &tables {
        let name: &str = table.get(0);
        assert!(table.get::<_, bool>(1), "{name} has a wall, for its owner too");
        assert!(!table.get::<_, bool>(2), "{name} is not owned by the role that works");
    }
    let powers = "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = 'offline_app'";
    assert!(!admin.query_one(powers, &[]).await.unwrap().get::<_, bool>(0));

    admin.batch_execute("SET ROLE offline_app").await.unwrap();
    let seen = async |table: &str| {
        let sql = format!("SELECT count(*) FROM offline.{table}");
        admin.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    for workspace in ["", "globex", "acme"] {
        let scope = "SELECT set_config('offline.workspace_id', $1, false)";
        admin.execute(scope, &[&workspace]).await.unwrap();
        let own = i64::from(workspace == "acme");
        for table in ["record", "change", "receipt"] {
            assert_eq!(seen(table).await, own, "{table} in {workspace:?}");
        }
    }
    let foreign = [
        "INSERT INTO offline.record VALUES ('globex', 'expense', 'x', 1, '{}', 'ana', 0, 1)",
        "INSERT INTO offline.workspace VALUES ('globex', 99)",
        "INSERT INTO offline.member VALUES ('globex', 'ana')",
        "UPDATE offline.record SET workspace_id = 'globex'",
    ];
    for sql in foreign {
        let error = admin.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{sql}");
    }
    for sql in
        ["UPDATE offline.lineage SET id = id", "DELETE FROM offline.record", "TRUNCATE offline.receipt"]
    {
        assert_eq!(admin.batch_execute(sql).await.unwrap_err().code().unwrap().code(), "42501", "{sql}");
    }
}

#[tokio::test]
async fn what_was_answered_is_flushed_whatever_the_default_of_the_database() {
    let server = TestServer::start().await;
    let admin = server.place.connect().await;
    let database = &server.place.database;
    admin
        .batch_execute(&format!(
            "ALTER DATABASE {database} SET synchronous_commit = off; \
             CREATE TABLE seen AS SELECT ''::text AS setting, ''::text AS role; \
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
               UPDATE seen SET setting = current_setting('synchronous_commit'), role = current_setting('role'); \
               RETURN NEW; END $$; \
             CREATE TRIGGER see BEFORE INSERT ON offline.record FOR EACH ROW EXECUTE FUNCTION see()"
        ))
        .await
        .unwrap();
    // Connections that know the new default.
    let server = TestServer::over(
        server.place.clone(),
        server.place.open().await,
        |store| store,
        offline_protocol::Limits::default(),
    )
    .await;
    server.send_one(&server.create("e1")).await;
    let seen = admin.query_one("SELECT setting, role FROM seen", &[]).await.unwrap();
    assert_eq!((seen.get(0), seen.get(1)), ("on", "offline_app"));
}

#[tokio::test]
async fn a_table_that_has_grown_since_it_was_last_looked_at_is_still_read_by_its_keys() {
    const ROWS: i64 = 20_000;
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let admin = server.place.connect().await;
    admin
        .batch_execute(&format!(
            "ALTER TABLE offline.record SET (autovacuum_enabled = off); \
             ALTER TABLE offline.receipt SET (autovacuum_enabled = off); \
             INSERT INTO offline.record SELECT 'acme', 'expense', 'x' || i, 1, '{{}}', 'ana', 0, i \
               FROM generate_series(1, {ROWS}) i; \
             INSERT INTO offline.receipt SELECT 'acme', 'ana', 'x' || i, \
               ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, '', 'applied', '{{}}', NULL, 0 \
               FROM generate_series(1, {ROWS}) i"
        ))
        .await
        .unwrap();
    let creates: Vec<_> = (10..60).map(|number| server.create(&format!("e{number}"))).collect();
    for _ in 0..2 {
        server.send(&creates).await;
    }
    assert_eq!(server.expense("e10").await.unwrap()["version"], 1);
    // What a connection has read is counted when it ends.
    let end = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    admin.query_one(end, &[]).await.unwrap();
    let read = "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables \
        WHERE relname IN ('record', 'receipt')";
    let read = admin.query_one(read, &[]).await.unwrap().get::<_, i64>(0);
    assert!((100..2000).contains(&read), "{read} rows were read for 100 commands");
}
