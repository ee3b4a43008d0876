//! What the guards of a file read: the smallest conditions about each fact and each record.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::guard::Guard;
use crate::workflow::model::{Definition, OnLeave, Target};

/// The atoms of a file.
#[derive(Debug, Default)]
pub(super) struct Atoms {
    /// Conditions about each fact, without those about time passing.
    pub facts: BTreeMap<Name, BTreeSet<Guard>>,
    /// `days since FACT at least N` and so on.
    pub since: BTreeSet<Guard>,
    /// Conditions about the fields of each record; a record that is only counted has none. The state of its own track
    /// is not among them.
    pub records: BTreeMap<Name, BTreeSet<Guard>>,
    /// Sums over each record.
    pub sums: BTreeMap<(Name, Name), BTreeSet<Guard>>,
    /// Papers asked for.
    pub filed: BTreeSet<Name>,
    /// Deadlines asked for.
    pub passed: BTreeSet<Name>,
    /// Whether the authority is asked for.
    pub lapsed: bool,
}

impl Atoms {
    /// Everything that the guards of the file read.
    pub(super) fn of(def: &Definition) -> Self {
        let mut atoms = Self::default();
        for guard in guards(def) {
            atoms.walk(guard);
        }
        // Tracks per record and records that lift a ceiling are followed even when no guard reads them.
        for record in def.tracks.iter().filter_map(|track| track.per.as_ref()) {
            atoms.records.entry(record.clone()).or_default();
        }
        for record in &def.records {
            if let Some(needed) = record.limit.as_ref().and_then(|limit| limit.beyond_needs.as_ref()) {
                atoms.records.entry(needed.clone()).or_default();
            }
        }
        // The clocks that are asked for have conditions of their own; they were walked above with all the others.
        atoms
    }

    fn fact(&mut self, fact: &Name, atom: &Guard) {
        self.facts.entry(fact.clone()).or_default().insert(atom.clone());
    }

    /// Rules are among the guards of the file, so that a rule named here is walked once, by itself.
    fn walk(&mut self, guard: &Guard) {
        match guard {
            Guard::Or(parts) | Guard::And(parts) => parts.iter().for_each(|part| self.walk(part)),
            Guard::Not(inner) => self.walk(inner),
            Guard::Is(fact, _)
            | Guard::IsNot(fact, _)
            | Guard::Either(fact, _)
            | Guard::Known(fact, _)
            | Guard::Compare(fact, ..) => self.fact(fact, guard),
            Guard::Since(_, fact, _) => {
                self.since.insert(guard.clone());
                self.fact(fact, &Guard::Known(fact.clone(), true));
            }
            Guard::Records(_, record, condition) => {
                let mut leaves = BTreeSet::new();
                if let Some(condition) = condition {
                    self.fields(condition, &mut leaves);
                }
                self.records.entry(record.clone()).or_default().extend(leaves);
            }
            Guard::Sum { field, record, .. } => {
                self.sums.entry((field.clone(), record.clone())).or_default().insert(guard.clone());
            }
            Guard::Holds(_) | Guard::At(_) => {}
            Guard::Filed(document) => {
                self.filed.insert(document.clone());
            }
            Guard::Passed(deadline) => {
                self.passed.insert(deadline.clone());
            }
            Guard::AuthorityLapsed => self.lapsed = true,
        }
    }

    /// The conditions about fields inside `has ( … )`; papers and the authority are those of the case.
    fn fields(&mut self, guard: &Guard, into: &mut BTreeSet<Guard>) {
        match guard {
            Guard::Or(parts) | Guard::And(parts) => {
                for part in parts {
                    self.fields(part, into);
                }
            }
            Guard::Not(inner) => self.fields(inner, into),
            // A rule inside `has ( … )` refuses the file, and holds for no record.
            Guard::Holds(_) | Guard::At(_) => {}
            Guard::Filed(_) | Guard::AuthorityLapsed => self.walk(guard),
            Guard::Is(..)
            | Guard::IsNot(..)
            | Guard::Either(..)
            | Guard::Known(..)
            | Guard::Compare(..)
            | Guard::Records(..)
            | Guard::Sum { .. }
            | Guard::Passed(_)
            | Guard::Since(..) => {
                into.insert(guard.clone());
            }
        }
    }
}

/// Every guard of the file that steers a case.
fn guards(def: &Definition) -> Vec<&Guard> {
    let mut all: Vec<&Guard> = Vec::new();
    for command in &def.commands {
        all.push(&command.guard);
        all.extend(&command.when);
        all.extend(command.branches().into_iter().map(|(_, branch)| &branch.guard));
    }
    all.extend(def.stages.iter().map(|stage| &stage.when));
    all.extend(def.rules.iter().map(|rule| &rule.guard));
    all.extend(def.tracks.iter().map(|track| &track.open_if));
    for deadline in &def.deadlines {
        all.push(&deadline.guard);
        all.extend(&deadline.pauses_while);
    }
    all
}

/// Whether a branch may move the main machine.
pub(super) fn moves_main(def: &Definition, target: &Target) -> bool {
    match target {
        Target::Stays => false,
        Target::Back => true,
        Target::To(states) => states.iter().any(|state| def.states.get(state).is_some()),
    }
}

/// Whether a track holds the main machine back.
pub(super) fn holds_back(on_leave: OnLeave) -> bool {
    on_leave == OnLeave::MustFinish
}
