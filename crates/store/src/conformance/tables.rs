//! What an insider can and cannot do to the tables, and how damage shows. For databases only.

use qadiya_domain::ids::StreamKind;
use uuid::Uuid;

use super::Subject;
use super::ledger::numbered;
use super::make::{
    LONG, access, at, batch, case, clock, commit, commit_batch, entity, full_case, job, name, open_case,
    open_entity, request, seal, sets, stream,
};
use crate::Store;
use crate::append::{Batch, StageMove};
use crate::error::StoreError;
use crate::ledger::TreeNode;
use crate::read::{CaseFilter, CaseRef, Loaded};
use crate::registry::StoredDefinition;
use crate::work::DAMAGED;

/// One row in every table.
async fn fill(store: &dyn Store) {
    let mut opens = open_case(full_case(1));
    opens.deadlines = vec![sets("a", clock(1))];
    opens.jobs = vec![job(1, "q", 1)];
    opens.requests = vec![request(1, "k")];
    opens.events[0].secret = Some(b"secret".to_vec());
    opens.stages = vec![StageMove { workflow: name("detainee"), stage: None, office: None, net: 1 }];
    let appends = vec![opens, open_entity(entity(2, StreamKind::Person))];
    let all = Batch {
        seal: Some(seal(1, &appends)),
        access: vec![access(1, 1, vec![stream(1)])],
        ..batch(appends)
    };
    commit_batch(store, &all).await;
    let definition = StoredDefinition {
        hash: case(1).definition,
        workflow: name("detainee"),
        version: 1,
        bytes: b"x".to_vec(),
        calendars: Vec::new(),
        proved: true,
        stored: at(1),
    };
    store.put_definition(&definition).await.unwrap();
    let epoch = store.take_fence("sequencer", Uuid::from_u128(1), LONG).await.unwrap().unwrap();
    let pending = store.pending(9).await.unwrap();
    let node = TreeNode { level: 1, index: 0, hash: case(1).head };
    assert!(store.sequence("sequencer", epoch, &numbered(0, &pending, vec![node])).await.unwrap());
}

/// The control: the hook reaches the tables, so a refusal below is the table's own.
pub async fn an_insider_can_change_a_case_row(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    subject.insider("UPDATE court_case SET reference = 'forged'").await.unwrap();
    let found = store.find(&CaseRef::Reference("forged".to_owned())).await.unwrap();
    assert_eq!(found.map(|row| row.id), Some(stream(1)));
}

pub async fn add_only_tables_refuse_change_and_removal(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    let (events, entries) =
        (store.events(stream(1), 1, 9).await.unwrap(), store.entries(0, 9).await.unwrap());
    for (table, column) in [
        ("event", "recorded = recorded + 1"),
        ("log_entry", "seq = seq + 7"),
        ("tree_node", "idx = idx + 1"),
        ("checkpoint", "note = 'forged'"),
        ("access", "purpose = 'forged'"),
        ("request", "key = 'forged'"),
        ("definition", "version = version + 1"),
    ] {
        let changed = subject.insider(&format!("UPDATE {table} SET {column}")).await;
        assert!(changed.is_err(), "{table} was changed");
        let removed = subject.insider(&format!("DELETE FROM {table}")).await;
        assert!(removed.is_err(), "{table} was emptied");
    }
    assert_eq!(store.events(stream(1), 1, 9).await.unwrap(), events);
    assert_eq!(store.entries(0, 9).await.unwrap(), entries);
    assert_eq!(store.accesses(None, None, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.definitions().await.unwrap().len(), 1);
}

fn is_corrupt<T: std::fmt::Debug>(
    answer: Result<T, StoreError>,
    in_table: &str,
    in_column: &str,
    in_row: &str,
) {
    match answer {
        Err(StoreError::Corrupt { table, column, row, detail }) => {
            assert_eq!((table, column), (in_table, in_column));
            assert!(row.contains(in_row), "{row} names the row {in_row}");
            assert!(!detail.is_empty());
        }
        other => panic!("{in_table}.{in_column} is damaged, but the answer is {other:?}"),
    }
}

fn damaged(loaded: Option<Loaded>) -> Result<Option<Loaded>, StoreError> {
    if let Some(Loaded::Damaged(error)) = loaded { Err(error) } else { Ok(loaded) }
}

pub async fn a_damaged_case_row_is_named_as_corrupt(subject: &dyn Subject) {
    for (column, value) in [
        ("workflow", "'Not A Name'"),
        ("definition", "substr(definition, 1, 31)"),
        ("main", "''"),
        ("stage", "'Received!'"),
        ("office", "'1st'"),
        ("outcome", "'ِAr'"),
        ("head", "substr(head, 1, 5)"),
        ("version", "-1"),
        ("irregular", "-1"),
        ("updated", "9223372036854775807"),
        ("authority_until", "9223372036854775807"),
    ] {
        let store = subject.store();
        if store.find(&CaseRef::Id(stream(1))).await.unwrap().is_none() {
            fill(&*store).await;
        }
        let keep = format!("CREATE TABLE kept AS SELECT id, {column} AS was FROM court_case");
        subject.insider(&keep).await.unwrap();
        subject.insider(&format!("UPDATE court_case SET {column} = {value}")).await.unwrap();
        let id = stream(1).to_string();
        is_corrupt(store.find(&CaseRef::Id(stream(1))).await, "court_case", column, &id);
        // The one row is named; the other one of the same read is not its fault.
        let mut loaded = store.load_many(&[stream(2), stream(1)]).await.unwrap();
        is_corrupt(damaged(loaded.pop()), "court_case", column, &id);
        assert!(matches!(loaded[..], [Loaded::Entity(_)]), "{column}: {loaded:?}");
        is_corrupt(store.list(&CaseFilter::default(), None, 9).await, "court_case", column, &id);
        subject.insider(&format!("UPDATE court_case SET {column} = (SELECT was FROM kept)")).await.unwrap();
        subject.insider("DROP TABLE kept").await.unwrap();
        assert_eq!(store.find(&CaseRef::Id(stream(1))).await.unwrap(), Some(full_case(1)));
    }
}

pub async fn a_damaged_entity_row_is_named_as_corrupt(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    let id = stream(2).to_string();
    subject.insider("UPDATE entity SET head = substr(head, 1, 31)").await.unwrap();
    is_corrupt(damaged(store.load_many(&[stream(2)]).await.unwrap().pop()), "entity", "head", &id);
    is_corrupt(store.entities(StreamKind::Person, None, None, 9).await, "entity", "head", &id);
    subject.insider("UPDATE entity SET kind = 'ghost'").await.unwrap();
    is_corrupt(damaged(store.load_many(&[stream(2)]).await.unwrap().pop()), "entity", "kind", &id);
}

pub async fn a_damaged_event_is_named_as_corrupt(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    // A wrong row can be added even where none can be changed; both databases read a text as bytes so.
    subject
        .insider(
            "INSERT INTO event (stream, seq, bytes, hash, recorded) \
             SELECT stream, seq + 5, bytes, substr(hash, 1, 3), recorded FROM event WHERE seq = 1",
        )
        .await
        .unwrap();
    let id = stream(1).to_string();
    is_corrupt(store.events(stream(1), 1, 9).await, "event", "hash", &id);
    is_corrupt(store.events_of(&[stream(1)]).await, "event", "hash", &id);
    assert_eq!(store.events(stream(1), 1, 1).await.unwrap().len(), 1);
}

pub async fn a_damaged_clock_is_named_as_corrupt(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    let mut other = open_case(case(7));
    other.deadlines = vec![sets("trial", clock(50))];
    commit(&*store, vec![other]).await;
    subject
        .insider("UPDATE deadline SET calendar = substr(calendar, 1, 3) WHERE key <> 'trial'")
        .await
        .unwrap();
    let id = stream(1).to_string();
    is_corrupt(store.deadlines(&[stream(1)]).await, "deadline", "calendar", &id);
    let listed = store.deadlines_before(at(999), None, 9).await.unwrap();
    assert!(listed.iter().any(Result::is_ok), "a whole row is listed beside it: {listed:?}");
    let damaged: Vec<_> = listed.into_iter().filter(Result::is_err).collect();
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    is_corrupt(damaged.into_iter().collect::<Result<Vec<_>, _>>(), "deadline", "calendar", &id);
    subject.insider("UPDATE deadline SET step = -1").await.unwrap();
    is_corrupt(store.deadlines(&[stream(1)]).await, "deadline", "step", &id);
}

pub async fn a_damaged_entry_of_the_feed_stands_in_its_place(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    let whole = store.feed(0, 9).await.unwrap();
    assert_eq!(whole.len(), 2, "{whole:?}");
    // An entry that cannot be read, and one whose event is missing.
    for entry in ["idx + 2, stream, seq + 7, substr(hash, 1, 3)", "idx + 3, stream, seq + 8, hash"] {
        let sql = format!(
            "INSERT INTO log_entry (idx, stream, seq, hash) SELECT {entry} FROM log_entry WHERE idx = 0"
        );
        subject.insider(&sql).await.unwrap();
    }
    let feed = store.feed(0, 9).await.unwrap();
    assert_eq!(feed[..2], whole[..], "the others are served");
    assert_eq!(feed.iter().map(|item| item.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
    is_corrupt(feed[2].entry.clone(), "log_entry", "hash", "2");
    let missing = feed[3].entry.clone().unwrap();
    assert_eq!((missing.seq, &feed[3].bytes), (whole[0].entry.clone().unwrap().seq + 8, &None));
}

pub async fn a_damaged_job_is_an_incident_and_the_others_run(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    let whole = job(2, "q", 2);
    store.queue_jobs(stream(2), std::slice::from_ref(&whole)).await.unwrap();
    subject
        .insider("UPDATE job SET attempt = -5 WHERE run_at < (SELECT max(run_at) FROM job)")
        .await
        .unwrap();
    let claimed = store.claim_jobs(at(999), &["q".to_owned()], stream(1).0, LONG, 9).await.unwrap();
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [whole.id]);
    let incidents = store.jobs(true, None, 9).await.unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert_eq!((incidents[0].id, incidents[0].fault.as_deref()), (job(1, "q", 1).id, Some(DAMAGED)));
    let later = store.claim_jobs(at(999), &["q".to_owned()], stream(1).0, LONG, 9).await.unwrap();
    assert_eq!(later, [], "it stands in nobody's way");
}

pub async fn a_damaged_clock_is_shown_and_the_others_are_claimed(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    let mut other = open_case(case(7));
    other.deadlines = vec![sets("trial", clock(50))];
    commit(&*store, vec![other]).await;
    subject.insider("UPDATE deadline SET step = -1 WHERE key <> 'trial'").await.unwrap();
    let claimed = store.claim_clocks(at(999), stream(1).0, LONG, 9).await.unwrap();
    assert_eq!(claimed.iter().map(|clock| clock.key.as_str()).collect::<Vec<_>>(), ["trial"]);
    let shown = store.jobs(true, None, 9).await.unwrap();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!((shown[0].stream, shown[0].fault.as_deref()), (stream(1), Some(DAMAGED)));
    // Seen by people and not mended: it comes back, once.
    assert!(store.retry_job(shown[0].id, at(999)).await.unwrap());
    subject.let_pass(LONG).await;
    store.claim_clocks(at(999), stream(1).0, LONG, 9).await.unwrap();
    assert_eq!(store.jobs(true, None, 9).await.unwrap(), shown);
}

pub async fn a_damaged_counter_is_named_as_corrupt(subject: &dyn Subject) {
    let store = subject.store();
    fill(&*store).await;
    store.fold_stages().await.unwrap();
    subject.insider("UPDATE stage_count SET stage = 'Not A Name'").await.unwrap();
    is_corrupt(store.counts().await, "stage_count", "stage", "Not A Name");
}
