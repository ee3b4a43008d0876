//! What guards may read: `at` of the right machine and deadlines of the right record (E-type), and nothing sealed behind
//! a public stage (E-stage).
//!
//! Outside `has ( … )` a state of a track per record has no meaning, since it is not said of which record; only a
//! command of such a track may ask where the record it names stands. Inside `has ( … )` only states of the record's own
//! tracks and deadlines per that record mean something.

use std::collections::BTreeSet;

use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::guard::Guard;
use crate::workflow::model::{Class, Definition, Named as _};
use crate::workflow::read::finding;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    let mut test = |guard: &Guard, own: Option<&Name>, place: Place, at: &Name| {
        let mut reader = Reader { definition, own, place, at, found: &mut found };
        reader.walk(guard, None);
    };
    for command in &definition.commands {
        let own = definition.record_named(command);
        for guard in std::iter::once(&command.guard).chain(&command.when) {
            test(guard, own, command.place, &command.name);
        }
        for (_, branch) in command.branches() {
            test(&branch.guard, own, branch.place, &command.name);
        }
    }
    for stage in &definition.stages {
        test(&stage.when, None, stage.place, &stage.name);
    }
    for rule in definition.rules.iter().filter(|rule| rule.show) {
        test(&rule.guard, None, rule.place, &rule.name);
    }
    for track in &definition.tracks {
        test(&track.open_if, None, track.place, &track.name);
    }
    for deadline in &definition.deadlines {
        for guard in std::iter::once(&deadline.guard).chain(&deadline.pauses_while) {
            test(guard, None, deadline.place, &deadline.name);
        }
    }
    let mut found: Vec<Finding> = found.into_iter().collect();
    for stage in &definition.stages {
        let mut sealed = BTreeSet::new();
        sealed_in(definition, &stage.when, None, &mut sealed);
        for what in sealed {
            let message =
                format!("the public stage `{}` would tell of {what}, which is sealed", stage.name());
            found.push(finding(stage.place, CheckId::Stage, &stage.name, message));
        }
    }
    found
}

struct Reader<'r> {
    definition: &'r Definition,
    /// The record that the command names.
    own: Option<&'r Name>,
    place: Place,
    at: &'r Name,
    found: &'r mut BTreeSet<Finding>,
}

impl Reader<'_> {
    fn report(&mut self, message: String) {
        self.found.insert(finding(self.place, CheckId::Type, self.at, message));
    }

    fn walk(&mut self, guard: &Guard, inside: Option<&Name>) {
        match guard {
            Guard::Or(parts) | Guard::And(parts) => parts.iter().for_each(|part| self.walk(part, inside)),
            Guard::Not(part) => self.walk(part, inside),
            Guard::Holds(rule) => {
                if let Some(rule) = self.definition.rules.get(rule) {
                    self.walk(&rule.guard, inside);
                }
            }
            Guard::Records(_, record, Some(condition)) => self.walk(condition, Some(record)),
            Guard::At(state) => self.state(state, inside),
            Guard::Passed(deadline) => {
                if let Some(record) = inside
                    && !self.runs_for(deadline, record)
                {
                    self.report(format!("the deadline `{deadline}` does not run for each `{record}`"));
                }
            }
            Guard::Is(..)
            | Guard::IsNot(..)
            | Guard::Either(..)
            | Guard::Known(..)
            | Guard::Compare(..)
            | Guard::Records(_, _, None)
            | Guard::Sum { .. }
            | Guard::Filed(_)
            | Guard::AuthorityLapsed
            | Guard::Since(..) => {}
        }
    }

    /// Whether a deadline runs for each record of this kind.
    fn runs_for(&self, deadline: &Name, record: &Name) -> bool {
        let Some(deadline) = self.definition.deadlines.get(deadline) else { return true };
        self.definition.record_timed(deadline) == Some(record)
    }

    fn state(&mut self, state: &Name, inside: Option<&Name>) {
        let machine = self.definition.machine_of(state);
        let per = machine.and_then(|machine| self.definition.record_of(&machine));
        match (inside, per) {
            (Some(record), per) if per != Some(record) => {
                self.report(format!(
                    "`at {state}` asks nothing of the record `{record}`: it is no state of its tracks"
                ));
            }
            (None, Some(record)) if self.own != Some(record) => self.report(format!(
                "`at {state}` does not say of which `{record}`: write `some {record} has (at {state})`"
            )),
            (Some(_) | None, _) => {}
        }
    }
}

/// What is sealed among the things a guard reads, rules included.
fn sealed_in(definition: &Definition, guard: &Guard, inside: Option<&Name>, into: &mut BTreeSet<String>) {
    let mut subject = |name: &Name| {
        let class = match inside {
            Some(record) => definition
                .records
                .get(record)
                .and_then(|record| record.fields.get(name))
                .map(|field| field.class),
            None => definition.facts.get(name).map(|fact| fact.class),
        };
        if class == Some(Class::Sealed) {
            into.insert(inside.map_or_else(
                || format!("the fact `{name}`"),
                |record| format!("the field `{name}` of `{record}`"),
            ));
        }
    };
    match guard {
        Guard::Or(parts) | Guard::And(parts) => {
            for part in parts {
                sealed_in(definition, part, inside, into);
            }
        }
        Guard::Not(part) => sealed_in(definition, part, inside, into),
        Guard::Holds(rule) => {
            if let Some(rule) = definition.rules.get(rule) {
                sealed_in(definition, &rule.guard, inside, into);
            }
        }
        Guard::Records(_, record, Some(condition)) => sealed_in(definition, condition, Some(record), into),
        Guard::Is(name, _)
        | Guard::IsNot(name, _)
        | Guard::Either(name, _)
        | Guard::Known(name, _)
        | Guard::Compare(name, ..)
        | Guard::Since(_, name, _) => subject(name),
        Guard::Sum { field, record, .. } => {
            let summed = definition.records.get(record).and_then(|record| record.fields.get(field));
            if summed.is_some_and(|field| field.class == Class::Sealed) {
                into.insert(format!("the field `{field}` of `{record}`"));
            }
        }
        Guard::Filed(document) => {
            if definition.documents.get(document).is_some_and(|document| document.may_be_sealed) {
                into.insert(format!("the paper `{document}`"));
            }
        }
        Guard::Records(_, _, None) | Guard::At(_) | Guard::Passed(_) | Guard::AuthorityLapsed => {}
    }
}
