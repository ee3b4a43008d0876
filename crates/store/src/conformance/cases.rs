//! Reading cases, other streams, events, counters and clocks.

use jiff::Timestamp;
use qadiya_domain::ids::{StreamId, StreamKind};

use super::Subject;
use super::make::{
    append, at, case, clock, commit, entity, event, full_case, name, next, open_case, open_entity, sets,
    stream, twin,
};
use crate::Store;
use crate::append::{Append, DeadlineChange, DeadlineRow, Row, StageMove, StoredEvent};
use crate::read::{CaseFilter, CaseRef, CaseRow, CaseStore, Loaded, StageCount, StoredDeadline};

pub async fn streams_are_loaded_in_the_order_asked_for(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(case(1)), open_entity(entity(2, StreamKind::Person)), open_case(case(3))])
        .await;
    let one = Loaded::Case(Box::new(case(1)));
    assert_eq!(
        store.load_many(&[stream(3), stream(9), stream(1), stream(2), stream(1)]).await.unwrap(),
        [
            Loaded::Case(Box::new(case(3))),
            Loaded::Absent,
            one.clone(),
            Loaded::Entity(entity(2, StreamKind::Person)),
            one
        ]
    );
    assert_eq!(store.load_many(&[]).await.unwrap(), []);
}

pub async fn a_case_is_found_by_id_reference_and_alias(subject: &dyn Subject) {
    let store = subject.store();
    let row = full_case(1);
    commit(
        &*store,
        vec![open_case(row.clone()), open_case(case(2)), open_entity(entity(3, StreamKind::Person))],
    )
    .await;
    for asked in [
        CaseRef::Id(row.id),
        CaseRef::Reference(row.reference.clone()),
        CaseRef::Alias(row.alias.clone().unwrap()),
    ] {
        assert_eq!(store.find(&asked).await.unwrap(), Some(row.clone()), "{asked:?}");
    }
    for absent in [
        CaseRef::Id(stream(9)),
        CaseRef::Id(stream(3)),
        CaseRef::Reference(row.alias.unwrap()),
        CaseRef::Reference(row.reference.to_lowercase()),
        CaseRef::Alias(String::new()),
        CaseRef::Alias("%".to_owned()),
    ] {
        assert_eq!(store.find(&absent).await.unwrap(), None, "{absent:?}");
    }
}

/// Cases that differ in everything a filter can ask for.
fn varied() -> Vec<CaseRow> {
    let until = |n: u128| Some(at(i64::try_from(n).unwrap()));
    (1..=60)
        .map(|n| CaseRow {
            workflow: name(if n % 2 == 0 { "detainee" } else { "civil" }),
            stage: (n % 3 != 0).then(|| name(if n % 3 == 1 { "received" } else { "tried" })),
            main: name(if n % 5 == 0 { "held" } else { "received" }),
            office: (n % 7 != 0).then(|| name(if n % 4 == 0 { "judge" } else { "registry" })),
            group: (n % 4 != 1).then(|| stream(1_000 + n % 2)),
            held: n % 5 < 3,
            authority_until: if n % 6 == 0 { None } else { until(n) },
            outcome: (n % 8 == 0).then(|| name("released")),
            irregular: if n % 9 == 0 { 2 } else { 0 },
            ..case(n)
        })
        .collect()
}

pub async fn each_filter_restricts_lists_and_counts(subject: &dyn Subject) {
    let store = subject.store();
    let appends: Vec<Append> = varied().into_iter().map(open_case).collect();
    commit(&*store, appends.clone()).await;
    let twin = twin(appends).await;
    let all = CaseFilter::default();
    let filters = [
        all.clone(),
        CaseFilter { workflow: Some(name("civil")), ..all.clone() },
        CaseFilter { workflow: Some(name("none")), ..all.clone() },
        CaseFilter { stage: Some(Some(name("tried"))), ..all.clone() },
        CaseFilter { stage: Some(None), ..all.clone() },
        CaseFilter { main: Some(name("held")), ..all.clone() },
        CaseFilter { office: Some(name("judge")), ..all.clone() },
        CaseFilter { group: Some(stream(1_001)), ..all.clone() },
        CaseFilter { lapsed_at: Some(at(30)), ..all.clone() },
        CaseFilter { lapsed_at: Some(Timestamp::MIN), ..all.clone() },
        CaseFilter { lapsed_at: Some(Timestamp::MAX), ..all.clone() },
        CaseFilter { irregular: true, ..all.clone() },
        CaseFilter { open: true, ..all.clone() },
        CaseFilter {
            workflow: Some(name("detainee")),
            stage: Some(Some(name("received"))),
            main: Some(name("received")),
            office: Some(name("registry")),
            group: Some(stream(1_000)),
            lapsed_at: Some(at(58)),
            irregular: false,
            open: true,
        },
    ];
    for filter in filters {
        let expected = twin.list(&filter, None, 1_000).await.unwrap();
        assert_eq!(store.list(&filter, None, 1_000).await.unwrap(), expected, "{filter:?}");
        assert_eq!(store.count(&filter).await.unwrap(), u64::try_from(expected.len()).unwrap(), "{filter:?}");
        let after = Some(stream(31));
        assert_eq!(
            store.list(&filter, after, 5).await.unwrap(),
            twin.list(&filter, after, 5).await.unwrap(),
            "{filter:?}"
        );
    }
}

/// All pages of a list.
pub(super) async fn pages(store: &dyn Store, filter: &CaseFilter, limit: u32) -> Vec<StreamId> {
    let mut ids = Vec::new();
    loop {
        let page = store.list(filter, ids.last().copied(), limit).await.unwrap();
        if page.is_empty() {
            return ids;
        }
        assert!(page.len() <= usize::try_from(limit).unwrap());
        ids.extend(page.into_iter().map(|row| row.id));
    }
}

pub async fn pages_are_complete_and_hold_nothing_twice(subject: &dyn Subject) {
    let store = subject.store();
    // Ids whose order as signed numbers, as text and as bytes differs.
    let numbers =
        [1, 2, 9, 10, 255, 256, 1 << 64, u128::MAX, u128::MAX >> 1, (u128::MAX >> 1) + 1, 0x0a << 120];
    commit(
        &*store,
        numbers.iter().map(|n| open_case(CaseRow { reference: n.to_string(), ..case(*n) })).collect(),
    )
    .await;
    let mut sorted: Vec<StreamId> = numbers.iter().map(|n| stream(*n)).collect();
    sorted.sort();
    for limit in [1, 2, 3, 10, 11, 12, 1_000] {
        assert_eq!(pages(&*store, &CaseFilter::default(), limit).await, sorted, "by {limit}");
    }
    assert_eq!(store.list(&CaseFilter::default(), None, 0).await.unwrap(), []);
}

pub async fn events_are_read_from_a_number_on(subject: &dyn Subject) {
    let store = subject.store();
    let mut opens = open_case(case(1));
    opens.events = (1..=12).map(|seq| event(stream(1), seq)).collect();
    opens.row = Row::Case(Box::new(CaseRow { version: 12, ..case(1) }));
    commit(&*store, vec![opens.clone(), open_case(case(2))]).await;
    assert_eq!(store.events(stream(1), 0, 99).await.unwrap(), opens.events);
    assert_eq!(store.events(stream(1), 5, 3).await.unwrap(), opens.events[4..7]);
    assert_eq!(store.events(stream(1), 12, 3).await.unwrap(), opens.events[11..]);
    assert_eq!(store.events(stream(1), 13, 3).await.unwrap(), []);
    assert_eq!(store.events(stream(9), 1, 3).await.unwrap(), []);
}

pub async fn cases_of_several_groups_are_counted_at_once(subject: &dyn Subject) {
    let store = subject.store();
    let with = |n: u128, group: Option<u128>, outcome: Option<&str>| {
        open_case(CaseRow { group: group.map(stream), outcome: outcome.map(name), ..case(n) })
    };
    commit(
        &*store,
        vec![
            with(1, Some(7), None),
            with(2, Some(8), None),
            with(3, Some(7), Some("ended")),
            with(4, None, None),
            with(5, Some(7), None),
        ],
    )
    .await;
    let groups = [8, 9, 7, 8].map(stream);
    let counted = async |filter: CaseFilter| store.count_groups(&filter, &groups).await.unwrap();
    assert_eq!(counted(CaseFilter::default()).await, [1, 0, 3, 1]);
    assert_eq!(counted(CaseFilter { open: true, ..CaseFilter::default() }).await, [1, 0, 2, 1]);
    assert_eq!(counted(CaseFilter { group: Some(stream(8)), ..CaseFilter::default() }).await, [1, 0, 0, 1]);
    assert_eq!(store.count_groups(&CaseFilter::default(), &[]).await.unwrap(), [0_u64; 0]);
}

pub async fn the_first_events_of_cases_come_in_pages(subject: &dyn Subject) {
    let store = subject.store();
    let protected = |n: u128| StoredEvent { secret: Some(b"a name".to_vec()), ..event(stream(n), 1) };
    let with = |n: u128, group: u128| {
        let opens = open_case(CaseRow { group: Some(stream(group)), ..case(n) });
        Append { events: vec![protected(n)], ..opens }
    };
    commit(&*store, vec![with(1, 7), with(2, 8), with(3, 7), with(4, 7)]).await;
    commit(&*store, vec![next(&CaseRow { group: Some(stream(7)), ..case(3) })]).await;
    let filter = CaseFilter { group: Some(stream(7)), ..CaseFilter::default() };
    let first = |n: u128| (stream(n), protected(n));
    assert_eq!(store.openings(&filter, None, 2).await.unwrap(), [first(1), first(3)]);
    assert_eq!(store.openings(&filter, Some(stream(3)), 2).await.unwrap(), [first(4)]);
    assert_eq!(store.openings(&filter, Some(stream(4)), 2).await.unwrap(), []);
}

pub async fn events_of_several_streams_come_in_order_without_secrets(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(case(1)), open_case(case(2)), open_case(case(3))]).await;
    commit(&*store, vec![next(&case(1)), next(&case(3))]).await;
    let bare = |n: u128, seq| (stream(n), StoredEvent { secret: None, ..event(stream(n), seq) });
    assert_eq!(
        store.events_of(&[stream(3), stream(9), stream(1), stream(3)]).await.unwrap(),
        [bare(1, 1), bare(1, 2), bare(3, 1), bare(3, 2)]
    );
    assert_eq!(store.events_of(&[]).await.unwrap(), []);
    let secret = |n: u128, seq| Some((stream(n), seq, event(stream(n), seq).secret?));
    let secrets: Vec<_> =
        [secret(1, 1), secret(1, 2), secret(3, 1), secret(3, 2)].into_iter().flatten().collect();
    assert!(!secrets.is_empty(), "the events of the suite have secrets");
    let wanted = [stream(3), stream(9), stream(1), stream(3)];
    assert_eq!(store.secrets_of(&wanted).await.unwrap(), secrets, "by themselves");
    assert_eq!(store.secrets_of(&[]).await.unwrap(), []);
}

pub async fn entities_are_listed_by_kind_and_parent(subject: &dyn Subject) {
    let store = subject.store();
    let with = |n: u128, kind, parent: Option<u128>| {
        open_entity(crate::append::EntityRow { parent: parent.map(stream), ..entity(n, kind) })
    };
    let (person, manifest) = (StreamKind::Person, StreamKind::Manifest);
    commit(
        &*store,
        vec![
            with(1, person, Some(2)),
            with(2, manifest, None),
            with(3, person, None),
            with(4, person, Some(2)),
            with(5, person, Some(1)),
        ],
    )
    .await;
    let store = &store;
    let listed = async |kind, parent: Option<u128>, after: Option<u128>, limit| -> Vec<StreamId> {
        let rows = store.entities(kind, parent.map(stream), after.map(stream), limit).await.unwrap();
        rows.into_iter().map(|row| row.stream).collect()
    };
    assert_eq!(listed(person, None, None, 9).await, [1, 3, 4, 5].map(stream));
    assert_eq!(listed(person, None, Some(1), 2).await, [3, 4].map(stream));
    assert_eq!(listed(person, Some(2), None, 9).await, [1, 4].map(stream));
    assert_eq!(listed(person, Some(2), Some(1), 9).await, [4].map(stream));
    assert_eq!(listed(manifest, None, None, 9).await, [stream(2)]);
    assert_eq!(listed(StreamKind::Office, None, None, 9).await, []);
}

pub async fn counters_and_pending_moves_make_the_counts(subject: &dyn Subject) {
    let store = subject.store();
    let moved = |stage: &str, office: Option<&str>, net| StageMove {
        workflow: name("detainee"),
        stage: Some(name(stage)),
        office: office.map(name),
        net,
    };
    let count = |stage: &str, office: Option<&str>, count| StageCount {
        workflow: name("detainee"),
        stage: Some(name(stage)),
        office: office.map(name),
        count,
    };
    let mut one = open_case(case(1));
    one.stages = vec![moved("received", Some("registry"), 1)];
    let mut two = open_case(case(2));
    two.stages = vec![
        moved("received", Some("registry"), 1),
        moved("tried", None, 1),
        StageMove { workflow: name("civil"), stage: None, office: None, net: 3 },
    ];
    commit(&*store, vec![one, two]).await;
    let civil = StageCount { workflow: name("civil"), stage: None, office: None, count: 3 };
    let before = [civil.clone(), count("received", Some("registry"), 2), count("tried", None, 1)];
    assert_eq!(store.counts().await.unwrap(), before);
    // Four moves; a store may have kept the net moves of the batch, which are three.
    assert!(matches!(store.fold_stages().await.unwrap(), 3 | 4));
    assert_eq!(store.fold_stages().await.unwrap(), 0);
    assert_eq!(store.counts().await.unwrap(), before);
    let mut act = next(&case(1));
    act.stages =
        vec![moved("received", Some("registry"), -1), moved("tried", None, -1), moved("tried", Some("a"), 1)];
    commit(&*store, vec![act]).await;
    let after = [civil, count("received", Some("registry"), 1), count("tried", Some("a"), 1)];
    assert_eq!(store.counts().await.unwrap(), after);
    assert_eq!(store.fold_stages().await.unwrap(), 3);
    assert_eq!(store.counts().await.unwrap(), after);
}

pub async fn clocks_are_written_removed_and_listed(subject: &dyn Subject) {
    let store = subject.store();
    let bare = DeadlineRow { due: None, next: None, step: 0, passed: true, calendar: None, ..clock(1) };
    let mut one = open_case(case(1));
    one.deadlines = vec![sets("b", clock(5)), sets("a", bare.clone())];
    let mut two = open_case(case(2));
    two.deadlines = vec![sets("b", clock(6))];
    commit(&*store, vec![two, one]).await;
    let stored = |n: u128, key: &str, row| StoredDeadline { stream: stream(n), key: key.to_owned(), row };
    assert_eq!(
        store.deadlines(&[stream(2), stream(1), stream(9)]).await.unwrap(),
        [stored(1, "a", bare), stored(1, "b", clock(5)), stored(2, "b", clock(6))]
    );
    let mut act = next(&case(1));
    let remove = |key: &str| DeadlineChange { key: key.to_owned(), row: None };
    act.deadlines = vec![remove("a"), remove("none"), sets("b", DeadlineRow { step: 3, ..clock(50) })];
    commit(&*store, vec![act]).await;
    assert_eq!(
        store.deadlines(&[stream(1)]).await.unwrap(),
        [stored(1, "b", DeadlineRow { step: 3, ..clock(50) })]
    );
    assert_eq!(store.deadlines(&[]).await.unwrap(), []);
}

pub async fn clocks_before_an_instant_are_paged_by_limit(subject: &dyn Subject) {
    let store = subject.store();
    let mut appends = Vec::new();
    for n in 1..=10_u128 {
        let mut opens = open_case(case(n));
        // Equal limits on purpose: the position must tell them apart by stream and key.
        opens.deadlines = vec![
            sets("b", DeadlineRow { due: Some(at(i64::try_from(n % 3).unwrap())), ..clock(1) }),
            sets("a", DeadlineRow { due: Some(at(1)), ..clock(1) }),
            sets("none", DeadlineRow { due: None, ..clock(1) }),
        ];
        appends.push(opens);
    }
    commit(&*store, appends.clone()).await;
    let twin = twin(appends).await;
    for before in [at(0), at(1), at(2), at(9)] {
        let all = twin.deadlines_before(before, None, 99).await.unwrap();
        for limit in [1, 3, 99] {
            let (mut got, mut after) = (Vec::new(), None);
            loop {
                let page = store.deadlines_before(before, after, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                let last = last.clone().unwrap();
                after = Some((last.row.due.unwrap(), last.stream, last.key));
                got.extend(page);
            }
            assert_eq!(got, all, "before {before} by {limit}");
        }
    }
    let mut later = append(Row::Case(Box::new(CaseRow { version: 2, ..case(1) })));
    later.deadlines = vec![DeadlineChange { key: "a".to_owned(), row: None }];
    commit(&*store, vec![later]).await;
    assert_eq!(store.deadlines_before(at(9), None, 99).await.unwrap().len(), 19);
}
