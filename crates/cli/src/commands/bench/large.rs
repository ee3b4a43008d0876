//! A large court beside a small one: what an act costs in each, what questions cost beside the same asked by hand, and a
//! day on which every clock falls due at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use qadiya_domain::name::Name;
use qadiya_engine::query::ListFilter;
use qadiya_worker::WorkerSettings;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::Run;
use super::lanes::{BEFORE_THE_JUDGE, Load, STAGE, Standing, WORKFLOW, finish};
use super::measure::{Row, Slice, Target, float, ratio};
use super::site::{Home, Job, Purpose, Racing, Reader, Site};
use crate::exit::Failure;

/// Cases of the small court.
const FEW: u64 = 1_000;
/// Acts in flight.
const FLYING: usize = 512;
/// Who asks at the same time: so many callers of the engine, so many connections by hand.
const ASKING: usize = 64;
const BY_HAND: usize = 8;
/// Rows of a page.
const PAGE: u32 = 200;
/// So far ahead every clock of a case before the judge has run out, and so far apart it runs out again.
const ALL_LATE: Duration = Duration::from_hours(75 * 24);
const LATE_AGAIN: Duration = Duration::from_hours(30 * 24);

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("the large court could not be measured").because(error)
}

/// A question that both ways answer.
#[derive(Debug, Clone, Copy)]
enum Question {
    Stage,
    Page,
    Counts,
}

impl Question {
    const ALL: [(Self, &'static str, &'static str, Option<Target>); 3] = [
        (Self::Stage, "stage", "the stage of a case by its number, 64 ask", None),
        (Self::Page, "list", "a page of 200 cases of a stage, 64 ask", Some(Target::AtMost(3.0))),
        (Self::Counts, "counts", "the counts by stage, 64 ask", Some(Target::AtMost(3.0))),
    ];
}

/// Measures a small and a large court on one kind of store.
///
/// # Errors
/// The first thing that failed.
pub(super) async fn measure(home: Home<'_>, run: &Run<'_>) -> Result<Vec<Row>, Failure> {
    let clock = Racing::new(1);
    let (few, many) = (FEW.min(run.large), run.large);
    run.out.note(&format!("filling two courts ({}) with {few} and {many} cases", home.prefix()))?;
    let mut small = Site::make(home, Purpose::Few, run.folder, clock.clone()).await?;
    let mut large = Site::make(home, Purpose::Many, run.folder, clock.clone()).await?;
    let in_small = small.load.fill(few, BEFORE_THE_JUDGE).await?;
    let in_large = large.load.fill(many, BEFORE_THE_JUDGE).await?;
    // What waits for its number or its place in the counters would be worked off while something else is measured.
    small.settle().await?;
    large.settle().await?;
    let mut rows = questions(home, run, &large, &in_large).await?;
    rows.extend(turns(home, run, (&mut small, &in_small), (&mut large, &in_large)).await?);
    rows.push(drains(home, run, &mut large, &clock).await?);
    small.close().await;
    large.close().await;
    Ok(rows)
}

fn name(home: Home<'_>, part: &str) -> String {
    format!("{}_{part}", home.prefix())
}

/// Questions to the large court.
async fn questions(
    home: Home<'_>,
    run: &Run<'_>,
    site: &Site,
    standing: &Arc<Standing>,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (question, part, what, target) in Question::ALL {
        let (mut figures, mut ratios) = (Vec::new(), Vec::new());
        for repetition in 0..run.repetitions {
            let (by_hand, ours) = asked(site, standing, question, run.time).await?;
            run.told(repetition, &name(home, part), ours)?;
            figures.push(ours);
            ratios.extend(ratio(by_hand, ours));
        }
        rows.push(Row::new(name(home, part), what, "/s", ratios, figures, target));
    }
    Ok(rows)
}

/// The next acts of cases in both courts, interleaved.
async fn turns(
    home: Home<'_>,
    run: &Run<'_>,
    (small, in_small): (&mut Site, &Arc<Standing>),
    (large, in_large): (&mut Site, &Arc<Standing>),
) -> Result<[Row; 2], Failure> {
    let (mut at_few, mut at_many): (Vec<Slice>, Vec<Slice>) = (Vec::new(), Vec::new());
    for repetition in 0..run.repetitions {
        let few = small.slice(Job::Turn(in_small, FLYING), run.time).await?;
        run.told(repetition, &name(home, "turn_few"), few.rate)?;
        at_few.push(few);
        let many = large.slice(Job::Turn(in_large, FLYING), run.time).await?;
        run.told(repetition, &name(home, "turn_many"), many.rate)?;
        at_many.push(many);
    }
    let rates = |slices: &[Slice]| slices.iter().map(|slice| slice.rate).collect::<Vec<f64>>();
    let dearer = at_few.iter().zip(&at_many).filter_map(|(few, many)| ratio(few.rate, many.rate)).collect();
    let what = "an act in a court of 1,000 cases";
    let few = Row::new(name(home, "turn_few"), what, "/s", Vec::new(), rates(&at_few), None);
    let what = "an act in the large court; the ratio is its time over that in the small one";
    let target = Some(Target::AtMost(1.2));
    let many = Row::new(name(home, "turn_many"), what, "/s", dearer, rates(&at_many), target);
    Ok([few.costing(at_few), many.costing(at_many)])
}

/// Days on which every clock of the large court has run out.
async fn drains(home: Home<'_>, run: &Run<'_>, site: &mut Site, clock: &Racing) -> Result<Row, Failure> {
    site.settle().await?;
    clock.skip(ALL_LATE);
    drain(site).await?;
    let (mut figures, mut ratios) = (Vec::new(), Vec::new());
    for repetition in 0..run.repetitions {
        let plain = site.slice(Job::Plain(site.connections()), run.time).await?;
        clock.skip(LATE_AGAIN);
        let rate = drain(site).await?;
        run.told(repetition, &name(home, "drain"), rate)?;
        figures.push(rate);
        ratios.extend(ratio(rate, plain.rate));
    }
    let what = "clock steps when all cases of the large court fall due at once, two workers";
    Ok(Row::new(name(home, "drain"), what, "/s", ratios, figures, Some(Target::AtLeast(2.0))))
}

/// How often a question is answered in a second: by hand, and by the engine.
async fn asked(
    site: &Site,
    standing: &Arc<Standing>,
    question: Question,
    time: Duration,
) -> Result<(f64, f64), Failure> {
    let workflow = Name::new(WORKFLOW).map_err(|error| failed(&error))?;
    let stage = Name::new(STAGE).map_err(|error| failed(&error))?;
    let filter = ListFilter {
        workflow: Some(workflow),
        stage: Some(Some(stage)),
        open: true,
        ..ListFilter::default()
    };
    let mut lanes = Vec::new();
    for _ in 0..BY_HAND {
        lanes.push(site.reader().await?);
    }
    let shared = Arc::new(Asking { standing: Arc::clone(standing), next: AtomicUsize::new(0) });
    let began = Instant::now();
    let until = began.checked_add(time).unwrap_or(began);
    let (done, tasks) = (Arc::new(AtomicU64::new(0)), TaskTracker::new());
    let running = lanes.into_iter().map(|mut reader| {
        let (shared, done) = (Arc::clone(&shared), Arc::clone(&done));
        tasks.spawn(async move {
            while Instant::now() < until {
                by_hand(&mut reader, question, &shared).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
    });
    finish(running.collect()).await?;
    let by_hand = ratio(float(done.swap(0, Ordering::Relaxed)), began.elapsed().as_secs_f64());
    let began = Instant::now();
    let until = began.checked_add(time).unwrap_or(began);
    let running = (0..ASKING).map(|_| {
        let (load, shared) = (Arc::clone(&site.load), Arc::clone(&shared));
        let (done, filter) = (Arc::clone(&done), filter.clone());
        tasks.spawn(async move {
            while Instant::now() < until {
                by_engine(&load, question, &filter, &shared).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
    });
    finish(running.collect()).await?;
    let ours = ratio(float(done.load(Ordering::Relaxed)), began.elapsed().as_secs_f64());
    Ok((by_hand.unwrap_or(0.0), ours.unwrap_or(0.0)))
}

/// What is asked about next.
struct Asking {
    standing: Arc<Standing>,
    next: AtomicUsize,
}

impl Asking {
    /// Cases far apart, one after the other.
    fn case(&self) -> Result<&(qadiya_domain::ids::StreamId, String), Failure> {
        let next = self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(7_919);
        let cases = &self.standing.cases;
        let found = next.checked_rem(cases.len()).and_then(|at| cases.get(at));
        found.ok_or_else(|| Failure::new("the benchmark has no case to ask about"))
    }
}

async fn by_hand(reader: &mut Reader, question: Question, about: &Asking) -> Result<(), Failure> {
    let (stream, number) = about.case()?;
    let answered = match (reader, question) {
        (Reader::Sqlite(reader), Question::Stage) => reader.stage(number).await,
        (Reader::Postgres(reader), Question::Stage) => reader.stage(number).await,
        (Reader::Sqlite(reader), Question::Page) => reader.page(WORKFLOW, STAGE, stream.0, PAGE).await,
        (Reader::Postgres(reader), Question::Page) => reader.page(WORKFLOW, STAGE, stream.0, PAGE).await,
        (Reader::Sqlite(reader), Question::Counts) => reader.counts().await,
        (Reader::Postgres(reader), Question::Counts) => reader.counts().await,
    };
    answered.map(drop).map_err(|error| failed(&error))
}

async fn by_engine(
    load: &Load,
    question: Question,
    filter: &ListFilter,
    about: &Asking,
) -> Result<(), Failure> {
    let (viewer, engine) = (load.viewer()?, &load.engine);
    let (stream, number) = about.case()?;
    let answered = match question {
        Question::Stage => engine.stage(&viewer, number).await.map(drop),
        Question::Page => {
            engine.list(&viewer, filter.clone(), Some(stream.to_string()), PAGE).await.map(drop)
        }
        Question::Counts => engine.counts(&viewer).await.map(drop),
    };
    answered.map_err(|error| failed(&error))
}

/// Two workers until nothing is due; returns clock steps in a second.
async fn drain(site: &Site) -> Result<f64, Failure> {
    let health = site.load.engine.health().await.map_err(|error| failed(&error))?;
    if health.overdue == 0 {
        return Err(Failure::new("no clock of the large court was due"));
    }
    let (taken, tasks) = (Arc::new(AtomicU64::new(0)), TaskTracker::new());
    let mut running = Vec::new();
    let began = Instant::now();
    for keeps_log in [true, false] {
        let worker = site.worker(WorkerSettings { keeps_log, ..WorkerSettings::default() })?;
        let taken = Arc::clone(&taken);
        running.push(tasks.spawn(async move {
            let done = worker.until_idle().await.map_err(|error| failed(&error))?;
            taken.fetch_add(u64::try_from(done.clocks).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }));
    }
    finish(running).await?;
    let rate = ratio(float(taken.load(Ordering::Relaxed)), began.elapsed().as_secs_f64()).unwrap_or(0.0);
    let left = site.load.engine.health().await.map_err(|error| failed(&error))?.overdue;
    if left > 0 {
        return Err(Failure::new(format!("{left} clocks of the large court were left where they stood")));
    }
    Ok(rate)
}
