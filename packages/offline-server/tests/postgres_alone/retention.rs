//! How old receipts and changes go: in parts, and in each workspace for itself.

use offline_protocol::Timestamp;

use crate::place::Place;

/// Receipts of three ages in workspaces that were written to in this order.
async fn filled(workspaces: &[&str], each: i64) -> Place {
    let place = Place::new().await;
    drop(place.open().await);
    let admin = place.connect().await;
    for workspace in workspaces {
        let fill = format!(
            "INSERT INTO offline.workspace VALUES ('{workspace}', 1); \
             INSERT INTO offline.change VALUES ('{workspace}', 1, 'note', 'a', 1, gen_random_uuid(), 'ana', 0); \
             INSERT INTO offline.receipt SELECT '{workspace}', 'user-' || i / 3 % 7, 'key-' || i, gen_random_uuid(), '', \
               'rejected', '{{}}', '1', i % 3 FROM generate_series(1, {each}) i"
        );
        admin.batch_execute(&fill).await.unwrap();
    }
    place
}

/// How many receipts there are of the three ages, and how many of them have their result.
async fn left(place: &Place, workspace: &str) -> Vec<(i64, i64)> {
    let count = "SELECT count(received_at), count(result) FROM generate_series(0, 2) age \
        LEFT JOIN offline.receipt ON received_at = age AND workspace_id = $1 GROUP BY age ORDER BY age";
    let rows = place.connect().await.query(count, &[&workspace]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn of_more_receipts_than_go_at_once_all_the_old_ones_go_and_no_transaction_takes_more() {
    let place = filled(&["acme", "globex"], 6000).await;
    let admin = place.connect().await;
    let watch = "CREATE TABLE taken (transaction bigint); GRANT INSERT ON taken TO offline_app; \
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
          INSERT INTO taken VALUES (txid_current()); RETURN coalesce(NEW, OLD); END $$; \
        CREATE TRIGGER see BEFORE UPDATE OR DELETE ON offline.receipt FOR EACH ROW EXECUTE FUNCTION see()";
    admin.batch_execute(watch).await.unwrap();
    // Somebody's command is under way in each workspace until all is over: neither waits for the other.
    admin.batch_execute("BEGIN; SELECT FROM offline.workspace FOR UPDATE").await.unwrap();
    let store = place.open().await.store;
    store.prune(Timestamp::from_millis(2), Timestamp::from_millis(1)).await.unwrap();
    admin.batch_execute("COMMIT").await.unwrap();
    for workspace in ["acme", "globex"] {
        assert_eq!(left(&place, workspace).await, [(0, 0), (2000, 0), (2000, 2000)], "{workspace}");
    }
    let most = "SELECT max(count) FROM (SELECT count(*) FROM taken GROUP BY transaction) t";
    let (taken, most) = (place.number("SELECT count(*) FROM taken").await, place.number(most).await);
    assert!(taken == 8000 && most <= 1000, "{most} of {taken} in one transaction");
}

#[tokio::test]
async fn a_workspace_whose_old_rows_cannot_be_dropped_holds_up_no_other() {
    let place = filled(&["acme", "broken", "globex"], 30).await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
          IF OLD.workspace_id = 'broken' THEN RAISE EXCEPTION 'private dinner'; END IF; RETURN OLD; END $$; \
        CREATE TRIGGER refuse BEFORE DELETE ON offline.receipt FOR EACH ROW EXECUTE FUNCTION refuse(); \
        CREATE TRIGGER refuse BEFORE DELETE ON offline.change FOR EACH ROW EXECUTE FUNCTION refuse()";
    place.connect().await.batch_execute(refuse).await.unwrap();
    let opened = place.open().await;
    let (one, two) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
    for failed in [opened.store.prune(two, one).await, opened.log.prune_log(one).await] {
        assert!(matches!(failed, Err(offline_server::StoreError::Backend(_))), "{failed:?}");
    }
    for workspace in ["acme", "globex"] {
        assert_eq!(left(&place, workspace).await, [(0, 0), (10, 0), (10, 10)], "{workspace}");
    }
    assert_eq!(left(&place, "broken").await, [(10, 10); 3]);
    assert_eq!(place.number("SELECT count(*) FROM offline.change WHERE workspace_id = 'broken'").await, 1);
    assert_eq!(place.count("change").await, 1);
}
