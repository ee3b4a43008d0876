//! Reading the dates of a manifest without guessing.

use jiff::civil::Date;

/// What a date cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// `YYYY-MM-DD`
    Day(Date),
    /// `YYYY`
    Year(i16),
    /// `~YYYY`
    About(i16),
}

/// Why a date cell says nothing certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DateFault {
    /// The calendar has no such day.
    Impossible,
    /// Two readings are possible; the cell does not say which number is the day.
    Ambiguous,
    /// Not one of the shapes a manifest may hold. If only one day can be meant, it is given.
    Shape(Option<Date>),
}

/// Reads `YYYY-MM-DD`, `YYYY` or `~YYYY` in ASCII digits.
pub(super) fn read(text: &str) -> Result<Written, DateFault> {
    if let Some(year) = text.strip_prefix('~') {
        return year_of(year.trim()).map(Written::About).ok_or(DateFault::Shape(None));
    }
    if let Some(year) = year_of(text) {
        return Ok(Written::Year(year));
    }
    let numbers: Vec<&str> = text.split(['-', '/', '.', ' ']).collect();
    let [first, second, third] = numbers.as_slice() else { return Err(DateFault::Shape(None)) };
    let number = |digits: &str| -> Option<i16> {
        let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    };
    let (Some(a), Some(b), Some(c)) = (number(first), number(second), number(third)) else {
        return Err(DateFault::Shape(None));
    };
    if first.len() == 4 {
        let day = day_of(a, b, c).ok_or(DateFault::Impossible)?;
        let exact = text.len() == 10 && text.matches('-').count() == 2 && second.len() == 2;
        return if exact { Ok(Written::Day(day)) } else { Err(DateFault::Shape(Some(day))) };
    }
    match third.len() {
        4 => match (day_of(c, b, a), day_of(c, a, b)) {
            (Some(one), Some(other)) if one != other => Err(DateFault::Ambiguous),
            (Some(day), _) | (None, Some(day)) => Err(DateFault::Shape(Some(day))),
            (None, None) => Err(DateFault::Impossible),
        },
        // a year of two digits leaves the century open as well
        1 | 2 => Err(DateFault::Ambiguous),
        _ => Err(DateFault::Shape(None)),
    }
}

fn year_of(text: &str) -> Option<i16> {
    if text.len() == 4 && text.bytes().all(|digit| digit.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn day_of(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_shapes_are_read() {
        assert_eq!(read("1990-04-03"), Ok(Written::Day(date(1990, 4, 3))));
        assert_eq!(read("2000-02-29"), Ok(Written::Day(date(2000, 2, 29))));
        assert_eq!(read("1990"), Ok(Written::Year(1990)));
        assert_eq!(read("~1990"), Ok(Written::About(1990)));
        assert_eq!(read("~ 1990"), Ok(Written::About(1990)));
    }

    #[test]
    fn a_day_the_calendar_does_not_have_is_impossible() {
        for bad in
            ["2026-02-30", "1991-13-05", "1900-02-29", "31/31/1988", "1991-00-10", "00/00/1990", "1990/31/31"]
        {
            assert_eq!(read(bad), Err(DateFault::Impossible), "{bad}");
        }
    }

    #[test]
    fn a_date_with_two_readings_is_not_guessed() {
        for bad in ["03/04/1990", "07-08-85", "1/2/93", "3.4.1990", "25/12/85", "01 02 1990"] {
            assert_eq!(read(bad), Err(DateFault::Ambiguous), "{bad}");
        }
    }

    #[test]
    fn another_shape_is_refused_with_the_only_day_it_can_mean() {
        assert_eq!(read("25/12/1990"), Err(DateFault::Shape(Some(date(1990, 12, 25)))));
        assert_eq!(read("12/25/1990"), Err(DateFault::Shape(Some(date(1990, 12, 25)))));
        assert_eq!(read("05/05/1990"), Err(DateFault::Shape(Some(date(1990, 5, 5)))));
        assert_eq!(read("1990/12/25"), Err(DateFault::Shape(Some(date(1990, 12, 25)))));
        assert_eq!(read("1990-4-3"), Err(DateFault::Shape(Some(date(1990, 4, 3)))));
        for bad in [
            "19911",
            "199",
            "about 1990",
            "~",
            "~90",
            "1990-01",
            "1990-01-01T00:00",
            "1990-01-01-01",
            "x",
            "1990-+1-01",
            "--",
            "1990 - 01 - 01",
        ] {
            assert_eq!(read(bad), Err(DateFault::Shape(None)), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_date_reader_panic(text in ".{0,20}") {
            let read_back = read(&text);
            prop_assert!(text.len() <= 10 || !matches!(read_back, Ok(Written::Day(_))));
        }

        #[test]
        fn every_written_day_is_read_back(days in 0_i32..60_000) {
            let day = date(1880, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assert_eq!(read(&day.to_string()), Ok(Written::Day(day)));
        }
    }
}
