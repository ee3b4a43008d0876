//! Which changes a case can still meet, worked out without conditions, so that none is left out.

use std::collections::BTreeSet;

use super::{Change, Difference, Plan, Section};
use crate::name::Name;
use crate::workflow::check::search::open::after;
use crate::workflow::configuration::Configuration;
use crate::workflow::model::{Command, Deadline, Definition, From, Machine, States, Track};

impl Plan<'_> {
    /// The changes that a case which stands so can still meet.
    ///
    /// States, tracks, commands and deadlines are met where a case can come to. A role, record, rule or job that is new is
    /// met only through what uses it, which then changed too. Everything else is met by every case, but for titles.
    pub fn met_by(&self, at: &Configuration) -> impl Iterator<Item = &Change> {
        let seeds = || at.main.iter().chain(&at.before).cloned();
        let reach = Reach {
            old: reached(self.old, seeds()),
            new: reached(self.new, seeds()),
            tracks: at.tracks.keys().cloned().collect(),
        };
        self.changes.iter().filter(move |change| reach.meets(self, change))
    }
}

/// Where a case can come to.
struct Reach {
    old: BTreeSet<Name>,
    new: BTreeSet<Name>,
    /// Single tracks that are open now.
    tracks: BTreeSet<Name>,
}

fn reached(def: &Definition, seeds: impl Iterator<Item = Name>) -> BTreeSet<Name> {
    let marks = after(def, seeds);
    let marked = def.states.iter().zip(marks.into_iter().skip(1)).filter(|(_, mark)| *mark);
    marked.map(|(state, _)| state.name.clone()).collect()
}

impl Reach {
    fn meets(&self, plan: &Plan<'_>, change: &Change) -> bool {
        if matches!(&change.difference, Difference::Changed { key, .. } if key == "title") {
            return false;
        }
        let is_new = change.difference == Difference::Added;
        let name = change.name.as_str();
        let either = |meets: &dyn Fn(&Definition, &BTreeSet<Name>) -> bool| {
            meets(plan.old, &self.old) || meets(plan.new, &self.new)
        };
        match change.section {
            Section::Accept => false,
            Section::Roles | Section::Rules | Section::Jobs | Section::Records => {
                !is_new || change.part.is_some()
            }
            Section::States => self.old.contains(name) || self.new.contains(name),
            Section::Tracks => either(&|def, reached| {
                def.tracks.get(name).is_some_and(|track| self.opens(def, reached, track))
            }),
            Section::Commands => either(&|def, reached| {
                def.commands.get(name).is_some_and(|command| self.is_given(def, reached, command))
            }),
            Section::Deadlines => either(&|def, reached| {
                def.deadlines.get(name).is_some_and(|deadline| self.runs(def, reached, deadline))
            }),
            Section::File
            | Section::Stages
            | Section::Facts
            | Section::Documents
            | Section::Access
            | Section::Separation
            | Section::Corrections
            | Section::KeepFor
            | Section::Calendars => true,
        }
    }

    /// Whether a track is open now or can open. Tracks per record may be open wherever there are records.
    fn opens(&self, def: &Definition, reached: &BTreeSet<Name>, track: &Track) -> bool {
        track.per.is_some()
            || self.tracks.contains(&track.name)
            || reached.iter().any(|state| track.open_in.contains(def, state))
    }

    fn is_on(&self, def: &Definition, reached: &BTreeSet<Name>, machine: &Machine) -> bool {
        match machine {
            Machine::Main => true,
            Machine::Track(track) => {
                def.tracks.get(track).is_none_or(|track| self.opens(def, reached, track))
            }
        }
    }

    fn is_given(&self, def: &Definition, reached: &BTreeSet<Name>, command: &Command) -> bool {
        match &command.from {
            From::New => reached.is_empty(),
            From::EveryState | From::Always => true,
            From::States(Machine::Main, names) => names.iter().any(|name| reached.contains(name)),
            From::States(machine, _) => self.is_on(def, reached, machine),
        }
    }

    fn runs(&self, def: &Definition, reached: &BTreeSet<Name>, deadline: &Deadline) -> bool {
        match (&deadline.machine, &deadline.while_in) {
            (Machine::Main, States::These(names)) => names.iter().any(|name| reached.contains(name)),
            (machine, _) => self.is_on(def, reached, machine),
        }
    }
}
