//! Reading a calendar file: strict YAML, every fault with its line and column, all faults at once.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use jiff::{
    civil::{Date, Time, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned, options::DuplicateKeyPolicy, options::MergeKeyPolicy};
use sha2::{Digest, Sha256};

use super::{Calendar, Week};

/// Years that a calendar may cover. The bound keeps every walk over days short.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

const KEYS: &str = "calendar, version, title, zone, week, office-hours, covers, holidays, import";

/// A mistake in a calendar file or in the iCalendar file it imports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct CalendarFault {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong and what is accepted.
    pub message: String,
}

/// Any YAML value with the places of its parts, so that no fault hides another.
enum Value {
    Null,
    Flag,
    Number(i64),
    /// A number that is not whole; no key takes one.
    Fraction,
    Text(String),
    List(Vec<Spanned<Value>>),
    Map(Vec<(Spanned<String>, Spanned<Value>)>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Flag => "a yes-or-no value",
            Self::Number(_) => "a number",
            Self::Fraction => "a number that is not whole",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Flag)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Number).map_err(|_| E::custom("this number is too large"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Fraction)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

/// Collects faults; every reader below returns `None` after it has reported.
struct Faults(Vec<CalendarFault>);

impl Faults {
    fn add(&mut self, at: Location, message: impl Into<String>) {
        self.0.push(CalendarFault {
            line: at.line().max(1),
            column: at.column().max(1),
            message: message.into(),
        });
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Calendar, Vec<CalendarFault>> {
    let start = |message: String| vec![CalendarFault { line: 1, column: 1, message }];
    let text = std::str::from_utf8(bytes).map_err(|fault| {
        let line = bytes.iter().take(fault.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        vec![CalendarFault {
            line: u64::try_from(line).unwrap_or(u64::MAX),
            column: 1,
            message: "the file is not UTF-8 text".to_owned(),
        }]
    })?;
    let root: Spanned<Value> = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
        // A file of one calendar has no use for aliases, so the budget refuses them by name.
        vec![CalendarFault { line, column, message: error.without_snippet().to_string() }]
    })?;
    let Value::Map(entries) = root.value else {
        return Err(start(format!("a calendar file is a map with the keys {KEYS}")));
    };

    let mut faults = Faults(Vec::new());
    let calendar = Keys::gather(entries, &mut faults).calendar(bytes, &mut faults);
    faults.0.sort_by_key(|fault| (fault.line, fault.column));
    match calendar {
        Some(calendar) if faults.0.is_empty() => Ok(calendar),
        Some(_) | None => Err(faults.0),
    }
}

fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    // Doubled keys reach the visitor, so that they are reported together with the other faults.
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.merge_keys = MergeKeyPolicy::Error;
    options.strict_booleans = true;
    if let Some(budget) = &mut options.budget {
        budget.max_aliases = 0;
        budget.max_anchors = 0;
    }
    options
}

/// The keys of the file with their places, each at most once.
#[derive(Default)]
struct Keys {
    calendar: Option<Spanned<Value>>,
    version: Option<Spanned<Value>>,
    title: Option<Spanned<Value>>,
    zone: Option<Spanned<Value>>,
    week: Option<Spanned<Value>>,
    office_hours: Option<Spanned<Value>>,
    covers: Option<Spanned<Value>>,
    holidays: Option<Spanned<Value>>,
    import: Option<Spanned<Value>>,
}

impl Keys {
    fn gather(entries: Vec<(Spanned<String>, Spanned<Value>)>, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        for (key, value) in entries {
            let slot = match key.value.as_str() {
                "calendar" => &mut keys.calendar,
                "version" => &mut keys.version,
                "title" => &mut keys.title,
                "zone" => &mut keys.zone,
                "week" => &mut keys.week,
                "office-hours" => &mut keys.office_hours,
                "covers" => &mut keys.covers,
                "holidays" => &mut keys.holidays,
                "import" => &mut keys.import,
                other => {
                    faults.add(
                        key.defined,
                        format!("unknown key `{other}`; a calendar file has the keys {KEYS}"),
                    );
                    continue;
                }
            };
            if let Some(first) = slot {
                let line = first.defined.line();
                faults.add(key.defined, format!("`{}` is stated twice, first on line {line}", key.value));
            } else {
                *slot = Some(value);
            }
        }
        keys
    }

    fn calendar(self, bytes: &[u8], faults: &mut Faults) -> Option<Calendar> {
        let name = need("calendar", self.calendar, faults).and_then(|value| name(value, faults));
        let version = need("version", self.version, faults).and_then(|value| version(&value, faults));
        let title = self.title.map(|value| text("title", value, faults).map(|title| title.value));
        let zone = need("zone", self.zone, faults).and_then(|value| zone(value, faults));
        let week = need("week", self.week, faults).and_then(|value| week(value, faults));
        let office_hours = self.office_hours.map(|value| office_hours(value, faults));
        let covers_stated = self.covers.map(|value| covers(value, faults));
        let import = self.import.map(|value| import(value, faults));
        if self.holidays.is_none() && import.is_none() {
            faults.add(
                Location::UNKNOWN,
                "neither `holidays` nor `import` is stated; a list may be empty: `holidays: []`",
            );
        }
        let holidays = match self.holidays {
            Some(value) => holidays(value, covers_stated.as_ref().and_then(Option::as_deref), faults),
            None => Some(BTreeMap::new()),
        };
        let (zone_name, zone) = zone?;
        let holidays = holidays?;
        let covers_stated = match covers_stated {
            Some(stated) => Some(stated?),
            None => None,
        };
        let import = match import {
            Some(import) => Some(import?),
            None => None,
        };
        Some(Calendar {
            name: name?,
            version: version?,
            title: match title {
                Some(title) => Some(title?),
                None => None,
            },
            zone_name,
            zone,
            week: week?,
            office_hours: match office_hours {
                Some(hours) => Some(hours?),
                None => None,
            },
            covered: covered(covers_stated.as_deref(), &holidays),
            covers_stated,
            holidays,
            import,
            import_done: false,
            hash: Sha256::digest(bytes).into(),
        })
    }
}

/// The covered years: those stated, else those in which a holiday falls.
pub(super) fn covered(stated: Option<&[(i16, i16)]>, holidays: &BTreeMap<Date, String>) -> Vec<(i16, i16)> {
    match stated {
        Some(stated) => stated.to_vec(),
        None => join(holidays.keys().map(|date| (date.year(), date.year())).collect()),
    }
}

/// Sorted ranges without overlap and without neighbours.
fn join(mut ranges: Vec<(i16, i16)>) -> Vec<(i16, i16)> {
    ranges.sort_unstable();
    let mut joined: Vec<(i16, i16)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}

fn need(key: &str, value: Option<Spanned<Value>>, faults: &mut Faults) -> Option<Spanned<Value>> {
    if value.is_none() {
        faults.add(Location::UNKNOWN, format!("the key `{key}` is missing"));
    }
    value
}

fn text(key: &str, node: Spanned<Value>, faults: &mut Faults) -> Option<Spanned<String>> {
    match node.value {
        Value::Text(text) if !text.trim().is_empty() => {
            Some(Spanned::new(text, node.referenced, node.defined))
        }
        Value::Text(_) => {
            faults.add(node.defined, format!("{key} is an empty text"));
            None
        }
        other @ (Value::Null
        | Value::Flag
        | Value::Number(_)
        | Value::Fraction
        | Value::List(_)
        | Value::Map(_)) => {
            faults.add(node.defined, format!("{key} must be a text, and this is {}", other.kind()));
            None
        }
    }
}

fn name(node: Spanned<Value>, faults: &mut Faults) -> Option<String> {
    let name = text("calendar", node, faults)?;
    let plain = name.value.starts_with(|first: char| first.is_ascii_lowercase())
        && name.value.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-');
    if !plain {
        faults.add(
            name.defined,
            format!("`{}` is no name: small letters a-z, digits and `-`, a letter first", name.value),
        );
        return None;
    }
    Some(name.value)
}

fn version(node: &Spanned<Value>, faults: &mut Faults) -> Option<u32> {
    if let Value::Number(number) = node.value
        && let Ok(version) = u32::try_from(number)
        && version > 0
    {
        return Some(version);
    }
    faults.add(node.defined, "version must be a whole number from 1");
    None
}

fn zone(node: Spanned<Value>, faults: &mut Faults) -> Option<(String, TimeZone)> {
    let name = text("zone", node, faults)?;
    // The zones compiled into the binary, never those of the machine: all workers must agree on every limit.
    match TimeZoneDatabase::bundled().get(&name.value) {
        Ok(zone) if zone.iana_name() == Some(name.value.as_str()) => Some((name.value, zone)),
        Ok(zone) => {
            let right = zone.iana_name().unwrap_or_default();
            faults.add(name.defined, format!("unknown zone `{}`; it is written `{right}`", name.value));
            None
        }
        Err(_) => {
            faults.add(
                name.defined,
                format!("unknown zone `{}`; write an IANA name such as `Asia/Baghdad`", name.value),
            );
            None
        }
    }
}

fn list(key: &str, node: Spanned<Value>, faults: &mut Faults) -> Option<Vec<Spanned<Value>>> {
    match node.value {
        Value::List(list) => Some(list),
        other @ (Value::Null
        | Value::Flag
        | Value::Number(_)
        | Value::Fraction
        | Value::Text(_)
        | Value::Map(_)) => {
            faults.add(node.defined, format!("{key} must be a list, and this is {}", other.kind()));
            None
        }
    }
}

fn week(node: Spanned<Value>, faults: &mut Faults) -> Option<Week> {
    let at = node.defined;
    let items = list("week", node, faults)?;
    let mut days: Vec<Weekday> = Vec::new();
    let mut sound = true;
    for item in items {
        let Some(word) = text("a day of the week", item, faults) else {
            sound = false;
            continue;
        };
        let day = match word.value.as_str() {
            "mon" => Weekday::Monday,
            "tue" => Weekday::Tuesday,
            "wed" => Weekday::Wednesday,
            "thu" => Weekday::Thursday,
            "fri" => Weekday::Friday,
            "sat" => Weekday::Saturday,
            "sun" => Weekday::Sunday,
            other => {
                faults
                    .add(word.defined, format!("`{other}` is no weekday: mon, tue, wed, thu, fri, sat, sun"));
                sound = false;
                continue;
            }
        };
        if days.contains(&day) {
            faults.add(word.defined, format!("`{}` is stated twice", word.value));
            sound = false;
        }
        days.push(day);
    }
    let week = Week::new(days);
    if week.is_none() && sound {
        faults.add(at, "week is empty: name the days on which the court works");
    }
    if sound { week } else { None }
}

fn office_hours(node: Spanned<Value>, faults: &mut Faults) -> Option<(Time, Time)> {
    let hours = text("office-hours", node, faults)?;
    let parsed =
        hours.value.split_once(" to ").and_then(|(opens, closes)| Some((clock(opens)?, clock(closes)?)));
    match parsed {
        Some((opens, closes)) if opens < closes => Some((opens, closes)),
        Some(_) | None => {
            faults
                .add(hours.defined, format!("`{}` are no office hours: write `08:00 to 15:00`", hours.value));
            None
        }
    }
}

fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(i8::try_from(digits(hour, 2)?).ok()?, i8::try_from(digits(minute, 2)?).ok()?, 0, 0).ok()
}

/// A number of exactly `width` ASCII digits.
pub(super) fn digits(text: &str, width: usize) -> Option<u16> {
    let plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// `2026-12-25`, and nothing looser.
pub(super) fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let year = i16::try_from(digits(year, 4)?).ok()?;
    let month = i8::try_from(digits(month, 2)?).ok()?;
    let day = i8::try_from(digits(day, 2)?).ok()?;
    Date::new(year, month, day).ok().filter(|date| YEARS.contains(&date.year()))
}

fn covers(node: Spanned<Value>, faults: &mut Faults) -> Option<Vec<(i16, i16)>> {
    let items = match node.value {
        Value::List(items) => items,
        one @ (Value::Null
        | Value::Flag
        | Value::Number(_)
        | Value::Fraction
        | Value::Text(_)
        | Value::Map(_)) => {
            vec![Spanned::new(one, node.referenced, node.defined)]
        }
    };
    let mut ranges = Vec::new();
    let mut sound = true;
    for item in items {
        let range = match &item.value {
            Value::Number(year) => i16::try_from(*year).ok().map(|year| (year, year)),
            Value::Text(text) => text.split_once(" to ").and_then(|(first, last)| {
                Some((i16::try_from(digits(first, 4)?).ok()?, i16::try_from(digits(last, 4)?).ok()?))
            }),
            Value::Null | Value::Flag | Value::Fraction | Value::List(_) | Value::Map(_) => None,
        };
        match range {
            Some((first, last)) if first <= last && YEARS.contains(&first) && YEARS.contains(&last) => {
                ranges.push((first, last));
            }
            Some(_) | None => {
                let (low, high) = (YEARS.start(), YEARS.end());
                faults.add(
                    item.defined,
                    format!("covers: write a year or `2024 to 2028`, within {low} and {high}"),
                );
                sound = false;
            }
        }
    }
    if sound { Some(join(ranges)) } else { None }
}

fn import(node: Spanned<Value>, faults: &mut Faults) -> Option<String> {
    let file = text("import", node, faults)?;
    let is_ics = std::path::Path::new(&file.value).extension().is_some_and(|end| end == "ics");
    if is_ics && !file.value.contains(['/', '\\']) {
        return Some(file.value);
    }
    faults
        .add(file.defined, format!("`{}`: name an .ics file that lies beside the calendar file", file.value));
    None
}

fn holidays(
    node: Spanned<Value>,
    covers: Option<&[(i16, i16)]>,
    faults: &mut Faults,
) -> Option<BTreeMap<Date, String>> {
    let before = faults.0.len();
    let mut listed = Vec::new();
    match node.value {
        Value::List(items) => {
            for item in items {
                listed.extend(text("a holiday", item, faults).map(|when| (when, String::new())));
            }
        }
        Value::Map(entries) => {
            for (when, name) in entries {
                let name = text("the name of a holiday", name, faults).map(|name| name.value);
                listed.push((when, name.unwrap_or_default()));
            }
        }
        other @ (Value::Null | Value::Flag | Value::Number(_) | Value::Fraction | Value::Text(_)) => faults
            .add(
                node.defined,
                format!(
                    "holidays must be a list of dates or a map from date to name, and this is {}",
                    other.kind()
                ),
            ),
    }
    let mut days: BTreeMap<Date, (String, u64)> = BTreeMap::new();
    for (when, name) in listed {
        let mut parts = when.value.split('-');
        let found = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(year), Some(month), Some(day), None) => date(year, month, day),
            _ => None,
        };
        let Some(found) = found else {
            faults.add(
                when.defined,
                format!("`{}` is no date: write year-month-day, such as 2026-12-25", when.value),
            );
            continue;
        };
        let year = found.year();
        if covers.is_some_and(|ranges| !ranges.iter().any(|&(first, last)| first <= year && year <= last)) {
            faults.add(when.defined, format!("{found} lies in a year that `covers` does not name"));
        }
        match days.entry(found) {
            Entry::Vacant(free) => {
                free.insert((name, when.defined.line()));
            }
            Entry::Occupied(first) => {
                let line = first.get().1;
                faults.add(
                    when.defined,
                    format!("{found} is listed twice, first on line {line}; join the names in one"),
                );
            }
        }
    }
    let sound = faults.0.len() == before;
    sound.then(|| days.into_iter().map(|(date, (name, _))| (date, name)).collect())
}
