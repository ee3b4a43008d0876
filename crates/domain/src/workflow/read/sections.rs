//! Stages, roles, facts, records, documents, rules and access.

use crate::name::Name;
use crate::workflow::finding::{CheckId, Place};
use crate::workflow::guard::explain;
use crate::workflow::guard::parse::Named as Mentioned;
use crate::workflow::model::{
    Access, Choice, Class, Document, Fact, Field, Label, Lack, Limit, LimitPart, Named, NamedRule, Record,
    RecordLimit, Role, Stage, Table, ValueType,
};
use crate::workflow::read::lower::Lower;
use crate::workflow::read::symbols::Sort;
use crate::workflow::read::tree::{Entry, Kind, Node};

/// The most rules that one rule may go through.
const MOST_RULES_DEEP: u32 = 16;

/// The most conditions a guard may stand for when the rules it names are written out: every check walks over them.
pub(super) const MOST_CONDITIONS: u32 = 1_000;

/// Words that stand where a guard or `sets` expects a value and mean something else there.
const NO_VALUES: &[&str] = &["and", "or", "is", "known", "not", "either", "filed", "unset"];

impl Lower<'_> {
    /// Adds to a table; a foreign identifier that another thing of the table answers to is reported.
    pub(super) fn add<T: Named>(&mut self, table: &mut Table<T>, item: T, place: Place) {
        if let Some(id) = &item.label().id
            && let Some(other) = table.get(id)
            && other.name() != item.name()
        {
            let message = format!("the id `{id}` of `{}` already means `{}`", item.name(), other.name());
            let at = item.name().clone();
            self.fault(place, CheckId::Name, &at, message);
        }
        // A doubled name is a doubled key, which the reader of the tree has reported.
        drop(table.add(item));
    }

    /// The entries of a section whose keys are names.
    pub(super) fn section<'n>(file: &'n Node, key: &str) -> Vec<(Name, &'n Entry)> {
        let entries = file.get(key).map(Node::entries).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((Name::new(&entry.key).ok()?, entry))).collect()
    }

    pub(super) fn roles(&mut self, file: &Node) -> Table<Role> {
        let mut roles = Table::default();
        for (name, entry) in Self::section(file, "roles") {
            let at_least = Self::count(entry.value.get("at-least"));
            self.add(
                &mut roles,
                Role { name, label: Self::label(&entry.value), place: entry.place, at_least },
                entry.place,
            );
        }
        roles
    }

    pub(super) fn stages(&mut self, file: &Node) -> Table<Stage> {
        let mut stages = Table::default();
        for (name, entry) in Self::section(file, "stages") {
            let when = self.guard(entry.value.get("when"), &name);
            self.add(
                &mut stages,
                Stage { name, label: Self::label(&entry.value), place: entry.place, when },
                entry.place,
            );
        }
        stages
    }

    /// Facts come first: everything that compares a value needs their types.
    pub(super) fn facts(&mut self, file: &Node) {
        let mut facts = Table::default();
        for (name, entry) in Self::section(file, "facts") {
            let node = &entry.value;
            let Some(value) = self.value_type(node, &name, entry.place) else { continue };
            let starts = node.get("starts").and_then(|starts| self.value(starts, &name, &value));
            let editable_by = self.refer_all(node.get("editable-by"), Sort::Role);
            let class = class(node);
            let fact = Fact {
                name,
                label: Self::label(node),
                place: entry.place,
                value,
                starts,
                editable_by,
                class,
            };
            if fact.starts.is_some() && fact.is_protected() {
                let at = fact.name.clone();
                let message =
                    format!("`{at}` is not open, so it cannot start with a value that stands in the file");
                self.note(entry.place, CheckId::Type, &at, message);
            }
            self.add(&mut facts, fact, entry.place);
        }
        self.facts = facts;
    }

    fn value_type(&mut self, node: &Node, name: &Name, place: Place) -> Option<ValueType> {
        let value = match node.get("type")?.text()? {
            "choice" => {
                let Some(of) = node.get("of") else {
                    self.fault(
                        place,
                        CheckId::Shape,
                        name,
                        format!("`{name}` is a choice and needs its values under `of`"),
                    );
                    return None;
                };
                return Some(ValueType::Choice(self.choices(of, name)));
            }
            "flag" => ValueType::Flag,
            "number" => ValueType::Number,
            "date" => ValueType::Date,
            "text" => ValueType::Text,
            "instant" => ValueType::Instant,
            "range" => ValueType::Range,
            "person" => ValueType::Person,
            "official" => ValueType::Official,
            "place" => ValueType::Place,
            "money" => ValueType::Money,
            "reference" => ValueType::Reference,
            _ => return None,
        };
        if let Some(of) = node.get("of") {
            self.fault(
                of.place,
                CheckId::Shape,
                name,
                format!("only a choice has `of`, and `{name}` is {}", super::typing::type_name(&value)),
            );
        }
        Some(value)
    }

    fn choices(&mut self, of: &Node, name: &Name) -> Table<Choice> {
        let mut choices = Table::default();
        let listed = of.items().iter().filter_map(|item| {
            let plain = item.scalar().is_some_and(|scalar| scalar.plain);
            Some((Self::name(Some(item))?, plain, Label::default(), item.place))
        });
        let mapped = of.entries().iter().filter_map(|entry| {
            Some((Name::new(&entry.key).ok()?, entry.plain, Self::label(&entry.value), entry.place))
        });
        for (value, plain, label, place) in listed.chain(mapped).collect::<Vec<_>>() {
            if matches!(value.as_str(), "yes" | "no") {
                // Without quotes it was reported as an ambiguous word.
                if plain {
                    continue;
                }
                let message = format!(
                    "`{value}` is a value of flags only: make `{name}` a flag, or choose another word"
                );
                self.fault(place, CheckId::Type, name, message);
            } else if NO_VALUES.contains(&value.as_str()) {
                let message =
                    format!("`{value}` is a word of guards and of `sets`, and cannot be a value of `{name}`");
                self.fault(place, CheckId::Name, name, message);
            } else if choices.get(&value).is_some_and(|known: &Choice| known.name == value) {
                self.fault(place, CheckId::Name, name, format!("the value `{value}` stands twice"));
            } else {
                self.add(&mut choices, Choice { name: value, label }, place);
            }
        }
        if choices.is_empty()
            && matches!(of.kind, Kind::List(_) | Kind::Map(_))
            && of.items().is_empty()
            && of.entries().is_empty()
        {
            self.fault(of.place, CheckId::Type, name, format!("the choice `{name}` has no values"));
        }
        choices
    }

    /// Records, in two steps: fields first, then what refers to other records.
    pub(super) fn records(&mut self, file: &Node) {
        let mut records = Table::default();
        for (name, entry) in Self::section(file, "records") {
            let node = &entry.value;
            let mut fields = Table::default();
            for (field, inner) in Self::section(node, "fields") {
                let Some(value) = self.value_type(&inner.value, &field, inner.place) else { continue };
                let may_be = inner
                    .value
                    .get("may-be")
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|item| item.text()?.parse::<Lack>().ok())
                    .collect();
                let (label, class) = (Self::label(&inner.value), class(&inner.value));
                self.add(
                    &mut fields,
                    Field { name: field, label, place: inner.place, value, class, may_be },
                    inner.place,
                );
            }
            let about = self.refer(node.get("about"), Sort::Record);
            let covers = Self::name(node.get("covers"));
            let many = Self::flag(node.get("many"));
            let record = Record {
                name,
                label: Self::label(node),
                place: entry.place,
                fields,
                many,
                about,
                covers,
                limit: None,
            };
            self.add(&mut records, record, entry.place);
        }
        self.records = records;
        let mut limits = Vec::new();
        for (name, entry) in Self::section(file, "records") {
            let node = &entry.value;
            if let Some(covers) = node.get("covers")
                && let Some(field) = Self::name(Some(covers))
                && let Some(value) = self.field_type(&name, &field, covers.place)
                && value != ValueType::Range
            {
                let message = format!(
                    "`{field}` is {}; only a range of time can cover",
                    super::typing::type_name(&value)
                );
                self.note(covers.place, CheckId::Type, &name, message);
            }
            let Some(limit) = node.get("limit") else { continue };
            let each = limit.get("each").and_then(|limit| self.limit(limit, &name));
            let total = limit.get("total").and_then(|limit| self.limit(limit, &name));
            let beyond_needs = self.refer(limit.get("beyond-needs"), Sort::Record);
            if self.records.get(&name).is_some_and(|record| record.covers.is_none()) {
                let message = format!("`{name}` has a limit, but none of its fields `covers` a time");
                self.note(limit.place, CheckId::Type, &name, message);
            }
            limits.push((name, RecordLimit { each, total, beyond_needs }));
        }
        let mut finished = Table::default();
        for record in &self.records {
            let mut record = record.clone();
            record.limit =
                limits.iter().find(|(name, _)| *name == record.name).map(|(_, limit)| limit.clone());
            drop(finished.add(record));
        }
        self.records = finished;
    }

    /// `DURATION`, or `least of [DURATION, greatest FIELD of RECORD * 1/4, …]`.
    fn limit(&mut self, node: &Node, at: &Name) -> Option<Limit> {
        let text = node.text()?;
        let parts: Vec<&str> = match text.strip_prefix("least of") {
            Some(rest) => {
                let inner = rest.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                let Some(inner) = inner else {
                    self.fault(
                        node.place,
                        CheckId::Shape,
                        at,
                        format!("`{text}` is no limit: write `least of [15 days, …]`"),
                    );
                    return None;
                };
                inner.split(',').map(str::trim).collect()
            }
            None => vec![text],
        };
        let mut limit = Limit { parts: Vec::new() };
        for part in parts {
            if let Ok(span) = part.parse() {
                limit.parts.push(LimitPart::Span(span));
                let spans = [(node.place, span)];
                let unit = span.unit;
                self.clock(&Node { place: node.place, kind: Kind::Map(Vec::new()) }, at, &spans, unit);
            } else if let Some((field, record, numerator, denominator)) = greatest(part) {
                if !self.symbols.resolve(Sort::Record, &record, node.place, &mut self.faults) {
                    continue;
                }
                let value = self.field_type(&record, &field, node.place)?;
                if value != ValueType::Number {
                    let message = format!(
                        "`{field}` of `{record}` is {}; a limit needs a number of days",
                        super::typing::type_name(&value)
                    );
                    self.note(node.place, CheckId::Type, at, message);
                }
                limit.parts.push(LimitPart::Greatest { field, record, numerator, denominator });
            } else {
                let message = format!(
                    "`{part}` is no limit: write a length of time, or `greatest FIELD of RECORD * 1/4`"
                );
                self.fault(node.place, CheckId::Shape, at, message);
            }
        }
        (!limit.parts.is_empty()).then_some(limit)
    }

    pub(super) fn documents(&mut self, file: &Node) -> Table<Document> {
        let mut documents = Table::default();
        for (name, entry) in Self::section(file, "documents") {
            let node = &entry.value;
            let from = self.refer_all(node.get("from"), Sort::Role);
            let (signed, may_be_sealed) =
                (Self::flag(node.get("signed")), Self::flag(node.get("may-be-sealed")));
            let document =
                Document { name, label: Self::label(node), place: entry.place, from, signed, may_be_sealed };
            self.add(&mut documents, document, entry.place);
        }
        documents
    }

    /// Named rules; a circle of rules is reported.
    pub(super) fn rules(&mut self, file: &Node) -> Table<NamedRule> {
        let mut rules = Table::default();
        for (name, entry) in Self::section(file, "rules") {
            let Some((guard, mentions)) = self.guard_with(entry.value.get("if"), &name) else { continue };
            let used = mentions.iter().filter_map(|mention| {
                if let Mentioned::Rule(rule) = &mention.what { Some(rule.clone()) } else { None }
            });
            self.rule_uses.insert(name.clone(), used.collect());
            let show = Self::flag(entry.value.get("show"));
            self.add(
                &mut rules,
                NamedRule { name, label: Self::label(&entry.value), place: entry.place, guard, show },
                entry.place,
            );
        }
        let circles = self.faults.len();
        for rule in &rules {
            let mut seen: Vec<Name> = Vec::new();
            let mut open = self.rule_uses.get(&rule.name).cloned().unwrap_or_default();
            while let Some(next) = open.pop() {
                if next == rule.name {
                    let message = format!(
                        "the rule `{}` comes back to itself: {}",
                        rule.name,
                        explain::words(&rule.guard)
                    );
                    self.fault(rule.place, CheckId::Name, &rule.name, message);
                    break;
                }
                if !seen.contains(&next) {
                    open.extend(self.rule_uses.get(&next).cloned().unwrap_or_default());
                    seen.push(next);
                }
            }
        }
        if self.faults.len() == circles {
            for rule in &rules {
                let (size, depth) = self.measure(&rules, rule);
                if depth > MOST_RULES_DEEP {
                    let message = format!(
                        "the rule `{}` goes through more than {MOST_RULES_DEEP} rules, each naming the next",
                        rule.name
                    );
                    self.fault(rule.place, CheckId::Shape, &rule.name, message);
                } else if size > MOST_CONDITIONS {
                    let message = format!(
                        "the rule `{}` stands for more than {MOST_CONDITIONS} conditions, those of the rules it names included",
                        rule.name
                    );
                    self.fault(rule.place, CheckId::Shape, &rule.name, message);
                }
            }
        }
        rules
    }

    /// How many conditions a rule stands for when the rules it names are written out, and through how many rules it
    /// goes. Rules that name each other in a circle were reported before.
    fn measure(&mut self, rules: &Table<NamedRule>, rule: &NamedRule) -> (u32, u32) {
        if let Some(known) = self.rule_sizes.get(&rule.name) {
            return *known;
        }
        let mut measured = (u32::try_from(rule.guard.leaves()).unwrap_or(u32::MAX), 1);
        for used in self.rule_uses.get(&rule.name).cloned().unwrap_or_default() {
            let Some(used) = rules.get(&used) else { continue };
            let (size, depth) = self.measure(rules, used);
            measured = (measured.0.saturating_add(size), measured.1.max(depth.saturating_add(1)));
        }
        self.rule_sizes.insert(rule.name.clone(), measured);
        measured
    }

    pub(super) fn access(&mut self, file: &Node) -> Access {
        let Some(node) = file.get("access") else { return Access::default() };
        Access {
            stage: self.refer_all(node.get("stage"), Sort::Role),
            file: self.refer_all(node.get("file"), Sort::Role),
            sealed: self.refer_all(node.get("sealed"), Sort::Role),
        }
    }
}

fn class(node: &Node) -> Class {
    match node.get("class").and_then(Node::text) {
        Some("personal") => Class::Personal,
        Some("sealed") => Class::Sealed,
        _ => Class::Open,
    }
}

/// `greatest FIELD of RECORD * NUMERATOR/DENOMINATOR`; without a fraction, times one.
fn greatest(text: &str) -> Option<(Name, Name, u32, u32)> {
    let rest = text.strip_prefix("greatest ")?;
    let (named, fraction) =
        rest.split_once('*').map_or((rest, None), |(named, fraction)| (named, Some(fraction)));
    let (field, record) = named.split_once(" of ")?;
    let (numerator, denominator) = match fraction {
        None => (1, 1),
        Some(fraction) => {
            let (over, under) = fraction.trim().split_once('/').unwrap_or((fraction.trim(), "1"));
            (over.trim().parse().ok()?, under.trim().parse().ok()?)
        }
    };
    if denominator == 0 {
        return None;
    }
    Some((Name::new(field.trim()).ok()?, Name::new(record.trim()).ok()?, numerator, denominator))
}
