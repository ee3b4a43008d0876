//! What a slice of work cost: time, processor, bytes, batches, and how long a flush takes at that moment.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::exit::Failure;

/// Ticks of the processor clock in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

/// A large number as one that can be divided. Above 2^53 the last digits go, which no figure here shows.
pub(super) fn float(number: u64) -> f64 {
    let part = |bits: u64| f64::from(u32::try_from(bits & 0xffff_ffff).unwrap_or(u32::MAX));
    part(number >> 32).mul_add(4_294_967_296.0, part(number))
}

/// `over / under`, and nothing where there is nothing to divide by.
pub(super) fn ratio(over: f64, under: f64) -> Option<f64> {
    (under > 0.0).then(|| over / under)
}

/// The middle one.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let high = *sorted.get(upper)?;
    if sorted.len() % 2 == 1 {
        return Some(high);
    }
    sorted.get(upper.checked_sub(1)?).map(|low| f64::midpoint(*low, high))
}

/// One slice of work.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Slice {
    /// Commands, or whatever was counted, in a second.
    pub(super) rate: f64,
    /// Microseconds of processor for each, of this process (callers included) and of the server's.
    pub(super) cpu_us: Option<f64>,
    /// Bytes written for each: write-ahead log of PostgreSQL, file writes of SQLite.
    pub(super) bytes: Option<f64>,
    /// How many shared a commit.
    pub(super) batch: Option<f64>,
    /// Microseconds that a flush of 8 KiB took just before.
    pub(super) flush_us: f64,
}

/// A row of the result: one figure with its comparison.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// Its name.
    pub(super) name: String,
    /// What is measured, in words.
    pub(super) what: &'static str,
    /// The unit of `median`.
    pub(super) unit: &'static str,
    /// Median of the ratios, each against the baseline of its own repetition.
    pub(super) ratio: Option<f64>,
    /// Median of the figure itself.
    pub(super) median: f64,
    /// How many repetitions.
    pub(super) n: usize,
    /// What the ratio (or, without one, the figure) has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<Target>,
    /// Ratio of each repetition.
    pub(super) ratios: Vec<f64>,
    /// Figure of each repetition.
    pub(super) figures: Vec<f64>,
    /// What each repetition cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) slices: Vec<Slice>,
}

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Target {
    /// The ratio is no smaller.
    AtLeast(f64),
    /// The ratio is no larger.
    AtMost(f64),
    /// The figure is no larger.
    FigureAtMost(f64),
    /// The figure is no smaller.
    FigureAtLeast(f64),
}

impl Row {
    /// A row of what the repetitions gave: their figures, and their ratios to plain SQL.
    pub(super) fn new(
        name: impl Into<String>,
        what: &'static str,
        unit: &'static str,
        ratios: Vec<f64>,
        figures: Vec<f64>,
        target: Option<Target>,
    ) -> Self {
        Self {
            name: name.into(),
            what,
            unit,
            ratio: median(ratios.iter().copied()),
            median: median(figures.iter().copied()).unwrap_or(0.0),
            n: figures.len(),
            target,
            ratios,
            figures,
            slices: Vec::new(),
        }
    }

    /// With what each repetition cost.
    pub(super) fn costing(self, slices: Vec<Slice>) -> Self {
        Self { slices, ..self }
    }

    /// Whether the target is reached; `None` without one.
    pub(super) fn reached(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtLeast(least) => self.ratio? >= least,
            Target::AtMost(most) => self.ratio? <= most,
            Target::FigureAtMost(most) => self.median <= most,
            Target::FigureAtLeast(least) => self.median >= least,
        })
    }
}

/// What was counted when a slice began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Microseconds of processor.
    pub(super) cpu_us: Option<f64>,
    /// Bytes written.
    pub(super) bytes: Option<u64>,
    /// Batches.
    pub(super) batches: Option<u64>,
}

impl Counted {
    /// The slice between two counts.
    pub(super) fn until(self, end: Self, done: u64, took: Duration, flush_us: f64) -> Slice {
        let done = float(done);
        let apart = |from: Option<u64>, to: Option<u64>| Some(float(to?.saturating_sub(from?)));
        Slice {
            rate: ratio(done, took.as_secs_f64()).unwrap_or(0.0),
            cpu_us: self.cpu_us.zip(end.cpu_us).and_then(|(from, to)| ratio(to - from, done)),
            bytes: apart(self.bytes, end.bytes).and_then(|bytes| ratio(bytes, done)),
            batch: apart(self.batches, end.batches).and_then(|batches| ratio(done, batches)),
            flush_us,
        }
    }
}

/// Microseconds of processor this process has used so far, and those of a server whose first process is `server`: its
/// children that live, and what those that ended have left to it. `None` where the system does not say.
pub(super) fn cpu_us(server: Option<u32>) -> Option<f64> {
    let own = times("/proc/self/stat", false)?;
    let Some(server) = server else { return Some(own) };
    let mut all = own + times(&format!("/proc/{server}/stat"), true)?;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if parent(process) == Some(server) {
            all += times(&format!("/proc/{process}/stat"), false).unwrap_or(0.0);
        }
    }
    Some(all)
}

/// The fields of a `stat` file after the name of the program, which may hold blanks (`proc_pid_stat(5)`).
fn fields(path: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn times(path: &str, with_children: bool) -> Option<f64> {
    let fields = fields(path)?;
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u32>().ok()).map(f64::from);
    let mut sum = ticks(11)? + ticks(12)?;
    if with_children {
        sum += ticks(13)? + ticks(14)?;
    }
    Some(sum * 1_000_000.0 / TICKS)
}

/// The process that started another.
pub(super) fn parent(process: u32) -> Option<u32> {
    fields(&format!("/proc/{process}/stat"))?.get(1)?.parse().ok()
}

/// Bytes this process has handed to files and pipes so far.
pub(super) fn bytes_written() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar: ")?.trim().parse().ok())
}

/// Bytes of memory this process holds now.
pub(super) fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The most bytes of memory this process has held since [`forget_peak`].
pub(super) fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// Lets the count of [`peak`] begin anew (`proc_pid_clear_refs(5)`), where the system allows it.
pub(super) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

fn status(line: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = text.lines().find_map(|found| found.strip_prefix(line)?.trim().strip_suffix(" kB"))?;
    kibibytes.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// How long a flush of 8 KiB takes now, in microseconds: the median of twenty, in this folder.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn flush_us(folder: &Path) -> Result<f64, Failure> {
    let path = folder.join("flush");
    let failed =
        |error: std::io::Error| Failure::new(format!("{} cannot be flushed", path.display())).because(&error);
    let mut file = std::fs::File::create(&path).map_err(failed)?;
    let mut took = Vec::new();
    for _ in 0..20 {
        file.write_all(&[0x71; 8192]).map_err(failed)?;
        let began = tokio::time::Instant::now();
        file.sync_data().map_err(failed)?;
        took.push(began.elapsed().as_secs_f64() * 1_000_000.0);
    }
    drop(file);
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(median(took).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn large_numbers_keep_their_size() {
        assert!((float(1 << 40) - 2_f64.powi(40)).abs() < f64::EPSILON);
        assert!((float(u64::from(u32::MAX)) - f64::from(u32::MAX)).abs() < f64::EPSILON);
    }

    #[test]
    fn this_process_has_used_its_processor_and_has_a_parent() {
        assert!(cpu_us(None).is_some_and(|used| used >= 0.0));
        assert!(parent(std::process::id()).is_some_and(|parent| parent > 0));
    }

    #[test]
    fn the_memory_of_this_process_is_known() {
        assert!(resident().is_some_and(|now| peak().is_some_and(|most| most >= now / 2 && now > 0)));
    }

    #[test]
    fn a_slice_divides_by_what_was_done() {
        let begin = Counted { cpu_us: Some(1_000.0), bytes: Some(100), batches: Some(5) };
        let end = Counted { cpu_us: Some(5_000.0), bytes: Some(2_100), batches: Some(9) };
        let slice = begin.until(end, 20, Duration::from_secs(4), 7.0);
        assert_eq!(
            (slice.rate, slice.cpu_us, slice.bytes, slice.batch),
            (5.0, Some(200.0), Some(100.0), Some(5.0))
        );
    }
}
