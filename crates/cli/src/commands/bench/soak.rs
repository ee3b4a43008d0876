//! A long run at full load on every store at once: clients over HTTP, workers, clocks that run out. What is told is what a
//! short run cannot show: whether the memory stays, leases are given back, the log keeps up, and all of it verifies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use qadiya_worker::WorkerSettings;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::http;
use super::measure::{float, median, ratio, resident};
use super::report::{figure, page};
use super::site::{Purpose, Racing, Site};
use super::{Run, homes};
use crate::args::Bench;
use crate::exit::{Exit, Failure};
use crate::output::table;

/// Clients and workers of each store.
const CLIENTS: usize = 64;
const WORKERS: usize = 2;
/// Business time runs so many times as fast: an hour is a hundred and twenty-five days, in which clocks run out.
const SPEED: i32 = 3_000;
/// How often the log and the memory are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long workers may take to end what they have begun.
const GRACE: Duration = Duration::from_secs(30);
/// Parts of the run whose memory is told apart. Caches fill in the first ones.
const PARTS: usize = 10;
const FILLED: usize = 2;
/// The most seconds that an event may wait for its number, and the most growth of the memory once caches are full.
const BEHIND: f64 = 2.0;
const GROWTH: f64 = 1.1;

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("the long run broke off").because(error)
}

/// What a store went through.
#[derive(Debug, Serialize)]
struct Lasted {
    /// Which, and how it is set.
    store: String,
    /// Commands acknowledged over HTTP.
    commands: u64,
    /// The same in a second.
    rate: f64,
    /// The longest that an event waited for its number, in seconds.
    behind_s: f64,
    /// Leases left when all workers had ended.
    leases: u64,
    /// Jobs and clocks that gave up.
    incidents: u64,
    /// Events at the end.
    events: u64,
    /// Bytes of the store for each event, everything counted.
    bytes_per_event: f64,
    /// What `verify` found.
    faults: Vec<String>,
}

/// The long run.
#[derive(Debug, Serialize)]
pub(super) struct Soak {
    commit: String,
    command: String,
    minutes: f64,
    /// MiB of this process in each tenth of the run: the median.
    memory_mib: Vec<f64>,
    stores: Vec<Lasted>,
}

/// Runs it.
///
/// # Errors
/// The first thing that failed.
pub(super) async fn run(args: &Bench, minutes: f64, run: &Run<'_>) -> Result<Soak, Failure> {
    let time = Duration::from_secs_f64(minutes.max(0.1) * 60.0);
    let (tasks, ended) = (TaskTracker::new(), CancellationToken::new());
    let mut running = Vec::new();
    for home in homes(args) {
        let site = Site::make(home, Purpose::Load, run.folder, Racing::new(SPEED)).await?;
        run.out.note(&format!(
            "{}: {CLIENTS} clients and {WORKERS} workers for {minutes} minutes",
            site.place.shown()
        ))?;
        running.push(tasks.spawn(last(site, time)));
    }
    let watched = tasks.spawn(memory(ended.clone()));
    let mut stores = Vec::new();
    let mut fault = None;
    for store in running {
        match store.await {
            Ok(Ok(lasted)) => stores.push(lasted),
            Ok(Err(failure)) => fault = fault.or(Some(failure)),
            Err(error) => fault = fault.or_else(|| Some(failed(&error))),
        }
    }
    ended.cancel();
    let memory = watched.await.map_err(|error| failed(&error))?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    // The verification at the end is not part of the run.
    let looks = usize::try_from(time.as_millis() / LOOK.as_millis()).unwrap_or(usize::MAX);
    let memory = memory.get(..looks.min(memory.len())).unwrap_or_default();
    Ok(Soak {
        commit: args.commit.clone().unwrap_or_else(|| "not told".to_owned()),
        command: format!("{} --soak {minutes}", super::program(args)),
        minutes,
        memory_mib: parts(memory),
        stores,
    })
}

/// The median of each tenth.
fn parts(memory: &[f64]) -> Vec<f64> {
    let length = memory.len().div_ceil(PARTS).max(1);
    memory.chunks(length).filter_map(|part| median(part.iter().copied())).collect()
}

async fn memory(ended: CancellationToken) -> Vec<f64> {
    let mut found = Vec::new();
    let mut looks = interval(LOOK);
    loop {
        tokio::select! {
            _ = looks.tick() => found.extend(resident().map(|bytes| float(bytes) / 1_048_576.0)),
            () = ended.cancelled() => return found,
        }
    }
}

async fn last(mut site: Site, time: Duration) -> Result<Lasted, Failure> {
    let store = site.about().await?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    for _ in 0..WORKERS {
        let (worker, stop) = (site.worker(WorkerSettings::default())?, stop.clone());
        tasks.spawn(async move { worker.run(stop, GRACE).await });
    }
    let site = Arc::new(site);
    let watching = CancellationToken::new();
    let watch = tasks.spawn(behind(Arc::clone(&site), watching.clone()));
    let began = Instant::now();
    let until = began.checked_add(time).unwrap_or(began);
    let done = http::run(&site.load, &[site.server.address], CLIENTS, 0, until).await;
    let rate = ratio(float(*done.as_ref().unwrap_or(&0)), began.elapsed().as_secs_f64()).unwrap_or(0.0);
    watching.cancel();
    let behind = watch.await.map_err(|error| failed(&error))?;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let (commands, behind_s) = (done?, behind?);
    let mut site = Arc::into_inner(site).ok_or_else(|| Failure::new("somebody still looks at the store"))?;
    site.settle().await?;
    let health = site.load.engine.health().await.map_err(|error| failed(&error))?;
    let leases = site.leases().await?;
    let report = site.load.engine.verify(&|_, _| {}).await.map_err(|error| failed(&error))?;
    let size = site.size().await?;
    site.close().await;
    Ok(Lasted {
        store,
        commands,
        rate,
        behind_s,
        leases,
        incidents: health.incidents,
        events: report.events,
        bytes_per_event: ratio(float(size), float(report.events)).unwrap_or(0.0),
        faults: report.faults.iter().map(ToString::to_string).collect(),
    })
}

/// The longest that an event waited for its number, in seconds: what lay in the store at a look is numbered at a later
/// one.
async fn behind(site: Arc<Site>, ended: CancellationToken) -> Result<f64, Failure> {
    let (mut waiting, mut longest) = (VecDeque::new(), 0.0_f64);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = ended.cancelled() => return Ok(longest),
        }
        let looked = Instant::now();
        let health = site.load.engine.health().await.map_err(|error| failed(&error))?;
        waiting.push_back((looked, health.entries.saturating_add(health.pending)));
        while let Some((since, _)) = waiting.front().filter(|(_, all)| *all <= health.entries) {
            longest = longest.max(Instant::now().duration_since(*since).as_secs_f64());
            waiting.pop_front();
        }
        if let Some((since, _)) = waiting.front() {
            longest = longest.max(looked.duration_since(*since).as_secs_f64());
        }
    }
}

impl Soak {
    /// How the program ends: what was changed or lost weighs most.
    pub(super) fn exit(&self) -> Exit {
        if self.stores.iter().any(|store| !store.faults.is_empty()) {
            return Exit::Tampered;
        }
        let kept = |store: &Lasted| store.leases == 0 && store.incidents == 0 && store.behind_s <= BEHIND;
        if self.is_flat() && self.stores.iter().all(kept) { Exit::Done } else { Exit::Findings }
    }

    /// Whether the memory of the last tenth is that of the run once its caches were full.
    fn is_flat(&self) -> bool {
        let filled = self.memory_mib.get(FILLED).or(self.memory_mib.last());
        filled.zip(self.memory_mib.last()).is_none_or(|(filled, last)| *last <= *filled * GROWTH)
    }

    const HEAD: [&str; 9] = [
        "store",
        "commands",
        "/s",
        "log behind s",
        "leases left",
        "incidents",
        "events",
        "bytes/event",
        "verify",
    ];

    fn cells(&self) -> Vec<[String; 9]> {
        let cells = self.stores.iter().map(|store| {
            [
                store.store.clone(),
                store.commands.to_string(),
                figure(store.rate),
                figure(store.behind_s),
                store.leases.to_string(),
                store.incidents.to_string(),
                store.events.to_string(),
                figure(store.bytes_per_event),
                match store.faults.as_slice() {
                    [] => "nothing was changed".to_owned(),
                    faults => format!("{} faults, the first: {}", faults.len(), faults.join("; ")),
                },
            ]
        });
        cells.collect()
    }

    fn memory(&self) -> String {
        let parts: Vec<String> = self.memory_mib.iter().copied().map(figure).collect();
        let flat = if self.is_flat() { "flat" } else { "growing" };
        format!("Memory of the program in each tenth of the run, MiB: {} ({flat}).", parts.join(", "))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        format!("{}\n{}", table(Self::HEAD, self.cells()), self.memory())
    }

    /// The page of the repository.
    pub(super) fn markdown(&self) -> String {
        let head = format!(
            "# A long run at full load\n\nThis page is written by a program; to write it again:\n\n```\n{}\n```\n\n\
             Commit {}, {} minutes, all stores at the same time on the same machine; on each {CLIENTS} clients over HTTP, \
             {WORKERS} workers, and a business clock that runs {SPEED} times as fast, so that clocks run out all the time. \
             What there are more events than commands are steps of those clocks. *Log behind* is the longest that an event waited for its number; *verify* went through everything stored at \
             the end.\n",
            self.command, self.commit, self.minutes
        );
        format!("{}\n{}\n", page(&head, &Self::HEAD, self.cells()), self.memory())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soak(memory_mib: Vec<f64>) -> Soak {
        let store = Lasted {
            store: "a store".to_owned(),
            commands: 10,
            rate: 1.0,
            behind_s: 0.5,
            leases: 0,
            incidents: 0,
            events: 13,
            bytes_per_event: 2_000.0,
            faults: Vec::new(),
        };
        Soak {
            commit: "abc".to_owned(),
            command: "qadiya bench --soak 1".to_owned(),
            minutes: 1.0,
            memory_mib,
            stores: vec![store],
        }
    }

    #[test]
    fn only_a_run_that_kept_everything_is_clean() {
        assert_eq!(soak(vec![1.0, 5.0, 8.0, 8.5]).exit(), Exit::Done);
        assert_eq!(soak(vec![1.0, 5.0, 8.0, 9.0]).exit(), Exit::Findings);
        let spoilt = |spoil: fn(&mut Lasted)| {
            let mut soak = soak(vec![1.0]);
            soak.stores.iter_mut().for_each(spoil);
            soak.exit()
        };
        assert_eq!(spoilt(|store| store.leases = 1), Exit::Findings);
        assert_eq!(spoilt(|store| store.incidents = 1), Exit::Findings);
        assert_eq!(spoilt(|store| store.behind_s = 2.1), Exit::Findings);
        assert_eq!(spoilt(|store| store.faults.push("chain".to_owned())), Exit::Tampered);
    }

    #[test]
    fn the_memory_is_told_in_tenths() {
        let looks: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(parts(&looks).first(), Some(&4.5));
        assert_eq!(parts(&looks).len(), 10);
        assert_eq!(parts(&[]), Vec::<f64>::new());
    }
}
