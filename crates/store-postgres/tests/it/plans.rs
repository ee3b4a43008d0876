//! Served reads never walk through a large table: the server's own counters of sequential scans stand still.

use std::time::Duration;

use qadiya_domain::ids::{OfficialId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::read::{CaseFilter, CaseRef, RequestRef};
use qadiya_store::{AccessStore as _, CaseStore as _, Directory as _, LedgerStore as _, WorkStore as _};
use sqlx::{Connection as _, Executor as _, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::rows::{at, batch, case, stream};
use crate::server::Database;

/// 20,000 rows of each large table.
const FILL: &str = "
    INSERT INTO court_case
    SELECT id, 'R-' || n, 'A-' || n, CASE WHEN n % 2 = 0 THEN 'detainee' ELSE 'civil' END, sha256('d'), id, id, 'received',
           CASE WHEN n % 3 = 0 THEN 'tried' ELSE 'received' END, 1, 'office-' || n % 500, n % 5 = 0, n, NULL, NULL,
           CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END, '{}', 1, sha256('h'), 1, 1
    FROM (SELECT n, md5(n::text)::uuid AS id FROM generate_series(1, 20000) AS n) AS made;
    INSERT INTO entity SELECT md5('e' || n)::uuid, 'person', md5('p' || n % 50)::uuid, '{}', 1, sha256('h'), 1
    FROM generate_series(1, 20000) AS n;
    INSERT INTO lookup SELECT 'token', n::text, md5('e' || n)::uuid FROM generate_series(1, 20000) AS n;
    INSERT INTO event SELECT md5(n::text)::uuid, 1, '{}', sha256('h'), 1 FROM generate_series(1, 20000) AS n;
    INSERT INTO secret SELECT md5(n::text)::uuid, 1, '{}' FROM generate_series(1, 20000) AS n;
    INSERT INTO deadline SELECT md5(n::text)::uuid, 'detention', 1, n, n, 0, false, NULL, NULL, 0, 0
    FROM generate_series(1, 20000) AS n;
    INSERT INTO job SELECT md5(n::text)::uuid, md5(n::text)::uuid, 1, 'notice', 'q' || n % 4, '{}', NULL, 0, n, NULL,
           n % 100 = 0, NULL, 0, 0
    FROM generate_series(1, 20000) AS n;
    INSERT INTO request SELECT md5(n::text)::uuid, md5('o')::uuid, 'k', sha256('h'), '{}', NULL, NULL
    FROM generate_series(1, 20000) AS n;
    INSERT INTO access SELECT md5(n::text)::uuid, n, md5('o' || n % 100)::uuid, NULL, NULL, 'q', '[]', 'shown', '[]'
    FROM generate_series(1, 20000) AS n;
    INSERT INTO access_stream SELECT md5(n::text)::uuid, n, md5(n::text)::uuid FROM generate_series(1, 20000) AS n;
    INSERT INTO log_entry SELECT n - 1, md5(n::text)::uuid, 1, sha256('h') FROM generate_series(1, 20000) AS n;
    INSERT INTO tree_node SELECT 0, n - 1, sha256('h') FROM generate_series(1, 20000) AS n;
    INSERT INTO checkpoint SELECT n, 'note', 1 FROM generate_series(1, 20000) AS n;
    ANALYZE;
";

/// Sequential scans of the large tables so far, once every session of the program has ended and told its counters.
async fn scans(owner: &mut PgConnection) -> Vec<(String, i64)> {
    loop {
        let open: i64 = QueryBuilder::<Postgres>::new(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .build_query_scalar()
        .fetch_one(&mut *owner)
        .await
        .unwrap();
        if open == 0 {
            break;
        }
    }
    owner.execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
    QueryBuilder::<Postgres>::new(
        "SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE n_live_tup > 1000 ORDER BY relname",
    )
    .build_query_as()
    .fetch_all(owner)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn served_reads_and_claims_scan_no_large_table() {
    let database = Database::migrated().await;
    let mut filler = PgConnection::connect(&database.url()).await.unwrap();
    filler.execute(FILL).await.unwrap();
    filler.close().await.unwrap();
    let mut owner = PgConnection::connect(&database.url()).await.unwrap();
    let before = scans(&mut owner).await;
    assert_eq!(before.len(), 13, "tables were not filled: {before:?}");

    let store = database.open().await;
    let name = |text| Name::new(text).unwrap();
    let one = store.find(&CaseRef::Reference("R-7".to_owned())).await.unwrap().unwrap().id;
    assert_eq!(store.find(&CaseRef::Alias("A-7".to_owned())).await.unwrap().unwrap().id, one);
    store.find(&CaseRef::Id(one)).await.unwrap().unwrap();
    store.load_many(&[one, stream(1)]).await.unwrap();
    let all = CaseFilter::default();
    for filter in [
        all.clone(),
        CaseFilter { workflow: Some(name("detainee")), stage: Some(Some(name("tried"))), ..all.clone() },
        CaseFilter { group: Some(one), ..all.clone() },
        CaseFilter { irregular: true, ..all.clone() },
        CaseFilter { office: Some(name("office-7")), open: true, ..all.clone() },
    ] {
        assert!(!store.list(&filter, None, 50).await.unwrap().is_empty(), "{filter:?}");
        store.list(&filter, Some(one), 50).await.unwrap();
    }
    store.events(one, 1, 100).await.unwrap();
    store.events_of(&[one]).await.unwrap();
    store.deadlines(&[one]).await.unwrap();
    let until = jiff::Timestamp::from_microsecond(500).unwrap();
    assert_eq!(store.deadlines_before(until, None, 50).await.unwrap().len(), 50);
    store.entities(StreamKind::Person, None, None, 50).await.unwrap();
    store.by_tokens(&[Hash::of(b"none")]).await.unwrap();
    let asked = RequestRef { stream: one, principal: OfficialId(Uuid::nil()), key: "k".to_owned() };
    store.requests(&[asked]).await.unwrap();
    store.accesses(Some(one), None, None, 50).await.unwrap();
    store.accesses(None, Some(OfficialId(Uuid::nil())), None, 50).await.unwrap();
    assert_eq!(store.accesses(None, None, None, 50).await.unwrap().len(), 50);
    store.entries(10_000, 50).await.unwrap();
    store.entries_of(one).await.unwrap();
    store.feed(10_000, 50).await.unwrap();
    store.nodes(&[(0, 5)]).await.unwrap();
    store.checkpoint().await.unwrap().unwrap();
    store.checkpoints(5, 5).await.unwrap();
    assert_eq!(store.log_size().await.unwrap(), 20_000);
    let lease = Duration::from_mins(1);
    assert_eq!(store.claim_clocks(at(1), Uuid::nil(), lease, 100).await.unwrap().len(), 100);
    let queues = ["q1".to_owned(), "q2".to_owned()];
    assert_eq!(store.claim_jobs(at(1), &queues, Uuid::nil(), lease, 100).await.unwrap().len(), 100);
    store.append_many(&batch((1..=100).map(|number| case(number, 0)).collect())).await.unwrap();
    store.append_many(&batch((1..=100).map(|number| case(number, 1)).collect())).await.unwrap();
    store.close().await;

    assert_eq!(scans(&mut owner).await, before);
    // A list of one office does not walk through the cases of all others either.
    let by_office: i64 = QueryBuilder::<Postgres>::new(
        "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'court_case_by_office'",
    )
    .build_query_scalar()
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert!(by_office >= 2, "both pages of the office's list go by its index: {by_office}");
}
