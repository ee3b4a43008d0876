//! The first input/output error of the store ends the process, whatever was being done.

use std::sync::atomic::Ordering;
use std::time::Duration;

use qadiya_domain::ids::OfficialId;
use qadiya_engine::Engine;
use qadiya_ledger::Hash;
use qadiya_store::StoreError;
use uuid::Uuid;

use super::fixtures::Court;

fn failing() -> StoreError {
    StoreError::Io { during: "testing", detail: "the disk".to_owned() }
}

/// Calls this method of the store that the engine hands out.
async fn call(engine: &Engine, method: &str) -> Result<(), StoreError> {
    let (store, now, minute) = (engine.store(), engine.clock().now(), Duration::from_mins(1));
    match method {
        "load_many" => store.load_many(&[]).await.map(drop),
        "events" => store.events(qadiya_domain::ids::StreamId(Uuid::nil()), 1, 1).await.map(drop),
        "fold_stages" => store.fold_stages().await.map(drop),
        "claim_clocks" => store.claim_clocks(now, Uuid::nil(), minute, 1).await.map(drop),
        "claim_jobs" => store.claim_jobs(now, &[], Uuid::nil(), minute, 1).await.map(drop),
        "heartbeat" => store.heartbeat(Uuid::nil()).await,
        "by_tokens" => store.by_tokens(&[Hash::of(b"token")]).await.map(drop),
        "put_setting" => store.put_setting("a", "b").await,
        "accesses" => store.accesses(None, Some(OfficialId(Uuid::nil())), None, 1).await.map(drop),
        "take_fence" => store.take_fence("fence", Uuid::nil(), minute).await.map(drop),
        "feed" => store.feed(0, 1).await.map(drop),
        other => panic!("{other} is not called here"),
    }
}

#[tokio::test]
async fn an_input_output_error_of_any_port_ends_the_process_once() {
    for method in [
        "load_many",
        "events",
        "fold_stages",
        "claim_clocks",
        "claim_jobs",
        "heartbeat",
        "by_tokens",
        "put_setting",
        "accesses",
        "take_fence",
        "feed",
    ] {
        let court = Court::new().await;
        // The controls: a call that works, and a fault that passes, end nothing.
        call(&court.engine, method).await.unwrap();
        court.store.break_at(method, StoreError::Full { during: "testing" });
        assert_eq!(
            call(&court.engine, method).await,
            Err(StoreError::Full { during: "testing" }),
            "{method}"
        );
        assert_eq!(court.fatal.load(Ordering::SeqCst), 0, "{method}");

        court.store.break_at(method, failing());
        assert_eq!(call(&court.engine, method).await, Err(failing()), "{method}");
        assert_eq!(court.fatal.load(Ordering::SeqCst), 1, "{method}");
        // Nothing is tried again, not even where the disk would answer by now.
        court.store.break_at("none", failing());
        for later in [method, "heartbeat", "load_many"] {
            assert_eq!(call(&court.engine, later).await, Err(failing()), "{later} after {method}");
        }
        assert_eq!(court.fatal.load(Ordering::SeqCst), 1, "{method}: told once");
    }
}

#[tokio::test]
async fn a_sequencer_whose_flush_fails_ends_the_process_and_no_act_is_acknowledged_after() {
    let court = Court::new().await;
    let case = court.open().await;
    let before = court.store.committed();
    court.store.break_at("sequence", failing());
    court.engine.sequence_once().await.unwrap_err();
    assert_eq!(court.fatal.load(Ordering::SeqCst), 1);
    court.note(&case, "late").await.unwrap_err();
    assert_eq!(court.store.committed(), before);
}
