//! The checks of LANGUAGE 4.6 over a finished definition. Names, shapes and the types of single words are tested while
//! the file is read ([`super::read`]); here are the checks that see the whole.

pub mod auto;
pub mod coverage;
pub mod forms;
pub mod known;
pub mod ladder;
pub mod people;
pub mod reading;
pub mod rights;
pub mod search;
pub mod system;
pub mod time;

use crate::workflow::finding::{CheckId, Finding, Severity};
use crate::workflow::model::{Accepted, Definition};
use crate::workflow::read::finding;

/// Runs every check, adds what it finds to [`Definition::findings`], marks accepted warnings and sorts by place.
pub fn check(definition: &mut Definition) {
    let mut findings = without_search(definition);
    findings.extend(search::findings(definition, search::LIMIT));
    findings.extend(search::alone(definition));
    accept(definition, &mut findings);
    findings.sort();
    findings.dedup();
    definition.findings = findings;
}

/// What the reader noted and what the checks find that need no search over configurations, sorted by place. Warnings
/// are not marked as accepted.
pub fn without_search(definition: &Definition) -> Vec<Finding> {
    let mut findings = definition.findings.clone();
    for check in [
        coverage::findings,
        forms::findings,
        ladder::findings,
        system::findings,
        auto::findings,
        known::findings,
        rights::findings,
        people::findings,
        time::findings,
        reading::findings,
    ] {
        findings.extend(check(definition));
    }
    findings.sort();
    findings.dedup();
    findings
}

/// Marks the warnings that the file accepts; an acceptance that accepts nothing is itself reported. What only two versions
/// together show is accepted where they are compared.
fn accept(definition: &Definition, findings: &mut Vec<Finding>) {
    let idle = mark_accepted(definition, findings);
    findings
        .extend(idle.into_iter().filter(|accepted| accepted.check != CheckId::Rights).map(accepts_nothing));
}

/// Marks the warnings that the file accepts; the acceptances that accept nothing.
pub(super) fn mark_accepted<'d>(definition: &'d Definition, findings: &mut [Finding]) -> Vec<&'d Accepted> {
    let mut idle = Vec::new();
    for accepted in &definition.accept {
        let mut found = false;
        for one in findings.iter_mut() {
            if one.check == accepted.check
                && one.at == accepted.at
                && one.check.severity() == Severity::Warning
            {
                one.accepted = Some(accepted.reason.clone());
                found = true;
            }
        }
        if !found {
            idle.push(accepted);
        }
    }
    idle
}

/// The finding about an acceptance that accepts nothing.
pub(super) fn accepts_nothing(accepted: &Accepted) -> Finding {
    let message =
        format!("there is no {} at `{}` to accept: take this line out", accepted.check, accepted.at);
    finding(accepted.place, CheckId::Unused, &accepted.at, message)
}
