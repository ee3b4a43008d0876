//! Rust types to canonical bytes and back, in every form that serde has.

use std::collections::BTreeMap;

use proptest::prelude::*;
use qadiya_ledger::{
    Hash, Value,
    canonical::{self, Fault, decode, decode_lenient, encode, from_value, to_value},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::support::{text, value};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Id(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Colour {
    DarkRed,
    Blue,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum External {
    Unit,
    Newtype(Id),
    Tuple(u8, String),
    Struct { z: i64, a: Option<bool> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Internal {
    Nothing,
    Moved { to: String, floor: i16 },
    Held(Inner),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
enum Adjacent {
    One(u32),
    Two { b: u8, a: u8 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Words(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    y: u64,
    x: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    zeta: bool,
    alpha: i64,
    id: Id,
    #[serde(with = "uuid::serde::simple")]
    uuid: uuid::Uuid,
    hash: Hash,
    absent: Option<u8>,
    letter: char,
    colours: BTreeMap<Colour, u8>,
    ids: BTreeMap<Id, Vec<Inner>>,
    pair: (u8, String),
    external: Vec<External>,
    internal: Vec<Internal>,
    adjacent: Vec<Adjacent>,
    untagged: Vec<Untagged>,
    free: Value,
    #[serde(flatten)]
    inner: Inner,
}

fn everything() -> impl Strategy<Value = Everything> {
    let inner =
        || (0..=9_007_199_254_740_991_u64, prop::option::of(text())).prop_map(|(y, x)| Inner { y, x });
    let external = prop_oneof![
        Just(External::Unit),
        text().prop_map(|t| External::Newtype(Id(t))),
        (any::<u8>(), text()).prop_map(|(n, t)| External::Tuple(n, t)),
        (-5_i64..5, any::<Option<bool>>()).prop_map(|(z, a)| External::Struct { z, a }),
    ];
    let internal = prop_oneof![
        Just(Internal::Nothing),
        (text(), any::<i16>()).prop_map(|(to, floor)| Internal::Moved { to, floor }),
        inner().prop_map(Internal::Held),
    ];
    let adjacent = prop_oneof![
        any::<u32>().prop_map(Adjacent::One),
        any::<(u8, u8)>().prop_map(|(b, a)| Adjacent::Two { b, a }),
    ];
    let untagged = prop_oneof![
        (0..1000_u64).prop_map(Untagged::Number),
        prop::collection::vec(text(), 0..3).prop_map(Untagged::Words),
    ];
    let colour = prop_oneof![Just(Colour::DarkRed), Just(Colour::Blue)];
    let few = 0..3_usize;
    (
        (any::<bool>(), -1_000_000_i64..1_000_000, text(), any::<u128>(), any::<[u8; 32]>(), any::<char>()),
        prop::collection::btree_map(colour, any::<u8>(), few.clone()),
        prop::collection::btree_map(
            text().prop_map(Id),
            prop::collection::vec(inner(), few.clone()),
            few.clone(),
        ),
        (any::<u8>(), text()),
        prop::collection::vec(external, few.clone()),
        prop::collection::vec(internal, few.clone()),
        prop::collection::vec(adjacent, few.clone()),
        prop::collection::vec(untagged, few),
        value(),
        inner(),
    )
        .prop_map(
            |(
                (zeta, alpha, id, uuid, hash, letter),
                colours,
                ids,
                pair,
                external,
                internal,
                adjacent,
                untagged,
                free,
                inner,
            )| {
                Everything {
                    zeta,
                    alpha,
                    id: Id(id),
                    uuid: uuid::Uuid::from_u128(uuid),
                    hash: Hash::from_bytes(hash),
                    absent: None,
                    letter,
                    colours,
                    ids,
                    pair,
                    external,
                    internal,
                    adjacent,
                    untagged,
                    free,
                    inner,
                }
            },
        )
}

/// What `serde_json` would make of it, with absent members left out.
fn by_serde_json<T: Serialize>(value: &T) -> Value {
    fn prune(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(members) => {
                members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, prune(v))).collect()
            }
            serde_json::Value::Array(items) => items.into_iter().map(prune).collect(),
            other @ (serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_)) => other,
        }
    }
    serde_json::from_value(prune(serde_json::to_value(value).unwrap())).unwrap()
}

#[test]
fn each_form_has_its_bytes() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, expected: &str) {
        assert_eq!(String::from_utf8(encode(value).unwrap()).unwrap(), expected);
        assert_eq!(decode::<T>(expected.as_bytes()).unwrap(), *value);
        assert_eq!(from_value::<T>(&to_value(value).unwrap()).unwrap(), *value);
    }
    check(&Id("a\"b".into()), r#""a\"b""#);
    check(&Colour::DarkRed, r#""dark-red""#);
    check(&External::Unit, r#""Unit""#);
    check(&External::Newtype(Id("n".into())), r#"{"Newtype":"n"}"#);
    check(&External::Tuple(1, "t".into()), r#"{"Tuple":[1,"t"]}"#);
    check(&External::Struct { z: 1, a: None }, r#"{"Struct":{"z":1}}"#);
    check(&External::Struct { z: -1, a: Some(true) }, r#"{"Struct":{"a":true,"z":-1}}"#);
    check(&Internal::Nothing, r#"{"kind":"nothing"}"#);
    check(&Internal::Moved { to: "x".into(), floor: -2 }, r#"{"floor":-2,"kind":"moved","to":"x"}"#);
    check(&Internal::Held(Inner { y: 3, x: None }), r#"{"kind":"held","y":3}"#);
    check(&Adjacent::Two { b: 2, a: 1 }, r#"{"data":{"a":1,"b":2},"kind":"Two"}"#);
    check(&vec![Untagged::Number(7), Untagged::Words(vec!["w".into()])], r#"[7,["w"]]"#);
    check(&BTreeMap::from([(Colour::Blue, 1_u8), (Colour::DarkRed, 2)]), r#"{"blue":1,"dark-red":2}"#);
    check(
        &BTreeMap::from([("a".to_owned(), Inner { y: 1, x: Some("v".into()) })]),
        r#"{"a":{"x":"v","y":1}}"#,
    );
    check(&Hash::ZERO, &format!("\"{}\"", "0".repeat(64)));
    check(&9_007_199_254_740_991_u64, "9007199254740991");
    check(&i64::from(i32::MIN), "-2147483648");
}

#[test]
fn what_has_no_value_is_refused_with_its_place() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Twice {
        y: u8,
        #[serde(flatten)]
        inner: Inner,
    }
    struct Raw;
    impl Serialize for Raw {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_bytes(b"raw")
        }
    }
    fn check<T: Serialize>(value: &T, fault: &Fault, pointer: &str) {
        let error = encode(value).unwrap_err();
        assert_eq!((error.fault(), error.pointer().as_str()), (fault, pointer));
        assert!(to_value(value).is_err());
    }
    check(&None::<u8>, &Fault::Null, "");
    check(&(), &Fault::Null, "");
    check(&Unit, &Fault::Null, "");
    check(&vec![Some(1), None], &Fault::Null, "/1");
    check(&BTreeMap::from([("a", vec![1.5])]), &Fault::NotWhole, "/a/0");
    check(&f32::NAN, &Fault::NotWhole, "");
    check(&u64::MAX, &Fault::TooLarge, "");
    check(&BTreeMap::from([("n", i64::MIN)]), &Fault::TooLarge, "/n");
    check(&9_007_199_254_740_992_i64, &Fault::TooLarge, "");
    check(&u128::MAX, &Fault::TooLarge, "");
    check(&Raw, &Fault::Bytes, "");
    check(&BTreeMap::from([(1, 2)]), &Fault::NameNotText, "");
    check(&Twice { y: 1, inner: Inner { y: 2, x: None } }, &Fault::DuplicateName, "/y");
    check(&Value::Int(i64::MAX), &Fault::TooLarge, "");
    let deep = (0..33).fold(Value::Bool(true), |inner, _| Value::List(vec![inner]));
    assert_eq!(encode(&deep).unwrap_err().fault(), &Fault::TooDeep);
}

#[test]
fn what_a_type_ignores_is_checked_all_the_same() {
    assert_eq!(decode::<Inner>(br#"{"extra":{"a":[1]},"y":1}"#).unwrap(), Inner { y: 1, x: None });
    for bad in [
        r#"{"extra":{"a":[1.5]},"y":1}"#,
        r#"{"extra":{"a":1,"a":1},"y":1}"#,
        r#"{"extra":null,"y":1}"#,
        r#"{"x":null,"y":1}"#,
        r#"{"y":1,"zzz":[ ]}"#,
        r#"{"y":1}}"#,
        "[[1,2],[3]]",
    ] {
        assert!(decode::<Inner>(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(decode::<(u8, u8)>(b"[1,2,3]").is_err());
    assert!(decode::<(u8, u8)>(b"[1]").is_err());
    assert!(decode::<External>(br#"{"Newtype":"a","Unit":1}"#).is_err());
    assert!(decode::<External>(br#"{"Unit":true}"#).is_err());
    assert!(decode::<External>(b"{}").is_err());
    assert_eq!(
        decode_lenient::<Inner>(b" { \"y\" : 1 , \"x\" : \"\\u0041\" } ").unwrap().x.as_deref(),
        Some("A")
    );
    assert_eq!(decode_lenient::<Inner>(br#"{"y":1,"extra":2,"extra":2}"#).unwrap_err().pointer(), "/extra");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_serializer_agrees_with_the_path_through_serde_json(thing in everything()) {
        let bytes = encode(&thing).unwrap();
        let value = by_serde_json(&thing);
        prop_assert_eq!(String::from_utf8(bytes.clone()).unwrap(), String::from_utf8(canonical::to_bytes(&value)).unwrap());
        prop_assert_eq!(to_value(&thing).unwrap(), value);
        prop_assert_eq!(decode::<Everything>(&bytes).unwrap(), thing);
    }

    #[test]
    fn a_value_serializes_to_its_own_bytes(value in value()) {
        prop_assert_eq!(encode(&value).unwrap(), canonical::to_bytes(&value));
    }
}
