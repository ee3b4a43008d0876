//! Test files of analysts: what is done to a case, and what must be seen. Here they are read and written; running them is
//! the business of the case rules.
//!
//! ```yaml
//! test: investigation late twice opens a custody review
//! workflow: detainee-case
//! start: {at: 2026-03-02T09:00, facts: {facility: north}}
//! steps:
//!   - {as: intake-clerk anna, do: register, with: [capture-report]}
//!   - {after: 31 days, expect: {told: [legal-officer], stage: received}}
//!   - {as: investigator ben, do: decide-custody-review, refused-because: role}
//! ```
//!
//! A file holds one test, or a list of tests. `start.at` is a civil time in the zone of the workflow's calendar;
//! `start.facts` are the answers that the opening command gets. A step is one of
//!
//! * `{as: ROLE PERSON, do: COMMAND}`, with `outcome: NAME`, `on: RECORD` or `RECORD NUMBER` (the record whose track it
//!   moves; the latest, or the n-th of its kind), `with: [DOCUMENT, …]` (papers filed, signed where the file asks it),
//!   `answers: {FACT: value}`, `records: [{record: NAME, about?: RECORD NUMBER, fields: {FIELD: value}}]`,
//!   `happened: CIVIL-TIME`, `reason: TEXT`. `as: system` is the engine. A value is a word, number, date, text, `yes`,
//!   `no`, or `unknown: WHY`, `refused: WHY`, `none: WHY` in a map; a range is `CIVIL-TIME to CIVIL-TIME`;
//! * `{as: …, sign: COMMAND}` (`dissents: true` with a `reason`), `{as: …, reject: COMMAND}`, `{as: …, withdraw: COMMAND}`:
//!   the open proposal of that command;
//! * `{as: …, file: DOCUMENT}`, `{as: …, edit: {FACT: value}}`, `{as: …, correct: {FACT: value}, reason: …}`,
//!   `{as: …, annul: COMMAND, reason: …}` (its latest doing);
//! * `{after: DURATION}`: time passes, clocks step;
//! * `{job: NAME, answer: CODE, fields: {FIELD: TEXT}}` or `{job: NAME, fails: true}`: the queued job comes back.
//!
//! Every step may carry `expect` and, for people's steps, `refused-because: CODE` or a list of codes (all refusals, in any
//! order). In `expect`: `at` and `not-at` (states of any machine), `stage` (a name, or `none`), `told` (roles told since
//! the step before), `queued` (jobs), `facts`, `office`, `outcome`, `open` and `not-open` (commands that somebody may give
//! now), `authority` (`covered` or `lapsed`), `due` (deadline: civil date of its limit), `records` (how many live ones of
//! each kind).

mod write;

use jiff::civil::{Date, DateTime};

use crate::calendar::Span;
use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::read::shape::{Form, Key, Shape};
use crate::workflow::read::tree::{self, Kind, Node};
use crate::workflow::read::{conform, finding};

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Where it begins.
    pub place: Place,
    /// What it shows.
    pub title: String,
    /// The workflow it runs.
    pub workflow: Name,
    /// When it begins.
    pub at: DateTime,
    /// Answers for the opening command.
    pub facts: Vec<(Name, Answer)>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stands.
    pub place: Place,
    /// What is done.
    pub what: What,
    /// The codes of all refusals; empty: it is not refused.
    pub refused_because: Vec<String>,
    /// What must be seen afterwards.
    pub expect: Expect,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A person in a capacity; equal names are one natural person.
    Person {
        /// The capacity.
        role: Name,
        /// The person.
        person: String,
    },
    /// The engine.
    System,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A command.
    Do(Who, Box<Doing>),
    /// A signature under the open proposal of a command.
    Sign {
        /// Who.
        who: Who,
        /// The command proposed.
        command: Name,
        /// A dissent.
        dissents: bool,
        /// Its reason.
        reason: Option<String>,
    },
    /// The open proposal of a command is sent back.
    Reject(Who, Name, Option<String>),
    /// The open proposal of a command is taken back.
    Withdraw(Who, Name, Option<String>),
    /// A paper is filed.
    File(Who, Name),
    /// Facts are edited.
    Edit(Who, Vec<(Name, Answer)>),
    /// Facts are corrected.
    Correct(Who, Vec<(Name, Answer)>, Option<String>),
    /// The latest doing of a command is annulled.
    Annul(Who, Name, Option<String>),
    /// Time passes.
    Wait(Span),
    /// A job comes back.
    Job {
        /// The job.
        job: Name,
        /// What it answers; `None`: it failed for good.
        answer: Option<String>,
        /// Fields of the answer.
        fields: Vec<(String, String)>,
    },
    /// Nothing; only looks.
    Look,
}

/// A command with what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doing {
    /// The command.
    pub command: Name,
    /// The outcome chosen.
    pub outcome: Option<Name>,
    /// The record whose track it moves.
    pub on: Option<Pointer>,
    /// Papers filed with it.
    pub with: Vec<Name>,
    /// Facts given.
    pub answers: Vec<(Name, Answer)>,
    /// Records filed.
    pub records: Vec<Filed>,
    /// When it happened, if earlier.
    pub happened: Option<DateTime>,
    /// The reasons.
    pub reason: Option<String>,
}

/// A record of a test: the latest of its kind, or the n-th.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Its kind.
    pub record: Name,
    /// Which, from 1; `None`: the latest.
    pub number: Option<u32>,
}

/// A record filed in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Its kind.
    pub record: Name,
    /// The record it is about.
    pub about: Option<Pointer>,
    /// Its fields.
    pub fields: Vec<(Name, Answer)>,
}

/// A value as written, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A value, to be read by the type of its fact or field.
    Is(String),
    /// Nobody knows, and why.
    Unknown(String),
    /// Refused, and why.
    Refused(String),
    /// There is none, and why.
    None(String),
}

/// What must be seen. `None` and empty lists ask nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// States the machines are in.
    pub at: Vec<Name>,
    /// States no machine is in.
    pub not_at: Vec<Name>,
    /// The public stage; `Some(None)`: none.
    pub stage: Option<Option<Name>>,
    /// Roles told since the step before.
    pub told: Vec<Name>,
    /// Jobs queued since the step before.
    pub queued: Vec<Name>,
    /// Facts.
    pub facts: Vec<(Name, Answer)>,
    /// The office that must act.
    pub office: Option<Name>,
    /// The outcome of the case.
    pub outcome: Option<Name>,
    /// Commands that are open.
    pub open: Vec<Name>,
    /// Commands that are not.
    pub not_open: Vec<Name>,
    /// Whether the authority to hold covers now.
    pub covered: Option<bool>,
    /// Civil dates of limits, in the zone of the calendar: the last day in time.
    pub due: Vec<(Name, Date)>,
    /// How many live records of each kind.
    pub records: Vec<(Name, u32)>,
}

const fn must(name: &'static str, form: Form) -> Key {
    Key { name, must: true, form }
}

const fn may(name: &'static str, form: Form) -> Key {
    Key { name, must: false, form }
}

const fn shape(name: &'static str, own: &'static [Key]) -> Shape {
    Shape { name, own, labelled: false, clocked: false, one_of: &[], missing: CheckId::Shape }
}

const ANSWERS: Form = Form::TableOf(&Form::ValueOrLack(&LACK));

/// The keys of a test.
pub static TEST: Shape = shape(
    "a test",
    &[
        must("test", Form::Text),
        must("workflow", Form::Name),
        must("start", Form::Object(&START)),
        must("steps", Form::List(&Form::Object(&STEP), 1)),
    ],
);
static START: Shape =
    shape("the start of a test", &[must("at", Form::Words("a civil time")), may("facts", ANSWERS)]);
static LACK: Shape = Shape {
    one_of: &[&["unknown", "refused", "none"]],
    ..shape(
        "a missing value",
        &[may("unknown", Form::Text), may("refused", Form::Text), may("none", Form::Text)],
    )
};
static STEP: Shape = shape(
    "a step",
    &[
        may("as", Form::Words("a role and a person")),
        may("do", Form::Name),
        may("sign", Form::Name),
        may("reject", Form::Name),
        may("withdraw", Form::Name),
        may("file", Form::Name),
        may("edit", ANSWERS),
        may("correct", ANSWERS),
        may("annul", Form::Name),
        may("after", Form::Span),
        may("job", Form::Name),
        may("outcome", Form::Name),
        may("on", Form::Words("a record")),
        may("with", Form::Names),
        may("answers", ANSWERS),
        may("records", Form::List(&Form::Object(&FILED), 1)),
        may("happened", Form::Words("a civil time")),
        may("reason", Form::Text),
        may("dissents", Form::True),
        may("answer", Form::Text),
        may("fields", Form::TableOf(&Form::Text)),
        may("fails", Form::True),
        may("refused-because", Form::NameOrNames),
        may("expect", Form::Object(&EXPECT)),
    ],
);
static FILED: Shape = shape(
    "a record that is filed",
    &[must("record", Form::Name), may("about", Form::Words("a record")), must("fields", ANSWERS)],
);
static EXPECT: Shape = shape(
    "what is expected",
    &[
        may("at", Form::NameOrNames),
        may("not-at", Form::NameOrNames),
        may("stage", Form::Name),
        may("told", Form::Names),
        may("queued", Form::Names),
        may("facts", ANSWERS),
        may("office", Form::Name),
        may("outcome", Form::Name),
        may("open", Form::Names),
        may("not-open", Form::Names),
        may("authority", Form::OneOf(&["covered", "lapsed"])),
        may("due", Form::TableOf(&Form::Words("a date"))),
        may("records", Form::TableOf(&Form::Count(0))),
    ],
);

/// What a step does: the key that names it, and the keys that belong to it.
const KINDS: &[(&str, bool, &[&str])] = &[
    ("do", true, &["outcome", "on", "with", "answers", "records", "happened", "reason", "refused-because"]),
    ("sign", true, &["dissents", "reason", "refused-because"]),
    ("reject", true, &["reason", "refused-because"]),
    ("withdraw", true, &["reason", "refused-because"]),
    ("file", true, &["refused-because"]),
    ("edit", true, &["refused-because"]),
    ("correct", true, &["reason", "refused-because"]),
    ("annul", true, &["reason", "refused-because"]),
    ("after", false, &[]),
    ("job", false, &["answer", "fields", "fails"]),
];

/// Reads the tests of a file. Names of the workflow are not resolved here: one test file may serve several versions.
///
/// # Errors
/// Every fault of form, in the order of the file.
pub fn read(bytes: &[u8]) -> Result<Vec<Test>, Vec<Finding>> {
    let root = tree::read(bytes)?;
    let nodes: Vec<&Node> = match &root.kind {
        Kind::List(items) => items.iter().collect(),
        Kind::Map(_) | Kind::Scalar(_) => vec![&root],
    };
    let mut faults = Vec::new();
    let mut tests = Vec::new();
    for node in nodes {
        conform::object(node, &TEST, &mut faults);
        match test(node, &mut faults) {
            Some(test) => tests.push(test),
            None if faults.is_empty() => {
                faults.push(finding(node.place, CheckId::Shape, "", "this cannot be read as a test"));
            }
            None => {}
        }
    }
    if tests.is_empty() && faults.is_empty() {
        faults.push(finding(root.place, CheckId::Shape, "", "the file holds no test"));
    }
    faults.sort();
    faults.dedup();
    if faults.is_empty() { Ok(tests) } else { Err(faults) }
}

fn test(node: &Node, faults: &mut Vec<Finding>) -> Option<Test> {
    let start = node.get("start")?;
    let at = civil(start.get("at"), faults);
    let steps: Vec<_> = node
        .get("steps")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .map(|item| step(item, faults))
        .collect();
    Some(Test {
        place: node.place,
        title: text(node.get("test"))?,
        workflow: name(node.get("workflow"))?,
        at: at?,
        facts: answers(start.get("facts")),
        steps: steps.into_iter().collect::<Option<_>>()?,
    })
}

fn step(node: &Node, faults: &mut Vec<Finding>) -> Option<Step> {
    let mut wrong = |place: Place, message: String| faults.push(finding(place, CheckId::Shape, "", message));
    let named: Vec<_> = KINDS.iter().filter(|(key, ..)| node.get(key).is_some()).collect();
    let keys = || KINDS.iter().map(|(key, ..)| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let kind = match named.as_slice() {
        [] if node.get("expect").is_some() => None,
        [] => {
            wrong(node.place, format!("a step says what is done: one of {}, or only `expect`", keys()));
            return None;
        }
        [one] => Some(*one),
        [_, _, ..] => {
            wrong(node.place, format!("a step does one thing: only one of {}", keys()));
            return None;
        }
    };
    let allowed = |key: &str| {
        key == "expect"
            || kind.is_some_and(|(own, by_person, more)| {
                key == *own || (*by_person && key == "as") || more.contains(&key)
            })
    };
    for entry in node.entries() {
        let known = STEP.keys().any(|key| key.name == entry.key);
        if known && !allowed(&entry.key) {
            let own = kind.map_or("expect", |(own, ..)| own);
            wrong(entry.place, format!("`{}` does not belong to a step with `{own}`", entry.key));
        }
    }
    let who = match kind {
        Some((own, true, _)) => {
            if node.get("as").is_none() {
                wrong(node.place, format!("a step with `{own}` needs `as: ROLE PERSON`"));
            }
            who(node.get("as"), faults)
        }
        _ => None,
    };
    let expect = expect(node.get("expect"), faults);
    let reason = || text(node.get("reason"));
    let command = |key: &str| name(node.get(key));
    let what = match kind.map(|(own, ..)| *own) {
        None => What::Look,
        Some("after") => What::Wait(node.get("after")?.text()?.parse().ok()?),
        Some("job") => {
            let answer = text(node.get("answer"));
            if answer.is_some() == node.get("fails").is_some() {
                faults.push(finding(
                    node.place,
                    CheckId::Shape,
                    "",
                    "a job comes back with `answer: CODE` or with `fails: true`",
                ));
            }
            let fields = node.get("fields").map(Node::entries).unwrap_or_default();
            let fields = fields
                .iter()
                .filter_map(|entry| Some((entry.key.clone(), text(Some(&entry.value))?)))
                .collect();
            What::Job { job: command("job")?, answer, fields }
        }
        Some("sign") => What::Sign {
            who: who?,
            command: command("sign")?,
            dissents: node.get("dissents").is_some(),
            reason: reason(),
        },
        Some("reject") => What::Reject(who?, command("reject")?, reason()),
        Some("withdraw") => What::Withdraw(who?, command("withdraw")?, reason()),
        Some("file") => What::File(who?, command("file")?),
        Some("edit") => What::Edit(who?, answers(node.get("edit"))),
        Some("correct") => What::Correct(who?, answers(node.get("correct")), reason()),
        Some("annul") => What::Annul(who?, command("annul")?, reason()),
        Some(_) => {
            let happened = match node.get("happened") {
                Some(happened) => Some(civil(Some(happened), faults)?),
                None => None,
            };
            let on = match node.get("on") {
                Some(on) => Some(pointer(on, faults)?),
                None => None,
            };
            let mut records = Vec::new();
            for item in node.get("records").map(Node::items).unwrap_or_default() {
                let about = match item.get("about") {
                    Some(about) => Some(pointer(about, faults)?),
                    None => None,
                };
                records.push(Filed {
                    record: name(item.get("record"))?,
                    about,
                    fields: answers(item.get("fields")),
                });
            }
            What::Do(
                who?,
                Box::new(Doing {
                    command: command("do")?,
                    outcome: name(node.get("outcome")),
                    on,
                    with: names(node.get("with")),
                    answers: answers(node.get("answers")),
                    records,
                    happened,
                    reason: reason(),
                }),
            )
        }
    };
    let refused_because = names(node.get("refused-because")).iter().map(ToString::to_string).collect();
    Some(Step { place: node.place, what, refused_because, expect })
}

fn expect(node: Option<&Node>, faults: &mut Vec<Finding>) -> Expect {
    let Some(node) = node else { return Expect::default() };
    let mut due = Vec::new();
    for entry in node.get("due").map(Node::entries).unwrap_or_default() {
        let Ok(deadline) = Name::new(&entry.key) else { continue };
        match entry.value.text().and_then(|text| text.parse::<Date>().ok()) {
            Some(date) => due.push((deadline, date)),
            None => {
                faults.push(finding(
                    entry.value.place,
                    CheckId::Shape,
                    "",
                    "write a date such as 2026-03-31",
                ));
            }
        }
    }
    let mut records = Vec::new();
    for entry in node.get("records").map(Node::entries).unwrap_or_default() {
        if let (Ok(record), Some(count)) =
            (Name::new(&entry.key), entry.value.scalar().and_then(conform::count))
        {
            records.push((record, count));
        }
    }
    Expect {
        at: names(node.get("at")),
        not_at: names(node.get("not-at")),
        stage: name(node.get("stage")).map(|stage| if stage == "none" { None } else { Some(stage) }),
        told: names(node.get("told")),
        queued: names(node.get("queued")),
        facts: answers(node.get("facts")),
        office: name(node.get("office")),
        outcome: name(node.get("outcome")),
        open: names(node.get("open")),
        not_open: names(node.get("not-open")),
        covered: node.get("authority").and_then(Node::text).map(|text| text == "covered"),
        due,
        records,
    }
}

fn who(node: Option<&Node>, faults: &mut Vec<Finding>) -> Option<Who> {
    let node = node?;
    let text = node.text()?;
    if text == "system" {
        return Some(Who::System);
    }
    let parts = text.split_once(' ').and_then(|(role, person)| Some((Name::new(role).ok()?, person.trim())));
    if let Some((role, person)) = parts
        && !person.is_empty()
    {
        return Some(Who::Person { role, person: person.to_owned() });
    }
    faults.push(finding(
        node.place,
        CheckId::Shape,
        "",
        format!("`{text}` names no person: write `as: ROLE PERSON`, or `as: system`"),
    ));
    None
}

fn pointer(node: &Node, faults: &mut Vec<Finding>) -> Option<Pointer> {
    let text = node.text()?;
    let (record, number) =
        text.split_once(' ').map_or((text, None), |(record, number)| (record, Some(number)));
    let number = match number.map(|number| number.trim().parse::<u32>()) {
        None => Some(None),
        Some(Ok(number)) if number > 0 => Some(Some(number)),
        Some(Ok(_) | Err(_)) => None,
    };
    if let (Ok(record), Some(number)) = (Name::new(record), number) {
        return Some(Pointer { record, number });
    }
    faults.push(finding(
        node.place,
        CheckId::Shape,
        "",
        format!("`{text}` names no record: write `RECORD` or `RECORD NUMBER`"),
    ));
    None
}

fn civil(node: Option<&Node>, faults: &mut Vec<Finding>) -> Option<DateTime> {
    let node = node?;
    let text = node.text()?;
    let at = text.parse::<DateTime>().ok();
    if at.is_none() {
        let message = format!("`{text}` is no civil time: write 2026-03-02T09:00");
        faults.push(finding(node.place, CheckId::Shape, "", message));
    }
    at
}

fn text(node: Option<&Node>) -> Option<String> {
    node.and_then(Node::text).map(str::to_owned)
}

fn name(node: Option<&Node>) -> Option<Name> {
    node.and_then(Node::text).and_then(|text| Name::new(text).ok())
}

fn names(node: Option<&Node>) -> Vec<Name> {
    let Some(node) = node else { return Vec::new() };
    let one = node.scalar().is_some().then_some(node);
    node.items().iter().chain(one).filter_map(|item| name(Some(item))).collect()
}

fn answers(node: Option<&Node>) -> Vec<(Name, Answer)> {
    let mut answers = Vec::new();
    for entry in node.map(Node::entries).unwrap_or_default() {
        let Ok(name) = Name::new(&entry.key) else { continue };
        let lack = |key: &str| text(entry.value.get(key));
        let answer = text(Some(&entry.value))
            .map(Answer::Is)
            .or_else(|| lack("unknown").map(Answer::Unknown))
            .or_else(|| lack("refused").map(Answer::Refused))
            .or_else(|| lack("none").map(Answer::None));
        if let Some(answer) = answer {
            answers.push((name, answer));
        }
    }
    answers
}
