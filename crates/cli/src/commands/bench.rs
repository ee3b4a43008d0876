//! `bench`: the engine beside plain SQL on the same machine in the same run. Repetitions are interleaved, every ratio is
//! taken within its repetition, and the medians are told.

mod http;
mod lanes;
mod large;
mod list;
mod measure;
mod report;
mod servers;
mod site;
mod soak;

use std::path::Path;
use std::time::Duration;

use crate::args::Bench;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use measure::{Row, Slice, Target, ratio};
use report::Report;
use site::{Home, Job, Purpose, Racing, Site, clear, clear_server};
use soak::Soak;

/// Cases of the large court, and of one for a quick look.
const LARGE: u64 = 100_000;
const QUICK: u64 = 2_000;

/// How a run measures.
struct Run<'a> {
    folder: &'a Path,
    /// Of each slice.
    time: Duration,
    repetitions: usize,
    /// Cases of the store under load.
    cases: u64,
    /// Cases of the large court, records of the long list.
    large: u64,
    out: Output,
}

impl<'a> Run<'a> {
    fn new(args: &'a Bench, out: Output) -> Self {
        let (time, repetitions) = if args.quick {
            (Duration::from_secs(1), 1)
        } else {
            (Duration::from_secs_f64(args.seconds.max(0.1)), args.repetitions.max(1))
        };
        let cases = if args.quick { args.cases.min(1_000) } else { args.cases };
        let large = if args.quick { QUICK } else { LARGE };
        Self { folder: &args.folder, time, repetitions, cases, large, out }
    }

    /// Shows what a repetition gave.
    fn told(&self, repetition: usize, name: &str, rate: f64) -> Result<(), Failure> {
        let number = repetition.saturating_add(1);
        self.out.note(&format!("{number}/{} {name:<20} {rate:>9.0}/s", self.repetitions))
    }
}

/// The stores of a run.
fn homes(args: &Bench) -> Vec<Home<'_>> {
    let mut homes: Vec<Home<'_>> = args.postgres.as_deref().map(Home::Postgres).into_iter().collect();
    homes.extend((!args.without_sqlite).then_some(Home::Sqlite));
    homes
}

/// What a run found out.
enum Found {
    Speed(Report),
    Soak(Soak),
}

/// A row that is measured in slices of its own.
struct Plan {
    job: Job<'static>,
    name: &'static str,
    what: &'static str,
    target: Option<Target>,
    /// The ratio is a time over that of plain SQL on one connection.
    lone: bool,
}

/// The rows of one store, and what is read off its 512-row and its plain row besides.
struct Names {
    plans: Vec<Plan>,
    cpu: (&'static str, Target),
    bytes: (&'static str, Target),
}

const PLAIN: &str = "plain SQL, one transition for each commit";
const LONE_PLAIN: &str = "plain SQL, one connection";
const FLYING_64: &str = "in process, 64 in flight";
const FLYING_512: &str = "in process, 512 in flight";
const HTTP: &str = "over HTTP, 64 clients";
const READS: &str = "over HTTP, 64 clients, 80 % reads";
const LONE: &str = "in process, a lone command";

fn plan(job: Job<'static>, name: &'static str, what: &'static str, target: Option<Target>) -> Plan {
    Plan { job, name, what, target, lone: false }
}

fn lone(job: Job<'static>, name: &'static str, what: &'static str, target: Option<Target>) -> Plan {
    Plan { job, name, what, target, lone: true }
}

/// PostgreSQL: the targets of the published figures.
fn postgres(connections: u32) -> Names {
    Names {
        plans: vec![
            plan(Job::Plain(connections), "pg_plain", PLAIN, None),
            lone(Job::Plain(1), "pg_plain_lone", LONE_PLAIN, None),
            plan(Job::Process(64), "pg_process_64", FLYING_64, Some(Target::AtLeast(2.5))),
            plan(Job::Process(512), "pg_process_512", FLYING_512, Some(Target::AtLeast(4.5))),
            plan(Job::Http(64, 0), "pg_http_64", HTTP, Some(Target::AtLeast(1.2))),
            plan(Job::Http(64, 4), "pg_http_reads", READS, Some(Target::AtLeast(2.0))),
            lone(Job::Process(1), "pg_lone", LONE, Some(Target::AtMost(1.3))),
        ],
        cpu: ("pg_cpu_512", Target::AtLeast(4.5)),
        bytes: ("pg_wal_512", Target::FigureAtMost(3_000.0)),
    }
}

/// SQLite: the targets of the published figures.
fn sqlite(connections: u32) -> Names {
    Names {
        plans: vec![
            plan(Job::Plain(connections), "sqlite_plain", PLAIN, None),
            plan(Job::Process(64), "sqlite_process_64", FLYING_64, None),
            plan(Job::Process(512), "sqlite_process_512", FLYING_512, Some(Target::AtLeast(5.0))),
            plan(Job::Http(64, 0), "sqlite_http_64", HTTP, Some(Target::AtLeast(3.0))),
            plan(Job::Http(64, 4), "sqlite_http_reads", READS, Some(Target::AtLeast(5.0))),
            lone(Job::Process(1), "sqlite_lone", LONE, Some(Target::AtMost(1.5))),
        ],
        cpu: ("sqlite_cpu_512", Target::AtLeast(4.5)),
        bytes: ("sqlite_written_512", Target::FigureAtMost(12_000.0)),
    }
}

/// Measures, and leaves nothing behind, also where it failed.
pub(crate) async fn run(args: &Bench, out: Output) -> Result<Exit, Failure> {
    if args.servers && args.postgres.is_none() {
        return Err(Failure::new("servers beside each other need a PostgreSQL server")
            .next("name one with --postgres, or use `cargo dev bench`, which starts one"));
    }
    if homes(args).is_empty() {
        return Err(Failure::new("there is no store to measure")
            .next("leave --without-sqlite out, or name a PostgreSQL server with --postgres"));
    }
    std::fs::create_dir_all(&args.folder).map_err(|error| {
        Failure::new(format!("the folder {} cannot be made", args.folder.display())).because(&error)
    })?;
    clear(&args.folder)?;
    let run = Run::new(args, out);
    let found = match args.soak {
        Some(minutes) => soak::run(args, minutes, &run).await.map(Found::Soak),
        None => measured(args, &run).await.map(Found::Speed),
    };
    let database = match &args.postgres {
        Some(url) => clear_server(url).await,
        None => Ok(()),
    };
    let cleared = clear(&args.folder);
    // Only an empty folder goes: a folder of somebody's own stays as it was.
    std::fs::remove_dir(&args.folder).ok();
    let found = found?;
    database
        .map_err(|error| Failure::new("the benchmark's databases could not be removed").because(&error))?;
    cleared?;
    if let Some(page) = &args.markdown {
        let text = match &found {
            Found::Speed(report) => report.markdown(),
            Found::Soak(soak) => soak.markdown(),
        };
        std::fs::write(page, text).map_err(|error| {
            Failure::new(format!("the page {} cannot be written", page.display())).because(&error)
        })?;
    }
    match found {
        Found::Speed(report) => out.print(&report, || report.text()).map(|()| Exit::Done),
        Found::Soak(soak) => out.print(&soak, || soak.text()).map(|()| soak.exit()),
    }
}

async fn measured(args: &Bench, run: &Run<'_>) -> Result<Report, Failure> {
    let (stores, mut rows) = loaded(args, run).await?;
    if args.large {
        for home in homes(args) {
            rows.extend(large::measure(home, run).await?);
            rows.extend(list::measure(home, run).await?);
        }
    }
    if let (true, Some(url)) = (args.servers, &args.postgres) {
        rows.extend(servers::measure(url, run).await?);
    }
    Ok(Report {
        commit: args.commit.clone().unwrap_or_else(|| "not told".to_owned()),
        command: command(args, run),
        seconds: run.time.as_secs_f64(),
        repetitions: run.repetitions,
        cases: run.cases,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        stores,
        rows,
    })
}

/// The stores under load: what they are, and their rows.
async fn loaded(args: &Bench, run: &Run<'_>) -> Result<(Vec<String>, Vec<Row>), Failure> {
    let (mut sites, mut stores) = (Vec::new(), Vec::new());
    for home in homes(args) {
        let mut site = Site::make(home, Purpose::Load, run.folder, Racing::new(1)).await?;
        let mut names = match home {
            Home::Postgres(_) => postgres(site.connections()),
            Home::Sqlite => sqlite(site.connections()),
        };
        names.plans.retain(|plan| wanted(args, plan));
        run.out.note(&format!("filling {} with {} cases", site.place.shown(), run.cases))?;
        site.load.fill(run.cases, 1).await?;
        stores.push(site.about().await?);
        sites.push((site, names));
    }
    let mut slices: Vec<Vec<Vec<Slice>>> =
        sites.iter().map(|(_, names)| names.plans.iter().map(|_| Vec::new()).collect()).collect();
    for repetition in 0..run.repetitions {
        for ((site, names), kept) in sites.iter_mut().zip(&mut slices) {
            for (plan, kept) in names.plans.iter().zip(kept) {
                let slice = site.slice(plan.job, run.time).await?;
                run.told(repetition, plan.name, slice.rate)?;
                kept.push(slice);
            }
        }
    }
    let mut rows = Vec::new();
    for ((_, names), slices) in sites.iter().zip(&slices) {
        rows.extend(compared(names, slices));
    }
    for (site, _) in sites {
        site.close().await;
    }
    Ok((stores, rows))
}

/// The program that measures the same again. The chore always brings a PostgreSQL server along.
fn program(args: &Bench) -> &'static str {
    if args.postgres.is_some() { "cargo dev bench" } else { "qadiya bench" }
}

/// The command that measures the same again.
fn command(args: &Bench, run: &Run<'_>) -> String {
    let mut words = vec![format!(
        "{} --seconds {} --repetitions {} --cases {}",
        program(args),
        run.time.as_secs_f64(),
        run.repetitions,
        run.cases
    )];
    let flags =
        [(args.without_sqlite, "--without-sqlite"), (args.large, "--large"), (args.servers, "--servers")];
    words.extend(flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned()));
    words.extend(args.only.iter().map(|part| format!("--only {part}")));
    words.join(" ")
}

/// Plain SQL is always measured: every ratio is taken against it.
fn wanted(args: &Bench, plan: &Plan) -> bool {
    args.only.is_empty()
        || matches!(plan.job, Job::Plain(_))
        || args.only.iter().any(|name| plan.name.contains(name.as_str()))
}

/// The rows of a store: rates against plain SQL of the same repetition, times of lone commands against those of plain SQL
/// on one connection, and cost with 512 in flight.
fn compared(names: &Names, slices: &[Vec<Slice>]) -> Vec<Row> {
    let of = |wanted: &dyn Fn(&Plan) -> bool| {
        names.plans.iter().zip(slices).find(|(plan, _)| wanted(plan)).map(|(_, slices)| slices.as_slice())
    };
    let plain = of(&|plan| matches!(plan.job, Job::Plain(_)) && !plan.lone).unwrap_or_default();
    let alone = of(&|plan| matches!(plan.job, Job::Plain(_)) && plan.lone).unwrap_or(plain);
    let mut rows = Vec::new();
    for (plan, slices) in names.plans.iter().zip(slices) {
        let beside = if plan.lone { alone } else { plain };
        let figures: Vec<f64> = slices
            .iter()
            .map(|slice| if plan.lone { ratio(1_000.0, slice.rate).unwrap_or(0.0) } else { slice.rate })
            .collect();
        let pairs = slices.iter().zip(beside);
        let ratios: Vec<f64> =
            pairs
                .filter_map(|(ours, plain)| {
                    if plan.lone { ratio(plain.rate, ours.rate) } else { ratio(ours.rate, plain.rate) }
                })
                .collect();
        let unit = if plan.lone { "ms" } else { "/s" };
        let row = Row::new(plan.name, plan.what, unit, ratios, figures, plan.target);
        rows.push(row.costing(slices.clone()));
    }
    if let Some(most) = of(&|plan| matches!(plan.job, Job::Process(512))) {
        let cost = |what: &dyn Fn(&Slice) -> Option<f64>, upside_down: bool| {
            let ratios: Vec<f64> = most
                .iter()
                .zip(plain)
                .filter_map(|(ours, plain)| {
                    let (ours, plain) = (what(ours)?, what(plain)?);
                    if upside_down { ratio(plain, ours) } else { ratio(ours, plain) }
                })
                .collect();
            (ratios, most.iter().filter_map(what).collect::<Vec<f64>>())
        };
        let row = |(name, target), what, unit, (ratios, figures): (Vec<f64>, Vec<f64>)| {
            Row::new(name, what, unit, ratios, figures, Some(target))
        };
        let cpu = cost(&|slice| slice.cpu_us, true);
        rows.push(row(names.cpu, "processor time of plain SQL over ours, 512 in flight", "µs", cpu));
        let bytes = cost(&|slice| slice.bytes, false);
        rows.push(row(names.bytes, "bytes written for each command, 512 in flight", "B", bytes));
    }
    rows
}
