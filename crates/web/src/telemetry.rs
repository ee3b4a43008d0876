//! Counts for the operator: requests, times, refusals. Labels are routes and codes, never a case or a person.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use qadiya_engine::query::HealthView;

use crate::problem::Problem;

const REQUESTS: &str = "qadiya_http_requests_total";
const SECONDS: &str = "qadiya_http_request_seconds";
const PROBLEMS: &str = "qadiya_problems_total";
const REFUSALS: &str = "qadiya_refusals_total";
/// Upper bounds of the time histogram, in seconds.
const BOUNDS: [f64; 10] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The recorder of this process, installed at the first call; `None` when the process has another one.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&BOUNDS).ok()?;
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok()?;
            metrics::describe_counter!(REQUESTS, "Requests answered, by method, route and status");
            metrics::describe_histogram!(
                SECONDS,
                metrics::Unit::Seconds,
                "Time from request to answer, by route"
            );
            metrics::describe_counter!(PROBLEMS, "Problems answered, by code");
            metrics::describe_counter!(REFUSALS, "Refusals of acts, by code");
            Some(handle)
        })
        .as_ref()
}

/// Counts an answer.
pub(crate) fn count(method: &str, route: &str, status: u16, time: Duration) {
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(SECONDS, "route" => route.to_owned()).record(time.as_secs_f64());
}

/// Counts a problem and its refusals.
pub(crate) fn refused(problem: &Problem) {
    metrics::counter!(PROBLEMS, "code" => problem.code().to_string()).increment(1);
    for code in problem.refusal_codes() {
        metrics::counter!(REFUSALS, "code" => code.to_owned()).increment(1);
    }
}

/// Puts the state of the installation beside the counts.
pub(crate) fn gauges(health: &HealthView) {
    let queued = u64::try_from(health.queued).unwrap_or(u64::MAX);
    let numbers = [
        ("qadiya_queue_depth", queued),
        ("qadiya_jobs_waiting", health.jobs),
        ("qadiya_incidents", health.incidents),
        ("qadiya_clocks_overdue", health.overdue),
        ("qadiya_events_pending", health.pending),
        ("qadiya_log_entries", health.entries),
        ("qadiya_log_covered", health.covered),
        ("qadiya_workers_silent", u64::from(health.workers_silent)),
    ];
    for (name, number) in numbers {
        // A gauge is a float; below 2^32 nothing is lost, and beyond it nobody reads the last digits.
        metrics::gauge!(name).set(f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
    }
}
