//! Authority to hold the person, and its ceilings.

use jiff::{SignedDuration, Timestamp};

use super::Oracle;
use super::case::{Case, Value};
use super::days::Unit;
use super::file::{Form, Limit};

type Ranges = Vec<(Timestamp, Timestamp)>;

/// Ranges in order; those that touch are one.
fn merged(mut ranges: Ranges) -> Ranges {
    ranges.sort();
    let mut whole: Ranges = Vec::new();
    for (from, until) in ranges {
        match whole.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => whole.push((from, until)),
        }
    }
    whole
}

/// The first instant from this one on that is in none of the ranges.
fn gap(ranges: &Ranges, from: Timestamp) -> Timestamp {
    merged(ranges.clone())
        .iter()
        .find(|(start, until)| *start <= from && from < *until)
        .map_or(from, |(_, until)| *until)
}

impl Oracle {
    fn range(
        form: &Form,
        fields: &std::collections::BTreeMap<String, Value>,
    ) -> Option<(Timestamp, Timestamp)> {
        match fields.get(form.covers.as_ref()?)? {
            Value::Range(from, until) => Some((*from, *until)),
            Value::Word(_) | Value::Text(_) | Value::Date(_) | Value::Instant(_) | Value::Answer(_) => None,
        }
    }

    /// The hours in which live records cover; none reaches back over a gap that began before it was signed, none is
    /// longer than one record of its kind may be, and a fact that lacks its paper or crosses a ceiling covers nothing.
    pub(crate) fn covered(&self, case: &Case) -> Ranges {
        let mut ranges = Ranges::new();
        for record in case.records.iter().filter(|record| !record.annulled) {
            let form = self.file.form(&record.kind).unwrap();
            let Some((from, until)) = Self::range(form, &record.fields) else { continue };
            let lacks = case.done.iter().find(|done| done.number == record.doing).map(|done| &done.lacks);
            if lacks.is_some_and(|lacks| lacks.iter().any(|(_, gives_cover)| *gives_cover)) {
                continue;
            }
            let most = form.each.as_ref().and_then(|each| self.limit_end(case, each, from));
            let until = most.map_or(until, |most| until.min(most));
            let from = if gap(&ranges, from) < record.at { from.max(record.at) } else { from };
            if from < until {
                ranges.push((from, until));
            }
        }
        merged(ranges)
    }

    /// The end of the unbroken cover from now.
    pub(crate) fn authority(&self, case: &Case, now: Timestamp) -> Option<Timestamp> {
        let ranges = self.covered(case);
        ranges.iter().find(|(from, until)| *from <= now && now < *until).map(|(_, until)| *until)
    }

    /// The end of a limit counted from a start.
    fn limit_end(&self, case: &Case, limit: &Limit, start: Timestamp) -> Option<Timestamp> {
        match limit {
            Limit::Plain(length) => Some(match length.unit {
                Unit::Seconds(_) => self.days().count(&self.file.time, start, *length),
                Unit::Days | Unit::WorkingDays => self
                    .days()
                    .local(start)
                    .checked_add(jiff::Span::new().days(length.count))
                    .unwrap()
                    .timestamp(),
                Unit::Months => {
                    let span = jiff::Span::new().months(length.count);
                    self.days().local(start).checked_add(span).unwrap().timestamp()
                }
            }),
            Limit::Least(parts) => parts.iter().filter_map(|part| self.limit_end(case, part, start)).min(),
            Limit::Greatest(field, record, over, under) => {
                let number = |value: &Value| match value {
                    Value::Word(word) => word.parse::<i64>().ok(),
                    Value::Text(_)
                    | Value::Date(_)
                    | Value::Instant(_)
                    | Value::Range(..)
                    | Value::Answer(_) => None,
                };
                let live = case.live(record);
                let most =
                    live.iter().filter_map(|(_, record)| record.fields.get(field).and_then(number)).max()?;
                start.checked_add(SignedDuration::from_hours(24 * most * over / under)).ok()
            }
        }
    }

    fn ranges_of(case: &Case, form: &Form) -> Ranges {
        let live = case.live(&form.name);
        merged(live.iter().filter_map(|(_, record)| Self::range(form, &record.fields)).collect())
    }

    fn length(&self, case: &Case, limit: &Limit, start: Timestamp) -> Option<SignedDuration> {
        self.limit_end(case, limit, start).map(|end| end.duration_since(start))
    }

    /// Whether a record just filed crosses a ceiling of its kind.
    pub(crate) fn crosses(&self, case: &Case, kind: &str, number: u32) -> bool {
        let form = self.file.form(kind).unwrap();
        let Some(record) = case.record(number) else { return false };
        let Some((from, until)) = Self::range(form, &record.fields) else { return false };
        let alone = form.each.as_ref().and_then(|each| self.length(case, each, from));
        if alone.is_some_and(|length| until.duration_since(from) > length) {
            return true;
        }
        let Some(total) = &form.total else { return false };
        let ranges = Self::ranges_of(case, form);
        let Some(length) = self.length(case, total, ranges[0].0) else { return false };
        // A permission reaches as far as its last date.
        let last = ranges.iter().map(|(_, until)| *until).max().unwrap();
        let permits = |record: &super::case::Record| {
            let ends = record.fields.values().filter_map(|value| match value {
                Value::Date(date) => Some(self.days().end_of(*date)),
                Value::Instant(at) | Value::Range(_, at) => Some(*at),
                Value::Word(_) | Value::Text(_) | Value::Answer(_) => None,
            });
            ends.max().is_none_or(|end| last <= end)
        };
        let beyond = form.beyond_needs.as_ref();
        let permitted = beyond.is_some_and(|kind| case.live(kind).iter().any(|(_, record)| permits(record)));
        used(&ranges) > length && !permitted
    }

    /// The instant at which all hours of a kind together reach the ceiling, if they go on without a gap.
    pub(crate) fn ceiling(&self, case: &Case, kind: &str) -> Option<Timestamp> {
        let form = self.file.form(kind)?;
        let ranges = Self::ranges_of(case, form);
        let (start, _) = ranges.first()?;
        let mut left = self.length(case, form.total.as_ref()?, *start)?;
        for (from, until) in &ranges {
            let length = until.duration_since(*from);
            if length >= left {
                return from.checked_add(left).ok();
            }
            left -= length;
        }
        ranges.last()?.1.checked_add(left).ok()
    }
}

/// The hours of ranges that do not overlap.
fn used(ranges: &Ranges) -> SignedDuration {
    ranges.iter().fold(SignedDuration::ZERO, |sum, (from, until)| sum + until.duration_since(*from))
}
