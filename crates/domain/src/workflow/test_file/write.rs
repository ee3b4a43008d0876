//! Test files written: what [`super::read`] reads back as the same test.

use std::fmt;

use jiff::civil::DateTime;

use super::{Answer, Doing, Expect, Filed, Pointer, Step, Test, What, Who};
use crate::name::Name;

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "test: {}", words(&self.title))?;
        writeln!(f, "workflow: {}", self.workflow)?;
        let mut start = vec![format!("at: {}", minute(self.at))];
        if !self.facts.is_empty() {
            start.push(format!("facts: {}", answers(&self.facts)));
        }
        writeln!(f, "start: {}", map(&start))?;
        f.write_str("steps:\n")?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  - {step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = act(&self.what);
        if !self.refused_because.is_empty() {
            parts.push(format!("refused-because: [{}]", self.refused_because.join(", ")));
        }
        let seen = expect(&self.expect);
        if !seen.is_empty() {
            parts.push(format!("expect: {}", map(&seen)));
        }
        f.write_str(&map(&parts))
    }
}

fn map(parts: &[String]) -> String {
    format!("{{{}}}", parts.join(", "))
}

/// A text that no YAML reader takes for anything else.
fn words(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    format!("'{}'", text.replace('\'', "''"))
}

/// A value: plain where its form is beyond doubt.
fn value(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !text.is_empty();
    if plain { text.to_owned() } else { words(text) }
}

fn minute(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

fn who(who: &Who) -> String {
    match who {
        Who::Person { role, person } => format!("as: {}", words(&format!("{role} {person}"))),
        Who::System => "as: system".to_owned(),
    }
}

fn act(what: &What) -> Vec<String> {
    let by = |own: &Who, key: &str, command: &Name| vec![who(own), format!("{key}: {command}")];
    let mut reason_of = None;
    let mut parts = match what {
        What::Do(own, doing) => {
            reason_of = doing.reason.as_ref();
            by(own, "do", &doing.command).into_iter().chain(carried(doing)).collect()
        }
        What::Sign { who: own, command, dissents, reason } => {
            reason_of = reason.as_ref();
            let dissents = dissents.then(|| "dissents: true".to_owned());
            by(own, "sign", command).into_iter().chain(dissents).collect()
        }
        What::Reject(own, command, reason) => {
            reason_of = reason.as_ref();
            by(own, "reject", command)
        }
        What::Withdraw(own, command, reason) => {
            reason_of = reason.as_ref();
            by(own, "withdraw", command)
        }
        What::Annul(own, command, reason) => {
            reason_of = reason.as_ref();
            by(own, "annul", command)
        }
        What::File(own, document) => by(own, "file", document),
        What::Edit(own, facts) => vec![who(own), format!("edit: {}", answers(facts))],
        What::Correct(own, facts, reason) => {
            reason_of = reason.as_ref();
            vec![who(own), format!("correct: {}", answers(facts))]
        }
        What::Wait(span) => vec![format!("after: {span}")],
        What::Job { job, answer, fields } => {
            let back =
                answer.as_ref().map_or("fails: true".to_owned(), |code| format!("answer: {}", words(code)));
            let given: Vec<String> =
                fields.iter().map(|(name, text)| format!("{name}: {}", words(text))).collect();
            let given = (!given.is_empty()).then(|| format!("fields: {}", map(&given)));
            [format!("job: {job}"), back].into_iter().chain(given).collect()
        }
        What::Look => Vec::new(),
    };
    parts.extend(reason_of.map(|reason| format!("reason: {}", words(reason))));
    parts
}

/// What a command carries, its reason apart.
fn carried(doing: &Doing) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(doing.outcome.as_ref().map(|outcome| format!("outcome: {outcome}")));
    parts.extend(doing.on.as_ref().map(|on| format!("on: {}", pointer(on))));
    if !doing.with.is_empty() {
        parts.push(format!("with: {}", names(&doing.with)));
    }
    if !doing.answers.is_empty() {
        parts.push(format!("answers: {}", answers(&doing.answers)));
    }
    if !doing.records.is_empty() {
        let records: Vec<String> = doing.records.iter().map(filed).collect();
        parts.push(format!("records: [{}]", records.join(", ")));
    }
    parts.extend(doing.happened.map(|at| format!("happened: {}", minute(at))));
    parts
}

fn filed(filed: &Filed) -> String {
    let mut parts = vec![format!("record: {}", filed.record)];
    parts.extend(filed.about.as_ref().map(|about| format!("about: {}", pointer(about))));
    parts.push(format!("fields: {}", answers(&filed.fields)));
    map(&parts)
}

fn pointer(pointer: &Pointer) -> String {
    pointer.number.map_or_else(|| pointer.record.to_string(), |number| format!("{} {number}", pointer.record))
}

fn answers(answers: &[(Name, Answer)]) -> String {
    let parts: Vec<String> = answers
        .iter()
        .map(|(name, answer)| match answer {
            Answer::Is(text) => format!("{name}: {}", value(text)),
            Answer::Unknown(why) => format!("{name}: {{unknown: {}}}", words(why)),
            Answer::Refused(why) => format!("{name}: {{refused: {}}}", words(why)),
            Answer::None(why) => format!("{name}: {{none: {}}}", words(why)),
        })
        .collect();
    map(&parts)
}

fn names(names: &[Name]) -> String {
    format!("[{}]", names.iter().map(Name::as_str).collect::<Vec<_>>().join(", "))
}

fn expect(expect: &Expect) -> Vec<String> {
    let lists = [
        ("at", &expect.at),
        ("not-at", &expect.not_at),
        ("told", &expect.told),
        ("queued", &expect.queued),
        ("open", &expect.open),
        ("not-open", &expect.not_open),
    ];
    let asked = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let mut parts: Vec<String> = asked.map(|(key, list)| format!("{key}: {}", names(list))).collect();
    let stage = |stage: &Option<Name>| stage.as_ref().map_or("none".to_owned(), ToString::to_string);
    parts.extend(expect.stage.as_ref().map(|found| format!("stage: {}", stage(found))));
    if !expect.facts.is_empty() {
        parts.push(format!("facts: {}", answers(&expect.facts)));
    }
    parts.extend(expect.office.as_ref().map(|office| format!("office: {office}")));
    parts.extend(expect.outcome.as_ref().map(|outcome| format!("outcome: {outcome}")));
    let covered = |covered: bool| if covered { "covered" } else { "lapsed" };
    parts.extend(expect.covered.map(|found| format!("authority: {}", covered(found))));
    if !expect.due.is_empty() {
        let due: Vec<String> = expect.due.iter().map(|(name, day)| format!("{name}: {day}")).collect();
        parts.push(format!("due: {}", map(&due)));
    }
    if !expect.records.is_empty() {
        let counts: Vec<String> =
            expect.records.iter().map(|(name, count)| format!("{name}: {count}")).collect();
        parts.push(format!("records: {}", map(&counts)));
    }
    parts
}
