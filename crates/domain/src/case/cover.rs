//! Cover: which hours the records of a case give authority for, and how far their ceilings reach.

use jiff::{SignedDuration, Timestamp};

use crate::calendar::Calendar;
use crate::case::clock::shift;
use crate::case::event::Missing;
use crate::case::refusal::RefusalCode;
use crate::case::state::{Case, RecordState};
use crate::name::Name;
use crate::value::{Given, Value};
use crate::workflow::Definition;
use crate::workflow::model::{Limit, LimitPart, Record};

/// The ranges in which the live records of a case cover, of every kind that covers, merged and in order: none of a record
/// without effect, none longer than its kind allows, and none that was signed in a gap from before its signature (DESIGN
/// D19).
pub(crate) fn cover(def: &Definition, case: &Case) -> Vec<(Timestamp, Timestamp)> {
    let zone = def.calendars.values().next().map(AsRef::as_ref);
    let mut ranges: Vec<(Timestamp, Timestamp, Timestamp)> = def
        .records
        .iter()
        .flat_map(|record| {
            let live = live(case, record).filter(|(held, _)| has_effect(case, held));
            live.map(move |(held, (from, until))| {
                (held.at, from, within_limit(case, zone, record, from, until))
            })
        })
        .collect();
    // In the order of signature: an order that is signed while an earlier one still covers may begin before its
    // signature, one that is signed in a gap may not.
    ranges.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (signed, from, until) in ranges {
        let covering = merged.iter().find(|(from, until)| *from <= signed && signed < *until);
        let earliest = covering.map_or(signed, |(begin, _)| *begin);
        let from = from.max(earliest.min(signed));
        if from < until {
            merged.push((from, until));
            merged = union(merged);
        }
    }
    merged
}

/// Records of a kind that covers, with their range, that are not annulled.
fn live<'a>(
    case: &'a Case,
    record: &'a Record,
) -> impl Iterator<Item = (&'a RecordState, (Timestamp, Timestamp))> {
    case.live(&record.name).filter_map(|(_, held)| {
        match held.fields.get(record.covers.as_ref()?).and_then(Given::value) {
            Some(Value::Range(range)) => Some((held, (range.from, range.until))),
            Some(_) | None => None,
        }
    })
}

/// A fact is recorded whatever it lacks, but gives no authority that the law does not: without its instrument, or beyond
/// a ceiling, it shows what happened and covers nothing until that is made good.
fn has_effect(case: &Case, held: &RecordState) -> bool {
    let lacks = |missing: &Missing| matches!(missing.code, RefusalCode::Papers | RefusalCode::Ceiling);
    !case.irregular.get(&held.seq).is_some_and(|missing| missing.iter().any(lacks))
}

/// The end of a range, cut to what one record of its kind may cover.
fn within_limit(
    case: &Case,
    calendar: Option<&Calendar>,
    record: &Record,
    from: Timestamp,
    until: Timestamp,
) -> Timestamp {
    let each = record.limit.as_ref().and_then(|limit| limit.each.as_ref());
    let length = each.and_then(|each| limit_length(case, calendar, each, from));
    length.and_then(|length| from.checked_add(length).ok()).map_or(until, |end| end.min(until))
}

/// Ranges merged where they touch.
pub(crate) fn union(mut ranges: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    ranges.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, until) in ranges {
        match merged.last_mut() {
            Some((_, last)) if from <= *last => *last = (*last).max(until),
            Some(_) | None => merged.push((from, until)),
        }
    }
    merged
}

/// The end of the unbroken cover from now.
pub(crate) fn authority_until(def: &Definition, case: &Case, now: Timestamp) -> Option<Timestamp> {
    cover(def, case).into_iter().find(|(from, until)| *from <= now && now < *until).map(|(_, until)| until)
}

/// How long a limit is, counted from a start; `None` when every part drops out.
pub(crate) fn limit_length(
    case: &Case,
    calendar: Option<&Calendar>,
    limit: &Limit,
    start: Timestamp,
) -> Option<SignedDuration> {
    limit
        .parts
        .iter()
        .filter_map(|part| match part {
            LimitPart::Span(span) => shift(calendar, start, *span, true).map(|end| end.duration_since(start)),
            LimitPart::Greatest { field, record, numerator, denominator } => {
                let numbers = case.live(record).filter_map(|(_, held)| {
                    match held.fields.get(field).and_then(Given::value) {
                        Some(Value::Number(days)) => Some(*days),
                        Some(_) | None => None,
                    }
                });
                let days = numbers.max()?.checked_mul(i64::from(*numerator))?;
                let hours = days.checked_mul(24)?.checked_div(i64::from(*denominator))?;
                Some(SignedDuration::from_secs(hours.checked_mul(3_600)?))
            }
        })
        .min()
}

/// The ranges of the live records of a kind, merged.
pub(crate) fn ranges_of(case: &Case, record: &Record) -> Vec<(Timestamp, Timestamp)> {
    union(live(case, record).map(|(_, range)| range).collect())
}

/// The instant at which the ceiling of a record is reached if its cover goes on without a gap.
pub(crate) fn ceiling(
    def: &Definition,
    case: &Case,
    calendar: Option<&Calendar>,
    record: &Name,
) -> Option<Timestamp> {
    let record = def.records.get(record)?;
    let limit = record.limit.as_ref()?.total.as_ref()?;
    let ranges = ranges_of(case, record);
    let (first, _) = ranges.first()?;
    let (_, last) = ranges.last()?;
    let length = limit_length(case, calendar, limit, *first)?;
    let used = ranges
        .iter()
        .fold(SignedDuration::ZERO, |sum, (from, until)| sum.saturating_add(until.duration_since(*from)));
    last.checked_add(length.saturating_sub(used)).ok()
}
