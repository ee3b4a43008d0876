//! What a file defines, by kind and name, gathered before anything that refers to it is read.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::guard::parse::RESERVED;
use crate::workflow::model::Machine;
use crate::workflow::read::finding;
use crate::workflow::read::near::did_you_mean;
use crate::workflow::read::tree::{Entry, Node};

/// Kinds of named things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum Sort {
    /// A public stage.
    Stage,
    /// A capacity.
    Role,
    /// A fact.
    Fact,
    /// A form.
    Record,
    /// A paper.
    Document,
    /// A named guard.
    Rule,
    /// A state of any machine.
    State,
    /// A track.
    Track,
    /// A legal act.
    Command,
    /// A limit of time.
    Deadline,
    /// Work for a worker.
    Job,
}

impl Sort {
    /// The word with its article.
    pub fn a(self) -> &'static str {
        match self {
            Self::Stage => "a stage",
            Self::Role => "a role",
            Self::Fact => "a fact",
            Self::Record => "a record",
            Self::Document => "a document",
            Self::Rule => "a rule",
            Self::State => "a state",
            Self::Track => "a track",
            Self::Command => "a command",
            Self::Deadline => "a deadline",
            Self::Job => "a job",
        }
    }
}

/// Words that stand for something else where a state is expected.
pub const STATE_WORDS: &[&str] = &["new", "every-state", "always", "back"];

/// Faults after which no nearest name is looked for.
const MOST_HINTS: usize = 200;

/// The table of symbols.
#[derive(Debug, Default)]
pub struct Symbols {
    defined: BTreeMap<Sort, Vec<(Name, Place)>>,
    index: BTreeMap<Sort, BTreeMap<Name, Place>>,
    machines: BTreeMap<Name, Machine>,
    used: BTreeSet<(Sort, Name)>,
}

impl Symbols {
    /// Gathers everything a file defines; doubled state names and reserved words are reported.
    pub fn gather(file: &Node, faults: &mut Vec<Finding>) -> Self {
        let mut symbols = Self::default();
        for (sort, key) in [
            (Sort::Stage, "stages"),
            (Sort::Role, "roles"),
            (Sort::Fact, "facts"),
            (Sort::Record, "records"),
            (Sort::Document, "documents"),
            (Sort::Rule, "rules"),
            (Sort::Track, "tracks"),
            (Sort::Command, "commands"),
            (Sort::Deadline, "deadlines"),
            (Sort::Job, "jobs"),
        ] {
            for entry in file.get(key).map(Node::entries).unwrap_or_default() {
                symbols.define(sort, entry, faults);
            }
        }
        for entry in file.get("states").map(Node::entries).unwrap_or_default() {
            symbols.state(Machine::Main, entry, faults);
        }
        for track in file.get("tracks").map(Node::entries).unwrap_or_default() {
            let Ok(name) = Name::new(&track.key) else { continue };
            for entry in track.value.get("states").map(Node::entries).unwrap_or_default() {
                symbols.state(Machine::Track(name.clone()), entry, faults);
            }
        }
        for record in file.get("records").map(Node::entries).unwrap_or_default() {
            for field in record.value.get("fields").map(Node::entries).unwrap_or_default() {
                reserved("a field", field, faults);
            }
        }
        if let Some(entry) =
            file.get("roles").and_then(|roles| roles.entries().iter().find(|entry| entry.key == "system"))
        {
            let message = "`system` is built in and cannot be defined";
            faults.push(finding(entry.place, CheckId::Name, "system", message));
        }
        symbols
    }

    fn define(&mut self, sort: Sort, entry: &Entry, faults: &mut Vec<Finding>) {
        let Ok(name) = Name::new(&entry.key) else { return };
        let in_guards =
            matches!(sort, Sort::Fact | Sort::Record | Sort::Document | Sort::Rule | Sort::Deadline);
        if in_guards {
            reserved(sort.a(), entry, faults);
        }
        self.index.entry(sort).or_default().insert(name.clone(), entry.place);
        self.defined.entry(sort).or_default().push((name, entry.place));
    }

    fn state(&mut self, machine: Machine, entry: &Entry, faults: &mut Vec<Finding>) {
        let Ok(name) = Name::new(&entry.key) else { return };
        if STATE_WORDS.contains(&entry.key.as_str()) {
            let message = format!("`{name}` has a meaning of its own and cannot be a state");
            faults.push(finding(entry.place, CheckId::Name, &name, message));
        }
        reserved("a state", entry, faults);
        if let Some(first) = self.index.get(&Sort::State).and_then(|states| states.get(&name)) {
            let line = first.line;
            let message = format!(
                "the state `{name}` is defined twice, first on line {line}; names of states are unique in the file"
            );
            faults.push(finding(entry.place, CheckId::Name, &name, message));
            return;
        }
        self.machines.insert(name.clone(), machine);
        self.index.entry(Sort::State).or_default().insert(name.clone(), entry.place);
        self.defined.entry(Sort::State).or_default().push((name, entry.place));
    }

    /// Everything of one kind, in the order of the file.
    pub fn of(&self, sort: Sort) -> &[(Name, Place)] {
        self.defined.get(&sort).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether something of this kind is defined.
    pub fn has(&self, sort: Sort, name: &str) -> bool {
        self.index.get(&sort).is_some_and(|names| names.contains_key(name))
    }

    /// The machine of a state.
    pub fn machine(&self, state: &str) -> Option<&Machine> {
        self.machines.get(state)
    }

    /// Resolves a reference and marks its target as used; an unknown name is reported with the nearest one.
    pub fn resolve(&mut self, sort: Sort, name: &Name, place: Place, faults: &mut Vec<Finding>) -> bool {
        if sort == Sort::Role && name == "system" {
            // The engine gives the commands whose `by` names it, and is nobody who could be told or sign.
            let message = "`system` is no office: it stands only under `by` of a command";
            faults.push(finding(place, CheckId::System, name, message));
            return false;
        }
        if self.has(sort, name) {
            self.used.insert((sort, name.clone()));
            return true;
        }
        let other = self.index.iter().find(|(_, names)| names.contains_key(name)).map(|(sort, _)| *sort);
        let mut fault = finding(place, CheckId::Name, name, format!("there is no {sort} `{name}`"));
        // Looking for the nearest name is slow; in a file with hundreds of faults it helps nobody.
        let near = (faults.len() < MOST_HINTS)
            .then(|| did_you_mean(name, self.of(sort).iter().map(|(known, _)| known.as_str())))
            .flatten();
        fault.hint = near.or_else(|| other.map(|other| format!("`{name}` is {}", other.a())));
        faults.push(fault);
        false
    }

    /// Whether anything refers to it.
    pub fn is_used(&self, sort: Sort, name: &Name) -> bool {
        self.used.contains(&(sort, name.clone()))
    }
}

fn reserved(what: &str, entry: &Entry, faults: &mut Vec<Finding>) {
    if RESERVED.contains(&entry.key.as_str()) {
        let message =
            format!("`{}` is a word of the guard language and cannot be the name of {what}", entry.key);
        faults.push(finding(entry.place, CheckId::Name, &entry.key, message));
    }
}
