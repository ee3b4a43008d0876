//! The oracle: the module's meaning written again as a naive walk, day by day, sharing no arithmetic with the code under
//! test. Civil times are resolved from raw offsets, months by stepping over every day.

#![expect(clippy::wildcard_enum_match_arm, reason = "the walk names the cases it looks for")]

use std::collections::BTreeSet;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};
use proptest::prelude::*;

use super::*;

const ZONES: [&str; 6] =
    ["Asia/Baghdad", "Europe/Rome", "America/New_York", "Pacific/Apia", "Africa/Cairo", "America/St_Johns"];
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

#[derive(Clone, Debug)]
struct World {
    zone: &'static str,
    week: Vec<usize>,
    holidays: BTreeSet<Date>,
    first_year: i16,
    last_year: i16,
}

impl World {
    fn calendar(&self) -> Calendar {
        let week: Vec<&str> = self.week.iter().map(|day| DAYS[*day].0).collect();
        let holidays: Vec<String> = self.holidays.iter().map(ToString::to_string).collect();
        let text = format!(
            "calendar: random\nversion: 3\nzone: {}\nweek: [{}]\ncovers: {} to {}\nholidays: [{}]\n",
            self.zone,
            week.join(", "),
            self.first_year,
            self.last_year,
            holidays.join(", ")
        );
        Calendar::read(text.as_bytes()).unwrap()
    }

    fn works(&self, day: Date) -> Result<bool, Wrong> {
        if day.year() < self.first_year || day.year() > self.last_year {
            return Err(Wrong::Year(day.year()));
        }
        Ok(self.week.iter().any(|works| DAYS[*works].1 == day.weekday()) && !self.holidays.contains(&day))
    }
}

/// What the walk cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Year(i16),
    NoSuchDay,
}

/// The instant of a civil time from the two offsets around it: the earliest instant that shows it, or, in a gap, what
/// the offset before the gap gives.
fn naive_instant(zone: &TimeZone, wall: DateTime) -> Timestamp {
    let as_utc = TimeZone::UTC.to_timestamp(wall).unwrap().as_microsecond();
    let day = 86_400_000_000_i64;
    let offset_near = |shift: i64| {
        let near = Timestamp::from_microsecond(as_utc + shift).unwrap();
        i64::from(zone.to_offset(near).seconds()) * 1_000_000
    };
    let offsets = [offset_near(-day), offset_near(day)];
    let shows = offsets
        .iter()
        .map(|offset| Timestamp::from_microsecond(as_utc - offset).unwrap())
        .filter(|at| zone.to_datetime(*at) == wall)
        .min();
    shows.unwrap_or_else(|| Timestamp::from_microsecond(as_utc - offsets[0]).unwrap())
}

fn walk(
    world: &World,
    zone: &TimeZone,
    start: Timestamp,
    span: Span,
    rule: Rule,
) -> Result<Timestamp, Wrong> {
    let begin = zone.to_datetime(start);
    let first = begin.date();
    let seconds = match span.unit {
        Unit::Seconds => Some(1),
        Unit::Minutes => Some(60),
        Unit::Hours => Some(60 * 60),
        Unit::Days | Unit::WorkingDays | Unit::Weeks | Unit::Months | Unit::Years => None,
    };
    let elapsed = seconds.map(|unit| {
        Timestamp::from_microsecond(start.as_microsecond() + i64::from(span.count) * unit * 1_000_000)
            .unwrap()
    });

    let mut day = first;
    if let Some(limit) = elapsed {
        day = zone.to_datetime(limit).date();
    } else if span.count > 0 {
        let included = rule.first_day == FirstDay::Included;
        if matches!(span.unit, Unit::Months | Unit::Years) {
            // Step over every day; count the turns of the month; stop at the day number or at the end of that month.
            let turns = if span.unit == Unit::Years { span.count * 12 } else { span.count };
            let mut seen = 0;
            while seen < turns {
                let next = day.tomorrow().unwrap();
                if next.month() != day.month() {
                    seen += 1;
                }
                day = next;
            }
            while day.day() != first.day() {
                let next = day.tomorrow().unwrap();
                if next.month() != day.month() {
                    match rule.month_end {
                        MonthEnd::Earlier => {}
                        MonthEnd::Later => day = next,
                        MonthEnd::Refuse => return Err(Wrong::NoSuchDay),
                    }
                    break;
                }
                day = next;
            }
            if included {
                day = day.yesterday().unwrap();
            }
        } else {
            let wanted = if span.unit == Unit::Weeks { span.count * 7 } else { span.count };
            let mut counted = 0;
            let mut today = first;
            loop {
                let here = included || today != first;
                if here && (span.unit != Unit::WorkingDays || world.works(today)?) {
                    counted += 1;
                }
                if counted == wanted {
                    break;
                }
                today = today.tomorrow().unwrap();
            }
            day = today;
        }
    }

    let last = day;
    match rule.if_not_working {
        IfNotWorking::Same => {}
        IfNotWorking::Next => {
            while !world.works(day)? {
                day = day.tomorrow().unwrap();
            }
        }
        IfNotWorking::Previous => {
            while !world.works(day)? && day > first {
                day = day.yesterday().unwrap();
            }
        }
    }
    let limit = match elapsed {
        Some(limit) if day == last => limit,
        Some(limit) => naive_instant(zone, day.to_datetime(zone.to_datetime(limit).time())),
        None if rule.ends == Ends::SameTime => naive_instant(zone, day.to_datetime(begin.time())),
        None => naive_instant(zone, day.tomorrow().unwrap().at(0, 0, 0, 0)),
    };
    Ok(limit.max(start))
}

fn worlds() -> impl Strategy<Value = World> {
    let zone = prop::sample::select(ZONES.to_vec());
    let week = prop::sample::subsequence((0..7).collect::<Vec<_>>(), 1..=7);
    (zone, week, 2009_i16..2013, 0_i16..4).prop_flat_map(|(zone, week, first_year, more)| {
        let last_year = first_year + more;
        let from = Date::new(first_year, 1, 1).unwrap();
        let length = days_from(from, Date::new(last_year, 12, 31).unwrap());
        prop::collection::btree_set(0..=length, 0..80).prop_map(move |offsets| World {
            zone,
            week: week.clone(),
            holidays: offsets
                .iter()
                .map(|day| from.checked_add(jiff::Span::new().days(*day)).unwrap())
                .collect(),
            first_year,
            last_year,
        })
    })
}

/// Any instant of the covered years and a little around them; often close to midnight or a clock change of some zone.
fn starts() -> impl Strategy<Value = Timestamp> {
    let micro = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    let (low, high) = (micro("2008-12-01T00:00:00Z"), micro("2016-02-01T00:00:00Z"));
    let near: Vec<i64> = [
        "2011-12-30T10:00:00Z", // Apia leaves out a day
        "2011-11-06T02:31:00Z", // St. John's goes back over midnight
        "2010-09-09T22:00:00Z", // Cairo, start of a day
        "2011-03-27T01:00:00Z",
        "2012-10-28T01:00:00Z",
        "2012-11-04T06:00:00Z",
        "2012-02-29T12:00:00Z",
        "2013-01-31T12:00:00Z",
        "2012-12-31T21:00:00Z",
    ]
    .iter()
    .map(|text| micro(text))
    .collect();
    let around = (prop::sample::select(near), -200_000_000_000_i64..200_000_000_000)
        .prop_map(|(at, shift)| at + shift);
    let midnight = (low / 3_600_000_000..high / 3_600_000_000, -1_i64..=1)
        .prop_map(|(hour, off)| hour * 3_600_000_000 + off);
    prop_oneof![low..high, around, midnight].prop_map(|at| Timestamp::from_microsecond(at).unwrap())
}

fn spans() -> impl Strategy<Value = Span> {
    let unit = |unit: Unit, most: u32| (0..=most).prop_map(move |count| Span::new(count, unit));
    prop_oneof![
        unit(Unit::Seconds, 200_000),
        unit(Unit::Minutes, 20_000),
        unit(Unit::Hours, 3_000),
        unit(Unit::Days, 120),
        unit(Unit::WorkingDays, 120),
        unit(Unit::WorkingDays, 6),
        unit(Unit::Weeks, 30),
        unit(Unit::Months, 30),
        unit(Unit::Years, 4),
    ]
}

fn rules() -> impl Strategy<Value = Rule> {
    (
        prop::sample::select(vec![FirstDay::Excluded, FirstDay::Included]),
        prop::sample::select(vec![Ends::EndOfDay, Ends::SameTime]),
        prop::sample::select(vec![IfNotWorking::Next, IfNotWorking::Previous, IfNotWorking::Same]),
        prop::sample::select(vec![MonthEnd::Earlier, MonthEnd::Later, MonthEnd::Refuse]),
    )
        .prop_map(|(first_day, ends, if_not_working, month_end)| Rule {
            first_day,
            ends,
            if_not_working,
            month_end,
        })
}

fn same(found: Result<Timestamp, CalendarError>) -> Result<Timestamp, Wrong> {
    found.map_err(|error| match error {
        CalendarError::NotCovered { year, .. } => Wrong::Year(year),
        CalendarError::NoSuchDay { .. } => Wrong::NoSuchDay,
        other => panic!("{other}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_limit_is_the_one_that_a_naive_walk_finds(
        world in worlds(), inputs in prop::collection::vec((starts(), spans(), rules()), 1..8)
    ) {
        let calendar = world.calendar();
        for (start, span, rule) in inputs {
            let found = same(calendar.due(start, &span, &rule));
            let expected = walk(&world, calendar.zone(), start, span, rule);
            prop_assert_eq!(found, expected, "{} from {} with {:?}", span, start, rule);
        }
    }

    #[test]
    fn an_explanation_ends_at_the_same_instant_and_its_days_add_up(
        world in worlds(), start in starts(), span in spans(), rule in rules()
    ) {
        let calendar = world.calendar();
        let due = calendar.due(start, &span, &rule);
        let explained = calendar.explain(start, &span, &rule);
        prop_assert_eq!(explained.as_ref().map(|explained| explained.due), due.as_ref().copied());
        let Ok(explained) = explained else { return Ok(()) };
        prop_assert!(explained.due >= start);
        prop_assert!(!explained.to_string().is_empty());

        let days = &explained.days;
        prop_assert!(days.windows(2).all(|pair| pair[0].date.tomorrow().unwrap() == pair[1].date));
        let limits: Vec<Date> =
            days.iter().filter(|line| line.verdict == DayVerdict::Limit).map(|line| line.date).collect();
        prop_assert_eq!(limits.len(), 1);
        let moves: Vec<Date> =
            days.iter().filter(|line| line.verdict == DayVerdict::MovedTo).map(|line| line.date).collect();
        let told: Vec<Date> = explained.moved.iter().map(|moved| moved.to).collect();
        prop_assert_eq!(moves, told);
        if let Some(moved) = &explained.moved {
            prop_assert_eq!(moved.from, limits[0]);
            prop_assert!(!moved.reason.is_empty());
        }

        let numbers: Vec<u32> = days
            .iter()
            .filter_map(|line| match line.verdict {
                DayVerdict::Counted { number } => Some(number),
                _ => None,
            })
            .collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        let wanted = match span.unit {
            Unit::Days | Unit::WorkingDays => Some(span.count),
            Unit::Weeks => Some(span.count * 7),
            _ => None,
        };
        if let Some(wanted) = wanted.filter(|_| explained.moved.is_none()) {
            // The limit is the last counted day, except for a count of nothing.
            prop_assert_eq!(u32::try_from(numbers.len()).unwrap(), wanted.saturating_sub(1));
        }
        for line in days {
            if let DayVerdict::NotWorking { .. } = line.verdict {
                prop_assert_eq!(world.works(line.date), Ok(false));
            }
            if span.unit == Unit::WorkingDays && matches!(line.verdict, DayVerdict::Counted { .. }) {
                prop_assert_eq!(world.works(line.date), Ok(true));
            }
        }
    }

    #[test]
    fn a_longer_span_never_ends_earlier(
        world in worlds(), start in starts(), span in spans(), rule in rules()
    ) {
        let calendar = world.calendar();
        // Elapsed time that is moved keeps its time of day: Friday 23:00 moves to Sunday 23:00, an hour more to
        // Sunday 00:00. Only their days are in order then.
        let moved_with_time = span.unit.seconds().is_some() && rule.if_not_working != IfNotWorking::Same;
        let longer = Span { count: span.count + 1, ..span };
        if let (Ok(short), Ok(long)) = (calendar.due(start, &span, &rule), calendar.due(start, &longer, &rule)) {
            if moved_with_time {
                prop_assert!(calendar.day(short) <= calendar.day(long), "{span} {short}, {longer} {long}");
            } else {
                prop_assert!(short <= long, "{span} {short}, {longer} {long}");
            }
        }
    }

    #[test]
    fn no_input_panics(
        micros in Timestamp::MIN.as_microsecond()..=Timestamp::MAX.as_microsecond(),
        count in any::<u32>(),
        small in 0_u32..2_000,
        unit in 0_usize..8,
        rule in rules(),
        zone in prop::sample::select(ZONES.to_vec()),
    ) {
        let unit = [
            Unit::Seconds, Unit::Minutes, Unit::Hours, Unit::Days,
            Unit::WorkingDays, Unit::Weeks, Unit::Months, Unit::Years,
        ][unit];
        let calendar = plain(zone);
        let start = Timestamp::from_microsecond(micros).unwrap();
        for span in [Span::new(count, unit), Span::new(small, unit)] {
            if let Ok(due) = calendar.due(start, &span, &rule) {
                prop_assert!(due >= start);
            }
        }
        prop_assert!(calendar.civil_days_between(start, Timestamp::UNIX_EPOCH).abs() < 8_000_000);
    }

    #[test]
    fn complete_months_are_those_that_a_walk_counts(from in 0_i64..20_000, length in 0_i64..3_000) {
        let from = Date::new(1980, 1, 1).unwrap().checked_add(jiff::Span::new().days(from)).unwrap();
        let to = from.checked_add(jiff::Span::new().days(length)).unwrap();
        // A month is complete on the day with the same number, or on the first of the next month where there is none.
        let (mut day, mut months, mut open) = (from, 0, false);
        while day < to {
            let next = day.tomorrow().unwrap();
            if next.month() != day.month() {
                months += i64::from(open);
                open = true;
            }
            if open && next.day() == from.day() {
                months += 1;
                open = false;
            }
            day = next;
        }
        prop_assert_eq!(months_from(from, to), months);
        prop_assert_eq!(days_from(from, to), length);
    }
}
