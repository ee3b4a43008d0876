//! The rules of a case, given, when, then: small workflows, each act with exactly the events or refusals it must have.

mod approval;
mod clocks;
mod corrections;
mod custody;
mod forms;
mod jobs;
mod machine;
mod second_reading;
mod suspended;

use qadiya_domain::case::RefusalCode;

#[test]
fn every_kind_of_refusal_is_met_in_these_tables() {
    let tables = [
        include_str!("rules/approval.rs"),
        include_str!("rules/clocks.rs"),
        include_str!("rules/corrections.rs"),
        include_str!("rules/custody.rs"),
        include_str!("rules/forms.rs"),
        include_str!("rules/jobs.rs"),
        include_str!("rules/machine.rs"),
        include_str!("rules/suspended.rs"),
    ];
    for code in <RefusalCode as strum::IntoEnumIterator>::iter() {
        // Appointments are known to the engine, which asks before it decides.
        if code == RefusalCode::Appointment {
            continue;
        }
        let word = format!("{code:?}");
        let told = tables.iter().any(|table| {
            let listed = table.split("&[").skip(1).any(|rest| {
                rest.split(']').next().is_some_and(|list| list.split(", ").any(|found| found.trim() == word))
            });
            listed
                || table.contains(&format!("has({word})"))
                || table.contains(&format!(", {word}, \""))
                || table.contains(&format!(".code, {word})"))
        });
        assert!(told, "no table meets {code}");
    }
}
