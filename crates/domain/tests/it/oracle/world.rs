//! What guards see: the state before the command, with the answers and records of the command.

use jiff::{Timestamp, Unit as Calendar};

use super::Oracle;
use super::case::{Case, Clock, Key, Record, Value};
use super::words::{Guard, World};

/// The case as a guard sees it.
pub(crate) struct View<'a> {
    pub(crate) oracle: &'a Oracle,
    pub(crate) case: &'a Case,
    pub(crate) now: Timestamp,
    /// The record whose track the command moves.
    pub(crate) instance: Option<u32>,
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::Word(word) | Value::Text(word) => Some(word.clone()),
        Value::Date(date) => Some(date.to_string()),
        Value::Instant(at) => Some(at.to_string()),
        Value::Range(from, until) => Some(format!("{from} to {until}")),
        Value::Answer(_) => None,
    }
}

fn since(view: &View<'_>, months: bool, value: &Value) -> Option<i64> {
    let date = match value {
        Value::Date(date) => *date,
        Value::Instant(at) | Value::Range(at, _) => view.oracle.days().local(*at).date(),
        Value::Word(_) | Value::Text(_) | Value::Answer(_) => return None,
    };
    let today = view.oracle.days().local(view.now).date();
    let unit = if months { Calendar::Month } else { Calendar::Day };
    let span = date.until((unit, today)).unwrap();
    Some(if months { span.get_months().into() } else { span.get_days().into() })
}

impl World for View<'_> {
    fn word(&self, name: &str) -> Option<String> {
        word(self.case.facts.get(name)?)
    }

    fn rule(&self, name: &str) -> bool {
        self.oracle.file.rules[name].holds(self)
    }

    fn records(&self, kind: &str, inner: Option<&Guard>) -> Vec<bool> {
        let each = |(number, record)| {
            let one = One { view: self, number, record };
            inner.is_none_or(|guard| guard.holds(&one))
        };
        self.case.live(kind).into_iter().map(each).collect()
    }

    fn sum(&self, field: &str, kind: &str) -> i64 {
        let value = |(_, record): &(u32, &Record)| {
            record.fields.get(field).and_then(word).and_then(|word| word.parse::<i64>().ok())
        };
        self.case.live(kind).iter().filter_map(value).sum()
    }

    fn at(&self, state: &str) -> bool {
        self.case.is_at(state, self.instance)
    }

    fn filed(&self, document: &str) -> bool {
        self.case.papers.contains_key(document)
    }

    fn passed(&self, deadline: &str) -> bool {
        let named = |key: &Key| !key.0 && key.1 == deadline;
        let over = |clock: &Clock| clock.paused.is_none() && clock.due.is_some_and(|due| due <= self.now);
        self.case.passed.iter().any(named)
            || self.case.clocks.iter().any(|(key, clock)| named(key) && over(clock))
    }

    fn lapsed(&self) -> bool {
        let held = self
            .case
            .main
            .as_ref()
            .and_then(|main| self.oracle.file.state(main))
            .is_some_and(|state| state.held);
        held && self.case.authority.is_none_or(|end| end <= self.now)
    }

    fn since(&self, months: bool, date: &str) -> Option<i64> {
        since(self, months, self.case.facts.get(date)?)
    }
}

/// One record, as the guard inside `has ( … )` sees it.
struct One<'a> {
    view: &'a View<'a>,
    number: u32,
    record: &'a Record,
}

impl World for One<'_> {
    fn word(&self, name: &str) -> Option<String> {
        word(self.record.fields.get(name)?)
    }

    fn rule(&self, name: &str) -> bool {
        self.view.rule(name)
    }

    fn records(&self, kind: &str, inner: Option<&Guard>) -> Vec<bool> {
        self.view.records(kind, inner)
    }

    fn sum(&self, field: &str, kind: &str) -> i64 {
        self.view.sum(field, kind)
    }

    fn at(&self, state: &str) -> bool {
        let open = |track: &std::collections::BTreeMap<u32, String>| {
            track.get(&self.number).is_some_and(|found| found == state)
        };
        self.view.case.instances.values().any(open)
    }

    fn filed(&self, document: &str) -> bool {
        self.view.filed(document)
    }

    fn passed(&self, deadline: &str) -> bool {
        self.view.passed(deadline)
    }

    fn lapsed(&self) -> bool {
        self.view.lapsed()
    }

    fn since(&self, months: bool, date: &str) -> Option<i64> {
        since(self.view, months, self.record.fields.get(date)?)
    }
}
