//! What changed between two versions, in the words of the file and of its table of rules.
//!
//! Each version is written out as items: a named thing, or a named part of one (an outcome, a field, a late step), with
//! what the file says of it under each key. Two versions are compared item by item; what is equal is not told.

mod items;

use std::fmt;

use serde::Serialize;

use crate::name::Name;
use crate::workflow::draw::list;
use crate::workflow::finding::Place;
use crate::workflow::model::Definition;
use items::{Item, items};

/// A part of a workflow file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[expect(missing_docs, reason = "the keys of the file, named by the grammar of LANGUAGE 4.2")]
pub enum Section {
    File,
    Stages,
    Roles,
    Facts,
    Records,
    Documents,
    Rules,
    Access,
    States,
    Tracks,
    Commands,
    Deadlines,
    Jobs,
    Separation,
    Corrections,
    KeepFor,
    Accept,
    Calendars,
}

/// What happened to a thing between the versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// The file says something else under one of its keys.
    Changed {
        /// The key.
        key: String,
        /// What the old version says; nothing if it said nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        old: Option<String>,
        /// What the new version says.
        #[serde(skip_serializing_if = "Option::is_none")]
        new: Option<String>,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Under which key of the file.
    pub section: Section,
    /// The named thing; empty where the section has no names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The part of it: an outcome, a route, a field, a state of a track, a late step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What happened to it.
    pub difference: Difference,
    /// Where: in the new file, or in the old one if it is gone.
    pub place: Place,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.section)?;
        if !self.name.is_empty() {
            write!(f, " `{}`", self.name)?;
        }
        if let Some(part) = &self.part {
            write!(f, ", {part}")?;
        }
        match &self.difference {
            Difference::Added => f.write_str(": new"),
            Difference::Removed => f.write_str(": gone"),
            Difference::Changed { key, old: None, new: Some(new) } => write!(f, ": now {key}: {new}"),
            Difference::Changed { key, old: Some(old), new: None } => write!(f, ": no longer {key}: {old}"),
            Difference::Changed { key, old, new } => write!(
                f,
                ": {key}: {} → {}",
                old.as_deref().unwrap_or_default(),
                new.as_deref().unwrap_or_default()
            ),
        }
    }
}

/// What changed from the old version to the new one, in the order of the new file; in each section, what is gone comes
/// last. Versions and `migrate` are not compared: they speak about this very change.
pub fn changes(old: &Definition, new: &Definition) -> Vec<Change> {
    let (before, after) = (items(old), items(new));
    let mut all = Vec::new();
    for item in &after {
        match before.iter().find(|other| other.is(item)) {
            None if item.belongs_to_one_of(&before) => all.push(item.change(Difference::Added)),
            None => {}
            Some(other) => item.differs_from(other, &mut all),
        }
    }
    for item in before.iter().filter(|item| !after.iter().any(|other| other.is(item))) {
        if item.belongs_to_one_of(&after) {
            all.push(item.change(Difference::Removed));
        }
    }
    let kept = |one: &Definition, other: &Definition| -> Vec<Name> {
        let names = one.stages.iter().map(|stage| stage.name.clone());
        names.filter(|name| other.stages.position(name).is_some()).collect()
    };
    let (was, is) = (kept(old, new), kept(new, old));
    if was != is {
        all.push(Change {
            section: Section::Stages,
            name: String::new(),
            part: None,
            difference: Difference::Changed {
                key: "order".to_owned(),
                old: Some(list(&was)),
                new: Some(list(&is)),
            },
            place: new.stages.iter().next().map(|stage| stage.place).unwrap_or_default(),
        });
    }
    all.sort_by_key(|change| change.section);
    all
}

impl Item {
    fn is(&self, other: &Self) -> bool {
        self.section == other.section && self.name == other.name && self.part == other.part
    }

    /// Whether it is told of itself when the other version lacks it: a part only where its whole is in both.
    fn belongs_to_one_of(&self, others: &[Self]) -> bool {
        self.part.is_none()
            || others
                .iter()
                .any(|other| other.part.is_none() && other.section == self.section && other.name == self.name)
    }

    fn change(&self, difference: Difference) -> Change {
        Change {
            section: self.section,
            name: self.name.clone(),
            part: self.part.clone(),
            difference,
            place: self.place,
        }
    }

    fn under(&self, key: &str) -> Option<&String> {
        self.says.iter().find(|(known, _)| *known == key).map(|(_, what)| what)
    }

    fn differs_from(&self, old: &Self, all: &mut Vec<Change>) {
        let gone = old.says.iter().map(|(key, _)| *key).filter(|key| self.under(key).is_none());
        for key in self.says.iter().map(|(key, _)| *key).chain(gone) {
            let (was, is) = (old.under(key), self.under(key));
            if was != is {
                let difference =
                    Difference::Changed { key: key.to_owned(), old: was.cloned(), new: is.cloned() };
                all.push(self.change(difference));
            }
        }
    }
}
