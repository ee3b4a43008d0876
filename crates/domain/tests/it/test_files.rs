//! Test files of analysts are read whole, and their faults are told all at once.

use qadiya_domain::name::Name;
use qadiya_domain::workflow::test_file::{Answer, What, Who, read};

const GOOD: &str = "
test: investigation late twice opens a custody review
workflow: detainee-case
start: {at: 2026-03-02T09:00, facts: {facility: north}}
steps:
  - {as: intake-clerk anna,  do: register, with: [capture-report]}
  - {as: investigator ben,   do: start-investigation, answers: {kind: {unknown: nobody asked}}, on: charge 2}
  - {after: 31 days, expect: {told: [legal-officer], stage: received, due: {investigate: 2026-04-01}}}
  - {after: 10 working days, expect: {at: review-due, authority: covered, records: {order: 1}}}
  - {as: investigator ben,   do: decide-custody-review, refused-because: role}
  - {as: presiding-judge eve, sign: refer-for-trial, dissents: true, reason: not convinced}
  - {job: notify, answer: found, fields: {number: '7'}}
  - {expect: {stage: none, open: [record-death]}}
";

#[test]
fn a_test_file_is_read_whole() {
    let tests = read(GOOD.as_bytes()).unwrap();
    let [test] = tests.as_slice() else { panic!("one test") };
    assert_eq!(test.steps.len(), 8);
    let What::Do(Who::Person { role, person }, doing) = &test.steps[1].what else {
        panic!("{:?}", test.steps[1])
    };
    assert_eq!((role.as_str(), person.as_str()), ("investigator", "ben"));
    assert_eq!(doing.answers, [(Name::new("kind").unwrap(), Answer::Unknown("nobody asked".into()))]);
    assert_eq!(doing.on.as_ref().unwrap().number, Some(2));
    assert_eq!(test.steps[4].refused_because, ["role"]);
    assert_eq!(test.steps[7].expect.stage, Some(None));
    assert!(matches!(&test.steps[6].what, What::Job { answer: Some(code), .. } if code == "found"));
    let list = format!("- {}", GOOD.trim().replace('\n', "\n  "));
    assert_eq!(read(list.as_bytes()).unwrap().len(), 1);
}

#[test]
fn faults_of_a_test_file_are_told_all_at_once() {
    let bad = "
test: bad
workflow: Detainee
start: {at: yesterday}
steps:
  - {do: register}
  - {as: clerk, do: register}
  - {as: clerk anna, do: register, sign: other}
  - {after: 3 dayz}
  - {after: 3 days, reason: none of its business}
  - {as: clerk anna, doo: register}
  - {job: notify}
  - {expect: {due: {investigate: soon}}}
";
    let faults: Vec<String> = read(bad.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect();
    for (line, word) in [
        (3, "is not a name"),
        (4, "no civil time"),
        (6, "needs `as: ROLE PERSON`"),
        (7, "names no person"),
        (8, "does one thing"),
        (9, "not a length of time"),
        (10, "does not belong to a step with `after`"),
        (11, "did you mean `do`?"),
        (12, "`answer: CODE` or with `fails: true`"),
        (13, "write a date"),
    ] {
        let found = faults.iter().any(|fault| fault.starts_with(&format!("{line}:")) && fault.contains(word));
        assert!(found, "line {line}, {word}:\n{}", faults.join("\n"));
    }
}
