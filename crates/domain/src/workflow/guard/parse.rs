//! From words to a guard. `or` binds less than `and`, `and` less than `not`. Every fault knows its column inside the text.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::name::Name;
use crate::workflow::guard::{Comparison, Constant, Guard, Quantifier, SinceUnit};
use crate::workflow::read::near::did_you_mean;

/// Guards longer than this, in characters, are refused.
pub const MOST_CHARACTERS: usize = 8_000;

/// Parentheses and `not` inside each other.
const MOST_LEVELS: u32 = 40;

/// Words that begin or join conditions; nothing that a guard can name may be called so.
pub const RESERVED: &[&str] = &[
    "and",
    "or",
    "not",
    "is",
    "either",
    "known",
    "holds",
    "has",
    "some",
    "no",
    "every",
    "sum",
    "at",
    "authority",
    "yes",
];

/// A guard with everything it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The guard.
    pub guard: Guard,
    /// What it names, in the order of the words.
    pub mentions: Vec<Mention>,
}

/// A place in a guard where something is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Characters before it.
    pub at: u32,
    /// What is named.
    pub what: Named,
    /// The record whose fields are meant, inside `has ( … )`.
    pub inside: Option<Name>,
}

/// What a guard can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// `NAME holds`
    Rule(Name),
    /// `FACT is known`
    Known(Name),
    /// `FACT is …` with the values and their columns.
    Values(Name, Vec<(u32, Constant)>),
    /// `FACT more than …`
    Number(Name),
    /// `days since DATE …`
    Date(Name),
    /// `some RECORD`
    Record(Name),
    /// `sum of FIELD of RECORD`
    Sum(Name, Name),
    /// `at STATE`
    State(Name),
    /// `DOCUMENT is filed`
    Document(Name),
    /// `DEADLINE has passed`
    Deadline(Name),
    /// `authority has lapsed`
    Authority,
}

/// Why a text is no guard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GuardFault {
    /// Characters before the fault.
    pub at: u32,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

/// Reads a guard. `is_document` tells papers from facts, for `NAME is filed`.
///
/// # Errors
/// The first fault, with its column.
pub fn parse(text: &str, is_document: &dyn Fn(&str) -> bool) -> Result<Parsed, GuardFault> {
    if text.chars().count() > MOST_CHARACTERS {
        let message = format!(
            "this guard is longer than {MOST_CHARACTERS} characters: give its parts names under `rules`"
        );
        return Err(GuardFault { at: 0, message, hint: None });
    }
    let words = words(text);
    let mut parser =
        Parser { words: &words, next: 0, mentions: Vec::new(), inside: None, is_document, level: 0 };
    let guard = parser.any()?;
    if let Some(word) = parser.peek() {
        let at = word.at;
        let hint = did_you_mean(word.text, ["and", "or"]);
        let message = if word.text == ")" {
            "there is no `(` for this `)`".to_owned()
        } else {
            format!("after a complete condition only `and` or `or` can follow, and this is `{}`", word.text)
        };
        return Err(GuardFault { at, message, hint });
    }
    let mut mentions = parser.mentions;
    mentions.sort_by_key(|mention| mention.at);
    Ok(Parsed { guard, mentions })
}

#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    at: u32,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start: Option<(usize, u32)> = None;
    for (column, (byte, character)) in (0..).zip(text.char_indices()) {
        let parenthesis = matches!(character, '(' | ')');
        if (parenthesis || character.is_whitespace())
            && let Some((from, at)) = start.take()
        {
            words.push(Word { text: text.get(from..byte).unwrap_or_default(), at });
        }
        if parenthesis {
            words.push(Word { text: text.get(byte..=byte).unwrap_or_default(), at: column });
        } else if !character.is_whitespace() && start.is_none() {
            start = Some((byte, column));
        }
    }
    if let Some((from, at)) = start {
        words.push(Word { text: text.get(from..).unwrap_or_default(), at });
    }
    words
}

struct Parser<'t> {
    words: &'t [Word<'t>],
    next: usize,
    mentions: Vec<Mention>,
    inside: Option<Name>,
    is_document: &'t dyn Fn(&str) -> bool,
    level: u32,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Word<'t>> {
        self.words.get(self.next).copied()
    }

    fn after(&self, words: usize) -> Option<&'t str> {
        self.words.get(self.next + words).map(|word| word.text)
    }

    fn take(&mut self, expected: &str) -> Result<Word<'t>, GuardFault> {
        if let Some(word) = self.peek() {
            self.next += 1;
            Ok(word)
        } else {
            let at = self.words.last().map_or(0, |word| word.at + length(word.text));
            Err(GuardFault {
                at,
                message: format!("the guard ends here, and {expected} should follow"),
                hint: None,
            })
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.text == text);
        if found {
            self.next += 1;
        }
        found
    }

    fn need(&mut self, text: &str) -> Result<Word<'t>, GuardFault> {
        let word = self.take(&format!("`{text}`"))?;
        if word.text == text { Ok(word) } else { Err(unexpected(word, &format!("`{text}`"), &[text])) }
    }

    fn deeper(&mut self, at: u32) -> Result<(), GuardFault> {
        self.level += 1;
        if self.level > MOST_LEVELS {
            let message = format!(
                "more than {MOST_LEVELS} conditions inside each other: give parts names under `rules`"
            );
            return Err(GuardFault { at, message, hint: None });
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Guard, GuardFault> {
        let mut parts = vec![self.all()?];
        while self.eat("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Guard::Or))
    }

    fn all(&mut self) -> Result<Guard, GuardFault> {
        let mut parts = vec![self.negated()?];
        while self.eat("and") {
            parts.push(self.negated()?);
        }
        Ok(one_or(parts, Guard::And))
    }

    fn negated(&mut self) -> Result<Guard, GuardFault> {
        let Some(word) = self.peek() else { return self.condition() };
        match word.text {
            "not" => {
                self.next += 1;
                self.deeper(word.at)?;
                let inner = self.negated()?;
                self.level -= 1;
                Ok(Guard::Not(Box::new(inner)))
            }
            "(" => {
                self.next += 1;
                self.deeper(word.at)?;
                let inner = self.any()?;
                self.need(")")?;
                self.level -= 1;
                Ok(inner)
            }
            _ => self.condition(),
        }
    }

    fn condition(&mut self) -> Result<Guard, GuardFault> {
        let word = self.take("a condition")?;
        match word.text {
            "at" => {
                let (at, state) = self.name("a state")?;
                self.mention(at, Named::State(state.clone()));
                Ok(Guard::At(state))
            }
            "some" => self.records(Quantifier::Some),
            "no" => self.records(Quantifier::No),
            "every" => self.records(Quantifier::Every),
            "sum" => self.sum(word.at),
            "authority" => {
                self.need("has")?;
                self.need("lapsed")?;
                self.mention(word.at, Named::Authority);
                Ok(Guard::AuthorityLapsed)
            }
            "days" | "months" if self.after(0) == Some("since") => {
                self.next += 1;
                let unit = if word.text == "days" { SinceUnit::Days } else { SinceUnit::Months };
                let (at, date) = self.name("a date")?;
                self.mention(at, Named::Date(date.clone()));
                self.need("at")?;
                self.need("least")?;
                let number = self.number()?;
                Ok(Guard::Since(unit, date, number))
            }
            _ => {
                let (at, subject) = as_name(word, "a condition")?;
                self.predicate(at, subject)
            }
        }
    }

    fn predicate(&mut self, at: u32, subject: Name) -> Result<Guard, GuardFault> {
        let word = self.take(&format!("what is said of `{subject}` (`is`, `holds`, `at least` …)"))?;
        match word.text {
            "holds" => {
                self.mention(at, Named::Rule(subject.clone()));
                Ok(Guard::Holds(subject))
            }
            "has" => {
                self.need("passed")?;
                self.mention(at, Named::Deadline(subject.clone()));
                Ok(Guard::Passed(subject))
            }
            "is" => self.is(at, subject),
            "more" | "at" | "less" => {
                self.next -= 1;
                let comparison = self.comparison()?;
                let number = self.number()?;
                self.mention(at, Named::Number(subject.clone()));
                Ok(Guard::Compare(subject, comparison, number))
            }
            _ => {
                let known = ["is", "holds", "has", "more", "at", "less"];
                Err(unexpected(
                    word,
                    "`is`, `holds`, `has passed`, `more than`, `at least`, `less than` or `at most`",
                    &known,
                ))
            }
        }
    }

    fn is(&mut self, at: u32, subject: Name) -> Result<Guard, GuardFault> {
        if self.eat("known") {
            self.mention(at, Named::Known(subject.clone()));
            return Ok(Guard::Known(subject, true));
        }
        if self.peek().is_some_and(|word| word.text == "filed") && (self.is_document)(&subject) {
            self.next += 1;
            self.mention(at, Named::Document(subject.clone()));
            return Ok(Guard::Filed(subject));
        }
        if self.eat("not") {
            if self.eat("known") {
                self.mention(at, Named::Known(subject.clone()));
                return Ok(Guard::Known(subject, false));
            }
            if self.peek().is_some_and(|word| word.text == "filed") && (self.is_document)(&subject) {
                self.next += 1;
                self.mention(at, Named::Document(subject.clone()));
                return Ok(Guard::Not(Box::new(Guard::Filed(subject))));
            }
            let value = self.constant()?;
            self.mention(at, Named::Values(subject.clone(), vec![value.clone()]));
            return Ok(Guard::IsNot(subject, value.1));
        }
        if self.eat("either") {
            let mut values = vec![self.constant()?];
            // A single word between `or` and the next `and`, `or`, `)` or the end is a value; a condition has two words.
            while self.after(0) == Some("or") && matches!(self.after(2), None | Some("or" | "and" | ")")) {
                self.next += 1;
                values.push(self.constant()?);
            }
            if values.len() < 2 {
                let found = self.peek();
                let end = self.words.last().map_or(0, |word| word.at + length(word.text));
                let message = "`is either` needs two values: `is either one or other`".to_owned();
                return Err(GuardFault { at: found.map_or(end, |word| word.at), message, hint: None });
            }
            self.mention(at, Named::Values(subject.clone(), values.clone()));
            let values: BTreeSet<Constant> = values.into_iter().map(|(_, value)| value).collect();
            return Ok(Guard::Either(subject, values));
        }
        let value = self.constant()?;
        self.mention(at, Named::Values(subject.clone(), vec![value.clone()]));
        Ok(Guard::Is(subject, value.1))
    }

    fn records(&mut self, quantifier: Quantifier) -> Result<Guard, GuardFault> {
        let (at, record) = self.name("a record")?;
        self.mention(at, Named::Record(record.clone()));
        if self.after(0) != Some("has") {
            return Ok(Guard::Records(quantifier, record, None));
        }
        let has = self.need("has")?;
        if self.inside.is_some() {
            let message = "a condition over records cannot stand inside another `has ( … )`".to_owned();
            return Err(GuardFault { at: has.at, message, hint: None });
        }
        let open = self.need("(")?;
        self.deeper(open.at)?;
        self.inside = Some(record.clone());
        let condition = self.any()?;
        self.need(")")?;
        self.inside = None;
        self.level -= 1;
        Ok(Guard::Records(quantifier, record, Some(Box::new(condition))))
    }

    fn sum(&mut self, at: u32) -> Result<Guard, GuardFault> {
        self.need("of")?;
        let (_, field) = self.name("a field")?;
        self.need("of")?;
        let (_, record) = self.name("a record")?;
        self.mention(at, Named::Sum(field.clone(), record.clone()));
        let comparison = self.comparison()?;
        let number = self.number()?;
        Ok(Guard::Sum { field, record, comparison, number })
    }

    fn comparison(&mut self) -> Result<Comparison, GuardFault> {
        let first = self.take("`more than`, `at least`, `less than` or `at most`")?;
        match first.text {
            "more" => self.need("than").map(|_| Comparison::More),
            "less" => self.need("than").map(|_| Comparison::Less),
            "at" => {
                let second = self.take("`least` or `most`")?;
                match second.text {
                    "least" => Ok(Comparison::AtLeast),
                    "most" => Ok(Comparison::AtMost),
                    _ => Err(unexpected(second, "`least` or `most`", &["least", "most"])),
                }
            }
            _ => Err(unexpected(
                first,
                "`more than`, `at least`, `less than` or `at most`",
                &["more", "less", "at"],
            )),
        }
    }

    fn number(&mut self) -> Result<i64, GuardFault> {
        let word = self.take("a whole number")?;
        word.text.parse().map_err(|_| unexpected(word, "a whole number", &[]))
    }

    fn name(&mut self, expected: &str) -> Result<(u32, Name), GuardFault> {
        let word = self.take(expected)?;
        as_name(word, expected)
    }

    fn constant(&mut self) -> Result<(u32, Constant), GuardFault> {
        let word = self.take("a value")?;
        match constant(word.text) {
            Some(constant) if !matches!(word.text, "and" | "or" | "is") => Ok((word.at, constant)),
            Some(_) | None => Err(unexpected(word, "a value (a word, a number, a date, `yes` or `no`)", &[])),
        }
    }

    fn mention(&mut self, at: u32, what: Named) {
        self.mentions.push(Mention { at, what, inside: self.inside.clone() });
    }
}

/// Reads a value as the language writes it: `yes`, `no`, a whole number, a date or the name of a choice.
pub fn constant(text: &str) -> Option<Constant> {
    match text {
        "yes" => return Some(Constant::Flag(true)),
        "no" => return Some(Constant::Flag(false)),
        _ => {}
    }
    if let Ok(name) = Name::new(text) {
        return Some(Constant::Choice(name));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Constant::Number);
    }
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_date { text.parse::<Date>().ok().map(Constant::Date) } else { None }
}

fn one_or(mut parts: Vec<Guard>, many: fn(Vec<Guard>) -> Guard) -> Guard {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

fn as_name(word: Word<'_>, expected: &str) -> Result<(u32, Name), GuardFault> {
    match Name::new(word.text) {
        Ok(name) if !RESERVED.contains(&word.text) => Ok((word.at, name)),
        Ok(_) | Err(_) => Err(unexpected(word, expected, &[])),
    }
}

fn unexpected(word: Word<'_>, expected: &str, candidates: &[&str]) -> GuardFault {
    let hint = did_you_mean(word.text, candidates.iter().copied());
    GuardFault { at: word.at, message: format!("expected {expected}, and this is `{}`", word.text), hint }
}

fn length(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}
