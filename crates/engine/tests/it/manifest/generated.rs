//! Manifests that nobody has seen: made at test time with other seeds, settings and kinds of faults.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::bench::compare_with_truth;

/// Makes a manifest with the generator of the repository and compares every verdict.
fn generate_and_compare(name: &str, config: &Value) -> usize {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../devkit/data/manifest");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{name}.config.json"));
    std::fs::write(&path, config.to_string()).unwrap();
    let made = Command::new("python3")
        .arg(generator.join("gen_manifest.py"))
        .arg("--config")
        .arg(&path)
        .arg("--names")
        .arg(generator.join("names.json"))
        .arg("--out")
        .arg(folder.path())
        .output()
        .expect("python3 is needed to make manifests for this test; install it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    compare_with_truth(folder.path(), name).records
}

fn faults(each: u32) -> Value {
    json!({
        "bad_date": each, "missing_serial": each, "bad_check_character": each, "unknown_country": each,
        "future_transfer_date": each, "unknown_mode": each, "over_long_cell": 1, "ambiguous_date": each,
        "formula_injection": each, "bidi_control": each, "arabic_digits_date": each, "embedded_newline": each,
        "leading_spaces": each, "broken_utf8": each, "wrong_column_count": each, "duplicate_serial": each,
    })
}

fn repeats(each: u32) -> Value {
    json!({
        "same_serial_same_batch": each, "same_serial_other_batch": each, "new_serial_latin_respelled": each,
        "new_serial_both_respelled": each, "new_serial_respelled_year_off": each, "new_serial_respelled_no_dob": each,
    })
}

#[test]
fn a_manifest_with_windows_line_ends_and_much_spelling_noise_gets_every_verdict() {
    let records = generate_and_compare(
        "noisy",
        &json!({
            "seed": 90_210, "persons": 1_500, "under_investigation": 700, "batches": 7, "days": 9, "crlf": true, "bom": true,
            "arabic_noise": 0.5, "latin_noise": 0.4, "minor_rate": 0.1, "dual_rate": 0.2,
            "duplicates": repeats(100), "namesakes": 60, "bad": faults(25),
        }),
    );
    assert!(records > 2_000);
}

#[test]
fn kinds_of_faults_that_the_given_manifests_do_not_have_get_their_verdict() {
    let kind = |verdict: &str, column: &str, op: &str, value: Value| json!({"n": 3, "verdict": verdict, "col": column, "op": op, "value": value});
    let dated = |verdict: &str, value: &str| json!({"n": 3, "verdict": verdict, "col": "dob", "op": "set", "value": value, "also": {"dob_precision": "day"}});
    let records = generate_and_compare(
        "other-kinds",
        &json!({
            "seed": 5, "persons": 400, "under_investigation": 100, "batches": 3, "arabic_noise": 0.15, "latin_noise": 0.15,
            "duplicates": repeats(5), "namesakes": 5, "bad": faults(2),
            "extra_bad": {
                "persian_digits": dated("accept_warn", "۱۹۸۷-۰۵-۰۴"),
                "no_leap_day": dated("reject", "1900-02-29"),
                "day_first": dated("reject", "25/12/1990"),
                "born_tomorrow": dated("reject", "2026-12-01"),
                "date_in_words": dated("reject", "in spring"),
                "zero_width": kind("accept_warn", "name_latn", "insert", json!("\u{200b}")),
                "isolate": kind("accept_warn", "name_ar", "append", json!("\u{2067}")),
                "joiner": kind("accept", "remarks", "set", json!("می\u{200c}خواهم")),
                "formula_in_name": kind("accept_warn", "name_latn", "prepend", json!("=")),
                "formula_in_place": kind("accept_warn", "handover_point", "set", json!("@SUM(A1:A9)")),
                "lower_country": kind("reject", "nationality", "lower", json!("")),
                "second_country": kind("reject", "nationality", "append", json!(";ZZQ")),
                "three_states": kind("accept", "nationality", "set", json!("SYR;IRQ;TUR")),
                "serial_with_space": kind("accept", "isn", "append", json!("  ")),
                "serial_with_letter": kind("reject", "isn", "insert", json!("O")),
                "no_transfer_day": kind("reject", "transfer_date", "set", json!("")),
                "transfer_day_impossible": kind("reject", "transfer_date", "set", json!("2026-02-30")),
                "odd_sex": kind("accept_warn", "sex", "set", json!("male")),
                "long_name": kind("reject", "name_latn", "set", json!("B".repeat(40_000))),
                "quotes": kind("accept", "remarks", "set", json!("he said \"no\", \"\"twice\"\"")),
            },
        }),
    );
    assert!(records > 400);
}
