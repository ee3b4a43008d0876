//! Instants as logs write them.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// How a log's dates are to be understood.
#[derive(Debug, Clone, Default)]
pub struct Dates {
    /// The zone of dates that carry no offset. Without it such a date is refused: a guess would move
    /// time limits.
    pub zone: Option<TimeZone>,
    /// The form of dates that are not ISO 8601, in the directives of strptime (`%d/%m/%Y %H:%M`).
    pub form: Option<String>,
}

/// Why a text is not an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnInstant {
    /// It is no date in a form that is known.
    Form,
    /// It is a date, but of no zone.
    Offset,
}

impl NotAnInstant {
    /// What would be right, as the end of a sentence.
    pub(crate) fn expected(self, dates: &Dates) -> String {
        match (self, &dates.form) {
            (Self::Form, Some(form)) => format!("a date of the form {form}"),
            (Self::Form, None) => {
                "a date; write it like 2005-03-23T00:00:00+01:00, or give the form of the dates".to_owned()
            }
            (Self::Offset, _) => {
                "an instant, since it has no offset; write it like 2005-03-23T00:00:00+01:00, or give the zone \
                 of the dates"
                    .to_owned()
            }
        }
    }
}

impl Dates {
    /// Reads an instant: RFC 3339 and its looser kin (a space for the `T`, `/` between year, month and day, a
    /// space before the offset, a final `UTC`, a date alone), or the given form. A local time that an offset
    /// change skips or repeats is read as RFC 5545 says: the offset from before the change.
    pub fn read(&self, text: &str) -> Result<Timestamp, NotAnInstant> {
        let text = text.trim();
        if let Some(form) = &self.form {
            let parts = strtime::parse(form, text).map_err(|_| NotAnInstant::Form)?;
            if let Ok(instant) = parts.to_timestamp() {
                return Ok(instant);
            }
            let civil = parts
                .to_datetime()
                .or_else(|_| parts.to_date().map(|date| date.to_datetime(jiff::civil::Time::midnight())))
                .map_err(|_| NotAnInstant::Form)?;
            return self.place(civil);
        }
        let text = plain_iso(text);
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(instant);
        }
        // After the date only digits, colons and a fraction may stand, or an offset was there and was wrong.
        let tail = text.get(10..).ok_or(NotAnInstant::Form)?;
        let civil_only = tail.chars().all(|c| c.is_ascii_digit() || matches!(c, 'T' | 't' | ' ' | ':' | '.'));
        if !civil_only {
            return Err(NotAnInstant::Form);
        }
        self.place(text.parse::<DateTime>().map_err(|_| NotAnInstant::Form)?)
    }

    fn place(&self, civil: DateTime) -> Result<Timestamp, NotAnInstant> {
        let zone = self.zone.clone().ok_or(NotAnInstant::Offset)?;
        civil.to_zoned(zone).map(|zoned: Zoned| zoned.timestamp()).map_err(|_| NotAnInstant::Form)
    }
}

/// Brings the looser spellings to RFC 3339.
fn plain_iso(text: &str) -> String {
    let mut plain = text.to_owned();
    if let (Some(date), Some(rest)) = (text.get(..10), text.get(10..)) {
        let slashes = date.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
        if slashes.eq([4, 7]) {
            plain = date.replace('/', "-") + rest;
        }
    }
    if let Some(utc) = plain.strip_suffix("UTC") {
        plain = format!("{}Z", utc.trim_end());
    } else if let Some(at) = plain.rfind(" +").or_else(|| plain.rfind(" -")) {
        plain.remove(at);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Dates, NotAnInstant};
    use jiff::tz::TimeZone;

    #[test]
    fn dates_of_many_spellings_name_the_same_instant() {
        let dates = Dates::default();
        let instant = "2005-03-22T23:00:00Z".parse().unwrap();
        for text in [
            "2005-03-23 00:00:00+01:00",
            "2005-03-23T00:00:00.000+01:00",
            "2005-03-23T00:00:00+0100",
            "2005/03/23 00:00:00.000 +01:00",
            "2005-03-22 23:00:00 UTC",
            " 2005-03-22T23:00:00Z ",
            "2005-03-22 22:30:00 -00:30",
        ] {
            assert_eq!(dates.read(text), Ok(instant), "{text}");
        }
    }

    #[test]
    fn a_date_without_an_offset_needs_a_zone() {
        let rome = Dates { zone: Some(TimeZone::get("Europe/Rome").unwrap()), form: None };
        for (text, instant) in [
            ("2005-03-23", "2005-03-22T23:00:00Z"),
            ("2005-07-23 10:00", "2005-07-23T08:00:00Z"),
            ("2005/07/23 10:00:00.5", "2005-07-23T08:00:00.5Z"),
        ] {
            assert_eq!(Dates::default().read(text), Err(NotAnInstant::Offset), "{text}");
            assert_eq!(rome.read(text), Ok(instant.parse().unwrap()), "{text}");
        }
        for text in
            ["", "soon", "2005-13-01T00:00:00Z", "2005-03-23T00:00:00+99:00", "23/03/2005", "٢٠٠٥-٠٣-٢٣"]
        {
            assert_eq!(rome.read(text), Err(NotAnInstant::Form), "{text}");
        }
    }

    #[test]
    fn a_given_form_is_the_only_form() {
        let mut dates = Dates { zone: Some(TimeZone::UTC), form: Some("%d/%m/%Y %H:%M".to_owned()) };
        assert_eq!(dates.read("23/03/2005 14:05"), Ok("2005-03-23T14:05:00Z".parse().unwrap()));
        assert_eq!(dates.read("2005-03-23T14:05:00Z"), Err(NotAnInstant::Form));
        dates.form = Some("%d.%m.%Y".to_owned());
        assert_eq!(dates.read("23.03.2005"), Ok("2005-03-23T00:00:00Z".parse().unwrap()));
        dates.form = Some("%d.%m.%Y %H:%M %z".to_owned());
        assert_eq!(dates.read("23.03.2005 14:05 +0100"), Ok("2005-03-23T13:05:00Z".parse().unwrap()));
    }
}
