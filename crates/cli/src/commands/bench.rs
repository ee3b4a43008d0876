//! `bench`: the engine beside plain SQL on the same machine in the same run. Repetitions are interleaved, every ratio is
//! taken within its repetition, and the medians are told.

mod http;
mod lanes;
mod measure;
mod report;
mod site;

use std::path::Path;
use std::time::Duration;

use qadiya_store_postgres::baseline::{make_scratch, remove_scratch};

use crate::args::Bench;
use crate::exit::{Exit, Failure};
use crate::files::{remove, store_files};
use crate::output::Output;
use crate::session::Place;
use measure::{Row, Slice, Target, median, ratio};
use report::Report;
use site::{Job, Site};

/// A row that is measured in slices of its own.
struct Plan {
    job: Job,
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

fn plan(job: Job, name: &'static str, what: &'static str, target: Option<Target>) -> Plan {
    Plan { job, name, what, target, lone: false }
}

fn lone(job: Job, name: &'static str, what: &'static str, target: Option<Target>) -> Plan {
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
    std::fs::create_dir_all(&args.folder).map_err(|error| {
        Failure::new(format!("the folder {} cannot be made", args.folder.display())).because(&error)
    })?;
    clear(&args.folder)?;
    let report = measured(args, out).await;
    let database = match &args.postgres {
        Some(url) => remove_scratch(url).await,
        None => Ok(()),
    };
    let cleared = clear(&args.folder);
    // Only an empty folder goes: a folder of somebody's own stays as it was.
    std::fs::remove_dir(&args.folder).ok();
    let report = report?;
    database
        .map_err(|error| Failure::new("the benchmark's database could not be removed").because(&error))?;
    cleared?;
    if let Some(page) = &args.markdown {
        std::fs::write(page, report.markdown()).map_err(|error| {
            Failure::new(format!("the page {} cannot be written", page.display())).because(&error)
        })?;
    }
    out.print(&report, || report.text())?;
    Ok(Exit::Done)
}

async fn measured(args: &Bench, out: Output) -> Result<Report, Failure> {
    let (time, repetitions) = if args.quick {
        (Duration::from_secs(1), 1)
    } else {
        (Duration::from_secs_f64(args.seconds.max(0.1)), args.repetitions.max(1))
    };
    let cases = if args.quick { args.cases.min(1_000) } else { args.cases };
    let mut sites = Vec::new();
    if let Some(url) = &args.postgres {
        let made = make_scratch(url).await.map_err(|error| {
            Failure::new("the benchmark could not make its database")
                .because(&error)
                .next("name a server on which the account may create databases; `cargo dev bench` starts one")
        })?;
        let site = Site::make(Place::Postgres(made), &args.folder, "postgres").await?;
        let names = postgres(site.connections());
        sites.push((site, names));
    }
    if !args.without_sqlite {
        let site = Site::make(Place::Sqlite(args.folder.join("sqlite.db")), &args.folder, "sqlite").await?;
        let names = sqlite(site.connections());
        sites.push((site, names));
    }
    let mut stores = Vec::new();
    for (site, names) in &mut sites {
        names.plans.retain(|plan| wanted(args, plan));
        out.note(&format!("filling {} with {cases} cases", site.place.shown()))?;
        site.load.fill(cases).await?;
        stores.push(site.about().await?);
    }
    let mut slices: Vec<Vec<Vec<Slice>>> =
        sites.iter().map(|(_, names)| names.plans.iter().map(|_| Vec::new()).collect()).collect();
    for repetition in 0..repetitions {
        for ((site, names), kept) in sites.iter_mut().zip(&mut slices) {
            for (plan, kept) in names.plans.iter().zip(kept) {
                let slice = site.slice(plan.job, time).await?;
                out.note(&format!(
                    "{}/{repetitions} {:<20} {:>9.0}/s",
                    repetition + 1,
                    plan.name,
                    slice.rate
                ))?;
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
    Ok(Report {
        commit: args.commit.clone().unwrap_or_else(|| "not told".to_owned()),
        command: command(args, time, repetitions, cases),
        seconds: time.as_secs_f64(),
        repetitions,
        cases,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        stores,
        rows,
    })
}

/// The command that measures the same again.
fn command(args: &Bench, time: Duration, repetitions: usize, cases: u64) -> String {
    // The chore always brings a PostgreSQL server along.
    let program = if args.postgres.is_some() { "cargo dev bench" } else { "qadiya bench" };
    let mut words = vec![format!(
        "{program} --seconds {} --repetitions {repetitions} --cases {cases}",
        time.as_secs_f64()
    )];
    words.extend(args.without_sqlite.then(|| "--without-sqlite".to_owned()));
    words.extend(args.only.iter().map(|part| format!("--only {part}")));
    words.join(" ")
}

/// Plain SQL is always measured: every ratio is taken against it.
fn wanted(args: &Bench, plan: &Plan) -> bool {
    args.only.is_empty()
        || matches!(plan.job, Job::Plain(_))
        || args.only.iter().any(|name| plan.name.contains(name.as_str()))
}

/// Takes the files of a run away, and no others.
fn clear(folder: &Path) -> Result<(), Failure> {
    let stores = ["sqlite.db", "sqlite-plain.db"].into_iter().flat_map(store_files);
    remove(folder, stores.chain(["sqlite.key", "postgres.key"].map(str::to_owned)))
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
        rows.push(Row {
            name: plan.name,
            what: plan.what,
            unit: if plan.lone { "ms" } else { "/s" },
            ratio: median(ratios.iter().copied()),
            median: median(figures.iter().copied()).unwrap_or(0.0),
            n: figures.len(),
            target: plan.target,
            ratios,
            figures,
            slices: slices.clone(),
        });
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
        let row = |(name, target), what, unit, (ratios, figures): (Vec<f64>, Vec<f64>)| Row {
            name,
            what,
            unit,
            ratio: median(ratios.iter().copied()),
            median: median(figures.iter().copied()).unwrap_or(0.0),
            n: figures.len(),
            target: Some(target),
            ratios,
            figures,
            slices: Vec::new(),
        };
        let cpu = cost(&|slice| slice.cpu_us, true);
        rows.push(row(names.cpu, "processor time of plain SQL over ours, 512 in flight", "µs", cpu));
        let bytes = cost(&|slice| slice.bytes, false);
        rows.push(row(names.bytes, "bytes written for each command, 512 in flight", "B", bytes));
    }
    rows
}
