//! Cover: which hours the records of a case give authority for, how far their ceilings reach, and whether what an act
//! files stays under them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::calendar::Calendar;
use crate::case::act::Perform;
use crate::case::clock::{DayEdge, instant, shift};
use crate::case::event::Missing;
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::{Case, RecordState};
use crate::name::Name;
use crate::value::{Given, Value};
use crate::workflow::Definition;
use crate::workflow::model::{Command, Limit, LimitPart, Record};

/// The ranges in which the live records of a case cover, of every kind that covers, merged and in order: none of a record
/// without effect, none longer than its kind allows, and none that was signed in a gap from before its signature (DESIGN
/// D19).
pub(crate) fn cover(def: &Definition, case: &Case) -> Vec<(Timestamp, Timestamp)> {
    let calendar = def.first_calendar();
    let mut ranges: Vec<(Timestamp, Timestamp, Timestamp)> = def
        .records
        .iter()
        .flat_map(|record| {
            let live = live(case, record).filter(|(held, _)| has_effect(case, held));
            live.map(move |(held, (from, until))| {
                (held.at, from, within_limit(case, calendar, record, from, until))
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
    case.live(&record.name).filter_map(|(_, held)| Some((held, range(record, &held.fields)?)))
}

/// The range that these fields of a record cover.
fn range(record: &Record, fields: &BTreeMap<Name, Given>) -> Option<(Timestamp, Timestamp)> {
    match fields.get(record.covers.as_ref()?).and_then(Given::value) {
        Some(Value::Range(range)) => Some((range.from, range.until)),
        Some(_) | None => None,
    }
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
fn union(mut ranges: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
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

/// How long ranges are together that do not overlap.
fn length(ranges: &[(Timestamp, Timestamp)]) -> SignedDuration {
    let add = |sum: SignedDuration, (from, until): &(Timestamp, Timestamp)| {
        sum.saturating_add(until.duration_since(*from))
    };
    ranges.iter().fold(SignedDuration::ZERO, add)
}

/// The end of the unbroken cover from now.
pub(crate) fn authority_until(def: &Definition, case: &Case, now: Timestamp) -> Option<Timestamp> {
    cover(def, case).into_iter().find(|(from, until)| *from <= now && now < *until).map(|(_, until)| until)
}

/// How long a limit is, counted from a start; `None` when every part drops out.
fn limit_length(
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
fn ranges_of(case: &Case, record: &Record) -> Vec<(Timestamp, Timestamp)> {
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
    let most = limit_length(case, calendar, limit, *first)?;
    last.checked_add(most.saturating_sub(length(&ranges))).ok()
}

/// Ceilings of records with a limit: each alone, and all together without counting an hour twice.
pub(crate) fn ceilings(
    def: &Definition,
    case: &Case,
    command: &Command,
    perform: &Perform,
    now: Timestamp,
    reasons: &mut Vec<Refusal>,
) {
    let calendar = def.first_calendar();
    for record in &def.records {
        let Some(limit) = &record.limit else { continue };
        let given: Vec<(Timestamp, Timestamp)> = perform
            .records
            .iter()
            .filter(|given| given.record == record.name)
            .filter_map(|given| range(record, &given.fields))
            .collect();
        let Some((first_given, _)) = given.iter().min() else { continue };
        let mut refuse = |text: String, who: Vec<Name>| {
            let reason = Refusal::new(RefusalCode::Ceiling, record.name.as_str(), text);
            reasons.push(Refusal { basis: command.basis.clone(), who, ..reason });
        };
        if let Some(each) = &limit.each {
            for (from, until) in &given {
                let most = limit_length(case, calendar, each, *from);
                if most.is_some_and(|most| until.duration_since(*from) > most) {
                    refuse(format!("one {} may not cover so long", record.name), Vec::new());
                }
            }
        }
        let Some(total) = &limit.total else { continue };
        let mut all = ranges_of(case, record);
        let start = all.first().map_or(*first_given, |(from, _)| (*from).min(*first_given));
        all.extend(&given);
        let Some(most) = limit_length(case, calendar, total, start) else { continue };
        if length(&union(all)) <= most {
            continue;
        }
        let beyond = limit.beyond_needs.as_ref();
        let permitted = beyond.is_some_and(|beyond| permits(case, perform, beyond, &given, calendar));
        if !permitted {
            let needs = beyond.map(|beyond| format!("; beyond it a {beyond} is needed")).unwrap_or_default();
            let who = beyond.map(|beyond| givers(def, beyond)).unwrap_or_default();
            refuse(format!("with this {} the ceiling is crossed{needs} (now {now})", record.name), who);
        }
    }
}

/// Whether a record that permits going beyond a ceiling is there, and reaches as far as what is given, if it has a date.
fn permits(
    case: &Case,
    perform: &Perform,
    beyond: &Name,
    given: &[(Timestamp, Timestamp)],
    calendar: Option<&Calendar>,
) -> bool {
    let last = given.iter().map(|(_, until)| *until).max();
    let filed = case.live(beyond).map(|(_, held)| &held.fields);
    let now = perform.records.iter().filter(|held| held.record == *beyond).map(|held| &held.fields);
    filed.chain(now).any(|fields| {
        // Of several dates the last is the one until which it is given.
        let dates = fields.values().filter_map(Given::value);
        let until = dates.filter_map(|value| instant(value, calendar, DayEdge::End)).max();
        until.is_none_or(|until| last.is_none_or(|last| last <= until))
    })
}

/// The capacities whose commands file a record.
fn givers(def: &Definition, record: &Name) -> Vec<Name> {
    let files = |command: &&Command| command.records.iter().any(|(name, _)| name == record);
    let mut who: Vec<Name> =
        def.commands.iter().filter(files).flat_map(|command| command.by.clone()).collect();
    who.sort();
    who.dedup();
    who
}
