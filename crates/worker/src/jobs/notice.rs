//! Notices: who is to be told that a clock warned, a limit passed, a job gave up. They go out through the channel named
//! `notices`, at least once, under the job's id; a receiver tells doubles by it. They carry references, no names.

use std::time::Duration;

use qadiya_domain::name::Name;
use qadiya_engine::{Engine, Notice};
use qadiya_store::work::{DueJob, Settle};
use serde::Serialize;

use super::{BROKE_OFF, Ended};
use crate::channels::Delivery;
use crate::retry::{FIRST_WAIT, Retry};
use crate::run::WorkerSettings;

/// The channel notices go through.
pub const CHANNEL: &str = "notices";

/// A notice that keeps failing for two days is given up into an incident that people see.
const RETRY: Retry = Retry { times: 100, first_wait: FIRST_WAIT, doubles_to: FIRST_WAIT.saturating_mul(60) };

/// How long the receiver may take.
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    case: &'a str,
    workflow: &'a str,
    event: u64,
    roles: Vec<&'a str>,
    about: &'a str,
}

pub(super) async fn perform(engine: &Engine, settings: &WorkerSettings, job: &DueJob) -> Ended {
    let Ok(notice) = serde_json::from_slice::<Notice>(&job.payload) else {
        return Ended::Alone(Settle::Incident { fault: "unreadable-notice".to_owned() });
    };
    if RETRY.is_spent(job.attempt) {
        return Ended::Alone(Settle::Incident { fault: BROKE_OFF.to_owned() });
    }
    let Some(channel) = settings.channels.get(CHANNEL) else {
        return Ended::again(engine, job, &RETRY, "channel-not-configured".to_owned());
    };
    let id = job.id.to_string();
    let message = Message {
        id: id.clone(),
        case: &notice.reference,
        workflow: &notice.workflow,
        event: notice.event,
        roles: notice.roles.iter().map(Name::as_str).collect(),
        about: &notice.about,
    };
    match channel.deliver(&id, &message, WITHIN).await {
        Delivery::Done(_) => Ended::Alone(Settle::Done),
        Delivery::Failed(fault) => Ended::again(engine, job, &RETRY, fault),
    }
}
