//! The one way of writing: all of a batch or nothing, every loser named, every field kept.

use qadiya_domain::ids::{DefinitionHash, JobId, StreamKind};
use uuid::Uuid;

use super::Subject;
use super::make::{
    access, activate, append, at, batch, case, clock, commit, commit_batch, entity, event, full_case, hash,
    job, lookup, lose, name, next, official, open_case, open_entity, request, seal, sets, stream, version,
};
use crate::append::{
    Batch, BatchOutcome, EntityRow, Loser, NewRequest, Row, Settles, StageMove, StoredEvent,
};
use crate::error::StoreError;
use crate::read::{CaseRef, CaseRow, KnownRequest, Loaded, RequestRef};

pub async fn a_batch_of_many_streams_is_committed_whole(subject: &dyn Subject) {
    let store = subject.store();
    let opened = case(1);
    commit(&*store, vec![open_case(opened.clone())]).await;
    // Out of order of ids on purpose, and one of them already there.
    let mut appends = vec![open_entity(entity(9, StreamKind::Manifest)), next(&opened), open_case(case(5))];
    appends[0].lookups.push(lookup("manifest", "aa"));
    appends[1].jobs.push(job(1, "notices", 0));
    appends[2].deadlines.push(sets("detention", clock(10)));
    appends[2].events.push(event(stream(5), 2));
    appends[2].row = Row::Case(Box::new(CaseRow { version: 2, head: event(stream(5), 2).hash, ..case(5) }));
    commit_batch(&*store, &Batch { access: vec![access(1, 1, vec![stream(1)])], ..batch(appends) }).await;
    assert_eq!(version(&*store, stream(9)).await, 1);
    assert_eq!(version(&*store, stream(1)).await, 2);
    assert_eq!(version(&*store, stream(5)).await, 2);
    assert_eq!(store.lookups(&[lookup("manifest", "aa")]).await.unwrap(), [Some(stream(9))]);
    assert_eq!(store.jobs(false, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.deadlines(&[stream(5)]).await.unwrap().len(), 1);
    assert_eq!(store.events(stream(5), 1, 9).await.unwrap().len(), 2);
    assert_eq!(store.accesses(Some(stream(1)), None, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.append_many(&Batch::default()).await.unwrap(), BatchOutcome::Committed);
}

pub async fn every_loser_of_a_batch_is_named_and_nothing_is_written(subject: &dyn Subject) {
    let store = subject.store();
    let (one, two) = (case(1), case(2));
    let mut bound = open_case(one.clone());
    bound.requests = vec![request(1, "k")];
    let mut queued = open_case(two.clone());
    queued.lookups.push(lookup("serial", "77"));
    commit(&*store, vec![bound, queued]).await;

    let mut known = next(&one);
    known.requests = vec![request(1, "k")];
    let stale = open_case(two.clone());
    let mut lost = open_case(case(3));
    lost.settles = Some(Settles::Job { id: JobId(Uuid::from_u128(99)), epoch: 1, incident: None });
    let mut old = open_case(case(4));
    old.opens_under = Some((name("detainee"), DefinitionHash(hash("old"))));
    let mut taken = open_case(case(5));
    taken.lookups.extend([lookup("serial", "78"), lookup("serial", "77")]);
    let mut good = open_case(case(6));
    good.jobs.push(job(1, "q", 0));
    good.deadlines.push(sets("c", clock(1)));
    good.lookups.push(lookup("serial", "79"));
    good.requests = vec![request(2, "good")];
    good.stages.push(StageMove { workflow: name("detainee"), stage: None, office: None, net: 1 });
    let all = vec![known, good, stale, lost, old, taken];
    let losers = store
        .append_many(&Batch {
            seal: Some(seal(1, &all)),
            access: vec![access(1, 1, vec![stream(1)])],
            ..batch(all)
        })
        .await
        .unwrap();
    assert_eq!(
        losers,
        BatchOutcome::Lost(vec![
            (0, Loser::KeyBound),
            (2, Loser::Conflict),
            (3, Loser::LeaseLost),
            (4, Loser::DefinitionChanged),
            (5, Loser::KeyTaken(lookup("serial", "77"))),
        ])
    );
    for (number, is) in [(1, 1), (2, 1), (3, 0), (4, 0), (5, 0), (6, 0)] {
        assert_eq!(version(&*store, stream(number)).await, is, "stream {number}");
    }
    assert_eq!(store.events(stream(6), 1, 9).await.unwrap(), []);
    assert_eq!(store.jobs(false, None, 9).await.unwrap(), []);
    assert_eq!(store.deadlines(&[stream(6)]).await.unwrap(), []);
    assert_eq!(store.lookups(&[lookup("serial", "79"), lookup("serial", "78")]).await.unwrap(), [None, None]);
    assert_eq!(store.counts().await.unwrap(), []);
    assert_eq!(store.accesses(None, None, None, 9).await.unwrap(), []);
    assert_eq!(store.pending(9).await.unwrap().len(), 2);
    let asked =
        RequestRef { stream: stream(6), principal: request(2, "good").principal, key: "good".to_owned() };
    assert_eq!(store.requests(&[asked]).await.unwrap(), [None]);
}

pub async fn a_loser_has_the_first_of_its_reasons(subject: &dyn Subject) {
    let store = subject.store();
    let mut first = open_case(CaseRow { alias: Some("a".to_owned()), ..case(1) });
    first.requests = vec![request(1, "k")];
    first.lookups.push(lookup("s", "1"));
    commit(&*store, vec![first]).await;
    // This one breaks everything at once; its faults are mended one after another.
    let mut bad = open_case(CaseRow {
        reference: case(1).reference,
        alias: Some("a".to_owned()),
        version: 2,
        ..case(2)
    });
    bad.expected = 1;
    bad.events = vec![event(stream(2), 2)];
    bad.settles = Some(Settles::Deadline { key: "c".to_owned(), epoch: 0 });
    bad.opens_under = Some((name("detainee"), DefinitionHash(hash("none"))));
    bad.lookups.push(lookup("s", "1"));
    assert_eq!(lose(&*store, vec![bad.clone()]).await, [(0, Loser::Conflict)]);
    let Row::Case(row) = &mut bad.row else { panic!("a case") };
    row.version = 1;
    bad.expected = 0;
    bad.events = vec![event(stream(2), 1)];
    assert_eq!(lose(&*store, vec![bad.clone()]).await, [(0, Loser::LeaseLost)]);
    bad.settles = None;
    assert_eq!(lose(&*store, vec![bad.clone()]).await, [(0, Loser::DefinitionChanged)]);
    bad.opens_under = None;
    assert_eq!(lose(&*store, vec![bad.clone()]).await, [(0, Loser::KeyTaken(lookup("s", "1")))]);
    bad.lookups.clear();
    let taken = lookup("reference", &case(1).reference);
    assert_eq!(lose(&*store, vec![bad.clone()]).await, [(0, Loser::KeyTaken(taken))]);
    let Row::Case(row) = &mut bad.row else { panic!("a case") };
    row.reference = case(2).reference;
    assert_eq!(lose(&*store, vec![bad.clone()]).await, [(0, Loser::KeyTaken(lookup("alias", "a")))]);
    let Row::Case(row) = &mut bad.row else { panic!("a case") };
    row.alias = None;
    commit(&*store, vec![bad]).await;
    let mut again = next(&CaseRow { version: 7, ..case(1) });
    again.requests = vec![request(1, "k")];
    assert_eq!(lose(&*store, vec![again]).await, [(0, Loser::KeyBound)]);
}

pub async fn a_batch_that_breaks_the_contract_is_refused(subject: &dyn Subject) {
    let store = subject.store();
    let twice = batch(vec![open_case(case(1)), next(&case(1))]);
    let mut empty = batch(vec![open_case(case(1))]);
    empty.appends[0].events.clear();
    let mut gap = batch(vec![open_case(case(1))]);
    gap.appends[0].events[0].seq = 2;
    let mut other = batch(vec![open_case(case(1))]);
    other.appends[0].row = Row::Case(Box::new(case(2)));
    for (what, bad) in [("twice", twice), ("empty", empty), ("gap", gap), ("other", other)] {
        let answer = store.append_many(&bad).await;
        assert!(matches!(answer, Err(StoreError::Other { .. })), "{what}: {answer:?}");
    }
    assert_eq!(version(&*store, stream(1)).await, 0);
}

pub async fn a_request_key_is_bound_by_an_accepted_append_only(subject: &dyn Subject) {
    let store = subject.store();
    let asked = RequestRef { stream: stream(1), principal: request(1, "k").principal, key: "k".to_owned() };
    let mut loses = next(&case(1));
    loses.requests = vec![request(1, "k")];
    assert_eq!(lose(&*store, vec![loses]).await, [(0, Loser::Conflict)]);
    assert_eq!(store.requests(std::slice::from_ref(&asked)).await.unwrap(), [None]);
    let mut wins = open_case(case(1));
    wins.requests = vec![request(1, "k")];
    commit(&*store, vec![wins]).await;
    let known = KnownRequest { asked: hash("k"), answer: b"answer to k".to_vec(), seal: None };
    let missing = RequestRef { key: "other".to_owned(), ..asked.clone() };
    assert_eq!(
        store.requests(&[missing, asked.clone(), asked]).await.unwrap(),
        [None, Some(known.clone()), Some(known)]
    );
}

pub async fn a_request_key_holds_for_its_stream_and_principal(subject: &dyn Subject) {
    let store = subject.store();
    let mut one = open_case(case(1));
    one.requests = vec![request(1, "k")];
    let mut two = open_case(case(2));
    two.requests = vec![request(1, "k")];
    commit(&*store, vec![one, two]).await;
    let mut other_person = next(&case(1));
    other_person.requests = vec![request(2, "k")];
    commit(&*store, vec![other_person]).await;
    let mut same = next(&CaseRow { version: 2, ..case(1) });
    same.requests = vec![request(2, "k")];
    assert_eq!(lose(&*store, vec![same]).await, [(0, Loser::KeyBound)]);
}

pub async fn a_known_request_brings_its_seal_and_place(subject: &dyn Subject) {
    let store = subject.store();
    // In the batch the higher id comes first: places count in the order of the batch, not of the ids.
    let mut appends = vec![open_case(case(9)), open_case(case(3)), open_case(case(6))];
    appends[0].events.push(event(stream(9), 2));
    appends[0].row = Row::Case(Box::new(CaseRow { version: 2, ..case(9) }));
    for append in &mut appends {
        append.requests = vec![request(1, "k")];
    }
    let seal = seal(1, &appends);
    commit_batch(&*store, &Batch { seal: Some(seal.clone()), ..batch(appends) }).await;
    for (number, place) in [(9, 0), (3, 2), (6, 3)] {
        let asked =
            RequestRef { stream: stream(number), principal: request(1, "k").principal, key: "k".to_owned() };
        let known = store.requests(&[asked]).await.unwrap().remove(0).unwrap();
        assert_eq!(known.seal, Some((seal.clone(), place)), "stream {number}");
    }
}

pub async fn requests_of_one_append_are_bound_each_with_its_place(subject: &dyn Subject) {
    let store = subject.store();
    let mut many = open_case(case(1));
    many.events.extend([event(stream(1), 2), event(stream(1), 3)]);
    many.row = Row::Case(Box::new(CaseRow { version: 3, ..case(1) }));
    many.requests = vec![request(1, "a"), NewRequest { first: 2, ..request(1, "b") }, request(2, "a")];
    let appends = vec![open_case(case(2)), many];
    let seal = seal(1, &appends);
    commit_batch(&*store, &Batch { seal: Some(seal.clone()), ..batch(appends) }).await;
    for (principal, key, place) in [(1, "a", 1), (1, "b", 3), (2, "a", 1)] {
        let asked = RequestRef { stream: stream(1), principal: official(principal), key: key.to_owned() };
        let known = store.requests(&[asked]).await.unwrap().remove(0).unwrap();
        assert_eq!((known.seal, known.answer), (Some((seal.clone(), place)), request(principal, key).answer));
    }
    // One bound key among new ones: nothing of the append is written.
    let mut again = next(&CaseRow { version: 3, ..case(1) });
    again.requests = vec![request(1, "new"), request(1, "b")];
    assert_eq!(lose(&*store, vec![again.clone()]).await, [(0, Loser::KeyBound)]);
    // The contract: a key once, and an event that is there.
    again.requests = vec![request(1, "new"), request(1, "new")];
    assert!(store.append_many(&batch(vec![again.clone()])).await.is_err());
    again.requests = vec![NewRequest { first: 1, ..request(1, "new") }];
    assert!(store.append_many(&batch(vec![again.clone()])).await.is_err());
    again.requests = vec![request(1, "new")];
    commit(&*store, vec![again]).await;
}

pub async fn a_lookup_belongs_to_one_stream(subject: &dyn Subject) {
    let store = subject.store();
    let mut one = open_entity(entity(1, StreamKind::Person));
    one.lookups.extend([lookup("serial", "1"), lookup("other", "1"), lookup("serial", "٢")]);
    commit(&*store, vec![one]).await;
    let mut two = open_entity(entity(2, StreamKind::Person));
    two.lookups.push(lookup("serial", "1"));
    assert_eq!(lose(&*store, vec![two.clone()]).await, [(0, Loser::KeyTaken(lookup("serial", "1")))]);
    // The holder may name its key again, and may not take away a key of another.
    let second = EntityRow { version: 2, ..entity(1, StreamKind::Person) };
    let mut again = append(Row::Entity(second.clone()));
    again.lookups.push(lookup("serial", "1"));
    again.forgets.extend([lookup("other", "1"), lookup("serial", "1")]);
    commit(&*store, vec![again]).await;
    let mut thief = open_entity(entity(3, StreamKind::Person));
    thief.forgets.push(lookup("serial", "1"));
    commit(&*store, vec![thief]).await;
    assert_eq!(
        store
            .lookups(&[
                lookup("serial", "٢"),
                lookup("other", "1"),
                lookup("serial", "1"),
                lookup("none", "1")
            ])
            .await
            .unwrap(),
        [Some(stream(1)), None, Some(stream(1)), None]
    );
    let mut forgets = append(Row::Entity(EntityRow { version: 3, ..second }));
    forgets.forgets.push(lookup("serial", "1"));
    commit(&*store, vec![forgets]).await;
    commit(&*store, vec![two]).await;
    assert_eq!(store.lookups(&[lookup("serial", "1")]).await.unwrap(), [Some(stream(2))]);
}

pub async fn a_reference_and_an_alias_belong_to_one_case(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(CaseRow { alias: Some("x".to_owned()), ..case(1) })]).await;
    let reference = case(1).reference;
    let same = open_case(CaseRow { reference: reference.clone(), ..case(2) });
    let alias = open_case(CaseRow { alias: Some("x".to_owned()), ..case(3) });
    assert_eq!(
        lose(&*store, vec![same, alias]).await,
        [(0, Loser::KeyTaken(lookup("reference", &reference))), (1, Loser::KeyTaken(lookup("alias", "x")))]
    );
}

pub async fn two_appends_of_a_batch_cannot_share_a_key(subject: &dyn Subject) {
    let store = subject.store();
    let one = CaseRow { alias: Some("x".to_owned()), ..case(1) };
    commit(&*store, vec![open_case(one.clone())]).await;
    let mut first = open_case(case(5));
    first.lookups.extend([lookup("s", "1"), lookup("s", "1")]);
    let mut later = open_case(case(4));
    later.lookups.push(lookup("s", "1"));
    let twin = open_case(CaseRow { reference: case(5).reference, ..case(3) });
    // An alias is not free for others in the batch that gives it up.
    let gives = next(&CaseRow { alias: Some("y".to_owned()), ..one });
    let alias = open_case(CaseRow { alias: Some("y".to_owned()), ..case(6) });
    assert_eq!(
        lose(&*store, vec![first, later, twin, gives, alias]).await,
        [
            (1, Loser::KeyTaken(lookup("s", "1"))),
            (2, Loser::KeyTaken(lookup("reference", &case(5).reference))),
            (4, Loser::KeyTaken(lookup("alias", "y"))),
        ]
    );
}

pub async fn a_changed_alias_frees_the_old_one(subject: &dyn Subject) {
    let store = subject.store();
    let one = CaseRow { alias: Some("old".to_owned()), ..case(1) };
    commit(&*store, vec![open_case(one.clone())]).await;
    let two = CaseRow { alias: Some("new".to_owned()), version: 2, ..one };
    commit(&*store, vec![append(Row::Case(Box::new(two)))]).await;
    assert_eq!(store.find(&CaseRef::Alias("old".to_owned())).await.unwrap(), None);
    commit(&*store, vec![open_case(CaseRow { alias: Some("old".to_owned()), ..case(2) })]).await;
    let found = store.find(&CaseRef::Alias("old".to_owned())).await.unwrap();
    assert_eq!(found.map(|row| row.id), Some(stream(2)));
}

pub async fn a_case_opens_under_the_active_definition_only(subject: &dyn Subject) {
    let store = subject.store();
    let (old, new) = (DefinitionHash(hash("old")), DefinitionHash(hash("new")));
    let mut opens = open_case(case(1));
    opens.opens_under = Some((name("detainee"), old));
    assert_eq!(lose(&*store, vec![opens.clone()]).await, [(0, Loser::DefinitionChanged)]);
    commit(&*store, vec![activate(1, 1, "detainee", old), activate(2, 1, "other", new)]).await;
    commit(&*store, vec![opens]).await;
    // A case of the batch that activates is held against what was active before it.
    let mut early = open_case(case(4));
    early.opens_under = Some((name("detainee"), new));
    let both = vec![early.clone(), activate(1, 2, "detainee", new)];
    assert_eq!(lose(&*store, both).await, [(0, Loser::DefinitionChanged)]);
    early.opens_under = Some((name("detainee"), old));
    commit(&*store, vec![early, activate(1, 2, "detainee", new)]).await;
    let mut late = open_case(case(2));
    late.opens_under = Some((name("detainee"), old));
    let mut other = open_case(case(3));
    other.opens_under = Some((name("other"), new));
    assert_eq!(lose(&*store, vec![other, late]).await, [(1, Loser::DefinitionChanged)]);
}

pub async fn every_field_of_an_event_returns(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = open_case(case(1));
    opens.events = vec![event(stream(1), 1), event(stream(1), 2), event(stream(1), 3)];
    opens.events[2].at = jiff::Timestamp::from_microsecond(-1).unwrap();
    opens.events[2].secret = Some(Vec::new());
    opens.row = Row::Case(Box::new(CaseRow { version: 3, ..case(1) }));
    let written = opens.events.clone();
    commit(&*store, vec![opens]).await;
    assert_eq!(store.events(stream(1), 1, 9).await.unwrap(), written);
    assert!(
        written.iter().any(|event| event.secret.is_some())
            && written.iter().any(|event| event.secret.is_none())
    );
}

pub async fn huge_and_foreign_values_return(subject: &dyn Subject) {
    let store = subject.store();
    let text = "المحكمة الجنائية المركزية 🏛 ڕێککەوتن \u{1F9D1}\u{200D}\u{2696}\u{FE0F}";
    let every_byte: Vec<u8> = (0..=255).collect();
    let row = CaseRow {
        reference: text.to_owned(),
        alias: Some(format!("{text} '\"\\ $1 ?1 {{}} \n")),
        state: every_byte.iter().copied().cycle().take(1 << 20).collect(),
        ..full_case(1)
    };
    let mut opens = open_case(row.clone());
    opens.events[0].bytes.clone_from(&every_byte);
    opens.events[0].secret = Some(every_byte.iter().rev().copied().cycle().take(2 << 20).collect());
    opens.lookups.push(lookup(text, &format!("{text}\"'")));
    opens.deadlines.push(sets(text, clock(1)));
    opens.jobs.push(crate::append::NewJob {
        name: text.to_owned(),
        payload: every_byte.clone(),
        ..job(1, text, 0)
    });
    opens.requests = vec![crate::append::NewRequest { answer: every_byte, ..request(1, text) }];
    let written = opens.clone();
    commit(&*store, vec![opens]).await;
    assert_eq!(store.find(&CaseRef::Alias(row.alias.clone().unwrap())).await.unwrap(), Some(row.clone()));
    assert_eq!(store.find(&CaseRef::Reference(row.reference.clone())).await.unwrap(), Some(row));
    assert_eq!(store.events(stream(1), 1, 9).await.unwrap(), written.events);
    assert_eq!(store.lookups(&written.lookups).await.unwrap(), [Some(stream(1))]);
    assert_eq!(store.deadlines(&[stream(1)]).await.unwrap()[0].key, text);
    let queues = [text.to_owned()];
    let jobs = store.claim_jobs(at(1), &queues, Uuid::from_u128(1), super::make::LONG, 9).await.unwrap();
    assert_eq!((&jobs[0].name, &jobs[0].payload), (&written.jobs[0].name, &written.jobs[0].payload));
    let asked = RequestRef { stream: stream(1), principal: request(1, text).principal, key: text.to_owned() };
    let known = store.requests(&[asked]).await.unwrap().remove(0).unwrap();
    assert_eq!(known.answer, written.requests[0].answer);
}

pub async fn every_field_of_a_row_returns(subject: &dyn Subject) {
    let store = subject.store();
    let (full, bare) = (
        full_case(1),
        CaseRow { stage: None, stage_since: None, office: None, held: false, state: Vec::new(), ..case(2) },
    );
    let place = EntityRow {
        parent: Some(stream(1)),
        state: "{\"اسم\":1}".as_bytes().to_vec(),
        ..entity(3, StreamKind::Facility)
    };
    let appends = vec![open_case(full.clone()), open_case(bare.clone()), open_entity(place.clone())];
    commit(&*store, appends).await;
    assert_eq!(
        store.load_many(&[stream(1), stream(2), stream(3)]).await.unwrap(),
        [Loaded::Case(Box::new(full.clone())), Loaded::Case(Box::new(bare)), Loaded::Entity(place)]
    );
    // Every column that may change changes, and takes its empty value again.
    let changed = CaseRow {
        version: 2,
        head: hash("two"),
        state: b"2".to_vec(),
        updated: at(9),
        ..CaseRow {
            id: full.id,
            definition: DefinitionHash(hash("new file")),
            main: name("tried"),
            ..case(7)
        }
    };
    commit(&*store, vec![append(Row::Case(Box::new(changed.clone())))]).await;
    assert_eq!(store.find(&CaseRef::Id(stream(1))).await.unwrap(), Some(changed));
    let event = StoredEvent { secret: None, ..event(stream(1), 1) };
    assert_eq!(store.events(stream(1), 1, 1).await.unwrap(), [event]);
}

pub async fn an_access_record_of_a_known_id_undoes_the_batch(subject: &dyn Subject) {
    let store = subject.store();
    let with = |appends, ids: &[u128]| Batch {
        access: ids.iter().map(|id| access(*id, 1, Vec::new())).collect(),
        ..batch(appends)
    };
    commit_batch(&*store, &with(Vec::new(), &[1])).await;
    for ids in [&[2, 1][..], &[3, 3][..]] {
        let answer = store.append_many(&with(vec![open_case(case(1))], ids)).await;
        assert!(matches!(answer, Err(StoreError::Other { .. })), "{answer:?}");
    }
    assert_eq!(version(&*store, stream(1)).await, 0);
    assert_eq!(store.accesses(None, None, None, 9).await.unwrap().len(), 1);
    // The store is whole after it.
    commit_batch(&*store, &with(vec![open_case(case(1))], &[2])).await;
}
