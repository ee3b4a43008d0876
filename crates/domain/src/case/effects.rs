//! What the store must carry besides events and the case row. All of it follows from the two folded states and the
//! events between them.

use crate::case::event::{Change, Event};
use crate::case::state::{Case, Clock, ClockKey};
use crate::ids::Seq;
use crate::name::Name;

/// What follows from a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Clock rows that changed; `None` removes the row.
    pub clocks: Vec<(ClockKey, Option<Clock>)>,
    /// Jobs to queue.
    pub jobs: Vec<JobNeeded>,
    /// Moves of the counters: workflow, stage, office, net.
    pub stages: Vec<(Name, Option<Name>, Option<Name>, i64)>,
}

/// A job to queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNeeded {
    /// The event that queued it.
    pub queued: Seq,
    /// The job of the file.
    pub job: Name,
}

/// Compares the case before and after.
pub fn effects<'e>(before: &Case, after: &Case, events: impl IntoIterator<Item = &'e Event>) -> Effects {
    let mut effects = Effects::default();
    for (key, clock) in &after.clocks {
        if before.clocks.get(key) != Some(clock) {
            effects.clocks.push((key.clone(), Some(clock.clone())));
        }
    }
    for key in before.clocks.keys().filter(|key| !after.clocks.contains_key(*key)) {
        effects.clocks.push((key.clone(), None));
    }
    for event in events {
        for change in &event.changes {
            if let Change::JobQueued(job) = change {
                effects.jobs.push(JobNeeded { queued: job.queued, job: job.job.clone() });
            }
        }
    }
    let place = |case: &Case| {
        let opened = case.opened.as_ref()?;
        Some((opened.workflow.clone(), case.stage.clone(), case.office.clone()))
    };
    let (old, new) = (place(before), place(after));
    if old != new {
        effects.stages.extend(old.map(|(workflow, stage, office)| (workflow, stage, office, -1)));
        effects.stages.extend(new.map(|(workflow, stage, office)| (workflow, stage, office, 1)));
    }
    effects
}
