//! The result: as JSON, as a table, or as the page `docs/bench.md`.

use serde::Serialize;

use super::measure::{Row, Slice, Target, median};
use crate::output::table;

/// Everything a run found out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The commit that was measured, as the caller says.
    pub(super) commit: String,
    /// The command that measures the same again.
    pub(super) command: String,
    /// Seconds of each slice.
    pub(super) seconds: f64,
    /// Interleaved repetitions.
    pub(super) repetitions: usize,
    /// Cases that lay in the store from the beginning.
    pub(super) cases: u64,
    /// Processors that the system gives to this program.
    pub(super) processors: usize,
    /// What was measured on.
    pub(super) stores: Vec<String>,
    /// The figures.
    pub(super) rows: Vec<Row>,
}

/// A number with as many digits as it deserves.
pub(super) fn figure(number: f64) -> String {
    if number >= 100.0 {
        format!("{number:.0}")
    } else if number >= 10.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

fn bound(target: Option<Target>) -> String {
    match target {
        None => String::new(),
        Some(Target::AtLeast(least)) => format!("ratio ≥ {least}"),
        Some(Target::AtMost(most)) => format!("ratio ≤ {most}"),
        Some(Target::FigureAtMost(most)) => format!("≤ {most}"),
        Some(Target::FigureAtLeast(least)) => format!("≥ {least}"),
    }
}

fn verdict(row: &Row) -> &'static str {
    match row.reached() {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    }
}

fn of(slices: &[Slice], what: impl Fn(&Slice) -> Option<f64>) -> String {
    median(slices.iter().filter_map(what)).map(figure).unwrap_or_default()
}

impl Report {
    fn cells(&self) -> Vec<[String; 11]> {
        let cells = self.rows.iter().map(|row| {
            [
                row.name.clone(),
                row.what.to_owned(),
                row.ratio.map(figure).unwrap_or_default(),
                format!("{} {}", figure(row.median), row.unit),
                row.n.to_string(),
                bound(row.target),
                verdict(row).to_owned(),
                of(&row.slices, |slice| slice.cpu_us),
                of(&row.slices, |slice| slice.bytes),
                of(&row.slices, |slice| slice.batch),
                of(&row.slices, |slice| Some(slice.flush_us)),
            ]
        });
        cells.collect()
    }

    const HEAD: [&str; 11] =
        ["row", "what", "ratio", "median", "n", "target", "reached", "CPU µs", "bytes", "batch", "flush µs"];

    /// For people.
    pub(super) fn text(&self) -> String {
        table(Self::HEAD, self.cells())
    }

    /// The page of the repository.
    pub(super) fn markdown(&self) -> String {
        let mut page = format!(
            "# Speed, measured\n\nThis page is written by a program; to write it again:\n\n```\n{}\n```\n\n\
             Commit {}, {} processors, {} cases in each store at the beginning, {} interleaved repetitions of {} s; \
             every figure is their median, every ratio is taken against plain SQL in the same repetition.\n\n",
            self.command, self.commit, self.processors, self.cases, self.repetitions, self.seconds
        );
        for store in &self.stores {
            page.push_str(&format!("* {store}\n"));
        }
        page.push_str(&format!("\n{}\n", LIMITS.trim()));
        self::page(&page, &Self::HEAD, self.cells())
    }
}

/// A page of the repository: its beginning, and a table.
pub(super) fn page<const N: usize>(beginning: &str, head: &[&str; N], rows: Vec<[String; N]>) -> String {
    let mut page = format!("{beginning}\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for cells in rows {
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    page
}

/// What has to be known to read the figures.
const LIMITS: &str = "
* **Plain SQL** (`…_plain`): the same driver, BEGIN, one UPDATE with a version check, one INSERT, COMMIT; 8 connections on
  PostgreSQL, one on SQLite (`synchronous=FULL`). It writes two narrow rows and decides nothing.
* **A command of ours** is a real act on a real definition, six for each case from its opening on: read against the
  definition, decided, folded, chained, half of them with protected text; written are case, event, secret, deadlines, job,
  request with its answer, stage counters, and the signed receipt of the batch; over HTTP also token check and access
  record. The log is numbered by a worker, which does not run here.
* Callers, engine, database and clients share the processors, and their time is in `CPU µs`. `bytes` is write-ahead log on
  PostgreSQL and everything written to files on SQLite, for each command; `batch` says how many shared a commit; `flush µs`
  is a flush of 8 KiB just before the slice.
* Ratios of lone commands are times: ours over that of plain SQL on one connection. Ratios of CPU rows are plain SQL over
  ours.
* **The large court** (`--large`): 100,000 cases beside 1,000, each before the judge. `…_turn_…` is the next act of one case
  after the other, so that in the large court hardly any is still in memory; the ratio is time over time. `…_stage`,
  `…_list` and `…_counts` are asked by 64 callers of the engine, with rights and a durable access record for each answer,
  and by hand over 8 connections, with neither; the ratio is time over time. `…_drain` is two workers on a day on which
  every clock has run out: claimed, decided, logged, numbered. `…_import` takes in a list of 100,000 persons; of each a
  person and a case come to be, with their chains.
* **Servers** (`--servers`): processes of their own beside the clients, on the same processors and the same disk.
* **What limits each**: with many in flight the processors, which callers, engine and database share. On SQLite half of a
  command's time is its one writing thread (most of it writing changed pages back, `bytes`), half the engine: reading the
  act against its definition, folding the case, canonical bytes, hashes, one signature for each batch. On PostgreSQL the
  server takes the larger part: rows of seven tables and their indexes against two narrow ones of plain SQL. A lone
  command waits for one flush, like plain SQL, and for its way to a committer and back; on a fast disk that way shows.
  Over HTTP clients and server share the processors as well, and reads write an access record each. An import is bound
  by the processors: two streams for each record, both decided, chained and signed for.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ratio: Option<f64>, median: f64, target: Target) -> Row {
        Row::new("row", "a row", "/s", ratio.into_iter().collect(), vec![median], Some(target))
    }

    #[test]
    fn a_target_is_reached_or_not() {
        assert_eq!(row(Some(2.5), 0.0, Target::AtLeast(2.5)).reached(), Some(true));
        assert_eq!(row(Some(2.4), 0.0, Target::AtLeast(2.5)).reached(), Some(false));
        assert_eq!(row(Some(1.3), 0.0, Target::AtMost(1.3)).reached(), Some(true));
        assert_eq!(row(Some(1.4), 0.0, Target::AtMost(1.3)).reached(), Some(false));
        assert_eq!(row(None, 3_001.0, Target::FigureAtMost(3_000.0)).reached(), Some(false));
        assert_eq!(row(None, 10_000.0, Target::FigureAtLeast(10_000.0)).reached(), Some(true));
        assert_eq!(row(None, 9_999.0, Target::AtLeast(1.0)).reached(), None);
    }

    #[test]
    fn figures_have_the_digits_they_deserve() {
        assert_eq!([1234.5, 12.34, 1.234].map(figure), ["1234", "12.3", "1.23"]);
    }
}
