//! What a guard sees of a case: the facts, records and papers with those of the command at hand, the machines before it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::case::act::{Paper, Perform, RecordGiven, RecordNo};
use crate::case::state::{Case, ClockKey};
use crate::name::Name;
use crate::value::{Given, Value};
use crate::workflow::Definition;
use crate::workflow::guard::{Constant, Guard, Quantifier, SinceUnit, View};
use crate::workflow::model::{NamedRule, Table};

/// A case with what a command brings.
pub(crate) struct CaseView<'a> {
    pub(crate) def: &'a Definition,
    pub(crate) case: &'a Case,
    pub(crate) answers: Option<&'a BTreeMap<Name, Given>>,
    pub(crate) records: &'a [RecordGiven],
    pub(crate) papers: &'a [Paper],
    /// The record whose track the command moves: inside its own guard, `at` asks for this instance.
    pub(crate) instance: Option<RecordNo>,
    pub(crate) now: Timestamp,
}

impl<'a> CaseView<'a> {
    /// The case alone.
    pub(crate) fn plain(def: &'a Definition, case: &'a Case, now: Timestamp) -> Self {
        Self { def, case, answers: None, records: &[], papers: &[], instance: None, now }
    }

    /// The case with a command.
    pub(crate) fn with(def: &'a Definition, case: &'a Case, perform: &'a Perform, now: Timestamp) -> Self {
        Self {
            def,
            case,
            answers: Some(&perform.answers),
            records: &perform.records,
            papers: &perform.papers,
            instance: perform.instance,
            now,
        }
    }

    fn given(&self, fact: &Name) -> Option<&Given> {
        self.answers.and_then(|answers| answers.get(fact)).or_else(|| self.case.facts.get(fact))
    }

    fn in_state_of_track(&self, kind: &Name, no: RecordNo, state: &Name) -> bool {
        self.def
            .tracks
            .iter()
            .filter(|track| track.per.as_ref() == Some(kind))
            .filter_map(|track| self.case.instances.get(&track.name)?.get(&no))
            .any(|instance| instance.state == *state)
    }
}

/// Complete units from a civil day to the day of an instant, in the zone of any calendar of the file (UTC without one).
fn since(def: &Definition, unit: SinceUnit, value: &Value, now: Timestamp) -> Option<i64> {
    let zone = def.first_calendar().map_or(jiff::tz::TimeZone::UTC, |calendar| calendar.zone().clone());
    let from = match value {
        Value::Date(date) => *date,
        Value::Instant(at) => at.to_zoned(zone.clone()).date(),
        Value::Flag(_)
        | Value::Choice(_)
        | Value::Number(_)
        | Value::Range(_)
        | Value::Text(_)
        | Value::Person(_)
        | Value::Official(_)
        | Value::Place(_)
        | Value::Money(_)
        | Value::Reference(_) => return None,
    };
    let to = now.to_zoned(zone).date();
    Some(match unit {
        SinceUnit::Days => crate::calendar::days_from(from, to),
        SinceUnit::Months => crate::calendar::months_from(from, to),
    })
}

impl View for CaseView<'_> {
    fn value(&self, subject: &Name) -> Option<Constant> {
        self.given(subject).and_then(Given::value).and_then(Value::constant)
    }

    fn is_known(&self, subject: &Name) -> bool {
        self.given(subject).is_some_and(Given::is_known)
    }

    fn at(&self, state: &Name) -> bool {
        let Some(machine) = self.def.machine_of(state) else { return false };
        let no = self.instance.filter(|_| self.def.record_of(&machine).is_some());
        self.case.stands(&machine, no) == Some(state)
    }

    fn filed(&self, document: &Name) -> bool {
        self.case.papers.get(document).is_some_and(|papers| !papers.is_empty())
            || self.papers.iter().any(|paper| paper.document == *document)
    }

    fn passed(&self, deadline: &Name) -> bool {
        let of_deadline = |key: &ClockKey| matches!(key, ClockKey::Deadline { name, .. } if name == deadline);
        self.case.passed.iter().any(of_deadline)
            || self.case.clocks.iter().any(|(key, clock)| of_deadline(key) && clock.is_over(self.now))
    }

    fn authority_has_lapsed(&self) -> bool {
        self.case.authority_has_lapsed(self.now)
    }

    fn since(&self, unit: SinceUnit, subject: &Name) -> Option<i64> {
        since(self.def, unit, self.given(subject)?.value()?, self.now)
    }

    fn records(
        &self,
        quantifier: Quantifier,
        record: &Name,
        condition: Option<&Guard>,
        rules: &Table<NamedRule>,
    ) -> bool {
        let meets = |fields: &BTreeMap<Name, Given>, no: Option<RecordNo>| {
            condition.is_none_or(|condition| {
                condition.holds(rules, &RecordView { view: self, kind: record, fields, no })
            })
        };
        let mut any = false;
        let mut some = false;
        let mut every = true;
        let filed = self.case.live(record).map(|(no, held)| (&held.fields, Some(no)));
        let given =
            self.records.iter().filter(|given| given.record == *record).map(|given| (&given.fields, None));
        for (fields, no) in filed.chain(given) {
            any = true;
            if meets(fields, no) {
                some = true;
            } else {
                every = false;
            }
        }
        match quantifier {
            Quantifier::Some => some,
            Quantifier::No => !some,
            Quantifier::Every => any && every,
        }
    }

    fn sum(&self, field: &Name, record: &Name) -> i64 {
        let number = |fields: &BTreeMap<Name, Given>| match fields
            .get(field)
            .and_then(Given::value)
            .and_then(Value::constant)
        {
            Some(Constant::Number(number)) => number,
            Some(Constant::Flag(_) | Constant::Choice(_) | Constant::Date(_)) | None => 0,
        };
        let filed = self.case.live(record).map(|(_, held)| number(&held.fields));
        let given =
            self.records.iter().filter(|given| given.record == *record).map(|given| number(&given.fields));
        filed.chain(given).fold(0, i64::saturating_add)
    }
}

/// One record as the guard inside `has ( … )` sees it.
struct RecordView<'a> {
    view: &'a CaseView<'a>,
    kind: &'a Name,
    fields: &'a BTreeMap<Name, Given>,
    no: Option<RecordNo>,
}

impl View for RecordView<'_> {
    fn value(&self, subject: &Name) -> Option<Constant> {
        self.fields.get(subject).and_then(Given::value).and_then(Value::constant)
    }

    fn is_known(&self, subject: &Name) -> bool {
        self.fields.get(subject).is_some_and(Given::is_known)
    }

    fn at(&self, state: &Name) -> bool {
        self.no.is_some_and(|no| self.view.in_state_of_track(self.kind, no, state))
    }

    fn filed(&self, document: &Name) -> bool {
        self.view.filed(document)
    }

    fn passed(&self, deadline: &Name) -> bool {
        self.no.is_some_and(|no| {
            let key = ClockKey::Deadline { name: deadline.clone(), subject: Some(no) };
            let case = self.view.case;
            case.passed.contains(&key)
                || case.clocks.get(&key).is_some_and(|clock| clock.is_over(self.view.now))
        })
    }

    fn authority_has_lapsed(&self) -> bool {
        self.view.authority_has_lapsed()
    }

    fn since(&self, unit: SinceUnit, subject: &Name) -> Option<i64> {
        since(self.view.def, unit, self.fields.get(subject)?.value()?, self.view.now)
    }

    fn records(
        &self,
        quantifier: Quantifier,
        record: &Name,
        condition: Option<&Guard>,
        rules: &Table<NamedRule>,
    ) -> bool {
        self.view.records(quantifier, record, condition, rules)
    }

    fn sum(&self, field: &Name, record: &Name) -> i64 {
        self.view.sum(field, record)
    }
}
