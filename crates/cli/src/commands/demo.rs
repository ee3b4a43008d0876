//! `demo`: the whole on synthetic people. A cohort is imported, scripted officials act under a virtual clock, workers
//! run the clocks, and then it is served. Every person is invented; the store is marked so, and says so.

mod cast;
mod script;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_engine::clock::{ManualClock, ShiftedClock, SystemClock};
use qadiya_engine::ids::SystemIds;
use qadiya_store::read::CaseFilter;
use qadiya_store::{AccessStore, CaseStore, StoreError};
use tokio_util::task::TaskTracker;

use super::init::{install, publish_bundled};
use super::serve::{address, listen, serve_both, start_workers};
use crate::args::{Demo, Workers};
use crate::exit::{Exit, Failure};
use crate::files::{remove, store_files};
use crate::output::{Output, table};
use crate::session::{Place, Session, Start, make_key};
use crate::shutdown;
use cast::Cast;

/// Says until when the demo was worked through; it stands beside the store.
const MARK: &str = "worked-through-until";

/// The name of the demo's log.
const ORIGIN: &str = "demo.qadiya.example/synthetic";
/// When the cohort arrives: nine in the morning in Baghdad, at an odd microsecond, as real clocks have them.
const BEGINS: &str = "2026-02-13T06:00:00.000007Z";

/// Shows the whole.
pub(crate) async fn run(args: &Demo, out: Output) -> Result<Exit, Failure> {
    if args.reset && args.folder.exists() {
        clear(&args.folder)?;
    }
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder)
        .map_err(|error| Failure::new(format!("the folder {folder} cannot be made")).because(&error))?;
    let (file, key) = (args.folder.join("qadiya.db"), args.folder.join("qadiya.db.key"));
    let done = args.folder.join(MARK);
    let place = Place::Sqlite(file.clone());
    let until = match std::fs::read_to_string(&done) {
        Ok(text) => {
            out.note(&format!("The demo in {folder} goes on where it was. To begin again: --reset"))?;
            read_instant(&text)?
        }
        Err(_) => {
            if file.exists() {
                return Err(Failure::new(format!(
                    "the demo in {folder} was broken off before its cohort was worked through"
                ))
                .next("run `qadiya demo --reset` to begin again"));
            }
            place.migrate().await?;
            make_key(&key, &SystemIds)?;
            let until = work_through(&place, &key, args, out).await?;
            std::fs::write(&done, format!("{until}\n")).map_err(|error| {
                Failure::new(format!("{} cannot be written", done.display())).because(&error)
            })?;
            until
        }
    };
    serve(&place, &key, until, args, out).await
}

fn read_instant(text: &str) -> Result<Timestamp, Failure> {
    text.trim().parse().map_err(|error| {
        Failure::new("the demo's folder is damaged")
            .because(&error)
            .next("run `qadiya demo --reset` to begin again")
    })
}

/// Takes an earlier demo away: only files that a demo makes, so that a wrong folder loses nothing.
fn clear(folder: &Path) -> Result<(), Failure> {
    remove(folder, store_files("qadiya.db").chain(["qadiya.db.key", MARK].map(str::to_owned)))
}

/// Imports the cohort and lets the officials act; returns the instant at which they stopped.
async fn work_through(place: &Place, key: &Path, args: &Demo, out: Output) -> Result<Timestamp, Failure> {
    let clock = Arc::new(ManualClock::new(read_instant(BEGINS)?));
    let start = Start { clock: clock.clone(), ids: Arc::new(SystemIds), origin: Some(ORIGIN.to_owned()) };
    let session = Session::start(place.clone(), key, start).await?;
    install(&session.engine, true).await?;
    let cast = Cast::appoint(&session.engine).await?;
    publish_bundled(&session.engine, &cast.administrators()?, true).await?;
    script::run(&session.engine, &clock, &cast, args.people, out).await?;
    let until = session.engine.clock().now();
    session.close().await;
    Ok(until)
}

/// Shows the funnel, the tokens and three calls, and serves.
async fn serve(
    place: &Place,
    key: &Path,
    until: Timestamp,
    args: &Demo,
    out: Output,
) -> Result<Exit, Failure> {
    let until = until.max(newest(place).await?);
    let clock = Arc::new(ShiftedClock::new(SystemClock, until));
    let start = Start { clock, ids: Arc::new(SystemIds), origin: None };
    let session = Session::start(place.clone(), key, start).await?;
    let engine = &session.engine;
    let tokens = cast::tokens(engine).await?;
    let counts = CaseStore::counts(engine.store().as_ref())
        .await
        .map_err(|error| Failure::new("the funnel could not be counted").because(&error))?;
    let mut funnel: std::collections::BTreeMap<(String, String), i64> = std::collections::BTreeMap::new();
    for count in &counts {
        let stage =
            count.stage.as_ref().map_or_else(|| "(named, not arrived)".to_owned(), ToString::to_string);
        *funnel.entry((count.workflow.to_string(), stage)).or_default() += count.count;
    }
    let example = script::example(engine).await?;
    let (api, admin) = (
        listen(args.listen).await?,
        listen("127.0.0.1:0".parse().map_err(|_| Failure::new("no address"))?).await?,
    );
    let (at, admin_at) = (address(&api)?, address(&admin)?);
    let document = serde_json::json!({
        "synthetic": true,
        "funnel": funnel.iter().map(|((workflow, stage), cases)| serde_json::json!({"workflow": workflow, "stage": stage, "cases": cases})).collect::<Vec<_>>(),
        "server": format!("http://{at}"), "administration": format!("http://{admin_at}"),
        "tokens": tokens, "example": example, "now": engine.clock().now().to_string(),
    });
    out.print(&document, || {
        let order =
            ["(named, not arrived)", "received", "investigated", "classified", "tried", "repatriated"];
        let mut rows: Vec<[String; 3]> = funnel
            .iter()
            .map(|((workflow, stage), cases)| [workflow.clone(), stage.clone(), cases.to_string()])
            .collect();
        rows.sort_by_key(|[workflow, stage, _]| {
            (workflow.clone(), order.iter().position(|known| known == stage))
        });
        let mut text = vec![
            "SYNTHETIC DEMO – no person in it exists – عرض تجريبي، لا يوجد فيه شخص حقيقي".to_owned(),
            table(["WORKFLOW", "STAGE", "CASES"], rows),
            format!("\nThe court's clock shows {}. Tokens, shown once:", engine.clock().now()),
        ];
        text.extend(tokens.iter().map(|(role, token)| format!("  {role:<22} {token}")));
        if let Some(example) = &example {
            text.push(calls(&format!("http://{at}"), example, &tokens));
        }
        text.join("\n")
    })?;
    if args.no_serve {
        session.close().await;
        return Ok(Exit::Done);
    }
    // Signals are heard before the line that invites them: who stops the demo at once still ends it in order.
    let tasks = TaskTracker::new();
    let stop = shutdown::on_signal()?;
    start_workers(engine, &Workers { channels: Vec::new(), queues: Vec::new(), workers: 1 }, &tasks, &stop)?;
    out.note(&format!(
        "\nServing on http://{at} (administration and metrics on http://{admin_at}). Ctrl-C stops it."
    ))?;
    let served = serve_both(engine, api, admin, &tasks, &stop).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let now = engine.clock().now();
    session.close().await;
    let mark = args.folder.join(MARK);
    std::fs::write(&mark, format!("{now}\n"))
        .map_err(|error| Failure::new(format!("{} cannot be written", mark.display())).because(&error))?;
    served.map(|()| Exit::Done)
}

/// When the store was last written to or asked: a demo that was killed has left no mark of its last instant, and its
/// court's clock must not run backwards.
async fn newest(place: &Place) -> Result<Timestamp, Failure> {
    let failed = |error: StoreError| Failure::new("the demo's store could not be read").because(&error);
    let store = place.open().await?;
    let ports = store.ports();
    let asked = AccessStore::accesses(ports.as_ref(), None, None, None, 1).await.map_err(failed)?;
    let mut newest = asked.first().map_or(Timestamp::MIN, |record| record.at);
    let mut after = None;
    loop {
        let page =
            CaseStore::list(ports.as_ref(), &CaseFilter::default(), after, 1_000).await.map_err(failed)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        newest = page.iter().map(|row| row.updated).fold(newest, Timestamp::max);
    }
    store.close().await;
    Ok(newest)
}

/// Three calls that work: a question of a prosecutor, one of a clerk, an act of a clerk.
fn calls(
    server: &str,
    example: &script::Example,
    tokens: &std::collections::BTreeMap<String, String>,
) -> String {
    let token = |role: &str| tokens.get(role).cloned().unwrap_or_default();
    format!(
        "\nThree calls:\n\
         curl -s -H 'Authorization: Bearer {prosecutor}' {server}/api/v1/stages/{tried}\n\
         curl -s -H 'Authorization: Bearer {clerk}' {server}/api/v1/cases/{waiting}/commands\n\
         curl -s -X POST -H 'Authorization: Bearer {clerk}' -H 'Content-Type: application/json' \\\n\
         \x20    -H 'Idempotency-Key: first-call' -d '{{\"command\":\"choose-counsel\"}}' \\\n\
         \x20    {server}/api/v1/cases/{waiting}/commands\n\
         The same from the command line:\n\
         QADIYA_SERVER={server} QADIYA_TOKEN={prosecutor} qadiya stage {tried}",
        prosecutor = token("prosecutor"),
        clerk = token("court-clerk"),
        tried = example.tried,
        waiting = example.waiting,
    )
}
