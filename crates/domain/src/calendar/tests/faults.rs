use super::*;

fn faults(text: &str) -> Vec<String> {
    Calendar::read(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
}

const GOOD: &str = "calendar: court\nversion: 2\nzone: Asia/Baghdad\nweek: [sun, mon]\nholidays: []\n";

#[test]
fn a_calendar_is_read_with_all_its_keys() {
    let calendar = Calendar::read(
        "calendar: north-court\nversion: 7\ntitle: محكمة الشمال\nzone: Europe/London\nweek: [mon, tue]\n\
         office-hours: 08:30 to 15:00\ncovers: [2026, 2028 to 2030, 2027]\n\
         holidays: {2026-12-25: عيد الميلاد, 2030-01-01: 'New Year'}\n"
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(calendar.title(), Some("محكمة الشمال"));
    assert_eq!(calendar.covered_years(), [(2026, 2030)]);
    assert_eq!(calendar.reason_not_working(date("2026-12-25")).as_deref(), Some("عيد الميلاد"));
    assert_eq!(calendar.reason_not_working(date("2026-12-23")).as_deref(), Some("Wednesday is a free day"));
    assert_eq!(calendar.reason_not_working(date("2026-12-22")), None);
    let (opens, closes) = calendar.office_hours().unwrap();
    assert_eq!((opens.to_string(), closes.to_string()), ("08:30:00".to_owned(), "15:00:00".to_owned()));
}

#[test]
fn without_covers_the_years_of_the_holidays_are_covered() {
    let text = GOOD.replace("[]", "[2026-01-06, 2027-01-06, 2030-01-06]");
    let calendar = Calendar::read(text.as_bytes()).unwrap();
    assert_eq!(calendar.covered_years(), [(2026, 2027), (2030, 2030)]);
    assert!(calendar.covers(2027) && !calendar.covers(2028) && calendar.covers(2030));
    assert_eq!(calendar.reason_not_working(date("2026-01-06")).as_deref(), Some("public holiday"));
    assert_eq!(Calendar::read(GOOD.as_bytes()).unwrap().first_year(), None);
}

#[test]
fn all_faults_of_a_file_are_told_at_once_with_their_place() {
    let text = "\
calendar: North Court
version: 0
zone: Asia/Bagdad
week: [sun, mun, sun, 3]
office-hours: 15:00 to 08:00
covers: [2026, 26 to 28]
colour: red
holidays:
  2026-12-25: Christmas
  2026-02-30: Nothing
  2026-1-6: Army Day
  2026-12-25: Again
  2026-05-01: [Labour]
";
    assert_eq!(
        faults(text),
        [
            "line 1, column 11: `North Court` is no name: small letters a-z, digits and `-`, a letter first",
            "line 2, column 10: version must be a whole number from 1",
            "line 3, column 7: unknown zone `Asia/Bagdad`; write an IANA name such as `Asia/Baghdad`",
            "line 4, column 13: `mun` is no weekday: mon, tue, wed, thu, fri, sat, sun",
            "line 4, column 18: `sun` is stated twice",
            "line 4, column 23: a day of the week must be a text, and this is a number",
            "line 5, column 15: `15:00 to 08:00` are no office hours: write `08:00 to 15:00`",
            "line 6, column 16: covers: write a year or `2024 to 2028`, within 1900 and 2200",
            "line 7, column 1: unknown key `colour`; a calendar file has the keys calendar, version, title, zone, week, \
             office-hours, covers, holidays, import",
            "line 10, column 3: `2026-02-30` is no date: write year-month-day, such as 2026-12-25",
            "line 11, column 3: `2026-1-6` is no date: write year-month-day, such as 2026-12-25",
            "line 12, column 3: 2026-12-25 is listed twice, first on line 9; join the names in one",
            "line 13, column 15: the name of a holiday must be a text, and this is a list",
        ]
    );
}

#[test]
fn missing_keys_are_named_together() {
    assert_eq!(
        faults("title: x\n"),
        [
            "line 1, column 1: the key `calendar` is missing",
            "line 1, column 1: the key `version` is missing",
            "line 1, column 1: the key `zone` is missing",
            "line 1, column 1: the key `week` is missing",
            "line 1, column 1: neither `holidays` nor `import` is stated; a list may be empty: `holidays: []`",
        ]
    );
}

#[test]
fn single_faults_are_told_exactly() {
    for (find, replace, expected) in [
        (
            "zone: Asia/Baghdad",
            "zone: asia/baghdad",
            "line 3, column 7: unknown zone `asia/baghdad`; it is written `Asia/Baghdad`",
        ),
        (
            "zone: Asia/Baghdad",
            "zone: +03:00",
            "line 3, column 7: unknown zone `+03:00`; write an IANA name such as `Asia/Baghdad`",
        ),
        ("version: 2", "version: 1.5", "line 2, column 10: version must be a whole number from 1"),
        ("version: 2", "version: 99999999999", "line 2, column 10: version must be a whole number from 1"),
        (
            "version: 2",
            "version: 2\nversion: 3",
            "line 3, column 1: `version` is stated twice, first on line 2",
        ),
        ("[sun, mon]", "[]", "line 4, column 7: week is empty: name the days on which the court works"),
        ("[sun, mon]", "sun", "line 4, column 7: week must be a list, and this is a text"),
        (
            "holidays: []",
            "holidays: 2026-01-01",
            "line 5, column 11: holidays must be a list of dates or a map from date to name, and this is a text",
        ),
        (
            "holidays: []",
            "holidays: [2026-01-01, 2026-01-01]",
            "line 5, column 24: 2026-01-01 is listed twice, first on line 5; join the names in one",
        ),
        (
            "holidays: []",
            "covers: 2025\nholidays: [2026-01-01]",
            "line 6, column 12: 2026-01-01 lies in a year that `covers` does not name",
        ),
        (
            "holidays: []",
            "import: ../x.ics",
            "line 5, column 9: `../x.ics`: name an .ics file that lies beside the calendar file",
        ),
        (
            "holidays: []",
            "import: x.csv",
            "line 5, column 9: `x.csv`: name an .ics file that lies beside the calendar file",
        ),
        (
            "holidays: []",
            "holidays: [1]",
            "line 5, column 12: a holiday must be a text, and this is a number",
        ),
    ] {
        let text = GOOD.replace(find, replace);
        assert_eq!(faults(&text), [expected], "{text}");
    }
}

#[test]
fn what_is_no_calendar_at_all_is_one_fault() {
    for text in [
        "",
        "[]",
        "just words",
        "calendar: [",
        "a: &x 1\nb: *x\n",
        "<<: {a: 1}\n",
        "a: 1\n---\nb: 2\n",
        "\t- x",
    ] {
        let found = faults(text);
        assert_eq!(found.len(), 1, "{text:?}: {found:?}");
    }
    let found = Calendar::read(b"calendar: a\nversion: \xff\n").unwrap_err();
    assert_eq!(found[0].to_string(), "line 2, column 1: the file is not UTF-8 text");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), cut in 0_usize..200) {
        drop(Calendar::read(&bytes));
        let mut text = GOOD.as_bytes().to_vec();
        let cut = cut.min(text.len());
        text.splice(cut.., bytes.iter().copied());
        drop(Calendar::read(&text));
        drop(ics::wanting().with_ics(&String::from_utf8_lossy(&bytes)));
    }
}
