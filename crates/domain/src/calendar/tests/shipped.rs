use super::*;

#[test]
fn both_shipped_calendars_are_sound() {
    let (iraq, italy) = (iraq(), italy());
    assert_eq!((iraq.name(), iraq.version(), iraq.zone_name()), ("iraq", 1, "Asia/Baghdad"));
    assert_eq!((iraq.first_year(), iraq.last_year()), (Some(2024), Some(2028)));
    assert_eq!(iraq.office_hours().map(|hours| hours.0.hour()), Some(8));
    assert!(!iraq.week().has(Weekday::Friday) && !iraq.week().has(Weekday::Saturday));
    assert!(iraq.week().has(Weekday::Sunday) && iraq.week().has(Weekday::Thursday));
    assert_eq!((italy.name(), italy.version(), italy.zone_name()), ("italy", 1, "Europe/Rome"));
    assert_eq!(italy.covered_years(), [(2000, 2028)]);
    assert!(italy.covers(2000) && italy.covers(2028) && !italy.covers(1999) && !italy.covers(2029));
}

#[test]
fn the_hash_of_a_calendar_is_that_of_its_bytes() {
    let calendar =
        Calendar::read(b"calendar: a\nversion: 1\nzone: UTC\nweek: [mon]\nholidays: []\n").unwrap();
    let hex: String = calendar.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "40479ce78556e30d702f31c147a7480248773acb53561d914178df4d3f61fff7");
    assert_ne!(iraq().hash(), italy().hash());
}

#[test]
fn every_year_of_iraq_has_its_feasts() {
    let calendar = iraq();
    for year in 2024..=2028 {
        let count = |word: &str| {
            calendar.holidays().iter().filter(|(day, name)| day.year() == year && name.contains(word)).count()
        };
        assert_eq!(count("Eid al-Fitr"), 3, "{year}");
        assert_eq!(count("Eid al-Adha"), 4, "{year}");
        for word in
            ["Ghadir", "Islamic New Year", "Ashura", "Birth of the Prophet", "Nowruz", "Halabja", "Army Day"]
        {
            assert_eq!(count(word), 1, "{word} {year}");
        }
    }
    // Umm al-Qura: 1 Shawwal 1445, 10 Dhu al-Hijja 1446, 1 Muharram 1447, 12 Rabi al-awwal 1447, 18 Dhu al-Hijja 1447.
    for day in ["2024-04-10", "2025-06-06", "2025-06-26", "2025-09-04", "2026-06-04"] {
        assert!(calendar.holidays()[&date(day)].contains("computed"), "{day}");
    }
}

#[test]
fn easter_monday_in_italy_follows_the_computus() {
    let calendar = italy();
    for year in 2000_i16..=2028 {
        // The first full moon on or after 21 March by the tables of Clavius (Gauss, corrected 1816), then Sunday.
        let y = i32::from(year);
        let (a, b, c, k) = (y % 19, y % 4, y % 7, y / 100);
        let (p, q) = ((13 + 8 * k) / 25, k / 4);
        let (m, n) = ((15 - p + k - q) % 30, (4 + k - q) % 7);
        let d = (19 * a + m) % 30;
        let e = (2 * b + 4 * c + 6 * d + n) % 7;
        let mut after = 22 + d + e;
        if d == 29 && e == 6 {
            after = 50;
        } else if d == 28 && e == 6 && (11 * m + 11) % 30 < 19 {
            after = 49;
        }
        let monday = Date::new(year, 3, 1).unwrap().checked_add(jiff::Span::new().days(after)).unwrap();
        assert_eq!(monday.weekday(), Weekday::Monday);
        assert!(calendar.holidays()[&monday].contains("Easter Monday"), "{year}: {monday}");
        let listed =
            calendar.holidays().iter().filter(|(day, name)| day.year() == year && name.contains("Easter"));
        assert_eq!(listed.count(), 1);
    }
    assert!(calendar.is_working(date("2000-06-02")) && !calendar.is_working(date("2003-06-02")));
    assert!(!calendar.is_working(date("2011-03-17")) && calendar.is_working(date("2010-03-17")));
}
