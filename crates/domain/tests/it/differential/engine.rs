//! The engine under the same acts, and what is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::case::Change;
use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::state::ClockKey;
use qadiya_domain::value::{Given, Value as EngineValue};
use qadiya_domain::workflow::Definition;
use qadiya_ledger::Hash;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::oracle::Oracle;
use crate::oracle::case::{Act, Value, Who};

/// The engine with one case, its numbers beside those of the interpreter.
pub(crate) struct Engine {
    pub(crate) bench: Bench,
    proposals: Vec<u64>,
    doings: Vec<u64>,
}

fn words(value: &Value) -> Json {
    match value {
        Value::Word(word) => match word.as_str() {
            "yes" => json!(true),
            "no" => json!(false),
            word => word.parse::<i64>().map_or_else(|_| json!(word), |number| json!(number)),
        },
        Value::Text(text) => json!(text),
        Value::Date(date) => json!(date.to_string()),
        Value::Instant(at) => json!(at.to_string()),
        Value::Range(from, until) => json!({"from": from.to_string(), "until": until.to_string()}),
        Value::Answer(word) => json!({ word: "asked and told" }),
    }
}

fn name_of(who: &Who) -> String {
    match (&who.person, who.decides) {
        (None, _) => "system".to_owned(),
        (Some(person), true) => format!("{} {person}", who.role),
        (Some(person), false) if person == "owner" => format!("service {}", who.role),
        (Some(person), false) => format!("batch {} {person}", who.role),
    }
}

impl Engine {
    pub(crate) fn new(def: &Arc<Definition>) -> Self {
        Self { bench: Bench::new(def), proposals: Vec::new(), doings: Vec::new() }
    }

    fn proposal(&self, number: u32) -> (u64, Hash) {
        let seq = self.proposals.get(usize::try_from(number).unwrap() - 1).copied().unwrap_or(999);
        (seq, self.bench.case.proposals.get(&seq).map_or(Hash::ZERO, |proposal| proposal.hash))
    }

    fn act_words(&self, act: &Act) -> Json {
        match act {
            Act::Do(doing) => {
                let mut words_of = json!({
                    "command": doing.command,
                    "answers": doing.answers.iter().map(|(fact, value)| (fact.clone(), words(value))).collect::<BTreeMap<_, _>>(),
                    "records": doing.records.iter().map(|filed| {
                        let fields: BTreeMap<_, _> = filed.fields.iter().map(|(name, value)| (name.clone(), words(value))).collect();
                        let mut record = json!({"record": filed.record, "fields": fields});
                        if let Some(about) = filed.about {
                            record["about"] = json!(about);
                        }
                        record
                    }).collect::<Vec<_>>(),
                    "papers": doing.papers.iter().map(|(document, signed)| json!({"document": document, "reference": "1", "signed": signed})).collect::<Vec<_>>(),
                });
                if let Some(outcome) = &doing.outcome {
                    words_of["outcome"] = json!(outcome);
                }
                if let Some(instance) = doing.instance {
                    words_of["instance"] = json!(instance);
                }
                words_of
            }
            Act::Sign { proposal, agree } => {
                let (seq, hash) = self.proposal(*proposal);
                if *agree {
                    json!({"sign": seq, "hash": hash.to_string()})
                } else {
                    json!({"sign": seq, "hash": hash.to_string(), "agree": false, "note": "not convinced"})
                }
            }
            Act::Reject { proposal } => json!({"reject": self.proposal(*proposal).0, "reason": "so"}),
            Act::Withdraw { proposal } => json!({"withdraw": self.proposal(*proposal).0, "reason": "so"}),
            Act::File { document, signed } => {
                json!({"file-paper": {"document": document, "reference": "1", "signed": signed}})
            }
            Act::Edit { fact, value } => json!({"edit-fact": fact, "value": words(value)}),
            Act::Correct { facts } => {
                let new: BTreeMap<_, _> = facts
                    .iter()
                    .filter_map(|(fact, value)| Some((fact.clone(), words(value.as_ref()?))))
                    .collect();
                let unset: Vec<_> =
                    facts.iter().filter(|(_, value)| value.is_none()).map(|(fact, _)| fact).collect();
                json!({"correct-facts": new, "unset": unset, "reason": "so"})
            }
            Act::Annul { doing } => {
                let seq = self.doings.get(usize::try_from(*doing).unwrap() - 1).copied().unwrap_or(999);
                json!({"annul": seq, "reason": "so"})
            }
            Act::Job { .. } | Act::JobFailed { .. } => Json::Null,
        }
    }

    /// The act; the reasons in words where it is refused.
    pub(crate) fn act(&mut self, who: &Who, act: &Act) -> Result<(), String> {
        let done = match act {
            Act::Job { job, code, fields } => {
                let fields = fields.iter().cloned().collect();
                self.bench.job(job, JobReport::Done { code: code.clone(), fields })
            }
            Act::JobFailed { job } => {
                self.bench.job(job, JobReport::Failed { attempts: 2, fault: "timeout".to_owned() })
            }
            _ => self.bench.tries(&name_of(who), &self.act_words(act).to_string()),
        };
        done.map_err(|refusals| refusals.to_string())?;
        self.learn();
        Ok(())
    }

    fn learn(&mut self) {
        for event in &self.bench.last {
            for change in &event.changes {
                match change {
                    Change::ProposalOpened(_) => self.proposals.push(event.seq),
                    Change::Did(_) => self.doings.push(event.seq),
                    _ => {}
                }
            }
        }
    }

    /// Time passes until here.
    pub(crate) fn until(&mut self, end: Timestamp) {
        while let Some((at, clock, step)) = self.next().filter(|(at, _, _)| *at <= end) {
            self.bench.now = self.bench.now.max(at);
            let act = qadiya_domain::case::Act::StepClock { clock, step };
            self.bench.submit("system", &act).unwrap();
            self.learn();
        }
        self.bench.now = end;
    }

    fn next(&self) -> Option<(Timestamp, ClockKey, u32)> {
        let clocks = self.bench.case.clocks.iter();
        clocks.filter_map(|(key, clock)| Some((clock.next?, key.clone(), clock.step))).min()
    }

    /// What is compared, one line for each part.
    pub(crate) fn picture(&self) -> BTreeSet<String> {
        let case = &self.bench.case;
        let mut lines = BTreeSet::new();
        let mut line = |line: String| lines.insert(line);
        let text = |name: &Option<qadiya_domain::name::Name>| {
            name.as_ref().map_or("-", |name| name.as_str()).to_owned()
        };
        line(format!("main {}", text(&case.main)));
        line(format!("stage {}", text(&case.stage)));
        for (track, state) in &case.tracks {
            line(format!("track {track} {state}"));
        }
        for (track, open) in &case.instances {
            for (number, instance) in open {
                line(format!("track {track} of {number} {}", instance.state));
            }
        }
        for (fact, value) in &case.facts {
            line(format!("fact {fact} {}", given(value)));
        }
        for (number, record) in &case.records {
            let mut fields = String::new();
            for (name, value) in &record.fields {
                write!(fields, " {name}={}", given(value)).unwrap();
            }
            line(format!("record {number} {} annulled={}{fields}", record.record, record.annulled));
        }
        for (document, papers) in &case.papers {
            line(format!("paper {document} {}", papers.len()));
        }
        for (seq, proposal) in &case.proposals {
            let number = self.proposals.iter().position(|known| known == seq).unwrap() + 1;
            let lapses = proposal.lapses.map_or("-".to_owned(), |at| at.to_string());
            line(format!("proposal {number} signed {} lapses {lapses}", proposal.signatures.len()));
        }
        for (key, clock) in &case.clocks {
            if let ClockKey::Deadline { name, subject } = key {
                let subject = subject.map_or(String::new(), |number| format!(" of {number}"));
                let at = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
                line(format!(
                    "clock {name}{subject} due {} next {} extended {}",
                    at(clock.due.filter(|_| clock.paused.is_none())),
                    at(clock.next),
                    clock.extended
                ));
            }
        }
        for key in &case.passed {
            if let ClockKey::Deadline { name, subject } = key {
                let subject = subject.map_or(String::new(), |number| format!(" of {number}"));
                line(format!("passed {name}{subject}"));
            }
        }
        line(format!("authority {}", case.authority_until.map_or("-".to_owned(), |at| at.to_string())));
        line(format!("jobs {}", case.jobs.len()));
        lines
    }
}

fn given(value: &Given) -> String {
    match value {
        Given::Is(EngineValue::Flag(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        Given::Is(EngineValue::Choice(name)) => name.to_string(),
        Given::Is(EngineValue::Number(number)) => number.to_string(),
        Given::Is(EngineValue::Date(date)) => date.to_string(),
        Given::Is(EngineValue::Instant(at)) => at.to_string(),
        Given::Is(EngineValue::Range(range)) => format!("{} to {}", range.from, range.until),
        Given::Is(_) | Given::Protected(_) => "words".to_owned(),
        Given::Unknown(_) => "unknown".to_owned(),
        Given::Refused(_) => "refused".to_owned(),
        Given::None(_) => "none".to_owned(),
    }
}

fn value(oracle: &Value) -> String {
    match oracle {
        Value::Word(word) | Value::Answer(word) => word.clone(),
        Value::Text(_) => "words".to_owned(),
        Value::Date(date) => date.to_string(),
        Value::Instant(at) => at.to_string(),
        Value::Range(from, until) => format!("{from} to {until}"),
    }
}

/// The same of the interpreter.
pub(crate) fn picture(oracle: &Oracle) -> BTreeSet<String> {
    let case = &oracle.case;
    let mut lines = BTreeSet::new();
    let mut line = |line: String| lines.insert(line);
    line(format!("main {}", case.main.as_deref().unwrap_or("-")));
    line(format!("stage {}", case.stage.as_deref().unwrap_or("-")));
    for (track, state) in &case.tracks {
        line(format!("track {track} {state}"));
    }
    for (track, open) in &case.instances {
        for (number, state) in open {
            line(format!("track {track} of {number} {state}"));
        }
    }
    if case.main.is_some() {
        for (fact, given) in &case.facts {
            let open = oracle.file.fact(fact).is_some_and(|fact| fact.open);
            line(format!("fact {fact} {}", if open { value(given) } else { "words".to_owned() }));
        }
    }
    for (number, record) in (1..).zip(&case.records) {
        let form = oracle.file.form(&record.kind).unwrap();
        let mut fields = String::new();
        for (name, given) in &record.fields {
            let open = form.fields.iter().any(|(field, of)| field == name && of.open);
            let shown =
                if open || matches!(given, Value::Answer(_)) { value(given) } else { "words".to_owned() };
            write!(fields, " {name}={shown}").unwrap();
        }
        line(format!("record {number} {} annulled={}{fields}", record.kind, record.annulled));
    }
    for (document, papers) in &case.papers {
        line(format!("paper {document} {}", papers.len()));
    }
    for proposal in &case.proposals {
        let lapses = proposal.lapses.map_or("-".to_owned(), |at| at.to_string());
        line(format!("proposal {} signed {} lapses {lapses}", proposal.number, proposal.signatures.len()));
    }
    let of = |subject: Option<u32>| subject.map_or(String::new(), |number| format!(" of {number}"));
    let at = |at: Option<Timestamp>| at.map_or("-".to_owned(), |at| at.to_string());
    for ((_, name, subject), clock) in &case.clocks {
        line(format!(
            "clock {name}{} due {} next {} extended {}",
            of(*subject),
            at(clock.due.filter(|_| clock.paused.is_none())),
            at(clock.next),
            clock.extended
        ));
    }
    for (_, name, subject) in &case.passed {
        line(format!("passed {name}{}", of(*subject)));
    }
    line(format!("authority {}", at(case.authority)));
    line(format!("jobs {}", case.jobs.len()));
    lines
}
