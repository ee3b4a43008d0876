//! E-system and E-clerical: what runs by itself can run by itself, and decides nothing about a person.

use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::model::{Ask, Command, Definition, From, JobAnswer, Ways};
use crate::workflow::read::finding;

/// A place from which the engine runs a command.
struct Site<'d> {
    place: Place,
    at: &'d Name,
    what: String,
    command: &'d Name,
    answer: Option<&'d JobAnswer>,
    /// The record that the site names.
    subject: Option<&'d Name>,
}

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    for site in sites(definition) {
        if let Some(command) = definition.commands.get(site.command) {
            at_site(definition, &site, command, &mut found);
        }
    }
    for command in &definition.commands {
        let name = &command.name;
        if command.by.iter().any(|role| role == "system") && command.is_decision() {
            let mut one = finding(
                command.place,
                CheckId::Clerical,
                name,
                format!("`{name}` is a decision about a person, and `system` may not take it"),
            );
            one.hint =
                Some("take `system` out of `by`, or say under `clerical` why this is no decision".to_owned());
            found.push(one);
        }
    }
    found
}

fn sites(definition: &Definition) -> Vec<Site<'_>> {
    let mut sites = Vec::new();
    for deadline in &definition.deadlines {
        let subject = definition.record_timed(deadline);
        for late in &deadline.late {
            if let Some(command) = &late.runs {
                let what = format!("the deadline `{}`", deadline.name);
                sites.push(Site {
                    place: late.place,
                    at: &deadline.name,
                    what,
                    command,
                    answer: None,
                    subject,
                });
            }
        }
    }
    for job in &definition.jobs {
        for answer in &job.answers {
            let what = format!("the answer `{}` of the job `{}`", answer.code, job.name);
            sites.push(Site {
                place: answer.place,
                at: &job.name,
                what,
                command: &answer.runs,
                answer: Some(answer),
                subject: None,
            });
        }
        if let Some(command) = &job.fails_run {
            let what = format!("the failed job `{}`", job.name);
            sites.push(Site { place: job.place, at: &job.name, what, command, answer: None, subject: None });
        }
    }
    for command in definition.commands.iter().filter(|command| command.when.is_some()) {
        let what = "the engine".to_owned();
        sites.push(Site {
            place: command.place,
            at: &command.name,
            what,
            command: &command.name,
            answer: None,
            subject: None,
        });
    }
    sites
}

fn at_site(definition: &Definition, site: &Site<'_>, command: &Command, found: &mut Vec<Finding>) {
    let name = &command.name;
    let mut report = |check: CheckId, why: String| {
        found.push(finding(site.place, check, site.at, format!("{} runs `{name}`, {why}", site.what)));
    };
    let allows_system = command.by.iter().any(|role| role == "system");
    if !allows_system && command.when.is_none() {
        report(CheckId::System, "which does not allow `system`".to_owned());
    }
    if command.approval.is_some() {
        report(CheckId::System, "which needs the approval of a person".to_owned());
    }
    if command.from == From::New {
        report(CheckId::System, "which opens a case".to_owned());
    }
    let outcome = site.answer.and_then(|answer| answer.outcome.as_ref());
    if matches!(command.ways, Ways::Outcomes(_)) && outcome.is_none() {
        report(CheckId::System, "where a person chooses the outcome".to_owned());
    }
    for (fact, ask) in &command.asks {
        let given = site.answer.is_some_and(|answer| answer.with.iter().any(|(known, _)| known == fact));
        if *ask == Ask::Required && !given {
            report(CheckId::System, format!("which asks a person for `{fact}`"));
        }
    }
    let branches = command.branches();
    let taken = branches
        .iter()
        .filter(|(named, _)| outcome.is_none() || *named == outcome)
        .map(|(_, branch)| *branch);
    let (mut records, mut needs): (Vec<_>, Vec<_>) =
        (command.records.iter().collect(), command.needs.iter().collect());
    for branch in taken {
        records.extend(&branch.records);
        needs.extend(&branch.needs);
    }
    for (record, _) in records.into_iter().filter(|(_, ask)| *ask != Ask::Optional) {
        report(CheckId::System, format!("which needs the record `{record}` from a person"));
    }
    for document in needs {
        report(CheckId::System, format!("which needs the paper `{document}` from a person"));
    }
    if let Some(record) = definition.record_named(command)
        && site.subject != Some(record)
        && command.when.is_none()
    {
        report(CheckId::System, format!("which acts on one `{record}`, and none is named here"));
    }
    // A command that allows `system` is reported once, where it stands.
    if !allows_system && command.is_decision() {
        report(CheckId::Clerical, "which is a decision about a person".to_owned());
    }
}
