//! Judges what is stored after a run against what the clients heard, and against a second reading of the law.

use std::collections::{BTreeMap, BTreeSet};

use qadiya_domain::ids::{OfficialId, Seq, StreamId};
use qadiya_store::memory::Tables;
use qadiya_store::read::RequestRef;
use qadiya_store::{CaseStore as _, LedgerStore as _, WorkStore as _};
use serde_json::Value;

use super::model::Model;
use super::run::{Ask, Court, Heard, Report};

/// The events of a case, oldest first, as JSON with their hashes.
type Log = Vec<(String, Value)>;

/// The newest proposal of a case: its number and hash.
pub(super) fn newest_proposal(tables: &Tables, case: StreamId) -> Option<(Seq, String)> {
    tables.events.range((case, 0)..=(case, Seq::MAX)).rev().find_map(|(_, event)| {
        let read: Value = serde_json::from_slice(&event.bytes).ok()?;
        (read["kind"] == "proposed").then(|| (event.seq, event.hash.to_string()))
    })
}

/// The events named in a stored answer.
fn events_of(answer: &[u8]) -> Vec<String> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["hash"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything that must hold after a run.
///
/// # Errors
/// The first thing that does not, in words.
pub(super) async fn judge(court: &Court) -> Result<Report, String> {
    let mut logs: BTreeMap<StreamId, Log> = BTreeMap::new();
    let rows = court.rows().await;
    for case in rows.keys() {
        let stored = court.world.memory.events(*case, 1, 10_000).await.unwrap();
        let read = stored
            .iter()
            .map(|event| (event.hash.to_string(), serde_json::from_slice::<Value>(&event.bytes).unwrap()));
        logs.insert(*case, read.collect());
    }
    let mut bound: BTreeSet<String> = BTreeSet::new();
    let asks = court.asks.lock().unwrap().clone();
    for ask in &asks {
        heard_once(court, ask, &logs, &mut bound).await?;
    }
    for (case, log) in &logs {
        let mut model = Model::default();
        for (hash, event) in log {
            if event["actor"]["kind"] != "system" && !bound.contains(hash) {
                return Err(format!("{case}: an event that no request accounts for: {event}"));
            }
            model.apply(event).map_err(|why| format!("{case}: {why}: {event}"))?;
        }
        let row = &rows[case];
        if row.main.as_str() != model.main {
            return Err(format!(
                "{case}: the row says {}, a second reading of the log {}",
                row.main, model.main
            ));
        }
    }
    let stale = court.world.stale.lock().unwrap().clone();
    if let Some(first) = stale.first() {
        return Err(first.clone());
    }
    let health = court.world.memory.health(court.now()).await.unwrap();
    if health.overdue != 0 || health.pending != 0 {
        return Err(format!(
            "{} clocks are overdue, {} events without a number",
            health.overdue, health.pending
        ));
    }
    numbered_once(court, &logs).await?;
    let report = court.engine().verify(&|_, _| {}).await.map_err(|error| format!("verify: {error:?}"))?;
    if let Some(fault) = report.faults.first() {
        return Err(format!("verify: {fault}"));
    }
    let events = logs.values().map(|log| u64::try_from(log.len()).unwrap()).sum();
    Ok(court.report(events))
}

/// A request is done once or not at all, and everybody who heard that it was done heard the same.
async fn heard_once(
    court: &Court,
    ask: &Ask,
    logs: &BTreeMap<StreamId, Log>,
    bound: &mut BTreeSet<String>,
) -> Result<(), String> {
    let heard = ask.heard.lock().unwrap().clone();
    let answers: BTreeSet<&Vec<u8>> = heard
        .iter()
        .filter_map(|one| match one {
            Heard::Done(answer) => Some(answer),
            Heard::No | Heard::Unknown => None,
        })
        .collect();
    let key = &ask.key;
    if answers.len() > 1 {
        return Err(format!("{key} was done {} times", answers.len()));
    }
    let Some(answer) = answers.first() else {
        // Nobody heard that it was done; after the last question that is final.
        if let Some(stream) = ask.target {
            let asked = RequestRef { stream, principal: scope(court, ask), key: key.clone() };
            let found = court.world.memory.requests(&[asked]).await.unwrap();
            if let Some(found) = found.into_iter().flatten().next() {
                // A slower try of the same request was carried out after another one had been refused: it is bound and
                // its answer waits for whoever asks.
                bound.extend(events_of(&found.answer));
            }
        }
        return Ok(());
    };
    for hash in events_of(answer) {
        let stored = logs.values().flatten().filter(|(stored, _)| *stored == hash).count();
        if stored != 1 {
            return Err(format!("{key} was acknowledged, and its event {hash} is stored {stored} times"));
        }
        if !bound.insert(hash.clone()) {
            return Err(format!("{key}: its event {hash} belongs to another request as well"));
        }
    }
    Ok(())
}

fn scope(court: &Court, ask: &Ask) -> OfficialId {
    court.people[ask.who].scope()
}

/// Every event has exactly one number.
async fn numbered_once(court: &Court, logs: &BTreeMap<StreamId, Log>) -> Result<(), String> {
    for (case, log) in logs {
        let entries = court.world.memory.entries_of(*case).await.unwrap();
        if entries.len() != log.len() {
            return Err(format!("{case}: {} events have {} numbers", log.len(), entries.len()));
        }
    }
    Ok(())
}
