//! From the bytes of a workflow file to a [`Definition`]: tree, shapes, names and types, model, checks.

mod clock;
mod command;
pub mod conform;
mod lower;
mod machine;
pub mod near;
mod rest;
mod sections;
pub mod shape;
pub mod symbols;
pub mod tree;
mod typing;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use qadiya_ledger::Hash;
use sha2::{Digest, Sha256};

use crate::calendar::{Calendar, StatedRule};
use crate::ids::DefinitionHash;
use crate::name::Name;
use crate::workflow::check;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::model::{Definition, Table};
use lower::Lower;
use symbols::Symbols;
use tree::Node;

/// A workflow file and what it needs beside it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The bytes of the file.
    pub text: &'a [u8],
    /// Gives the calendar of a name, if there is one.
    pub calendars: &'a dyn Fn(&Name) -> Option<Arc<Calendar>>,
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

/// Reads and checks a workflow file. The definition carries everything the checks found, errors too: such a file loads
/// on trial only (see [`Definition::is_proved`]).
///
/// # Errors
/// Every fault that leaves no definition at all: no YAML of the subset, not the shape of the grammar, a name that means
/// nothing. They are in the order of the file.
pub fn read(source: &Source<'_>) -> Result<Definition, Vec<Finding>> {
    let mut definition = load(source)?;
    check::check(&mut definition);
    Ok(definition)
}

/// Reads a workflow file without the checks that walk over the finished definition; for a file whose verdict is
/// already known by its hash.
///
/// # Errors
/// As [`read`].
pub fn load(source: &Source<'_>) -> Result<Definition, Vec<Finding>> {
    let file = tree::read(source.text)?;
    let mut faults = Vec::new();
    conform::object(&file, &shape::FILE, &mut faults);
    let symbols = Symbols::gather(&file, &mut faults);
    let mut lower = Lower {
        symbols,
        faults,
        notes: Vec::new(),
        facts: Table::default(),
        records: Table::default(),
        time: (None, StatedRule::default()),
        calendars: BTreeMap::new(),
        fetch: source.calendars,
        rule_uses: BTreeMap::new(),
        rule_sizes: BTreeMap::new(),
        shown_rules: BTreeSet::new(),
    };
    let definition = lower.definition(&file, source.text);
    let mut faults = lower.faults;
    match definition {
        Some(definition) if faults.is_empty() => Ok(definition),
        Some(_) | None => {
            faults.sort();
            faults.dedup();
            if faults.is_empty() {
                // Shapes and reader disagree; say so rather than run half a file.
                faults.push(finding(
                    Place::default(),
                    CheckId::Shape,
                    "",
                    "this file cannot be read as a workflow",
                ));
            }
            Err(faults)
        }
    }
}

impl Lower<'_> {
    #[expect(clippy::similar_names, reason = "the sections are called as the grammar calls them")]
    fn definition(&mut self, file: &Node, bytes: &[u8]) -> Option<Definition> {
        self.facts(file);
        if let Some(time) = file.get("time") {
            let calendar = time.get("calendar").and_then(|calendar| self.calendar(calendar, "time"));
            self.time = (calendar, lower::stated_rule(time));
        }
        self.records(file);
        let roles = self.roles(file);
        let documents = self.documents(file);
        let rules = self.rules(file);
        self.shown_rules = rules.iter().filter(|rule| rule.show).map(|rule| rule.name.clone()).collect();
        let stages = self.stages(file);
        let access = self.access(file);
        let states = self.main_states(file);
        let tracks = self.tracks(file);
        let commands = self.commands(file);
        let deadlines = self.deadlines(file);
        let jobs = self.jobs(file, &commands);
        let separation = self.separation(file, &commands);
        let corrections = self.corrections(file, &states);
        let version = Self::count(file.get("version")).unwrap_or(0);
        let migrate = self.migration(file, version);
        let accept = self.accepted(file);
        self.unused();
        let (states, tracks) = machine::offices(&states, &tracks, &commands);

        // A thing that is in the file and not in the model would be a rule that silently does not hold.
        let complete = [
            ("stages", stages.len()),
            ("roles", roles.len()),
            ("facts", self.facts.len()),
            ("records", self.records.len()),
            ("documents", documents.len()),
            ("rules", rules.len()),
            ("states", states.len()),
            ("tracks", tracks.len()),
            ("commands", commands.len()),
            ("deadlines", deadlines.len()),
            ("jobs", jobs.len()),
        ]
        .into_iter()
        .all(|(key, read)| file.get(key).map_or(0, |node| node.entries().len()) == read);
        if !complete {
            return None;
        }
        Some(Definition {
            hash: hash(bytes, &self.calendars),
            workflow: Self::name(file.get("workflow"))?,
            version,
            title: Self::text(file.get("title"))?,
            stages,
            roles,
            facts: std::mem::take(&mut self.facts),
            records: std::mem::take(&mut self.records),
            documents,
            rules,
            access,
            states,
            tracks,
            commands,
            deadlines,
            jobs,
            separation,
            corrections,
            migrate,
            keep_for: Self::keep_for(file),
            accept,
            calendars: std::mem::take(&mut self.calendars),
            findings: std::mem::take(&mut self.notes),
        })
    }
}

/// SHA-256 over the file and, in the order of their names, the calendars it names; every part is framed by its length
/// (eight bytes, big-endian). A calendar enters by its name and its own hash, which covers its raw bytes.
fn hash(bytes: &[u8], calendars: &BTreeMap<Name, Arc<Calendar>>) -> DefinitionHash {
    let mut hasher = Sha256::new();
    let mut frame = |part: &[u8]| {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    };
    frame(bytes);
    for (name, calendar) in calendars {
        frame(name.as_str().as_bytes());
        frame(&calendar.hash());
    }
    DefinitionHash(Hash::from_bytes(hasher.finalize().into()))
}

/// A finding without hint and story.
pub fn finding(place: Place, check: CheckId, at: &str, message: impl Into<String>) -> Finding {
    Finding {
        place,
        check,
        at: at.to_owned(),
        message: message.into(),
        hint: None,
        story: Vec::new(),
        accepted: None,
    }
}
