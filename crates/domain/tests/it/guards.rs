//! Guards: reading, precedence, places of faults, explanation, and why one is false.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::guard::parse::parse;
use qadiya_domain::workflow::guard::{
    Comparison, Constant, Guard, Quantifier, SinceUnit, View, explain, why_not, words,
};
use qadiya_domain::workflow::model::{NamedRule, Table};

fn is_document(name: &str) -> bool {
    name.starts_with("paper")
}

fn guard(text: &str) -> Guard {
    parse(text, &is_document).unwrap().guard
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn words_bind_as_the_language_says() {
    for (text, same) in [
        ("a holds or b holds and c holds", "a holds or (b holds and c holds)"),
        ("not a holds and b holds", "(not a holds) and b holds"),
        ("not not a holds", "not (not a holds)"),
        ("k is either x or y or b holds", "(k is either x or y) or b holds"),
        ("k is either x or y and b holds", "(k is either x or y) and b holds"),
        ("k is either x or y or no charge", "(k is either x or y) or (no charge)"),
        ("(k is either x or y)", "k is either y or x"),
        ("  a   holds ", "a holds"),
    ] {
        assert_eq!(guard(text), guard(same), "{text}");
    }
    assert_eq!(guard("paper is filed"), Guard::Filed(name("paper")));
    assert_eq!(guard("kind is filed"), Guard::Is(name("kind"), Constant::Choice(name("filed"))));
    assert_eq!(guard("paper is not filed"), Guard::Not(Box::new(Guard::Filed(name("paper")))));
    assert_eq!(guard("days more than -3"), Guard::Compare(name("days"), Comparison::More, -3));
    assert_eq!(guard("days since born at least 3"), Guard::Since(SinceUnit::Days, name("born"), 3));
    assert_eq!(guard("d is 2026-03-01"), Guard::Is(name("d"), Constant::Date("2026-03-01".parse().unwrap())));
}

#[test]
fn a_fault_says_its_column_and_the_nearest_word() {
    for (text, at, message, hint) in [
        ("", 0, "a condition should follow", None),
        ("a iz b", 2, "this is `iz`", Some("did you mean `is`?")),
        ("a holds andd b holds", 8, "only `and` or `or` can follow", Some("did you mean `and`?")),
        ("(a holds", 8, "`)` should follow", None),
        ("a holds)", 7, "no `(`", None),
        ("a at leest 3", 5, "expected `least` or `most`", Some("did you mean `least`?")),
        ("a more than many", 12, "a whole number", None),
        ("a is either x", 13, "two values", None),
        ("some r has (some s has (a is x))", 19, "inside another", None),
        ("قضية is x", 0, "expected a condition", None),
        ("a is 2026-02-30", 5, "expected a value", None),
        ("and", 0, "expected a condition", None),
    ] {
        let fault = parse(text, &is_document).unwrap_err();
        assert_eq!(fault.at, at, "{text}: {fault:?}");
        assert!(fault.message.contains(message), "{text}: {fault:?}");
        assert_eq!(fault.hint.as_deref(), hint, "{text}");
    }
    assert!(parse(&"not ".repeat(2_000), &is_document).is_err());
    assert!(parse(&"(".repeat(7_000), &is_document).is_err());
    assert!(parse(&"a holds and ".repeat(2_000), &is_document).is_err());
}

#[test]
fn guards_are_explained_in_english() {
    for (text, english) in [
        ("status is suspect or charges is criminal", "status is suspect or charges is criminal"),
        ("not a holds and (b holds or c holds)", "not a holds and (b holds or c holds)"),
        ("some order has (days more than 15)", "there is a record order with (days is more than 15)"),
        (
            "every verdict has (at final-verdict)",
            "there is a record verdict, and every one has (the case is at final-verdict)",
        ),
        ("authority has lapsed", "the authority to hold the person has lapsed"),
        ("months since arrest at least 6", "at least 6 months have gone by since arrest"),
        (
            "sum of amount of payment at least 300",
            "the sum of amount over all records payment is at least 300",
        ),
    ] {
        assert_eq!(explain(&guard(text)), english);
    }
    assert_eq!(explain(&Guard::always()), "always");
}

struct Facts(BTreeMap<Name, Constant>);

impl View for Facts {
    fn value(&self, subject: &Name) -> Option<Constant> {
        self.0.get(subject).cloned()
    }
    fn is_known(&self, subject: &Name) -> bool {
        self.0.contains_key(subject)
    }
    fn at(&self, state: &Name) -> bool {
        *state == "here"
    }
    fn filed(&self, _: &Name) -> bool {
        false
    }
    fn passed(&self, _: &Name) -> bool {
        false
    }
    fn authority_has_lapsed(&self) -> bool {
        false
    }
    fn since(&self, _: SinceUnit, _: &Name) -> Option<i64> {
        None
    }
    fn records(&self, quantifier: Quantifier, _: &Name, _: Option<&Guard>, _: &Table<NamedRule>) -> bool {
        quantifier == Quantifier::No
    }
    fn sum(&self, _: &Name, _: &Name) -> i64 {
        0
    }
}

#[test]
fn why_not_names_only_the_parts_that_are_false() {
    let view = Facts(BTreeMap::from([(name("status"), Constant::Choice(name("civilian")))]));
    let why = |text: &str| why_not(&guard(text), &Table::default(), &view);
    assert_eq!(why("at here and status is civilian"), Vec::<String>::new());
    assert_eq!(
        why("at here and status is suspect and charges is criminal and no order"),
        ["status is suspect (it is civilian)", "charges is criminal (it is not known yet)"]
    );
    assert_eq!(
        why("at there or paper is filed"),
        ["none of these is so: the case is at there; paper is filed"]
    );
    assert_eq!(why("not at here"), ["this is so, and may not be: the case is at here"]);
}

fn names() -> impl Strategy<Value = Name> {
    prop_oneof![Just("a"), Just("status"), Just("days"), Just("more"), Just("of"), Just("paper-one")]
        .prop_map(name)
}

fn constants() -> impl Strategy<Value = Constant> {
    prop_oneof![
        any::<bool>().prop_map(Constant::Flag),
        any::<i64>().prop_map(Constant::Number),
        names().prop_map(Constant::Choice),
        (1_i16..9_000, 1_i8..13, 1_i8..29).prop_map(|(y, m, d)| Constant::Date(jiff::civil::date(y, m, d))),
    ]
}

fn guards() -> impl Strategy<Value = Guard> {
    let comparison = || {
        prop_oneof![
            Just(Comparison::More),
            Just(Comparison::AtLeast),
            Just(Comparison::Less),
            Just(Comparison::AtMost)
        ]
    };
    let leaf = prop_oneof![
        names().prop_map(Guard::Holds),
        (names(), constants()).prop_map(|(n, c)| Guard::Is(n, c)),
        (names(), constants()).prop_map(|(n, c)| Guard::IsNot(n, c)),
        (names(), proptest::collection::btree_set(constants(), 2..4))
            .prop_map(|(n, values): (Name, BTreeSet<Constant>)| Guard::Either(n, values)),
        (names(), any::<bool>()).prop_map(|(n, yes)| Guard::Known(n, yes)),
        (names(), comparison(), any::<i64>()).prop_map(|(n, c, i)| Guard::Compare(n, c, i)),
        names().prop_map(Guard::At),
        names().prop_map(Guard::Passed),
        Just(Guard::Filed(name("paper-one"))),
        Just(Guard::AuthorityLapsed),
        (names(), any::<i64>()).prop_map(|(n, i)| Guard::Since(SinceUnit::Months, n, i)),
        (names(), names(), comparison(), any::<i64>())
            .prop_map(|(field, record, comparison, number)| Guard::Sum { field, record, comparison, number }),
        (names(), names()).prop_map(|(record, field)| {
            Guard::Records(Quantifier::Every, record, Some(Box::new(Guard::Known(field, true))))
        }),
        names().prop_map(|record| Guard::Records(Quantifier::No, record, None)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Guard::Or),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Guard::And),
            inner.prop_map(|guard| Guard::Not(Box::new(guard))),
        ]
    })
}

/// `a and (b and c)` is written without parentheses, so only the flat form comes back.
fn flat(guard: Guard) -> Guard {
    match guard {
        Guard::And(parts) => Guard::And(parts.into_iter().map(flat).collect()),
        Guard::Or(parts) => Guard::Or(parts.into_iter().map(flat).collect()),
        Guard::Not(inner) => Guard::Not(Box::new(flat(*inner))),
        Guard::Holds(_)
        | Guard::Is(..)
        | Guard::IsNot(..)
        | Guard::Either(..)
        | Guard::Known(..)
        | Guard::Compare(..)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => guard,
    }
}

proptest! {
    #[test]
    fn a_guard_written_out_reads_back_the_same(guard in guards()) {
        let text = words(&guard);
        let again = parse(&text, &is_document).map(|parsed| parsed.guard);
        prop_assert_eq!(again.as_ref().map(|again| flat(again.clone())), Ok(flat(guard)), "{}", text);
    }

    #[test]
    fn no_text_makes_the_guard_reader_panic(text in "(and|or|not|is|either|some|no|every|has|\\(|\\)|a|at|least|sum|of|3|yes| ){0,30}") {
        let _result = parse(&text, &is_document);
    }
}
