//! The bijection between values and canonical bytes.

use proptest::prelude::*;
use qadiya_ledger::{
    Value,
    canonical::{self, Fault, parse, parse_lenient, to_bytes},
    value::{MAX_INT, MIN_INT},
};

use crate::support::{text, value};

#[test]
fn the_canonical_form_is_that_of_rfc_8785() {
    let table: [(Value, &str); 9] = [
        (Value::Bool(true), "true"),
        (Value::Int(0), "0"),
        (Value::Int(MAX_INT), "9007199254740991"),
        (Value::Int(MIN_INT), "-9007199254740991"),
        (Value::from("\u{20ac}$\u{f}\nA'B\"\\\\\"/"), r#""€$\u000f\nA'B\"\\\\\"/""#),
        (
            Value::from("\u{8}\t\u{c}\r\u{0}\u{1f}\u{7f}\u{2028}"),
            "\"\\b\\t\\f\\r\\u0000\\u001f\u{7f}\u{2028}\"",
        ),
        (Value::List(vec![]), "[]"),
        (
            Value::map([("b", Value::from(1)), ("a", Value::List(vec![Value::Bool(false)]))]),
            r#"{"a":[false],"b":1}"#,
        ),
        // The order of names in section 3.2.3 of the RFC, with its own example.
        (
            Value::map([
                ("\u{20ac}", Value::from("Euro Sign")),
                ("\r", Value::from("Carriage Return")),
                ("\u{fb33}", Value::from("Hebrew Letter Dalet With Dagesh")),
                ("1", Value::from("One")),
                ("\u{1f600}", Value::from("Emoji: Grinning Face")),
                ("\u{80}", Value::from("Control")),
                ("\u{f6}", Value::from("Latin Small Letter O With Diaeresis")),
            ]),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
             \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
             \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        ),
    ];
    for (value, expected) in table {
        assert_eq!(String::from_utf8(to_bytes(&value)).unwrap(), expected);
        assert_eq!(parse(expected.as_bytes()).unwrap(), value);
    }
}

#[test]
fn both_readers_refuse_what_has_no_value() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let table: Vec<(String, Fault, &str, usize)> = vec![
        (String::new(), Fault::Unfinished, "", 0),
        ("nul".into(), Fault::Expected("a value"), "", 0),
        ("null".into(), Fault::Null, "", 0),
        (r#"{"a":[1,null]}"#.into(), Fault::Null, "/a/1", 8),
        ("1.0".into(), Fault::NotWhole, "", 0),
        ("1e3".into(), Fault::NotWhole, "", 0),
        ("-0".into(), Fault::NotWhole, "", 0),
        ("01".into(), Fault::Expected("a number without leading zeros"), "", 0),
        ("-".into(), Fault::Expected("a value"), "", 0),
        ("+1".into(), Fault::Expected("a value"), "", 0),
        ("9007199254740992".into(), Fault::TooLarge, "", 0),
        ("-9007199254740992".into(), Fault::TooLarge, "", 0),
        ("99999999999999999999999999".into(), Fault::TooLarge, "", 0),
        ("NaN".into(), Fault::Expected("a value"), "", 0),
        (r#"{"a":1,"a":1}"#.into(), Fault::DuplicateName, "/a", 7),
        (r#"{"x":{"a":1,"a":2}}"#.into(), Fault::DuplicateName, "/x/a", 12),
        ("[1,]".into(), Fault::Expected("a value"), "/1", 3),
        ("[1 2]".into(), Fault::Expected("a comma or the end of the list"), "", 3),
        (r#"{"a":1,}"#.into(), Fault::Expected("a name in quotation marks"), "", 7),
        (r#"{"a" 1}"#.into(), Fault::Expected("a colon"), "", 5),
        ("{1:2}".into(), Fault::Expected("a name in quotation marks"), "", 1),
        ("[".into(), Fault::Unfinished, "/0", 1),
        (r#"{"a":"#.into(), Fault::Unfinished, "/a", 5),
        (r#""a"#.into(), Fault::Unfinished, "", 2),
        (r#""\"#.into(), Fault::Unfinished, "", 1),
        (r#""\x""#.into(), Fault::Expected("a known escape"), "", 1),
        (r#""\u12"#.into(), Fault::Unfinished, "", 5),
        (r#""\ud800""#.into(), Fault::LoneSurrogate, "", 1),
        (r#""\udc00""#.into(), Fault::LoneSurrogate, "", 1),
        (r#""\ud800\u0041""#.into(), Fault::LoneSurrogate, "", 1),
        ("\"\n\"".into(), Fault::Expected("an escape for the control character"), "", 1),
        ("1]".into(), Fault::Trailing, "", 1),
        ("\u{feff}1".into(), Fault::Expected("a value"), "", 0),
        (deep(33), Fault::TooDeep, "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0", 33),
    ];
    for (input, fault, pointer, offset) in &table {
        let error = parse_lenient(input.as_bytes()).unwrap_err();
        assert_eq!(
            (error.fault(), error.pointer().as_str(), error.offset()),
            (fault, *pointer, Some(*offset)),
            "{input}"
        );
        assert!(parse(input.as_bytes()).is_err(), "{input}");
    }
    assert!(parse(deep(32).as_bytes()).is_ok());
    assert_eq!(parse(b"\"\xff\"").unwrap_err().fault(), &Fault::NotUtf8);
    assert!(parse(&[b'['].repeat(1_000_000)).is_err());
}

#[test]
fn the_strict_reader_accepts_one_spelling_only() {
    let table = [
        (" 1", "1"),
        ("1\n", "1"),
        ("[1, 2]", "[1,2]"),
        (r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (r#""\/""#, r#""/""#),
        (r#""\u0041""#, r#""A""#),
        (r#""\u000a""#, r#""\n""#),
        (r#""\u001F""#, r#""\u001f""#),
        (r#""\u007f""#, "\"\u{7f}\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        ("{\"\u{e000}\":1,\"😀\":2}", "{\"😀\":2,\"\u{e000}\":1}"),
    ];
    for (spelled, canonical) in table {
        let strict = parse(spelled.as_bytes()).unwrap_err();
        assert!(matches!(strict.fault(), Fault::NotCanonical(_)), "{spelled}: {strict}");
        let value = parse_lenient(spelled.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(to_bytes(&value)).unwrap(), canonical);
    }
}

#[test]
fn an_error_names_the_place_and_never_the_value() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Kind {
        Known { number: u8 },
    }
    for (input, expected) in [
        (r#"{"known":{"number":"Secret"}}"#, "at /known/number (byte 19): expected u8, found text"),
        (
            r#"{"known":{"number":4321}}"#,
            "at /known/number (byte 19): expected u8, found another whole number",
        ),
        (r#"{"Secret":1}"#, "at the whole value (byte 1): expected one of: known"),
        (r#""Secret""#, "at the whole value (byte 0): expected one of: known"),
        (
            r#"{"known":{"numbre":1}}"#,
            "at /known/numbre (byte 10): unknown field `numbre`, expected `number`",
        ),
        (r#"{"known":{}}"#, "at /known (byte 9): missing field `number`"),
        ("[1]", "at the whole value (byte 0): expected enum Kind, found list"),
    ] {
        assert_eq!(canonical::decode::<Kind>(input.as_bytes()).unwrap_err().to_string(), expected);
    }
    let Kind::Known { number } = canonical::decode(br#"{"known":{"number":7}}"#).unwrap();
    assert_eq!(number, 7);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn parse_inverts_to_bytes(value in value()) {
        let bytes = to_bytes(&value);
        prop_assert_eq!(&parse(&bytes).unwrap(), &value);
        prop_assert_eq!(&parse_lenient(&bytes).unwrap(), &value);
    }

    #[test]
    fn to_bytes_inverts_parse_on_whatever_it_accepts(value in value(), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4)) {
        let mut bytes = to_bytes(&value);
        for (place, byte, how) in edits {
            if bytes.is_empty() { break; }
            let place = place.index(bytes.len());
            match how { 0 => bytes[place] = byte, 1 => bytes.insert(place, byte), _ => { bytes.remove(place); } }
        }
        if let Ok(parsed) = parse(&bytes) {
            prop_assert_eq!(to_bytes(&parsed), bytes);
        }
    }

    #[test]
    fn the_lenient_reader_agrees_with_serde_json(value in value()) {
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(parse_lenient(&pretty).unwrap(), value);
    }

    #[test]
    fn a_writer_of_plain_json_reads_our_bytes_back(value in value()) {
        let foreign: Value = serde_json::from_slice(&to_bytes(&value)).unwrap();
        prop_assert_eq!(foreign, value);
    }

    #[test]
    fn names_go_by_utf16_code_units(names in prop::collection::btree_set(text(), 0..8)) {
        let bytes = to_bytes(&Value::map(names.iter().map(|name| (name.clone(), Value::Bool(true)))));
        let mut sorted: Vec<_> = names.into_iter().collect();
        sorted.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
        let members: Vec<_> = sorted.iter().map(|name| format!("{}:true", serde_json::to_string(name).unwrap())).collect();
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), format!("{{{}}}", members.join(",")));
    }
}
