//! What a replay gave, case by case.

use std::io::Write;

use qadiya_domain::ids::StreamId;
use serde::Serialize;

/// The result of a replay, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// One for each case of the log.
    pub cases: Vec<CaseReplay>,
}

/// What became of one case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CaseReplay {
    /// The case in the log.
    pub case_id: String,
    /// The case here; `None` when nothing opened it.
    pub stream: Option<StreamId>,
    /// Its number here.
    pub reference: String,
    /// The workflow.
    pub workflow: String,
    /// Events offered.
    pub events: usize,
    /// Events accepted.
    pub accepted: usize,
    /// The foreign identifier of the state after the last event, or its name where it has none.
    pub end_state: String,
    /// The case has ended, or its public stage is the last one of the file.
    pub is_final: bool,
    /// Every refused event with its reasons.
    pub refusals: Vec<RefusedEvent>,
}

/// An event that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedEvent {
    /// Its place in the case, from 1; 0 is the opening that stands before the first event.
    pub event: usize,
    /// What the log calls it.
    pub activity: String,
    /// Every reason.
    pub reasons: String,
}

impl CaseReplay {
    /// How many events were refused.
    pub fn refused(&self) -> usize {
        self.refusals.iter().filter(|refusal| refusal.event > 0).count()
    }

    /// The first event that was refused, from 1.
    pub fn first_refused(&self) -> Option<usize> {
        self.refusals.iter().map(|refusal| refusal.event).filter(|event| *event > 0).min()
    }

    /// Nothing was refused, and the case is where it may end.
    pub fn is_clean(&self) -> bool {
        self.refused() == 0 && self.is_final
    }
}

impl ReplayReport {
    /// How many cases are clean.
    pub fn clean(&self) -> usize {
        self.cases.iter().filter(|case| case.is_clean()).count()
    }

    /// Writes one line for each case: `case_id, events, accepted, refused, first_refused, end_state, final, clean`.
    ///
    /// # Errors
    /// When the output takes no bytes.
    pub fn write_csv(&self, to: impl Write) -> Result<(), csv::Error> {
        let mut csv = csv::Writer::from_writer(to);
        csv.write_record([
            "case_id",
            "events",
            "accepted",
            "refused",
            "first_refused",
            "end_state",
            "final",
            "clean",
        ])?;
        for case in &self.cases {
            csv.write_record([
                case.case_id.as_str(),
                &case.events.to_string(),
                &case.accepted.to_string(),
                &case.refused().to_string(),
                &case.first_refused().map(|event| event.to_string()).unwrap_or_default(),
                &case.end_state,
                one_or_nought(case.is_final),
                one_or_nought(case.is_clean()),
            ])?;
        }
        Ok(csv.flush()?)
    }

    /// Writes one line for each refused event: `case_id, event, activity, reasons`.
    ///
    /// # Errors
    /// When the output takes no bytes.
    pub fn write_refusals(&self, to: impl Write) -> Result<(), csv::Error> {
        let mut csv = csv::Writer::from_writer(to);
        csv.write_record(["case_id", "event", "activity", "reasons"])?;
        for case in &self.cases {
            for refusal in &case.refusals {
                let event = refusal.event.to_string();
                csv.write_record([&case.case_id, &event, &refusal.activity, &refusal.reasons])?;
            }
        }
        Ok(csv.flush()?)
    }
}

fn one_or_nought(flag: bool) -> &'static str {
    if flag { "1" } else { "0" }
}
