//! From what came in (a tree of untyped values) to an act with typed values. Every fault is a refusal that names the
//! field; all faults come at once. Names and foreign identifiers are both understood.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use qadiya_ledger::{Hash, Value as Tree};
use unicode_normalization::UnicodeNormalization;

use crate::case::act::{Act, Paper, Perform, RecordGiven};
use crate::case::refusal::{Refusal, RefusalCode, Refusals};
use crate::folding;
use crate::name::Name;
use crate::value::{Given, Money, Protected, Range, Value, is_bearable};
use crate::workflow::Definition;
use crate::workflow::model::{Choice, Table, ValueType, Ways};

/// The longest text of one field, in characters.
pub const LONGEST_TEXT: usize = 10_000;

/// Reads an act. The form is told by its key: `command`, `sign`, `reject`, `withdraw`, `file-paper`, `edit-fact`,
/// `correct-facts` or `annul`.
///
/// ```json
/// {"command": "question", "outcome": "…", "instance": 3, "answers": {"level": "high"},
///  "records": [{"record": "questioning", "about": 2, "fields": {"language": "ar", "counsel": {"refused": "said so"}}}],
///  "papers": [{"document": "decision-130", "reference": "17/2026", "signed": true}], "reason": "…"}
/// ```
///
/// # Errors
/// [`Refusals`] of kind `form` (or `unknown-command`, `outcome`), one for each fault.
pub fn read_act(def: &Definition, tree: &Tree) -> Result<Act, Refusals> {
    let mut reader = Reader { def, reasons: Vec::new() };
    let act = reader.act(tree);
    match (Refusals::of(reader.reasons), act) {
        (Some(reasons), _) => Err(reasons),
        (None, Some(act)) => Ok(act),
        (None, None) => Err(Refusal::new(RefusalCode::Form, "", "the request holds no act").into()),
    }
}

const FORMS: [&str; 8] =
    ["command", "sign", "reject", "withdraw", "file-paper", "edit-fact", "correct-facts", "annul"];

struct Reader<'a> {
    def: &'a Definition,
    reasons: Vec<Refusal>,
}

type Map = BTreeMap<String, Tree>;

impl Reader<'_> {
    fn refuse(&mut self, at: &str, message: impl Into<String>) {
        self.reasons.push(Refusal::new(RefusalCode::Form, at, message));
    }

    fn map<'t>(&mut self, tree: &'t Tree, at: &str) -> Option<&'t Map> {
        if let Tree::Map(map) = tree {
            return Some(map);
        }
        self.refuse(at, format!("{} is an object", place(at)));
        None
    }

    fn only(&mut self, map: &Map, at: &str, known: &[&str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let text = format!("there is no field {key:?} here; there are {}", known.join(", "));
            self.refuse(&join(at, key), text);
        }
    }

    fn text<'t>(&mut self, map: &'t Map, key: &str, at: &str) -> Option<&'t str> {
        match map.get(key)? {
            Tree::Text(text) => Some(text),
            Tree::Bool(_) | Tree::Int(_) | Tree::List(_) | Tree::Map(_) => {
                self.refuse(&join(at, key), format!("{key} is a text"));
                None
            }
        }
    }

    fn number(&mut self, map: &Map, key: &str, at: &str) -> Option<u64> {
        match map.get(key)? {
            Tree::Int(number) if *number >= 0 => u64::try_from(*number).ok(),
            Tree::Int(_) | Tree::Bool(_) | Tree::Text(_) | Tree::List(_) | Tree::Map(_) => {
                self.refuse(&join(at, key), format!("{key} is a whole number, not below zero"));
                None
            }
        }
    }

    /// The number of a record of the case.
    fn record_number(&mut self, map: &Map, key: &str, at: &str) -> Option<u32> {
        let number = self.number(map, key, at)?;
        let found = u32::try_from(number).ok();
        if found.is_none() {
            self.refuse(&join(at, key), format!("{key} is the number of a record, and {number} is none"));
        }
        found
    }

    /// A number that must be there.
    fn needed(&mut self, map: &Map, key: &str) -> Option<u64> {
        if !map.contains_key(key) {
            self.refuse(key, format!("{key} is missing"));
        }
        self.number(map, key, "")
    }

    fn protected(&mut self, map: &Map, key: &str, at: &str) -> Option<Protected> {
        let text = self.text(map, key, at)?.to_owned();
        let text = self.clean(&text, &join(at, key))?;
        Some(Protected::Clear(Value::Text(text)))
    }

    /// A reason that must be there.
    fn reason(&mut self, map: &Map, key: &str) -> Option<Protected> {
        if !map.contains_key(key) {
            self.refuse(key, format!("{key} is missing: say why"));
        }
        self.protected(map, key, "")
    }

    /// A text in normal form, of bearable length, without invisible control characters.
    fn clean(&mut self, text: &str, at: &str) -> Option<String> {
        if text.chars().count() > LONGEST_TEXT {
            self.refuse(at, format!("the text is longer than {LONGEST_TEXT} characters"));
            return None;
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.refuse(at, "the text holds control characters");
            return None;
        }
        let text: String = text.nfc().collect();
        if text.trim().is_empty() {
            self.refuse(at, "the text is empty");
            return None;
        }
        Some(text)
    }

    fn act(&mut self, tree: &Tree) -> Option<Act> {
        let map = self.map(tree, "")?;
        let forms: Vec<&str> = FORMS.into_iter().filter(|form| map.contains_key(*form)).collect();
        let [form] = forms.as_slice() else {
            self.refuse("", format!("say one of {}", FORMS.join(", ")));
            return None;
        };
        match *form {
            "command" => self.perform(map).map(Act::Perform),
            "sign" => {
                self.only(map, "", &["sign", "hash", "agree", "note"]);
                let proposal = self.needed(map, "sign");
                if !map.contains_key("hash") {
                    self.refuse(
                        "hash",
                        "hash is missing: a signer signs the hash of the proposal that was read",
                    );
                }
                let signed = self.text(map, "hash", "").and_then(|text| text.parse::<Hash>().ok());
                if map.contains_key("hash") && signed.is_none() {
                    self.refuse("hash", "hash is 64 hexadecimal digits");
                }
                let agree = self.flag(map, "agree").unwrap_or(true);
                let note = self.protected(map, "note", "");
                if !agree && note.is_none() {
                    self.refuse("note", "a dissent says why");
                }
                Some(Act::Sign { proposal: proposal?, signed: signed?, agree, note })
            }
            "reject" => {
                self.only(map, "", &["reject", "reason"]);
                let (proposal, reason) = (self.needed(map, "reject"), self.reason(map, "reason"));
                Some(Act::Reject { proposal: proposal?, reason: reason? })
            }
            "withdraw" => {
                self.only(map, "", &["withdraw", "reason"]);
                let (proposal, reason) = (self.needed(map, "withdraw"), self.reason(map, "reason"));
                Some(Act::Withdraw { proposal: proposal?, reason: reason? })
            }
            "file-paper" => {
                self.only(map, "", &["file-paper"]);
                self.paper(map.get("file-paper")?, "file-paper").map(Act::FilePaper)
            }
            "edit-fact" => {
                self.only(map, "", &["edit-fact", "value"]);
                let fact = self.text(map, "edit-fact", "")?.to_owned();
                let Some(value) = map.get("value") else {
                    self.refuse("value", "value is missing");
                    return None;
                };
                let (fact, value) = self.fact(&fact, value, "value")?;
                Some(Act::EditFact { fact, value })
            }
            "correct-facts" => {
                self.only(map, "", &["correct-facts", "unset", "reason"]);
                let reason = self.reason(map, "reason");
                let mut facts: BTreeMap<Name, Option<Given>> = BTreeMap::new();
                for (name, value) in self.map(map.get("correct-facts")?, "correct-facts")? {
                    if let Some((fact, value)) = self.fact(name, value, &join("correct-facts", name)) {
                        facts.insert(fact, Some(value));
                    }
                }
                if let Some(Tree::List(unset)) = map.get("unset") {
                    for name in unset {
                        match name.as_text().and_then(|name| self.def.facts.get(name)) {
                            Some(fact) => {
                                facts.insert(fact.name.clone(), None);
                            }
                            None => self.refuse("unset", "unset lists names of facts"),
                        }
                    }
                } else if map.contains_key("unset") {
                    self.refuse("unset", "unset lists names of facts");
                }
                if facts.is_empty() {
                    self.refuse("correct-facts", "there is nothing to correct");
                }
                Some(Act::CorrectFacts { facts, reason: reason? })
            }
            _ => {
                self.only(map, "", &["annul", "reason"]);
                let (event, reason) = (self.needed(map, "annul"), self.reason(map, "reason"));
                Some(Act::Annul { event: event?, reason: reason? })
            }
        }
    }

    fn flag(&mut self, map: &Map, key: &str) -> Option<bool> {
        match map.get(key)? {
            Tree::Bool(flag) => Some(*flag),
            Tree::Text(_) | Tree::Int(_) | Tree::List(_) | Tree::Map(_) => {
                self.refuse(key, format!("{key} is true or false"));
                None
            }
        }
    }

    fn perform(&mut self, map: &Map) -> Option<Perform> {
        self.only(map, "", &["command", "instance", "outcome", "answers", "records", "papers", "reason"]);
        let name = self.text(map, "command", "")?;
        let Some(command) = self.def.commands.get(name) else {
            let text = format!("the workflow {} has no command {name:?}", self.def.workflow);
            self.reasons.push(Refusal::new(RefusalCode::UnknownCommand, name, text));
            return None;
        };
        let mut perform = Perform::of(command.name.clone());
        perform.instance = self.record_number(map, "instance", "");
        if let Some(outcome) = self.text(map, "outcome", "") {
            let outcomes = match &command.ways {
                Ways::Outcomes(outcomes) => outcomes.as_slice(),
                Ways::One(_) | Ways::Routes(_) => &[],
            };
            let found = outcomes
                .iter()
                .find(|(name, label, _)| *name == *outcome || label.id.as_deref() == Some(outcome));
            match found {
                Some((name, _, _)) => perform.outcome = Some(name.clone()),
                None => {
                    let names: Vec<&str> = outcomes.iter().map(|(name, _, _)| name.as_str()).collect();
                    let text =
                        format!("{} has no outcome {outcome:?}; it has {}", command.name, names.join(", "));
                    self.reasons.push(Refusal::new(RefusalCode::Outcome, outcome, text));
                }
            }
        }
        if let Some(answers) = map.get("answers")
            && let Some(answers) = self.map(answers, "answers")
        {
            for (name, value) in answers {
                // An empty text says that there is no value: it leaves the fact as it is. Where a choice has `other`, it
                // is that: what was there before is true no longer.
                if matches!(value, Tree::Text(text) if text.is_empty()) && !self.knows_empty(name) {
                    continue;
                }
                if let Some((fact, given)) = self.fact(name, value, &join("answers", name)) {
                    perform.answers.insert(fact, given);
                }
            }
        }
        for (position, record) in self.list(map, "records").into_iter().enumerate() {
            if let Some(record) = self.record(record, &format!("records/{position}")) {
                perform.records.push(record);
            }
        }
        for (position, paper) in self.list(map, "papers").into_iter().enumerate() {
            if let Some(paper) = self.paper(paper, &format!("papers/{position}")) {
                perform.papers.push(paper);
            }
        }
        perform.reason = self.protected(map, "reason", "");
        Some(perform)
    }

    /// Whether a fact has the empty text among its values, or an `other` that catches it like any unlisted text.
    fn knows_empty(&self, fact: &str) -> bool {
        let value = self.def.facts.get(fact).map(|fact| &fact.value);
        matches!(value, Some(ValueType::Choice(values)) if choice(values, "").is_some())
    }

    fn list<'t>(&mut self, map: &'t Map, key: &str) -> Vec<&'t Tree> {
        match map.get(key) {
            None => Vec::new(),
            Some(Tree::List(list)) => list.iter().collect(),
            Some(Tree::Bool(_) | Tree::Text(_) | Tree::Int(_) | Tree::Map(_)) => {
                self.refuse(key, format!("{key} is a list"));
                Vec::new()
            }
        }
    }

    fn fact(&mut self, name: &str, value: &Tree, at: &str) -> Option<(Name, Given)> {
        let Some(fact) = self.def.facts.get(name) else {
            self.refuse(at, format!("the workflow has no fact {name:?}"));
            return None;
        };
        let value = self.value(&fact.value, value, at)?;
        let given =
            if fact.is_protected() { Given::Protected(Protected::Clear(value)) } else { Given::Is(value) };
        Some((fact.name.clone(), given))
    }

    fn record(&mut self, tree: &Tree, at: &str) -> Option<RecordGiven> {
        let map = self.map(tree, at)?;
        self.only(map, at, &["record", "about", "fields"]);
        let name = self.text(map, "record", at)?;
        let Some(kind) = self.def.records.get(name) else {
            self.refuse(&join(at, "record"), format!("the workflow has no record {name:?}"));
            return None;
        };
        let about = self.record_number(map, "about", at);
        let mut fields = BTreeMap::new();
        let empty = Map::new();
        let given = match map.get("fields") {
            Some(tree) => self.map(tree, &join(at, "fields"))?,
            None => &empty,
        };
        for (name, value) in given {
            let at = format!("{at}/fields/{name}");
            let Some(field) = kind.fields.get(name) else {
                let known: Vec<&str> = kind.fields.iter().map(|field| field.name.as_str()).collect();
                self.refuse(&at, format!("{} has no field {name:?}; it has {}", kind.name, known.join(", ")));
                continue;
            };
            let given = if let Tree::Map(lack) = value
                && is_lack(lack)
            {
                self.lack(lack, &at)
            } else {
                self.value(&field.value, value, &at).map(|value| {
                    if field.is_protected() {
                        Given::Protected(Protected::Clear(value))
                    } else {
                        Given::Is(value)
                    }
                })
            };
            if let Some(given) = given {
                fields.insert(field.name.clone(), given);
            }
        }
        Some(RecordGiven { record: kind.name.clone(), about, fields })
    }

    fn lack(&mut self, lack: &Map, at: &str) -> Option<Given> {
        let (word, _) = lack.iter().next()?;
        let reason = self.protected(lack, word, at)?;
        Some(match word.as_str() {
            "unknown" => Given::Unknown(reason),
            "refused" => Given::Refused(reason),
            _ => Given::None(reason),
        })
    }

    fn paper(&mut self, tree: &Tree, at: &str) -> Option<Paper> {
        let map = self.map(tree, at)?;
        self.only(map, at, &["document", "reference", "sha256", "signed"]);
        let name = self.text(map, "document", at).map(str::to_owned);
        let reference = self.text(map, "reference", at).map(str::to_owned);
        if reference.is_none() {
            self.refuse(&join(at, "reference"), "a paper needs its number or file mark");
        }
        let reference = self.clean(&reference?, &join(at, "reference"))?;
        let Some(document) = name.as_ref().and_then(|name| self.def.documents.get(name)) else {
            self.refuse(
                &join(at, "document"),
                format!("the workflow has no document {:?}", name.unwrap_or_default()),
            );
            return None;
        };
        let sha256 = match self.text(map, "sha256", at) {
            Some(text) => match text.parse::<Hash>() {
                Ok(hash) => Some(hash),
                Err(_) => {
                    self.refuse(&join(at, "sha256"), "sha256 is 64 hexadecimal digits");
                    None
                }
            },
            None => None,
        };
        let signed = self.flag(map, "signed").unwrap_or(false);
        Some(Paper { document: document.name.clone(), reference, sha256, signed })
    }

    fn value(&mut self, kind: &ValueType, tree: &Tree, at: &str) -> Option<Value> {
        let read = match (kind, tree) {
            (ValueType::Flag, Tree::Bool(flag)) => Some(Value::Flag(*flag)),
            (ValueType::Flag, Tree::Text(text)) => match text.as_str() {
                "yes" => Some(Value::Flag(true)),
                "no" => Some(Value::Flag(false)),
                _ => None,
            },
            (ValueType::Choice(values), Tree::Text(text)) => {
                let found = choice(values, text);
                if found.is_none() {
                    let known: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
                    self.refuse(at, format!("{text:?} is not one of {}", known.join(", ")));
                    return None;
                }
                found.map(Value::Choice)
            }
            (ValueType::Choice(values), Tree::Bool(_) | Tree::Int(_)) => {
                let text = match tree {
                    Tree::Bool(flag) => flag.to_string(),
                    Tree::Int(number) => number.to_string(),
                    Tree::Text(_) | Tree::List(_) | Tree::Map(_) => String::new(),
                };
                choice(values, &text).map(Value::Choice)
            }
            (ValueType::Number, Tree::Int(number)) => Value::number(*number),
            (ValueType::Number, Tree::Text(text)) => {
                folding::digits(text).parse().ok().and_then(Value::number)
            }
            (ValueType::Date, Tree::Text(text)) => date(text).map(Value::Date),
            (ValueType::Instant, Tree::Text(text)) => instant(text).map(Value::Instant),
            (ValueType::Range, Tree::Map(map)) => {
                self.only(map, at, &["from", "until"]);
                let side = |key: &str| map.get(key).and_then(Tree::as_text).and_then(instant);
                side("from").zip(side("until")).map(|(from, until)| Value::Range(Range { from, until }))
            }
            (ValueType::Text, Tree::Text(text)) => return self.clean(text, at).map(Value::Text),
            (ValueType::Person, Tree::Text(text)) => return self.clean(text, at).map(Value::Person),
            (ValueType::Place, Tree::Text(text)) => return self.clean(text, at).map(Value::Place),
            (ValueType::Reference, Tree::Text(text)) => return self.clean(text, at).map(Value::Reference),
            (ValueType::Official, Tree::Text(text)) => text.parse().ok().map(Value::Official),
            (ValueType::Money, Tree::Map(map)) => {
                self.only(map, at, &["minor", "currency"]);
                let currency = map.get("currency").and_then(Tree::as_text);
                let currency =
                    currency.filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()));
                match (map.get("minor"), currency) {
                    (Some(Tree::Int(minor)), Some(currency)) if is_bearable(*minor) => {
                        Some(Value::Money(Money { minor: *minor, currency: currency.to_owned() }))
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        if read.is_none() {
            self.refuse(at, format!("{} is {}", place(at), wanted(kind)));
        }
        read
    }
}

fn is_lack(map: &Map) -> bool {
    map.len() == 1 && map.keys().all(|key| matches!(key.as_str(), "unknown" | "refused" | "none"))
}

fn by_id<'a>(values: &'a Table<Choice>, id: &str) -> Option<&'a Choice> {
    values.iter().find(|value| value.label.id.as_deref() == Some(id))
}

/// A value by its foreign identifier, by its name, or `other` where the choice has it.
fn choice(values: &Table<Choice>, text: &str) -> Option<Name> {
    let found = by_id(values, text).or_else(|| values.get(text)).or_else(|| values.get("other"));
    found.map(|value| value.name.clone())
}

fn date(text: &str) -> Option<Date> {
    folding::digits(text).trim().parse().ok()
}

/// An instant with its offset, cut to microseconds.
fn instant(text: &str) -> Option<Timestamp> {
    folding::digits(text).trim().parse().ok().map(crate::moment::micros)
}

fn wanted(kind: &ValueType) -> &'static str {
    match kind {
        ValueType::Flag => "yes or no",
        ValueType::Choice(_) => "one of the values of the choice",
        ValueType::Number => "a whole number of at most 53 bits",
        ValueType::Date => "a date, YYYY-MM-DD",
        ValueType::Text => "a text",
        ValueType::Instant => "an instant with its offset, such as 2026-03-02T09:00:00+03:00",
        ValueType::Range => "an object with from and until, both instants with their offset",
        ValueType::Person => "the name of a person",
        ValueType::Official => "the id of an official",
        ValueType::Place => "the code of a place",
        ValueType::Money => "an object with minor (a whole number of minor units) and currency (ISO 4217)",
        ValueType::Reference => "a number or file mark",
    }
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}/{key}") }
}

fn place(at: &str) -> &str {
    if at.is_empty() { "the request" } else { at }
}
