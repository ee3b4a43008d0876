//! Jobs of workflow files that call somebody outside.

use std::collections::BTreeMap;
use std::time::Duration;

use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::{Act, Case};
use qadiya_domain::name::Name;
use qadiya_domain::value::Value;
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::model::Job;
use qadiya_engine::Engine;
use qadiya_engine::submit::{ActInput, ActorChoice, Submission, SubmitError, Target};
use qadiya_store::append::Settles;
use qadiya_store::read::Loaded;
use qadiya_store::work::{DueJob, Settle};

use super::{BROKE_OFF, Ended};
use crate::channels::{Delivery, Message};
use crate::retry::{FIRST_WAIT, Retry};
use crate::run::WorkerSettings;

pub(super) async fn perform(engine: &Engine, settings: &WorkerSettings, job: &DueJob) -> Ended {
    let prepared = match prepare(engine, settings, job).await {
        Ok(Some(prepared)) => prepared,
        // The case waits for it no longer (its act was annulled after it was claimed): it must not go out.
        Ok(None) => return Ended::Alone(Settle::Done),
        Err(fault) => return postponed(engine, fault),
    };
    if prepared.retry.is_spent(job.attempt) {
        return give_up(engine, job, &prepared, BROKE_OFF.to_owned()).await;
    }
    match prepared.channel.deliver(&job.id.to_string(), &prepared.message(job), prepared.within).await {
        Delivery::Done(reply) => {
            let report = JobReport::Done { code: reply.code, fields: reply.fields };
            report_to_case(engine, job, &prepared, report, None).await
        }
        Delivery::Failed(fault) => match prepared.retry.next(job.attempt, job.id.0, engine.clock().now()) {
            Some(run_at) => Ended::Alone(Settle::Again { run_at, fault }),
            None => give_up(engine, job, &prepared, fault).await,
        },
    }
}

async fn give_up(engine: &Engine, job: &DueJob, prepared: &Prepared<'_>, fault: String) -> Ended {
    let report = JobReport::Failed { attempts: job.attempt, fault: fault.clone() };
    report_to_case(engine, job, prepared, report, Some(fault)).await
}

/// What could not even be prepared (the store is away, a channel is not configured) was not tried: nothing was sent and
/// nobody outside is to blame. It waits without end; health shows how long the queue is.
fn postponed(engine: &Engine, fault: String) -> Ended {
    let now = engine.clock().now();
    Ended::Alone(Settle::Postponed { run_at: now.checked_add(FIRST_WAIT).unwrap_or(now), fault })
}

struct Prepared<'a> {
    name: Name,
    channel: &'a crate::channels::Channel,
    within: Duration,
    retry: Retry,
    reference: String,
    facts: BTreeMap<String, serde_json::Value>,
}

impl Prepared<'_> {
    fn message(&self, job: &DueJob) -> Message<'_> {
        Message { id: job.id.to_string(), case: &self.reference, job: &self.name, facts: self.facts.clone() }
    }
}

async fn prepare<'a>(
    engine: &Engine,
    settings: &'a WorkerSettings,
    job: &DueJob,
) -> Result<Option<Prepared<'a>>, String> {
    let loaded = engine.store().load_many(&[job.stream]).await.map_err(|_| "store-unavailable".to_owned())?;
    let Some(Loaded::Case(row)) = loaded.into_iter().next() else {
        return Err("no-such-case".to_owned());
    };
    let case: Case = serde_json::from_slice(&row.state).map_err(|_| "unreadable-case".to_owned())?;
    if !case.jobs.iter().any(|waiting| waiting.queued == job.seq && waiting.job == *job.name) {
        return Ok(None);
    }
    let definition = engine.definition(row.definition).await.map_err(|_| "no-definition".to_owned())?;
    let declared = definition.jobs.get(&job.name).ok_or("no-such-job")?;
    let call = declared.call.as_ref().ok_or("no-call")?;
    let channel = settings.channels.get(&call.channel).ok_or("channel-not-configured")?;
    Ok(Some(Prepared {
        name: declared.name.clone(),
        channel,
        within: elapsed(&declared.attempt_limit),
        retry: Retry {
            times: declared.retry_times,
            first_wait: declared.first_wait.as_ref().map_or(FIRST_WAIT, elapsed),
            doubles_to: declared.doubles_to.as_ref().map_or(FIRST_WAIT.saturating_mul(20), elapsed),
        },
        reference: row.reference.clone(),
        facts: open_facts(&definition, declared, &case),
    }))
}

/// The facts under `sends` that stand open in the case. Protected ones never leave by this door.
fn open_facts(definition: &Definition, job: &Job, case: &Case) -> BTreeMap<String, serde_json::Value> {
    let sends = job.call.iter().flat_map(|call| &call.sends);
    let open = sends.filter(|name| definition.facts.get(name).is_some_and(|fact| !fact.is_protected()));
    open.filter_map(|name| {
        case.facts.get(name).and_then(|given| given.value()).map(|value| (name.to_string(), plain(value)))
    })
    .collect()
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Flag(flag) => (*flag).into(),
        Value::Choice(name) => name.as_str().into(),
        Value::Number(number) => (*number).into(),
        Value::Date(date) => date.to_string().into(),
        Value::Instant(at) => qadiya_domain::moment::text(*at).into(),
        Value::Place(text) | Value::Reference(text) => text.as_str().into(),
        Value::Official(official) => official.to_string().into(),
        Value::Range(range) => {
            let text = qadiya_domain::moment::text;
            serde_json::json!({"from": text(range.from), "until": text(range.until)})
        }
        Value::Money(money) => serde_json::json!({"minor": money.minor, "currency": money.currency}),
        // Text and persons are protected whatever their class says.
        Value::Text(_) | Value::Person(_) => serde_json::Value::Null,
    }
}

/// Spans of jobs are elapsed time; civil days count as 24 hours here, since no legal limit hangs on them.
fn elapsed(span: &qadiya_domain::calendar::Span) -> Duration {
    use qadiya_domain::calendar::Unit;
    let seconds: u64 = match span.unit {
        Unit::Seconds => 1,
        Unit::Minutes => 60,
        Unit::Hours => 3_600,
        Unit::Days | Unit::WorkingDays => 86_400,
        Unit::Weeks => 604_800,
        Unit::Months => 2_592_000,
        Unit::Years => 31_536_000,
    };
    Duration::from_secs(seconds.saturating_mul(u64::from(span.count)))
}

async fn report_to_case(
    engine: &Engine,
    job: &DueJob,
    prepared: &Prepared<'_>,
    report: JobReport,
    incident: Option<String>,
) -> Ended {
    let act = ActInput::Typed(Act::ReportJob { queued: job.seq, job: prepared.name.clone(), report });
    let submission = Submission {
        // No request key: the epoch of the lease is the fence, and a job that is let run again must be heard again.
        settles: Some(Settles::Job { id: job.id, epoch: job.epoch, incident: incident.clone() }),
        ..Submission::new(ActorChoice::System, Target::Case(job.stream), act)
    };
    match engine.submit(submission).await {
        Ok(_) | Err(SubmitError::LeaseLost) => Ended::WithCase,
        // The case no longer waits for this job: nothing is left to move, and the queue must not keep the row.
        Err(SubmitError::Refused(refusals)) => {
            tracing::info!(case.id = %job.stream, job.name, %refusals, "a job came back to a case that no longer waits for it");
            Ended::Alone(match incident {
                Some(fault) => Settle::Incident { fault },
                None => Settle::Done,
            })
        }
        // Trying again calls outside again: only where the store or the queue may take the answer next time.
        Err(
            fault @ (SubmitError::Store(_)
            | SubmitError::Busy
            | SubmitError::Stopped
            | SubmitError::Conflict { .. }),
        ) => {
            tracing::warn!(case.id = %job.stream, job.name, %fault, "the answer of a job could not be written");
            Ended::again(engine, job, &prepared.retry, "answer-not-written".to_owned())
        }
        Err(
            fault @ (SubmitError::KeyReused
            | SubmitError::NotFound
            | SubmitError::Forbidden(_)
            | SubmitError::Malformed(_)
            | SubmitError::AliasTaken(_)
            | SubmitError::Integrity(_)),
        ) => {
            tracing::error!(case.id = %job.stream, job.name, %fault, "the answer of a job cannot be written");
            Ended::Alone(Settle::Incident { fault: "answer-cannot-be-written".to_owned() })
        }
    }
}
