//! Definitions, calendars, settings, tokens, access records.

use qadiya_domain::ids::{DefinitionHash, StreamKind};
use uuid::Uuid;

use super::Subject;
use super::make::{
    access, activate, at, batch, commit, commit_batch, entity, hash, lookup, lose, name, official,
    open_entity, stream,
};
use crate::access::{AccessOutcome, AccessRecord};
use crate::append::{Batch, Loser};
use crate::directory::TOKEN_SPACE;
use crate::error::StoreError;
use crate::registry::StoredDefinition;

fn definition(workflow: &str, version: u32) -> StoredDefinition {
    StoredDefinition {
        hash: DefinitionHash(hash(&format!("{workflow} {version}"))),
        workflow: name(workflow),
        version,
        bytes: format!("workflow: {workflow}\n# قضية\n").into_bytes(),
        calendars: vec![(name("iraq"), hash("iraq")), (name("courts"), hash("courts"))],
        proved: version.is_multiple_of(2),
        stored: at(i64::from(version)),
    }
}

pub async fn definitions_and_calendars_are_stored_once(subject: &dyn Subject) {
    let store = subject.store();
    let stored = definition("detainee", 1);
    assert_eq!(store.definition(&stored.hash).await.unwrap(), None);
    store.put_definition(&stored).await.unwrap();
    let again =
        StoredDefinition { bytes: b"other".to_vec(), proved: true, calendars: Vec::new(), ..stored.clone() };
    store.put_definition(&again).await.unwrap();
    assert_eq!(store.definition(&stored.hash).await.unwrap(), Some(stored));
    assert_eq!(store.calendar(&hash("iraq")).await.unwrap(), None);
    store.put_calendar(&name("iraq"), &hash("iraq"), &[0, 255, 10], at(1)).await.unwrap();
    store.put_calendar(&name("iraq"), &hash("iraq"), b"other", at(2)).await.unwrap();
    assert_eq!(store.calendar(&hash("iraq")).await.unwrap(), Some(vec![0, 255, 10]));
}

pub async fn definitions_come_by_workflow_and_version(subject: &dyn Subject) {
    let store = subject.store();
    // Names whose order differs between bytes and a dictionary.
    let sorted = [
        definition("a-b", 1),
        definition("a1", 3),
        definition("ab", 2),
        definition("ab", 10),
        definition("b", u32::MAX),
    ];
    for index in [3, 0, 4, 1, 2] {
        store.put_definition(&sorted[index]).await.unwrap();
    }
    assert_eq!(store.definitions().await.unwrap(), sorted);
}

pub async fn one_definition_of_a_workflow_is_active(subject: &dyn Subject) {
    let store = subject.store();
    let (one, two) = (definition("detainee", 1).hash, definition("detainee", 2).hash);
    assert_eq!(store.active(&name("detainee")).await.unwrap(), None);
    commit(&*store, vec![activate(1, 1, "detainee", one), activate(2, 1, "other", two)]).await;
    assert_eq!(store.active(&name("detainee")).await.unwrap(), Some(one));
    // One that loses changes nothing, and takes nothing else of its batch along.
    let late = vec![activate(1, 1, "detainee", two), activate(2, 2, "other", one)];
    assert_eq!(lose(&*store, late).await, [(0, Loser::Conflict)]);
    assert_eq!(store.active(&name("detainee")).await.unwrap(), Some(one));
    assert_eq!(store.active(&name("other")).await.unwrap(), Some(two));
    commit(&*store, vec![activate(1, 2, "detainee", two)]).await;
    assert_eq!(store.active(&name("detainee")).await.unwrap(), Some(two));
}

pub async fn a_setting_is_written_once(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(store.setting("origin").await.unwrap(), None);
    store.put_setting("origin", "محكمة").await.unwrap();
    store.put_setting("origin", "محكمة").await.unwrap();
    let answer = store.put_setting("origin", "other").await;
    assert!(matches!(answer, Err(StoreError::Other { .. })), "{answer:?}");
    assert_eq!(store.setting("origin").await.unwrap(), Some("محكمة".to_owned()));
}

pub async fn a_token_leads_to_its_official(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = open_entity(entity(1, StreamKind::Official));
    opens.lookups =
        vec![lookup(TOKEN_SPACE, &hash("secret").to_string()), lookup("other", &hash("x").to_string())];
    commit(&*store, vec![opens]).await;
    let official = || Some(entity(1, StreamKind::Official));
    let asked = [hash("x"), hash("secret"), hash("secret")];
    assert_eq!(store.by_tokens(&asked).await.unwrap(), [None, official(), official()]);
    assert_eq!(store.by_tokens(&[]).await.unwrap(), []);
}

pub async fn an_access_record_returns_whole(subject: &dyn Subject) {
    let store = subject.store();
    let full = access(1, 1, vec![stream(9), stream(2), stream(5)]);
    let outcomes =
        [AccessOutcome::Acted, AccessOutcome::Refused, AccessOutcome::Denied, AccessOutcome::Absent];
    let bare = outcomes.iter().zip(2..).map(|(outcome, number)| AccessRecord {
        official: None,
        capacity: None,
        purpose: None,
        outcome: *outcome,
        refusals: Vec::new(),
        ..access(number, i64::try_from(number).unwrap(), Vec::new())
    });
    let mut records: Vec<AccessRecord> = bare.collect();
    records.insert(0, full);
    commit_batch(&*store, &Batch { access: records.clone(), ..Batch::default() }).await;
    records.reverse();
    assert_eq!(store.accesses(None, None, None, 99).await.unwrap(), records);
}

pub async fn who_saw_a_case_is_answered_in_pages(subject: &dyn Subject) {
    let store = subject.store();
    // Two in each instant: the id tells them apart. One that names a case twice.
    let records: Vec<AccessRecord> = (0..12_u128)
        .map(|n| AccessRecord {
            official: (n % 3 != 0).then(|| official(n % 3)),
            streams: if n == 4 { vec![stream(1), stream(1)] } else { vec![stream(n % 2), stream(7)] },
            ..access(100 - n, i64::try_from(n / 2).unwrap(), Vec::new())
        })
        .collect();
    for part in records.chunks(5) {
        commit_batch(&*store, &Batch { access: part.to_vec(), ..batch(Vec::new()) }).await;
    }
    let twin = crate::MemoryStore::new(at(0));
    commit_batch(&twin, &Batch { access: records, ..batch(Vec::new()) }).await;
    for seen in [None, Some(stream(1)), Some(stream(7)), Some(stream(99))] {
        for by in [None, Some(official(1)), Some(official(99))] {
            let all = crate::AccessStore::accesses(&twin, seen, by, None, 99).await.unwrap();
            for limit in [1, 2, 99] {
                let (mut got, mut before) = (Vec::new(), None);
                loop {
                    let page = store.accesses(seen, by, before, limit).await.unwrap();
                    let Some(last) = page.last() else { break };
                    before = Some((last.at, last.id));
                    got.extend(page);
                }
                assert_eq!(got, all, "{seen:?} {by:?} by {limit}");
            }
        }
    }
    assert_eq!(store.accesses(None, None, Some((at(0), Uuid::nil())), 9).await.unwrap(), []);
}
