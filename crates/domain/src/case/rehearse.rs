//! Running the tests of analysts: a case in memory, a clock that moves when the test says so, and the very functions
//! that decide real cases.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use qadiya_ledger::{Hash, Value as Tree};
use uuid::Uuid;

use crate::actor::{Actor, Moment};
use crate::case::act::{Act, JobReport};
use crate::case::clock;
use crate::case::decide::{Opening, decide};
use crate::case::event::{Change, Event};
use crate::case::input::read_act;
use crate::case::open::next_steps;
use crate::case::refusal::{RefusalCode, Refusals};
use crate::case::seal::seal;
use crate::case::state::{Case, ClockKey};
use crate::ids::{OfficialId, StreamId};
use crate::name::Name;
use crate::value::{Given, Protected, Value};
use crate::workflow::Definition;
use crate::workflow::finding::Place;
use crate::workflow::model::{From, ValueType};
use crate::workflow::test_file::{Answer, Doing, Expect, Filed, Pointer, Step, Test, What, Who};

/// What a test saw that it did not expect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Surprise {
    /// The step.
    pub place: Place,
    /// What was seen instead.
    pub message: String,
}

/// No ladder of a test is longer than this between two steps: a file whose clocks never come to rest is stopped.
pub(crate) const MOST_STEPS: usize = 10_000;

/// Runs a test against its workflow.
///
/// # Errors
/// The first step that went otherwise than the test says.
pub fn rehearse(def: &Definition, test: &Test) -> Result<(), Surprise> {
    let mut stage = Stage::set(def, test.at, &test.facts).ok_or_else(|| Surprise {
        place: test.place,
        message: "the start of the test is no time".to_owned(),
    })?;
    for step in &test.steps {
        stage.last.clear();
        let done = stage.step(step);
        let done = done.map_err(|message| Surprise { place: step.place, message })?;
        match (done, step.refused_because.is_empty()) {
            (Ok(()), true) => {}
            (Ok(()), false) => {
                let message =
                    format!("it should have been refused because of {}", step.refused_because.join(", "));
                return Err(Surprise { place: step.place, message });
            }
            (Err(refusals), true) => {
                return Err(Surprise { place: step.place, message: format!("it was refused: {refusals}") });
            }
            (Err(refusals), false) => {
                let found: BTreeSet<String> =
                    refusals.iter().map(|refusal| refusal.code.to_string()).collect();
                let wanted: BTreeSet<String> = step.refused_because.iter().cloned().collect();
                if found != wanted {
                    return Err(Surprise {
                        place: step.place,
                        message: format!("it was refused otherwise: {refusals}"),
                    });
                }
            }
        }
        stage.look(&step.expect).map_err(|message| Surprise { place: step.place, message })?;
    }
    Ok(())
}

fn instant(zone: &TimeZone, at: DateTime) -> Option<Timestamp> {
    at.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// A person of a test: equal names are one natural person.
fn official(person: &str) -> OfficialId {
    OfficialId(Uuid::new_v5(&Uuid::NAMESPACE_OID, person.as_bytes()))
}

/// A case under test, and the time.
#[derive(Debug, Clone)]
pub(super) struct Stage<'a> {
    pub(super) def: &'a Definition,
    zone: TimeZone,
    pub(super) case: Case,
    pub(super) now: Timestamp,
    /// Answers for the opening command.
    facts: Vec<(Name, Answer)>,
    /// Events since the step before.
    last: Vec<Event>,
}

/// What the test itself got wrong, in one sentence; or how the act ended.
type Done = Result<Result<(), Refusals>, String>;

impl<'a> Stage<'a> {
    /// Before the case is opened; nothing if the start is no time in the zone of the workflow.
    pub(super) fn set(def: &'a Definition, at: DateTime, facts: &[(Name, Answer)]) -> Option<Self> {
        let zone = def.first_calendar().map_or(TimeZone::UTC, |calendar| calendar.zone().clone());
        let now = instant(&zone, at)?;
        let case = Case::unopened(StreamId(Uuid::nil()));
        Some(Self { def, zone, case, now, facts: facts.to_vec(), last: Vec::new() })
    }

    /// What the clock on the wall shows.
    pub(super) fn civil(&self) -> DateTime {
        self.now.to_zoned(self.zone.clone()).datetime()
    }

    pub(super) fn step(&mut self, step: &Step) -> Done {
        match &step.what {
            What::Do(who, doing) => {
                let tree = self.command(doing)?;
                let happened = doing.happened.map(|at| instant(&self.zone, at).ok_or("this is no time"));
                let happened = happened.transpose()?;
                Ok(self.raw(who, &tree, happened))
            }
            What::Sign { who, command, dissents, reason } => {
                let (proposal, hash) = self.proposal(command)?;
                let mut map = BTreeMap::from([
                    ("sign".to_owned(), number(proposal)),
                    ("hash".to_owned(), Tree::Text(hash.to_string())),
                    ("agree".to_owned(), Tree::Bool(!dissents)),
                ]);
                if let Some(reason) = reason {
                    map.insert("note".to_owned(), Tree::Text(reason.clone()));
                }
                Ok(self.raw(who, &Tree::Map(map), None))
            }
            What::Reject(who, command, reason) => self.ends("reject", who, command, reason.as_deref()),
            What::Withdraw(who, command, reason) => self.ends("withdraw", who, command, reason.as_deref()),
            What::File(who, document) => {
                let paper = self.paper(document);
                Ok(self.raw(who, &Tree::Map(BTreeMap::from([("file-paper".to_owned(), paper)])), None))
            }
            What::Edit(who, facts) => {
                for (fact, answer) in facts {
                    let value = self.answer(self.def.facts.get(fact).map(|fact| &fact.value), answer)?;
                    let map =
                        [("edit-fact".to_owned(), Tree::Text(fact.to_string())), ("value".to_owned(), value)];
                    if let Err(refusals) = self.raw(who, &Tree::Map(map.into()), None) {
                        return Ok(Err(refusals));
                    }
                }
                Ok(Ok(()))
            }
            What::Correct(who, facts, reason) => {
                let mut values = BTreeMap::new();
                for (fact, answer) in facts {
                    let value = self.answer(self.def.facts.get(fact).map(|fact| &fact.value), answer)?;
                    values.insert(fact.to_string(), value);
                }
                let map = BTreeMap::from([
                    ("correct-facts".to_owned(), Tree::Map(values)),
                    ("reason".to_owned(), Tree::Text(reason.clone().unwrap_or_else(|| "a test".to_owned()))),
                ]);
                Ok(self.raw(who, &Tree::Map(map), None))
            }
            What::Annul(who, command, reason) => {
                let doing = self.case.doings.iter().rev().find(|doing| doing.did.command == *command);
                let seq = doing.map(|doing| doing.seq).ok_or(format!("{command} was never done"))?;
                let map = BTreeMap::from([
                    ("annul".to_owned(), number(seq)),
                    ("reason".to_owned(), Tree::Text(reason.clone().unwrap_or_else(|| "a test".to_owned()))),
                ]);
                Ok(self.raw(who, &Tree::Map(map), None))
            }
            What::Wait(span) => {
                let calendar = self.def.first_calendar();
                let until = clock::shift(calendar, self.now, *span, true).ok_or("this is too long a time")?;
                self.wait(until).map(Ok)
            }
            What::Job { job, answer, fields } => {
                let queued = self.case.jobs.iter().rev().find(|queued| queued.job == *job);
                let queued = queued.map(|queued| queued.queued).ok_or(format!("no job {job} is queued"))?;
                let report = match answer {
                    Some(code) => {
                        JobReport::Done { code: Some(code.clone()), fields: fields.iter().cloned().collect() }
                    }
                    None => JobReport::Failed { attempts: 1, fault: "a test".to_owned() },
                };
                Ok(self.act(&Act::ReportJob { queued, job: job.clone(), report }, Actor::System, None))
            }
            What::Look => Ok(Ok(())),
        }
    }

    fn actor(who: &Who) -> Actor {
        match who {
            Who::Person { role, person } => Actor::Official {
                official: official(person),
                role: role.clone(),
                appointment: None,
                token: None,
            },
            Who::System => Actor::System,
        }
    }

    fn raw(&mut self, who: &Who, tree: &Tree, happened: Option<Timestamp>) -> Result<(), Refusals> {
        let act = read_act(self.def, tree)?;
        self.act(&act, Self::actor(who), happened)
    }

    fn act(&mut self, act: &Act, actor: Actor, happened: Option<Timestamp>) -> Result<(), Refusals> {
        let moment = Moment { actor, now: self.now, happened, batch: false };
        let opening = Opening { reference: "TEST".to_owned(), alias: None, group: None, person: None };
        let opening = self.case.opened.is_none().then_some(opening);
        let events = decide(self.def, &self.case, act, &moment, opening.as_ref())?;
        let sealed = seal(events, self.case.head, &[7; 32]).map_err(|error| {
            Refusals::from(crate::case::Refusal::new(RefusalCode::Form, "", error.to_string()))
        })?;
        for sealed in sealed {
            self.case = self.case.clone().evolve(&sealed.event).at_head(sealed.hash);
            self.last.push(sealed.event);
        }
        // A test moves by whole steps; two acts of one instant keep their order all the same.
        self.now = self.now.checked_add(jiff::SignedDuration::from_micros(1)).unwrap_or(self.now);
        Ok(())
    }

    /// Time passes: every clock step that falls due is taken at its time.
    pub(super) fn wait(&mut self, until: Timestamp) -> Result<(), String> {
        for _ in 0..MOST_STEPS {
            let Some((at, key, step)) = self.case.next_step().filter(|(at, _, _)| *at <= until) else {
                self.now = until.max(self.now);
                return Ok(());
            };
            self.now = at.max(self.now);
            let act = Act::StepClock { clock: key.clone(), step };
            self.act(&act, Actor::System, None)
                .map_err(|refusals| format!("the clock {key} did not step: {refusals}"))?;
        }
        Err("the clocks do not come to rest".to_owned())
    }

    fn ends(&mut self, how: &str, who: &Who, command: &Name, reason: Option<&str>) -> Done {
        let (proposal, _) = self.proposal(command)?;
        let map = BTreeMap::from([
            (how.to_owned(), number(proposal)),
            ("reason".to_owned(), Tree::Text(reason.unwrap_or("a test").to_owned())),
        ]);
        Ok(self.raw(who, &Tree::Map(map), None))
    }

    fn proposal(&self, command: &Name) -> Result<(u64, Hash), String> {
        let proposed = |act: &Act| match act {
            Act::Perform(perform) => perform.command.as_ref() == Some(command),
            Act::CorrectFacts { .. } => *command == "correct",
            Act::Annul { .. } => *command == "annul",
            Act::Sign { .. }
            | Act::Reject { .. }
            | Act::Withdraw { .. }
            | Act::FilePaper(_)
            | Act::EditFact { .. }
            | Act::Enact { .. }
            | Act::Lapse { .. }
            | Act::StepClock { .. }
            | Act::ReportJob { .. } => false,
        };
        let found = self.case.proposals.iter().rev().find(|(_, proposal)| proposed(&proposal.act));
        found.map(|(seq, proposal)| (*seq, proposal.hash)).ok_or(format!("no proposal of {command} is open"))
    }

    fn paper(&self, document: &Name) -> Tree {
        let signed = self.def.documents.get(document).is_some_and(|document| document.signed);
        Tree::Map(BTreeMap::from([
            ("document".to_owned(), Tree::Text(document.to_string())),
            ("reference".to_owned(), Tree::Text("TEST 1".to_owned())),
            ("signed".to_owned(), Tree::Bool(signed)),
        ]))
    }

    fn command(&self, doing: &Doing) -> Result<Tree, String> {
        let mut map = BTreeMap::from([("command".to_owned(), Tree::Text(doing.command.to_string()))]);
        if let Some(outcome) = &doing.outcome {
            map.insert("outcome".to_owned(), Tree::Text(outcome.to_string()));
        }
        if let Some(on) = &doing.on {
            map.insert("instance".to_owned(), number(u64::from(self.record(on)?)));
        }
        let mut given = doing.answers.clone();
        let opens =
            self.def.commands.get(&doing.command).is_some_and(|command| matches!(command.from, From::New));
        if opens {
            let asked =
                self.def.commands.get(&doing.command).map(|command| command.asks.clone()).unwrap_or_default();
            let wanted = self.facts.iter().filter(|(fact, _)| asked.iter().any(|(name, _)| name == fact));
            given.extend(wanted.cloned());
        }
        if !given.is_empty() {
            let mut answers = BTreeMap::new();
            for (fact, answer) in &given {
                let value = self.answer(self.def.facts.get(fact).map(|fact| &fact.value), answer)?;
                answers.insert(fact.to_string(), value);
            }
            map.insert("answers".to_owned(), Tree::Map(answers));
        }
        let records: Result<Vec<Tree>, String> =
            doing.records.iter().map(|filed| self.filed(filed)).collect();
        map.insert("records".to_owned(), Tree::List(records?));
        map.insert(
            "papers".to_owned(),
            Tree::List(doing.with.iter().map(|document| self.paper(document)).collect()),
        );
        if let Some(reason) = &doing.reason {
            map.insert("reason".to_owned(), Tree::Text(reason.clone()));
        }
        Ok(Tree::Map(map))
    }

    fn filed(&self, filed: &Filed) -> Result<Tree, String> {
        let kind = self.def.records.get(&filed.record);
        let mut fields = BTreeMap::new();
        for (name, answer) in &filed.fields {
            let of = kind.and_then(|kind| kind.fields.get(name)).map(|field| &field.value);
            fields.insert(name.to_string(), self.answer(of, answer)?);
        }
        let mut map = BTreeMap::from([
            ("record".to_owned(), Tree::Text(filed.record.to_string())),
            ("fields".to_owned(), Tree::Map(fields)),
        ]);
        if let Some(about) = &filed.about {
            map.insert("about".to_owned(), number(u64::from(self.record(about)?)));
        }
        Ok(Tree::Map(map))
    }

    fn record(&self, pointer: &Pointer) -> Result<u32, String> {
        let mut live = self.case.live(&pointer.record).map(|(no, _)| no);
        let found = match pointer.number {
            None => live.next_back(),
            Some(position) => usize::try_from(position).ok().and_then(|at| live.nth(at.checked_sub(1)?)),
        };
        found.ok_or(format!("there is no such {}", pointer.record))
    }

    /// A value as the API would get it.
    fn answer(&self, kind: Option<&ValueType>, answer: &Answer) -> Result<Tree, String> {
        let lack = |word: &str, why: &str| {
            Tree::Map(BTreeMap::from([(word.to_owned(), Tree::Text(why.to_owned()))]))
        };
        let text = match answer {
            Answer::Unknown(why) => return Ok(lack("unknown", why)),
            Answer::Refused(why) => return Ok(lack("refused", why)),
            Answer::None(why) => return Ok(lack("none", why)),
            Answer::Is(text) => text,
        };
        let moment = |text: &str| {
            let at = text.trim().parse::<DateTime>().map_err(|_| format!("{text:?} is no time"))?;
            let at = instant(&self.zone, at).ok_or(format!("{text:?} is no time"))?;
            Ok::<Tree, String>(Tree::Text(crate::moment::text(at)))
        };
        match kind {
            Some(ValueType::Range) => {
                let (from, until) =
                    text.split_once(" to ").ok_or(format!("{text:?} is no range: write A to B"))?;
                let map = [("from".to_owned(), moment(from)?), ("until".to_owned(), moment(until)?)];
                Ok(Tree::Map(map.into()))
            }
            Some(ValueType::Instant) => moment(text),
            Some(ValueType::Official) => Ok(Tree::Text(official(text).to_string())),
            Some(ValueType::Money) => {
                let (minor, currency) =
                    text.split_once(' ').ok_or(format!("{text:?} is no amount: write 1000 IQD"))?;
                let minor = minor.parse::<i64>().map_err(|_| format!("{minor:?} is no whole number"))?;
                let map = [
                    ("minor".to_owned(), Tree::Int(minor)),
                    ("currency".to_owned(), Tree::Text(currency.to_owned())),
                ];
                Ok(Tree::Map(map.into()))
            }
            Some(
                ValueType::Flag
                | ValueType::Choice(_)
                | ValueType::Number
                | ValueType::Date
                | ValueType::Text
                | ValueType::Person
                | ValueType::Place
                | ValueType::Reference,
            )
            | None => Ok(Tree::Text(text.clone())),
        }
    }

    pub(super) fn look(&self, expect: &Expect) -> Result<(), String> {
        let is_at = |state: &Name| {
            self.case.main.as_ref() == Some(state)
                || self.case.tracks.values().any(|held| held == state)
                || self.case.instances.values().flatten().any(|(_, held)| held.state == *state)
        };
        if let Some(state) = expect.at.iter().find(|state| !is_at(state)) {
            let main = self.case.main.as_ref().map_or("nowhere", |main| main.as_str());
            return Err(format!("the case is not at {state}; it is at {main} {:?}", self.case.tracks));
        }
        if let Some(state) = expect.not_at.iter().find(|state| is_at(state)) {
            return Err(format!("the case is at {state}"));
        }
        if let Some(stage) = &expect.stage
            && *stage != self.case.stage
        {
            return Err(format!("the stage is {:?}", self.case.stage));
        }
        let changes = || self.last.iter().flat_map(|event| &event.changes);
        let told: Vec<&Name> = changes()
            .filter_map(|change| if let Change::Told(told) = change { Some(&told.roles) } else { None })
            .flatten()
            .collect();
        if let Some(role) = expect.told.iter().find(|role| !told.contains(role)) {
            return Err(format!("{role} was not told; told were {told:?}"));
        }
        let queued: Vec<&Name> = changes()
            .filter_map(|change| if let Change::JobQueued(job) = change { Some(&job.job) } else { None })
            .collect();
        if let Some(job) = expect.queued.iter().find(|job| !queued.contains(job)) {
            return Err(format!("the job {job} was not queued"));
        }
        for (fact, answer) in &expect.facts {
            self.fact(fact, answer)?;
        }
        if let Some(office) = &expect.office
            && self.case.office.as_ref() != Some(office)
        {
            return Err(format!("the office is {:?}", self.case.office));
        }
        if let Some(outcome) = &expect.outcome
            && self.case.outcome.as_ref() != Some(outcome)
        {
            return Err(format!("the outcome is {:?}", self.case.outcome));
        }
        if !expect.open.is_empty() || !expect.not_open.is_empty() {
            let moment = Moment { actor: Actor::System, now: self.now, happened: None, batch: false };
            let open = next_steps(self.def, &self.case, &moment);
            if let Some(command) = expect.open.iter().find(|command| !open.contains(command)) {
                return Err(format!("{command} is not open"));
            }
            if let Some(command) = expect.not_open.iter().find(|command| open.contains(command)) {
                return Err(format!("{command} is open"));
            }
        }
        if let Some(covered) = expect.covered
            && covered == self.case.authority_has_lapsed(self.now)
        {
            return Err(format!("the authority reaches until {:?}", self.case.authority_until));
        }
        for (deadline, day) in &expect.due {
            let clock = self
                .case
                .clocks
                .iter()
                .find(|(key, _)| matches!(key, ClockKey::Deadline { name, .. } if name == deadline));
            let due = clock
                .and_then(|(_, clock)| clock.due)
                .ok_or(format!("the deadline {deadline} does not run"))?;
            // The last day in time: a limit at midnight belongs to the day that ends with it.
            let last = due.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(due);
            let found = last.to_zoned(self.zone.clone()).date();
            if found != *day {
                return Err(format!("the deadline {deadline} ends on {found}"));
            }
        }
        for (record, wanted) in &expect.records {
            let live = self.case.live(record).count();
            if u32::try_from(live).unwrap_or(u32::MAX) != *wanted {
                return Err(format!("there are {live} live records {record}"));
            }
        }
        Ok(())
    }

    fn fact(&self, fact: &Name, answer: &Answer) -> Result<(), String> {
        let held = self.case.facts.get(fact);
        let shown = match held {
            Some(Given::Is(value)) => Some(plain(value)),
            Some(Given::Protected(Protected::Sealed(_) | Protected::Clear(_))) => return Ok(()),
            Some(Given::Unknown(_) | Given::Refused(_) | Given::None(_)) | None => None,
        };
        let fits = match answer {
            Answer::Is(text) => shown.as_ref() == Some(text),
            Answer::Unknown(_) | Answer::Refused(_) | Answer::None(_) => shown.is_none(),
        };
        if fits { Ok(()) } else { Err(format!("{fact} is {shown:?}")) }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Choice(name) => name.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Instant(at) => crate::moment::text(*at),
        Value::Range(range) => {
            format!("{} to {}", crate::moment::text(range.from), crate::moment::text(range.until))
        }
        Value::Text(text) | Value::Person(text) | Value::Place(text) | Value::Reference(text) => text.clone(),
        Value::Official(official) => official.to_string(),
        Value::Money(money) => format!("{} {}", money.minor, money.currency),
    }
}

fn number(number: u64) -> Tree {
    Tree::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
