//! `work`: workers only, beside other servers on the same PostgreSQL.

use tokio_util::task::TaskTracker;

use super::serve::{start_workers, worker_settings};
use crate::args::{Global, Work};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;
use crate::shutdown;

/// Works until a signal, or until nothing is due.
pub(crate) async fn run(global: &Global, args: &Work, out: Output) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    if args.until_idle {
        let id = session
            .engine
            .ids()
            .id(session.engine.clock().now())
            .map_err(|error| Failure::new("the worker could not get an id").because(&error))?;
        let worker = qadiya_worker::Worker::new(session.engine.clone(), worker_settings(&args.workers)?, id);
        let done =
            worker.until_idle().await.map_err(|error| Failure::new("a round failed").because(&error))?;
        session.close().await;
        let document =
            serde_json::json!({"clocks": done.clocks, "jobs": done.jobs, "numbered": done.numbered});
        out.print(&document, || {
            format!(
                "{} clock steps, {} jobs, {} events numbered; nothing is due",
                done.clocks, done.jobs, done.numbered
            )
        })?;
        return Ok(Exit::Done);
    }
    let tasks = TaskTracker::new();
    let stop = shutdown::on_signal()?;
    start_workers(&session.engine, &args.workers, &tasks, &stop)?;
    let (workers, shown) = (args.workers.workers, session.place.shown());
    out.print(&serde_json::json!({"store": shown, "workers": workers}), || {
        format!("{workers} workers on {shown}; Ctrl-C stops them")
    })?;
    stop.cancelled().await;
    tasks.close();
    tasks.wait().await;
    session.close().await;
    Ok(Exit::Done)
}
