//! Random case types and machines of the right shape, with the identifiers that hurt.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Identifiers that collide after kebab-casing, are words of the grammar or of YAML, or have no Latin letter.
pub(super) fn id() -> impl Strategy<Value = String> {
    let hard = [
        "",
        "*",
        "A",
        "a",
        "a-b",
        "A_b",
        "aB",
        "a b",
        "a.b",
        "a--b",
        "-",
        "new",
        "New",
        "always",
        "every-state",
        "back",
        "system",
        "yes",
        "Yes",
        "no",
        "NO",
        "other",
        "Other",
        "known",
        "unset",
        "null",
        "~",
        "true",
        "1",
        "1e3",
        "0x1F",
        "2026-01-01",
        "at",
        "is",
        "not",
        "and",
        "or",
        "either",
        "empty-text",
        "value-yes",
        "state-new",
        "open-case",
        "open-case-2",
        "replayer",
        "nobody",
        "حالة",
        "قضية",
        "é",
        "e",
        "حالة جديدة",
        "[CREATOR]",
        "[STATE]",
        "a: b",
        "a #b",
        "#",
        "- a",
        "{a}",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "'a'",
        "a\\nb",
        "line\nbreak",
        "tab\t",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}abc",
        "\u{feff}",
        "\u{fffe}",
        "\u{1f600}",
        "a#2",
        "A#2",
        "a-2",
        "a-3",
    ];
    prop_oneof![
        6 => prop::sample::select(hard.to_vec()).prop_map(str::to_owned),
        2 => "[a-cA-C]{1,3}",
        1 => any::<String>(),
        1 => "[A-Za-z_]{90,130}",
    ]
}

fn from_pool(pool: Vec<String>) -> impl Strategy<Value = String> {
    prop_oneof![12 => prop::sample::select(pool), 1 => id()]
}

fn rights(roles: Vec<String>) -> impl Strategy<Value = Value> {
    let right = prop::sample::select(vec!["CRUD", "CRU", "CR", "R", "U", "C", "", "D"]);
    prop::collection::btree_map(from_pool(roles), right, 0..5).prop_map(|map| json!(map))
}

fn condition(fields: Vec<String>, states: Vec<String>) -> impl Strategy<Value = String> {
    let field = prop_oneof![4 => prop::sample::select(fields), 1 => Just("[STATE]".to_owned())];
    let value = prop_oneof![
        4 => prop::sample::select(vec!["Yes", "yes", "No", "", "other", "x y", "1", "حالة"]).prop_map(str::to_owned),
        2 => prop::sample::select(states).prop_map(|state| state.replace('"', "")),
    ];
    let sign = prop::sample::select(vec!["=", "!=", " = ", " !="]);
    let one = (field, sign, value).prop_map(|(field, sign, value)| format!("{field}{sign}\"{value}\""));
    (prop::collection::vec(one, 0..4), prop::sample::select(vec![" AND ", " OR "]))
        .prop_map(|(all, joiner)| all.join(joiner))
}

/// A case type; at least one event opens a case.
pub(super) fn case_type() -> impl Strategy<Value = Value> {
    let pools = (
        prop::collection::vec(id().prop_filter("`*` is no state", |each| each != "*"), 1..6),
        prop::collection::vec(id(), 1..5),
        prop::collection::vec("[a-d_.A-D]{1,3}", 1..4),
    );
    pools.prop_flat_map(|(states, roles, fields)| {
        let state_rows = prop::collection::vec((from_pool(states.clone()), any::<Option<String>>(), rights(roles.clone())), 0..6)
            .prop_map(|rows| {
                rows.into_iter().map(|(id, name, roles)| json!({"id": id, "name": name, "roles": roles})).collect::<Vec<_>>()
            });
        let pre = prop_oneof![
            1 => Just(Vec::new()),
            1 => Just(vec!["*".to_owned()]),
            4 => prop::collection::vec(from_pool(states.clone()), 1..4),
        ];
        let goal = prop_oneof![5 => from_pool(states.clone()), 1 => Just("*".to_owned())];
        let post = (goal, prop::option::of(condition(fields.clone(), states.clone())), prop::option::of(-2_i64..4)).prop_map(
            |(state, when, priority)| {
                let mut post = json!({ "state": state });
                if let Some(when) = when {
                    post["when"] = json!(when);
                }
                if let Some(priority) = priority {
                    post["priority"] = json!(priority);
                }
                post
            },
        );
        let event = (
            id(),
            any::<String>(),
            pre,
            prop::collection::vec(post, 0..4),
            prop::option::of(condition(fields, states.clone())),
            rights(roles.clone()),
        )
            .prop_map(|(id, name, pre, post, enabled, roles)| {
                json!({"id": id, "name": name, "preStates": pre, "postStates": post, "enabledWhen": enabled, "roles": roles})
            });
        let opener = (id(), prop::sample::select(states), rights(roles.clone())).prop_map(|(id, state, roles)| {
            json!({"id": id, "name": "open", "preStates": [], "postStates": [{"state": state}], "roles": roles})
        });
        (any::<String>(), any::<String>(), state_rows, opener, prop::collection::vec(event, 0..10), Just(roles)).prop_map(
            |(case_type, name, states, opener, mut events, roles)| {
                events.insert(0, opener);
                json!({
                    "caseType": case_type, "name": &name, "source": {"repo": &name, "roots": [&name], "commit": null}, "counts": {"a": 1},
                    "defects": {&name: [[&name], {&name: &name}]},
                    "states": states, "events": events, "roles": roles,
                })
            },
        )
    })
}

/// A machine, deterministic or not.
pub(super) fn machine() -> impl Strategy<Value = Value> {
    (prop::collection::vec(id(), 1..6), prop::collection::vec(id(), 1..6)).prop_flat_map(
        |(states, events)| {
            let step = (from_pool(states.clone()), from_pool(events.clone()), from_pool(states.clone()));
            let moves = prop::collection::vec(step, 0..8).prop_map(|moves| {
                moves
                    .into_iter()
                    .map(|(from, event, to)| json!({"from": from, "event": event, "to": to}))
                    .collect::<Vec<_>>()
            });
            let finals = prop::collection::vec(from_pool(states.clone()), 0..4);
            (any::<String>(), from_pool(states.clone()), finals, moves, Just(states), Just(events)).prop_map(
                |(name, initial, finals, moves, states, events)| {
                    json!({
                        "name": name, "initial": initial, "final": finals, "states": states, "events": events,
                        "transitions": moves,
                    })
                },
            )
        },
    )
}
