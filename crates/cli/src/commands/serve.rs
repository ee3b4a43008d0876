//! `serve`: the HTTP API, with workers in the same process.

use std::net::SocketAddr;
use std::time::Duration;

use qadiya_engine::Engine;
use qadiya_web::WebSettings;
use qadiya_worker::{Channels, Worker, WorkerSettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::args::{Global, Serve, Workers};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;
use crate::shutdown;

/// How long workers may take to end what they have begun.
const GRACE: Duration = Duration::from_secs(8);

/// Serves until a signal.
pub(crate) async fn run(global: &Global, args: &Serve, out: Output) -> Result<Exit, Failure> {
    for address in [args.listen, args.admin_listen] {
        if !address.ip().is_loopback() && !args.behind_proxy {
            return Err(Failure::new(format!(
                "{address} can be reached from other machines, and this server speaks plain HTTP"
            ))
            .next("put a proxy that ends TLS in front and say --behind-proxy, or listen on 127.0.0.1"));
        }
    }
    let session = Session::open(global).await?;
    let tasks = TaskTracker::new();
    let stop = shutdown::on_signal()?;
    start_workers(&session.engine, &args.workers, &tasks, &stop)?;
    let (api, admin) = (listen(args.listen).await?, listen(args.admin_listen).await?);
    let (at, admin_at) = (address(&api)?, address(&admin)?);
    let shown = session.place.shown();
    let document = serde_json::json!({
        "store": shown, "server": format!("http://{at}"), "administration": format!("http://{admin_at}"),
    });
    out.print(&document, || {
        format!(
            "Qadiya serves {shown} on http://{at} (administration and metrics on http://{admin_at}); Ctrl-C stops it"
        )
    })?;
    let done = serve_both(&session.engine, api, admin, &tasks, &stop).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    session.close().await;
    done.map(|()| Exit::Done)
}

/// Starts the workers of a process.
///
/// # Errors
/// When a channel is not well-formed.
pub(crate) fn start_workers(
    engine: &Engine,
    args: &Workers,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Vec<Worker>, Failure> {
    let settings = worker_settings(args)?;
    let mut workers = Vec::new();
    for _ in 0..args.workers {
        let id = engine
            .ids()
            .id(engine.clock().now())
            .map_err(|error| Failure::new("a worker could not get an id").because(&error))?;
        let worker = Worker::new(engine.clone(), settings.clone(), id);
        workers.push(worker.clone());
        let stop = stop.clone();
        tasks.spawn(async move { worker.run(stop, GRACE).await });
    }
    Ok(workers)
}

/// The settings of a worker from the command line.
///
/// # Errors
/// When a channel is not well-formed.
pub(crate) fn worker_settings(args: &Workers) -> Result<WorkerSettings, Failure> {
    let channels = Channels::parse(&args.channels)
        .map_err(|error| Failure::new("a --channel cannot be used").because(&error))?;
    let mut serves = args.queues.clone();
    if channels.get(qadiya_worker::jobs::notice::CHANNEL).is_some() {
        serves.push(qadiya_engine::NOTICE_QUEUE.to_owned());
    }
    Ok(WorkerSettings { channels, serves, ..WorkerSettings::default() })
}

/// Opens a listener.
///
/// # Errors
/// When the address is taken or not ours.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("the address {address} cannot be listened on"))
            .because(&error)
            .next("choose another with --listen; port 0 takes a free one")
    })
}

/// The address a listener really has.
///
/// # Errors
/// When the system does not say.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::new("the listener has no address").because(&error))
}

/// Serves the API and the administration until told to stop.
///
/// # Errors
/// When a listener fails.
pub(crate) async fn serve_both(
    engine: &Engine,
    api: TcpListener,
    admin: TcpListener,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let settings = WebSettings::default();
    let failed = |error: std::io::Error| Failure::new("the listener failed").because(&error);
    let admin_router = qadiya_web::admin_router(engine.clone(), settings.clone());
    let (admin_settings, admin_stop) = (settings.clone(), stop.clone());
    let admin_task = tasks.spawn(async move {
        qadiya_web::serve(admin, admin_router, &admin_settings, admin_stop.cancelled_owned()).await
    });
    let router = qadiya_web::router(engine.clone(), settings.clone());
    qadiya_web::serve(api, router, &settings, stop.clone().cancelled_owned()).await.map_err(failed)?;
    match admin_task.await {
        Ok(ended) => ended.map_err(failed),
        Err(error) => Err(Failure::new("the administration listener ended").because(&error)),
    }
}
