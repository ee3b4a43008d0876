//! Which way a running case goes when a new version takes the place of its own (LANGUAGE 4.5). Nothing is switched here.

use jiff::Timestamp;
use qadiya_ledger::Hash;

use crate::case::event::Event;
use crate::case::rerun::rerun;
use crate::case::state::Case;
use crate::case::view::CaseView;
use crate::workflow::check::search::Standing;
use crate::workflow::plan::Plan;

/// The way of a running case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing it can still meet changed: it goes on under the new version as it stands.
    Same,
    /// Its log is a legal run of the new version: it goes on as that run leaves it.
    Replays(Box<Case>),
    /// `migrate` gives it a place in the new version from which it can end.
    Maps,
    /// A clerk is asked.
    Ask,
    /// It ends under the version it began with.
    Keep,
}

/// A verdict with its reasons, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The way.
    pub verdict: Verdict,
    /// Why this way, and why none of those before it.
    pub why: Vec<String>,
}

/// Judges a running case by its state and its whole log at a moment. The first way that is open is taken, in the order
/// same, replays, maps, and then what `otherwise` says; without a `migrate` for its version a case keeps its own.
pub fn verdict(plan: &Plan<'_>, case: &Case, log: &[(Event, Hash)], now: Timestamp) -> Judged {
    let mut why = Vec::new();
    let Some(met) = plan.met_by(&case.configuration()).next() else {
        why.push("nothing that the case can still meet changed".to_owned());
        return Judged { verdict: Verdict::Same, why };
    };
    why.push(format!("not the same: it can still meet {met}"));
    match rerun(plan.new, case.id, log, now) {
        Ok(case) => {
            let version = plan.new.version;
            why.push(format!("its log, without annulled parts, is a legal run of version {version}"));
            return Judged { verdict: Verdict::Replays(Box::new(case)), why };
        }
        Err(illegal) => why.push(format!("no legal run of version {}: {illegal}", plan.new.version)),
    }
    let Some(migrate) = plan.migration() else {
        why.push(format!("the new version has no `migrate` for version {}", plan.old.version));
        return Judged { verdict: Verdict::Keep, why };
    };
    let view = CaseView::plain(plan.old, case, now);
    let covered = case.authority_until.is_some_and(|until| until > now);
    let standing = Standing { machines: case.configuration(), view: &view, covered };
    match &plan.closure {
        Ok(closure) => match closure.brings_over(&standing) {
            Ok(()) => {
                why.push("`migrate` brings it to where it can end".to_owned());
                return Judged { verdict: Verdict::Maps, why };
            }
            Err(reason) => why.push(format!("`migrate` does not bring it over: {reason}")),
        },
        Err(reason) => why.push(format!("it is not proved that `migrate` brings it over: {reason}")),
    }
    let (verdict, says) = if migrate.otherwise_ask { (Verdict::Ask, "ask") } else { (Verdict::Keep, "keep") };
    why.push(format!("`otherwise: {says}`"));
    Judged { verdict, why }
}
