//! Who may do what, read with every request.

use std::time::Duration;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::case::refusal::RefusalCode;
use qadiya_domain::registry::publications::Change;
use qadiya_engine::activation::ActivateError;
use qadiya_engine::authorize::Denied;
use qadiya_engine::officials::OfficialError;
use qadiya_engine::operations::{BatchItem, ItemAnswer, OperationError};
use qadiya_engine::query::QueryError;
use qadiya_engine::submit::{Accepted, Answer, SubmitError, Target};
use qadiya_ledger::{Value, canonical};

use super::faulty::Fault;
use super::fixtures::{Court, FLOW, command, italy, name, note, text, token};

async fn refused(court: &Court, ask: qadiya_engine::submit::Submission, code: RefusalCode) {
    match court.engine.submit(ask).await {
        Err(SubmitError::Refused(refusals)) => assert!(refusals.has(code), "{code}: {refusals}"),
        other => panic!("{code}: {other:?}"),
    }
}

/// The signature under what was proposed.
pub(crate) fn signature(proposed: &Accepted) -> Value {
    let answer: Answer = canonical::decode(&proposed.answer).unwrap();
    assert_eq!(answer.events[0].kind, "proposed");
    Value::map([
        ("sign", Value::Int(i64::try_from(answer.events[0].seq).unwrap())),
        ("hash", text(&answer.events[0].hash.to_string())),
    ])
}

#[tokio::test]
async fn two_tokens_of_one_person_are_one_pair_of_eyes() {
    let court = Court::new().await;
    let case = court.open().await;
    let target = || Target::Case(case.stream);
    let proposed = court.engine.submit(court.asking(&court.judge, target(), command("rule"))).await.unwrap();
    let sign = signature(&proposed);
    let second_token = token(&court.engine, court.judge.official, false).await;
    assert_ne!(second_token.token, court.judge.token);
    refused(&court, court.asking(&second_token, target(), sign.clone()), RefusalCode::SamePerson).await;
    let signed = court.engine.submit(court.asking(&court.other_judge, target(), sign)).await.unwrap();
    let answer: Answer = canonical::decode(&signed.answer).unwrap();
    assert_eq!(answer.state.as_deref(), Some("done"));
}

#[tokio::test]
async fn an_appointment_counts_while_it_runs_and_not_a_moment_longer() {
    let court = Court::new().await;
    let case = court.open().await;
    let held = court.clerk.appointments[0].id;
    let until = court.engine.clock().now();
    court
        .engine
        .end_appointment(&Actor::System, court.clerk.official, held, until, "order 2/2026")
        .await
        .unwrap();
    let fresh = token(&court.engine, court.clerk.official, false).await;
    refused(&court, court.asking(&fresh, Target::Case(case.stream), note("late")), RefusalCode::Appointment)
        .await;
    refused(
        &court,
        court.asking(&fresh, Target::Named("nothing".to_owned()), note("late")),
        RefusalCode::Appointment,
    )
    .await;
}

#[tokio::test]
async fn an_appointment_for_another_workflow_gives_nothing_here() {
    let court = Court::new().await;
    let case = court.open().await;
    let by = &Actor::System;
    let official = court.engine.name_official(by, "Clerk Elsewhere").await.unwrap();
    let elsewhere = Some(name("other-flow"));
    court
        .engine
        .appoint(by, official, name("clerk"), elsewhere, "order 3", Timestamp::UNIX_EPOCH, None)
        .await
        .unwrap();
    let clerk = token(&court.engine, official, false).await;
    let found = court.engine.submit(court.asking(&clerk, Target::Case(case.stream), note("hello"))).await;
    assert!(matches!(found, Err(SubmitError::NotFound)), "{found:?}");
}

#[tokio::test]
async fn programs_and_batches_take_no_decision_about_a_person() {
    let court = Court::new().await;
    let case = court.open().await;
    let target = || Target::Case(case.stream);
    let program = token(&court.engine, court.judge.official, true).await;
    refused(&court, court.asking(&program, target(), command("rule")), RefusalCode::Decision).await;
    let mut batch = court.asking(&court.judge, target(), command("rule"));
    batch.batch = true;
    refused(&court, batch, RefusalCode::Decision).await;
    let scribe = token(&court.engine, court.clerk.official, true).await;
    assert!(court.engine.submit(court.asking(&scribe, target(), note("by a program"))).await.is_ok());
}

#[tokio::test]
async fn a_token_opens_nothing_once_it_is_revoked_or_over() {
    let court = Court::new().await;
    let by = &Actor::System;
    let official = court.clerk.official;
    let until = court.engine.clock().now().checked_add(Duration::from_mins(1)).unwrap();
    let (_, short) =
        court.engine.issue_token(by, official, false, Vec::new(), Some(until), "short").await.unwrap();
    let (id, long) = court.engine.issue_token(by, official, false, Vec::new(), None, "long").await.unwrap();
    assert!(court.engine.authenticate(short.expose()).await.is_ok());
    court.clock.set(until);
    assert_eq!(court.engine.authenticate(short.expose()).await, Err(Denied::Expired));
    assert!(court.engine.authenticate(long.expose()).await.is_ok());
    court.engine.revoke_token(by, official, id).await.unwrap();
    assert_eq!(court.engine.authenticate(long.expose()).await, Err(Denied::Unknown));
    assert_eq!(court.engine.authenticate("guess").await, Err(Denied::Unknown));
    let twice = court.engine.revoke_token(by, official, id).await;
    assert!(matches!(twice, Err(OfficialError::Unknown("token"))), "{twice:?}");
    let stored = court.store.inner.tamper(|tables| format!("{tables:?}"));
    assert!(!stored.contains(long.expose()), "only the hash of a secret is kept");
}

#[tokio::test]
async fn a_token_limited_to_roles_gives_only_those() {
    let court = Court::new().await;
    let case = court.open().await;
    let by = &Actor::System;
    let limited = vec![name("prosecutor")];
    let issued =
        court.engine.issue_token(by, court.clerk.official, false, limited, None, "limited").await.unwrap();
    let clerk = court.engine.authenticate(issued.1.expose()).await.unwrap();
    let found = court.engine.submit(court.asking(&clerk, Target::Case(case.stream), note("hello"))).await;
    assert!(matches!(found, Err(SubmitError::Forbidden(_))), "{found:?}");
}

#[tokio::test]
async fn a_trial_runs_only_where_everybody_is_synthetic() {
    let court = Court::new().await;
    let flow = String::from_utf8(FLOW.to_vec()).unwrap();
    // A state that nothing leads to is a finding; the file is a trial.
    let flow = flow
        .replace("version: 1", "version: 2")
        .replace("  done: {", "  island: {title: Island, acts: judge}\n  done: {");
    let published =
        court.engine.publish(&Actor::System, flow.as_bytes(), &[(name("italy"), italy())]).await.unwrap();
    assert!(!published.proved, "{:?}", published.findings);
    let [first, second] = &court.administrators;
    let replaces = court.engine.publications(&name("small-case")).await.unwrap().active;
    let change = Change { definition: published.hash, replaces };
    court.engine.sign(first, &name("small-case"), change).await.unwrap();
    court.store.inner.tamper(|tables| tables.settings.insert("synthetic".to_owned(), "false".to_owned()));
    let found = court.engine.sign(second, &name("small-case"), change).await;
    assert!(matches!(found, Err(ActivateError::Trial(_))), "{found:?}");
}

fn item(case: &Accepted, act: Value, key: &str) -> BatchItem {
    BatchItem { case: case.reference.clone(), act, happened: None, key: key.to_owned(), seen: None }
}

#[tokio::test]
async fn an_operation_is_carried_out_once_with_the_rights_of_the_day() {
    let court = Court::new().await;
    let (one, two) = (court.open().await, court.open().await);
    let begin = async |key: &str| {
        let items = vec![
            item(&one, note("\u{633}\u{628}\u{628}"), &format!("{key}-a")),
            BatchItem { seen: Some(9), ..item(&two, note("b"), &format!("{key}-b")) },
        ];
        court.engine.queue_batch(&court.viewer(&court.clerk), items, key).await.unwrap()
    };
    let id = begin("op-1").await;
    assert_eq!(begin("op-1").await, id);
    assert!(stored_requests(&court).contains("\u{633}\u{628}\u{628}"));
    court.engine.run_operation(id).await.unwrap();
    court.engine.run_operation(id).await.unwrap();
    assert_eq!(court.events(&one).await, [1, 2]);
    assert_eq!(stored_requests(&court), "", "what was asked is not kept once it is answered");
    let view = court.engine.operation(&court.viewer(&court.clerk), id).await.unwrap();
    assert_eq!(view.percent, 100);
    let answers: Vec<ItemAnswer> = canonical::decode(&view.result.unwrap()).unwrap();
    assert!(answers[0].answer.is_some() && answers[1].fault.is_some(), "{answers:?}");
    assert_eq!(answers[0].stream, Some(one.stream));
    let others = court.engine.operation(&court.viewer(&court.judge), id).await;
    assert!(matches!(others, Err(OperationError::NotFound)));
    let id = begin("op-2").await;
    court.engine.revoke_token(&Actor::System, court.clerk.official, court.clerk.token).await.unwrap();
    assert!(matches!(court.engine.run_operation(id).await, Err(OperationError::RightsEnded)));
    assert_eq!(court.events(&one).await, [1, 2]);
}

/// The requests of all operations as they are stored.
fn stored_requests(court: &Court) -> String {
    court.store.inner.tamper(|tables| {
        let requests =
            tables.operations.values().map(|held| String::from_utf8(held.request.clone()).unwrap());
        requests.collect()
    })
}

#[tokio::test]
async fn what_can_never_be_done_in_a_queue_is_refused_before_it_is_stored() {
    let court = Court::new().await;
    let case = court.open().await;
    for (act, code) in [
        (command("rule"), RefusalCode::Decision),
        (Value::map::<String>([]), RefusalCode::Form),
        (command("no-such-command"), RefusalCode::UnknownCommand),
    ] {
        let who = || court.viewer(&court.judge);
        let alone = court.engine.queue_act(&who(), item(&case, act.clone(), "k")).await;
        let many = court.engine.queue_batch(&who(), vec![item(&case, act, "k")], "k").await;
        for found in [alone, many] {
            let Err(OperationError::Query(QueryError::Refused(refusals))) = found else {
                panic!("{found:?}")
            };
            assert!(refusals.has(code), "{code}: {refusals}");
        }
    }
    assert!(court.store.inner.tamper(|tables| tables.operations.is_empty()));
}

#[tokio::test]
async fn a_result_is_shown_to_nobody_without_a_capacity_and_leaves_its_access_record() {
    let court = Court::new().await;
    let case = court.open().await;
    let who = court.viewer(&court.clerk);
    let id = court.engine.queue_act(&who, item(&case, note("a"), "k")).await.unwrap();
    court.engine.run_operation(id).await.unwrap();
    let asking = court.viewer(&court.clerk);
    court.engine.operation(&asking, id).await.unwrap();
    let records = court.engine.store().accesses(Some(case.stream), None, None, 10).await.unwrap();
    assert!(records.iter().any(|record| record.id == asking.request), "{records:?}");
    court.store.fail(&[Fault::Full]);
    let unrecorded = court.engine.operation(&court.viewer(&court.clerk), id).await;
    assert!(matches!(unrecorded, Err(OperationError::Query(QueryError::Unavailable(_)))), "{unrecorded:?}");
    let held = court.clerk.appointments[0].id;
    let until = court.engine.clock().now();
    let by = &Actor::System;
    court.engine.end_appointment(by, court.clerk.official, held, until, "order 2/2026").await.unwrap();
    let fresh = token(&court.engine, court.clerk.official, false).await;
    let found = court.engine.operation(&court.viewer(&fresh), id).await;
    assert!(matches!(found, Err(OperationError::Query(QueryError::Refused(_)))), "{found:?}");
}
