//! Two servers on one store: what one of them keeps in memory is old as soon as the other has moved the case.
//! A write on an old state loses by its version; an answer without a write has no such fence and must be asked again.

use jiff::ToSpan;
use qadiya_domain::actor::Actor;
use qadiya_domain::case::Act;
use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::state::ClockKey;
use qadiya_domain::registry::publications::Change;
use qadiya_engine::Engine;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, SubmitError, Target};
use qadiya_store::read::{CaseStore, Loaded};
use uuid::Uuid;

use super::fixtures::{Court, FLOW, command, engine_on, italy, name, new_case, note, settings};

async fn second(court: &Court) -> Engine {
    engine_on(&court.store, &court.clock, &court.ids, settings(&court.fatal)).await
}

fn changed(from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(FLOW).unwrap();
    assert!(text.contains(from), "{from}");
    text.replace(from, to).into_bytes()
}

async fn activate(court: &Court, engine: &Engine, file: &[u8]) {
    engine.publish_signed(&court.administrators, file, &[(name("italy"), italy())]).await.unwrap();
}

fn typed(target: Target, act: Act) -> Submission {
    Submission::new(ActorChoice::System, target, ActInput::Typed(act))
}

#[tokio::test]
async fn a_refusal_on_an_old_state_is_not_final() {
    let court = Court::new().await;
    let case = court.open().await;
    let other = second(&court).await;
    let target = || Target::Case(case.stream);
    // The other server holds the case as it is before the proposal; there is nothing to sign in it.
    other.submit(court.asking(&court.clerk, target(), note("seen"))).await.unwrap();
    let proposed = court.engine.submit(court.asking(&court.judge, target(), command("rule"))).await.unwrap();
    let sign = super::rights::signature(&proposed);
    let done = other.submit(court.asking(&court.other_judge, target(), sign)).await;
    assert!(done.is_ok(), "{done:?}");
    other.stop().await;
}

#[tokio::test]
async fn a_version_that_was_seen_is_held_against_the_row() {
    let court = Court::new().await;
    let case = court.open().await;
    let other = second(&court).await;
    other.submit(court.asking(&court.clerk, Target::Case(case.stream), note("two"))).await.unwrap();
    let now = court.note(&case, "three").await.unwrap().version;
    let mut ask = court.asking(&court.clerk, Target::Case(case.stream), note("four"));
    ask.seen = Some(now);
    assert_eq!(other.submit(ask).await.unwrap().version, now + 1);
    let mut late = court.asking(&court.clerk, Target::Case(case.stream), note("five"));
    late.seen = Some(now);
    let found = court.engine.submit(late).await;
    assert!(matches!(found, Err(SubmitError::Conflict { found: 4, .. })), "{found:?}");
    other.stop().await;
}

#[tokio::test]
async fn a_clock_that_another_server_stepped_is_stepped_on() {
    let court = Court::new().await;
    let case = court.open().await;
    let other = second(&court).await;
    other.submit(court.asking(&court.clerk, Target::Case(case.stream), note("seen"))).await.unwrap();
    let clock: ClockKey = court.store.deadlines(&[case.stream]).await.unwrap()[0].key.parse().unwrap();
    let step = |step| typed(Target::Case(case.stream), Act::StepClock { clock: clock.clone(), step });
    let due = || async { court.store.deadlines(&[case.stream]).await.unwrap().remove(0).row };
    court.clock.set(due().await.next.unwrap());
    court.engine.submit(step(due().await.step)).await.unwrap();
    let next = due().await;
    court.clock.set(next.next.unwrap().checked_add(1.second()).unwrap());
    let stepped = other.submit(step(next.step)).await;
    assert!(stepped.is_ok(), "the other server knows the step before only: {stepped:?}");
    assert_eq!(due().await.step, next.step + 1);
    other.stop().await;
}

#[tokio::test]
async fn an_answer_to_a_job_that_another_server_queued_is_heard() {
    let court = Court::new().await;
    let asks = changed(
        "  open: {title: Open, acts: judge}",
        "  open: {title: Open, acts: judge}\n  asking: {title: Asking, acts: judge, jobs: [ask]}",
    );
    let asks = String::from_utf8(asks).unwrap().replace(
        "deadlines:\n",
        concat!(
            "  ask-outside: {title: Ask, from: open, to: asking, by: [clerk], clerical: asks outside}\n",
            "  answered: {title: Answered, from: asking, to: open, by: [system], clerical: an answer came}\n",
            "jobs:\n",
            "  ask: {queue: out, attempt-limit: 5 minutes, retry: {times: 2},\n",
            "        when-done: {answers: {there: {do: answered}}}, if-it-fails: {tell: [clerk]}}\n",
            "deadlines:\n",
        ),
    );
    activate(&court, &court.engine, asks.replace("version: 1", "version: 2").as_bytes()).await;
    let case = court.open().await;
    let other = second(&court).await;
    let target = || Target::Case(case.stream);
    other.submit(court.asking(&court.clerk, target(), note("seen"))).await.unwrap();
    let queued =
        court.engine.submit(court.asking(&court.clerk, target(), command("ask-outside"))).await.unwrap();
    let report =
        JobReport::Done { code: Some("there".to_owned()), fields: std::collections::BTreeMap::new() };
    let act = Act::ReportJob { queued: queued.version, job: name("ask"), report };
    let heard = other.submit(typed(target(), act)).await;
    assert!(heard.is_ok(), "{heard:?}");
    let Loaded::Case(row) = court.store.load_many(&[case.stream]).await.unwrap().remove(0) else {
        panic!("no case")
    };
    assert_eq!(row.main, name("open"));
    other.stop().await;
}

#[tokio::test]
async fn a_definition_that_another_server_activated_opens_cases() {
    let court = Court::new().await;
    let other = second(&court).await;
    other.submit(court.asking(&court.clerk, new_case(), command("receive"))).await.unwrap();
    let renamed = changed("  receive:\n", "  take-in:\n");
    let renamed = String::from_utf8(renamed).unwrap().replace("version: 1", "version: 2");
    activate(&court, &court.engine, renamed.as_bytes()).await;
    let opened = other.submit(court.asking(&court.clerk, new_case(), command("take-in"))).await;
    assert!(opened.is_ok(), "the law that was active before knows no such command: {opened:?}");
    other.stop().await;
}

#[tokio::test]
async fn a_record_that_another_server_wrote_is_not_overlooked() {
    let court = Court::new().await;
    let other = second(&court).await;
    let flow = |version: &str| changed("version: 1", &format!("version: {version}"));
    // Both servers keep the stream of the workflow; then one publishes what the other is asked to sign for.
    activate(&court, &other, &flow("2")).await;
    let published =
        court.engine.publish(&Actor::System, &flow("3"), &[(name("italy"), italy())]).await.unwrap();
    let replaces = other.publications(&name("small-case")).await.unwrap().active;
    let change = Change { definition: published.hash, replaces };
    let [first, second] = &court.administrators;
    let done = other.sign(first, &name("small-case"), change).await.unwrap();
    assert!(!done.activated, "one signature waits");
    let done = court.engine.sign(second, &name("small-case"), change).await.unwrap();
    assert!(done.activated, "the first server has seen the signature of the other");
    other.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_to_the_access_log_once() {
    let court = Court::new().await;
    let case = court.open().await;
    let ask = court.asking(&court.clerk, Target::Case(case.stream), command("rule"));
    assert!(matches!(court.engine.submit(ask).await, Err(SubmitError::Refused(_))));
    let told = court.engine.store().accesses(Some(case.stream), None, None, 10).await.unwrap();
    assert_eq!(told.len(), 2, "one for the opening, one for the refusal");
    assert!(told.iter().all(|record| record.id != Uuid::nil()));
}
