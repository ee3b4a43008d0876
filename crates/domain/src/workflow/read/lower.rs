//! From the tree to the model: what all sections need. Shapes were tested before ([`super::conform`]); here words become
//! values, names are resolved, and what cannot be resolved is reported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::calendar::{Calendar, Rule, Span, StatedRule, Unit};
use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::guard::parse::{self, Mention};
use crate::workflow::guard::{Constant, Guard};
use crate::workflow::model::{
    CalendarRef, Fact, Label, Machine, MomentRef, Record, States, Table, ValueType,
};
use crate::workflow::read::near::did_you_mean;
use crate::workflow::read::symbols::{Sort, Symbols};
use crate::workflow::read::tree::{Entry, Node};
use crate::workflow::read::{conform, finding, typing};

/// The state of a reading.
pub(super) struct Lower<'a> {
    /// What the file defines.
    pub(super) symbols: Symbols,
    /// Faults that leave no definition.
    pub(super) faults: Vec<Finding>,
    /// Findings of the checks that need the text: the definition stands.
    pub(super) notes: Vec<Finding>,
    /// Facts, once they are read.
    pub(super) facts: Table<Fact>,
    /// Records, once they are read.
    pub(super) records: Table<Record>,
    /// The defaults of the file: calendar and counting rule.
    pub(super) time: (Option<CalendarRef>, StatedRule),
    /// Calendars named so far.
    pub(super) calendars: BTreeMap<Name, Arc<Calendar>>,
    /// Where calendars come from.
    pub(super) fetch: &'a dyn Fn(&Name) -> Option<Arc<Calendar>>,
    /// Which rules each rule names, to find circles.
    pub(super) rule_uses: BTreeMap<Name, Vec<Name>>,
    /// How many conditions each rule stands for, and through how many rules it goes.
    pub(super) rule_sizes: BTreeMap<Name, (u32, u32)>,
    /// Rules with `show`.
    pub(super) shown_rules: BTreeSet<Name>,
}

impl Lower<'_> {
    /// Reports a fault that leaves no definition.
    pub(super) fn fault(&mut self, place: Place, check: CheckId, at: &str, message: impl Into<String>) {
        self.faults.push(finding(place, check, at, message));
    }

    /// Reports a finding beside which the definition stands.
    pub(super) fn note(&mut self, place: Place, check: CheckId, at: &str, message: impl Into<String>) {
        self.notes.push(finding(place, check, at, message));
    }

    /// A name that refers to nothing in this file.
    pub(super) fn name(node: Option<&Node>) -> Option<Name> {
        node.and_then(Node::text).and_then(|text| Name::new(text).ok())
    }

    /// A reference.
    pub(super) fn refer(&mut self, node: Option<&Node>, sort: Sort) -> Option<Name> {
        let node = node?;
        let name = Self::name(Some(node))?;
        self.symbols.resolve(sort, &name, node.place, &mut self.faults).then_some(name)
    }

    /// A list of references, or one.
    pub(super) fn refer_all(&mut self, node: Option<&Node>, sort: Sort) -> Vec<Name> {
        let Some(node) = node else { return Vec::new() };
        let one = node.scalar().is_some().then_some(node);
        let mut names: Vec<Name> = Vec::new();
        let mut seen: BTreeSet<Name> = BTreeSet::new();
        for item in node.items().iter().chain(one) {
            if let Some(name) = self.refer(Some(item), sort) {
                if seen.insert(name.clone()) {
                    names.push(name);
                } else {
                    self.fault(
                        item.place,
                        CheckId::Name,
                        &name,
                        format!("`{name}` stands twice in this list"),
                    );
                }
            }
        }
        names
    }

    /// A reference that is a key.
    pub(super) fn refer_key(&mut self, entry: &Entry, sort: Sort) -> Option<Name> {
        let name = Name::new(&entry.key).ok()?;
        self.symbols.resolve(sort, &name, entry.place, &mut self.faults).then_some(name)
    }

    /// A text.
    pub(super) fn text(node: Option<&Node>) -> Option<String> {
        node.and_then(Node::text).map(str::to_owned)
    }

    /// `true` or left out.
    pub(super) fn flag(node: Option<&Node>) -> bool {
        node.is_some()
    }

    /// A whole number.
    pub(super) fn count(node: Option<&Node>) -> Option<u32> {
        node.and_then(Node::scalar).and_then(conform::count)
    }

    /// A length of time.
    pub(super) fn span(node: Option<&Node>) -> Option<Span> {
        node.and_then(Node::text).and_then(|text| text.parse().ok())
    }

    /// Title and foreign identifier.
    pub(super) fn label(node: &Node) -> Label {
        Label { title: Self::text(node.get("title")), id: Self::text(node.get("id")) }
    }

    /// A guard; the one that is always true, when there is no node.
    pub(super) fn guard(&mut self, node: Option<&Node>, at: &str) -> Guard {
        self.guard_with(node, at).map_or_else(Guard::always, |(guard, _)| guard)
    }

    /// A guard with what it names.
    pub(super) fn guard_with(&mut self, node: Option<&Node>, at: &str) -> Option<(Guard, Vec<Mention>)> {
        let node = node?;
        let scalar = node.scalar()?;
        let is_document =
            |name: &str| self.symbols.has(Sort::Document, name) && !self.symbols.has(Sort::Fact, name);
        let parsed = parse::parse(&scalar.text, &is_document);
        let place = |column: u32| match scalar.shift {
            Some(shift) => Place {
                line: node.place.line,
                column: node.place.column.saturating_add(shift).saturating_add(column),
            },
            None => node.place,
        };
        match parsed {
            Err(fault) => {
                let mut found = finding(place(fault.at), CheckId::Shape, at, fault.message);
                found.hint = fault.hint;
                self.faults.push(found);
                None
            }
            Ok(parsed) => {
                for mention in &parsed.mentions {
                    typing::mention(self, mention, &place, at);
                }
                let written_out = parsed.mentions.iter().fold(0_u32, |all, mention| {
                    let own = if let parse::Named::Rule(rule) = &mention.what {
                        self.rule_sizes.get(rule).map_or(0, |(size, _)| *size)
                    } else {
                        1
                    };
                    all.saturating_add(own)
                });
                if written_out > super::sections::MOST_CONDITIONS {
                    let message = format!(
                        "this guard stands for more than {} conditions when the rules it names are written out",
                        super::sections::MOST_CONDITIONS
                    );
                    self.fault(node.place, CheckId::Shape, at, message);
                }
                Some((parsed.guard, parsed.mentions))
            }
        }
    }

    /// A value for a fact or field of this type; a value of another type is reported.
    pub(super) fn value(&mut self, node: &Node, subject: &Name, value_type: &ValueType) -> Option<Constant> {
        let text = node.text()?;
        let Some(constant) = parse::constant(text) else {
            let message =
                format!("`{text}` is no value: write a word, a whole number, a date, `yes` or `no`");
            self.fault(node.place, CheckId::Shape, subject, message);
            return None;
        };
        if let Some((message, hint)) = typing::mismatch(subject, value_type, &constant) {
            let mut found = finding(node.place, CheckId::Type, subject, message);
            found.hint = hint;
            self.notes.push(found);
        }
        Some(constant)
    }

    /// States of one machine, with `every-state` and `always`.
    pub(super) fn states(&mut self, node: Option<&Node>, at: &str) -> Option<(Machine, States)> {
        let node = node?;
        match node.text() {
            Some("every-state") => return Some((Machine::Main, States::Every)),
            Some("always") => return Some((Machine::Main, States::Always)),
            _ => {}
        }
        let (machine, names) = self.states_of_one_machine(node, at)?;
        Some((machine, States::These(names)))
    }

    /// States of one machine, by name.
    pub(super) fn states_of_one_machine(&mut self, node: &Node, at: &str) -> Option<(Machine, Vec<Name>)> {
        let names = self.refer_all(Some(node), Sort::State);
        let machine = self.symbols.machine(names.first()?).cloned()?;
        if let Some(stranger) = names.iter().find(|name| self.symbols.machine(name) != Some(&machine)) {
            let first = names.first().map_or("", Name::as_str);
            let message = format!(
                "`{first}` belongs to {} and `{stranger}` to {}; all states here belong to one machine",
                machine_name(&machine),
                self.symbols.machine(stranger).map_or_else(String::new, machine_name)
            );
            self.fault(node.place, CheckId::Name, at, message);
        }
        Some((machine, names))
    }

    /// A moment: `FIELD of RECORD`, a paper or a state.
    pub(super) fn moment(&mut self, node: Option<&Node>, at: &str) -> Option<MomentRef> {
        let node = node?;
        let text = node.text()?;
        if let Some((field, record)) = text.split_once(" of ") {
            let (Ok(field), Ok(record)) = (Name::new(field.trim()), Name::new(record.trim())) else {
                self.fault(
                    node.place,
                    CheckId::Shape,
                    at,
                    format!("`{text}` is no moment: write `FIELD of RECORD`, a document or a state"),
                );
                return None;
            };
            if !self.symbols.resolve(Sort::Record, &record, node.place, &mut self.faults) {
                return None;
            }
            let value = self.field_type(&record, &field, node.place)?;
            if !matches!(value, ValueType::Date | ValueType::Instant | ValueType::Range) {
                let message = format!(
                    "`{field}` of `{record}` is no date, instant or range, so nothing can be counted from it"
                );
                self.note(node.place, CheckId::Type, at, message);
            }
            return Some(MomentRef::Field { field, record });
        }
        let Ok(name) = Name::new(text) else {
            self.fault(
                node.place,
                CheckId::Shape,
                at,
                format!("`{text}` is no moment: write `FIELD of RECORD`, a document or a state"),
            );
            return None;
        };
        if self.symbols.has(Sort::Document, &name) {
            self.symbols.resolve(Sort::Document, &name, node.place, &mut self.faults);
            return Some(MomentRef::Document(name));
        }
        if self.symbols.has(Sort::State, &name) {
            self.symbols.resolve(Sort::State, &name, node.place, &mut self.faults);
            return Some(MomentRef::State(name));
        }
        let mut found =
            finding(node.place, CheckId::Name, &name, format!("there is no document or state `{name}`"));
        let known = self.symbols.of(Sort::Document).iter().chain(self.symbols.of(Sort::State));
        found.hint = did_you_mean(&name, known.map(|(known, _)| known.as_str()));
        self.faults.push(found);
        None
    }

    /// The type of a field; an unknown field is reported.
    pub(super) fn field_type(&mut self, record: &Name, field: &Name, place: Place) -> Option<ValueType> {
        // A record whose own shape is broken was reported there.
        let fields = &self.records.get(record)?.fields;
        if let Some(found) = fields.get(field) {
            return Some(found.value.clone());
        }
        let mut fault =
            finding(place, CheckId::Name, field, format!("the record `{record}` has no field `{field}`"));
        fault.hint = did_you_mean(field, fields.iter().map(|known| known.name.as_str()));
        self.faults.push(fault);
        None
    }

    /// The calendar and rule that a thing states, and what follows with the defaults of the file.
    pub(super) fn clock(
        &mut self,
        node: &Node,
        at: &str,
        spans: &[(Place, Span)],
        unit: Unit,
    ) -> (Option<CalendarRef>, Rule) {
        let stated = stated_rule(node);
        let calendar = match node.get("calendar") {
            Some(calendar) => self.calendar(calendar, at),
            None => self.time.0.clone(),
        };
        let rule = self.settle(stated, at, spans, unit, node.place);
        if rule.if_not_working != crate::calendar::IfNotWorking::Same
            && calendar.is_none()
            && !unit.is_elapsed()
        {
            let message =
                format!("`if-not-working: {}` needs a calendar, here or under `time`", rule.if_not_working);
            self.note(node.place, CheckId::Date, at, message);
        }
        self.working_days(calendar.as_ref(), at, spans);
        (calendar, rule)
    }

    fn settle(
        &mut self,
        stated: StatedRule,
        at: &str,
        spans: &[(Place, Span)],
        unit: Unit,
        place: Place,
    ) -> Rule {
        let file = self.time.1;
        let mut said = false;
        for (place, span) in spans {
            if let Err(fault) = stated.settle(&file, span.unit)
                && !said
            {
                said = true;
                self.note(*place, CheckId::Date, at, fault.to_string());
            }
        }
        match stated.settle(&file, unit) {
            Ok(rule) => rule,
            Err(fault) => {
                if !said {
                    self.note(place, CheckId::Date, at, fault.to_string());
                }
                // The finding refuses the file; the trial run counts with what is stated.
                Rule {
                    first_day: stated.first_day.or(file.first_day).unwrap_or_default(),
                    ends: stated.ends.or(file.ends).unwrap_or_default(),
                    if_not_working: stated.if_not_working.or(file.if_not_working).unwrap_or_default(),
                    month_end: stated.month_end.or(file.month_end).unwrap_or_default(),
                }
            }
        }
    }

    /// Working days need a calendar that covers as many years as they may take.
    fn working_days(&mut self, calendar: Option<&CalendarRef>, at: &str, spans: &[(Place, Span)]) {
        for (place, span) in spans.iter().filter(|(_, span)| span.unit == Unit::WorkingDays) {
            let Some(calendar) = calendar else {
                self.note(
                    *place,
                    CheckId::Date,
                    at,
                    format!("`{span}` needs a calendar, here or under `time`"),
                );
                return;
            };
            let names: Vec<Name> = match calendar {
                CalendarRef::Named(name) => vec![name.clone()],
                CalendarRef::ByFact(fact) => match self.facts.get(fact).map(|fact| &fact.value) {
                    Some(ValueType::Choice(values)) => {
                        values.iter().map(|value| value.name.clone()).collect()
                    }
                    _ => Vec::new(),
                },
            };
            for name in names {
                let Some(calendar) = self.calendars.get(&name) else { continue };
                // A court works at least 200 days a year; one more year for a beginning late in the year.
                let needed = span.count / 200 + 1;
                let years: u32 = calendar
                    .covered_years()
                    .iter()
                    .map(|(first, last)| u32::try_from(i32::from(*last) - i32::from(*first) + 1).unwrap_or(0))
                    .max()
                    .unwrap_or(0);
                if years < needed || calendar.wanted_import().is_some() {
                    let message = format!(
                        "`{span}` needs {needed} years in a row, and the calendar `{name}` covers {years}"
                    );
                    self.note(*place, CheckId::Date, at, message);
                    return;
                }
            }
        }
    }

    /// `calendar: NAME` or `calendar: by-fact NAME`.
    pub(super) fn calendar(&mut self, node: &Node, at: &str) -> Option<CalendarRef> {
        let text = node.text()?;
        if let Some(fact) = text.strip_prefix("by-fact ") {
            let Ok(fact) = Name::new(fact.trim()) else {
                self.fault(
                    node.place,
                    CheckId::Shape,
                    at,
                    format!("`{text}` names no fact: write `by-fact NAME`"),
                );
                return None;
            };
            if !self.symbols.resolve(Sort::Fact, &fact, node.place, &mut self.faults) {
                return None;
            }
            let values: Vec<Name> = match self.facts.get(&fact).map(|fact| &fact.value) {
                Some(ValueType::Choice(values)) => values.iter().map(|value| value.name.clone()).collect(),
                Some(_) => {
                    let message = format!(
                        "`{fact}` is no choice: `by-fact` takes the calendar whose name is the value of a choice"
                    );
                    self.note(node.place, CheckId::Type, at, message);
                    Vec::new()
                }
                None => Vec::new(),
            };
            for value in values {
                self.fetch_calendar(&value, node.place);
            }
            return Some(CalendarRef::ByFact(fact));
        }
        let Ok(name) = Name::new(text) else {
            self.fault(
                node.place,
                CheckId::Shape,
                at,
                format!("`{text}` is no calendar: write its name, or `by-fact NAME`"),
            );
            return None;
        };
        self.fetch_calendar(&name, node.place);
        Some(CalendarRef::Named(name))
    }

    fn fetch_calendar(&mut self, name: &Name, place: Place) {
        if self.calendars.contains_key(name) {
            return;
        }
        if let Some(calendar) = (self.fetch)(name) {
            self.calendars.insert(name.clone(), calendar);
        } else {
            let mut found = finding(place, CheckId::Date, name, format!("there is no calendar `{name}`"));
            found.hint = Some("calendars lie in the folder `calendars` beside the workflow".to_owned());
            if !self.notes.contains(&found) {
                self.notes.push(found);
            }
        }
    }
}

/// The counting rule that a map states.
pub(super) fn stated_rule(node: &Node) -> StatedRule {
    fn word<T: std::str::FromStr>(node: &Node, key: &str) -> Option<T> {
        node.get(key).and_then(Node::text).and_then(|text| text.parse().ok())
    }
    StatedRule {
        first_day: word(node, "first-day"),
        ends: word(node, "ends"),
        if_not_working: word(node, "if-not-working"),
        month_end: word(node, "month-end"),
    }
}

/// A machine in words.
pub(super) fn machine_name(machine: &Machine) -> String {
    match machine {
        Machine::Main => "the main line".to_owned(),
        Machine::Track(track) => format!("the track `{track}`"),
    }
}
