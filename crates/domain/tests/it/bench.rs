//! A case in memory for the tests of the rules: acts come in as JSON, go through the reader, the decision and the seal,
//! and are folded. Whatever is accepted must replay.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use qadiya_domain::actor::{Actor, Moment};
use qadiya_domain::calendar::Calendar;
use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::event::EventKind;
use qadiya_domain::case::input::read_act;
use qadiya_domain::case::seal::{Sealed, open_event, seal};
use qadiya_domain::case::state::ClockKey;
use qadiya_domain::case::{
    Act, Case, Change, Event, Opening, RefusalCode, Refusals, decide, effects, legality,
};
use qadiya_domain::ids::{OfficialId, StreamId, TokenId};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{self, Definition, Source};
use qadiya_ledger::{Hash, canonical};
use uuid::Uuid;

/// Monday.
pub(crate) const START: &str = "2026-03-02T09:00:00Z";

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn official(person: &str) -> OfficialId {
    OfficialId(Uuid::new_v5(&Uuid::NAMESPACE_OID, person.as_bytes()))
}

/// The calendar of the court in which all samples lie.
pub(crate) const CALENDAR: &str = "calendar: court\nversion: 1\nzone: UTC\nweek: [mon, tue, wed, thu, fri]\ncovers: 2026 to 2030\n\
                                   holidays: [2026-12-25]\n";

fn calendar() -> Arc<Calendar> {
    Arc::new(Calendar::read(CALENDAR.as_bytes()).unwrap())
}

pub(crate) const HEAD: &str = "
workflow: sample
version: 1
title: A sample for tests
stages: {begun: {when: at waiting}, ended: {when: at decided}}
roles: {clerk: {}, judge: {at-least: 3}, prosecutor: {}, guard: {}}
time: {calendar: court, month-end: earlier, first-day: excluded, ends: end-of-day, if-not-working: next}
";

/// Reads a workflow without the checks that search; the head gives its name, roles, stages and clock rule.
pub(crate) fn flow(body: &str) -> Arc<Definition> {
    let text = format!("{HEAD}{body}");
    match workflow::load(&Source { text: text.as_bytes(), calendars: &|_| Some(calendar()) }) {
        Ok(definition) => Arc::new(definition),
        Err(findings) => {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            panic!("{}\n{text}", lines.join("\n"));
        }
    }
}

pub(crate) fn json(text: &str) -> qadiya_ledger::Value {
    canonical::parse_lenient(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

/// `role person`, `system`, `service role` or `batch role person`.
pub(crate) fn actor(who: &str) -> (Actor, bool) {
    let words: Vec<&str> = who.split(' ').collect();
    match words.as_slice() {
        ["system"] => (Actor::System, false),
        ["service", role] => {
            let service =
                Actor::Service { owner: official("owner"), role: name(role), token: TokenId(Uuid::nil()) };
            (service, false)
        }
        ["batch", role, person] => (person_of(role, person), true),
        [role, person] => (person_of(role, person), false),
        _ => panic!("{who}"),
    }
}

fn person_of(role: &str, person: &str) -> Actor {
    Actor::Official { official: official(person), role: name(role), appointment: None, token: None }
}

pub(crate) struct Bench {
    pub(crate) def: Arc<Definition>,
    pub(crate) case: Case,
    pub(crate) log: Vec<Sealed>,
    pub(crate) now: Timestamp,
    /// The events of the last act.
    pub(crate) last: Vec<Event>,
    /// When the next act is said to have happened.
    pub(crate) happened: Option<Timestamp>,
}

impl Bench {
    pub(crate) fn new(def: &Arc<Definition>) -> Self {
        Self {
            def: Arc::clone(def),
            case: Case::unopened(StreamId(Uuid::from_u128(7))),
            log: Vec::new(),
            now: at(START),
            last: Vec::new(),
            happened: None,
        }
    }

    /// A bench on which the command `open` has been given by the clerk `olga`.
    pub(crate) fn opened(body: &str) -> Self {
        let mut bench = Self::new(&flow(body));
        bench.does("clerk olga", r#"{"command": "open"}"#);
        bench
    }

    pub(crate) fn submit(&mut self, who: &str, act: &Act) -> Result<Vec<EventKind>, Refusals> {
        let (actor, batch) = actor(who);
        let moment = Moment { actor, now: self.now, happened: self.happened.take(), batch };
        let opening = Opening { reference: "S-1".to_owned(), alias: None, group: None, person: None };
        let events = decide(&self.def, &self.case, act, &moment, Some(&opening))?;
        assert!(!events.is_empty(), "an accepted act writes something: {act:?}");
        let seed = *Hash::of(&self.case.version.to_be_bytes()).as_bytes();
        let sealed = seal(events, self.case.head, &seed).unwrap();
        let before = self.case.clone();
        self.last.clear();
        for sealed in sealed {
            assert_eq!(open_event(&sealed.bytes).unwrap(), sealed.event, "what is stored is read back");
            self.case = self.case.clone().evolve(&sealed.event).at_head(sealed.hash);
            self.last.push(sealed.event.clone());
            self.log.push(sealed);
        }
        let effects = effects(&before, &self.case, &self.last);
        let mut clocks = before.clocks;
        for (key, clock) in effects.clocks {
            match clock {
                Some(clock) => assert_ne!(clocks.insert(key, clock.clone()), Some(clock)),
                None => assert!(clocks.remove(&key).is_some()),
            }
        }
        assert_eq!(clocks, self.case.clocks, "the clock rows follow the case");
        let row = serde_json::to_vec(&self.case).unwrap();
        assert_eq!(
            serde_json::from_slice::<Case>(&row).unwrap(),
            self.case,
            "the row of the case holds all of it"
        );
        Ok(self.last.iter().map(|event| event.kind).collect())
    }

    pub(crate) fn tries(&mut self, who: &str, act: &str) -> Result<Vec<EventKind>, Refusals> {
        match read_act(&self.def, &json(act)) {
            Ok(act) => self.submit(who, &act),
            Err(refusals) => Err(refusals),
        }
    }

    pub(crate) fn does(&mut self, who: &str, act: &str) -> Vec<EventKind> {
        self.tries(who, act).unwrap_or_else(|refusals| panic!("{who}: {act}: {refusals}"))
    }

    /// The act is refused for exactly these reasons.
    pub(crate) fn refused(&mut self, who: &str, act: &str, codes: &[RefusalCode]) -> Refusals {
        let case = self.case.clone();
        match self.tries(who, act) {
            Ok(kinds) => panic!("{who}: {act}: not refused but {kinds:?}"),
            Err(refusals) => {
                let found: BTreeSet<RefusalCode> = refusals.iter().map(|refusal| refusal.code).collect();
                assert_eq!(found, codes.iter().copied().collect(), "{who}: {act}: {refusals}");
                assert_eq!(case, self.case);
                refusals
            }
        }
    }

    /// The act happened at an earlier time.
    pub(crate) fn earlier(&mut self, happened: &str) -> &mut Self {
        self.happened = Some(at(happened));
        self
    }

    /// Time passes; every clock that comes due steps at its instant.
    pub(crate) fn until(&mut self, end: &str) -> Vec<EventKind> {
        let end = at(end);
        let mut kinds = Vec::new();
        loop {
            let next = self
                .case
                .clocks
                .iter()
                .filter_map(|(key, clock)| Some((clock.next?, key.clone(), clock.step)));
            let Some((due, clock, step)) = next.filter(|(due, _, _)| *due <= end).min() else { break };
            self.now = self.now.max(due);
            kinds.extend(self.submit("system", &Act::StepClock { clock, step }).unwrap());
            assert!(kinds.len() < 1000, "a ladder without end");
        }
        self.now = end;
        kinds
    }

    pub(crate) fn passes(&mut self, hours: i64) -> Vec<EventKind> {
        let end = self.now.checked_add(SignedDuration::from_hours(hours)).unwrap();
        self.until(&end.to_string())
    }

    pub(crate) fn job(&mut self, job: &str, report: JobReport) -> Result<Vec<EventKind>, Refusals> {
        let queued =
            self.case.jobs.iter().filter(|queued| *queued.job == *job).map(|queued| queued.queued).max();
        let act = Act::ReportJob { queued: queued.unwrap_or(1), job: name(job), report };
        self.submit("system", &act)
    }

    /// The latest proposal, as its number and hash.
    pub(crate) fn proposal(&self) -> (u64, Hash) {
        let (number, proposal) = self.case.proposals.iter().next_back().expect("a proposal is open");
        (*number, proposal.hash)
    }

    /// The words of a signature under the latest proposal.
    pub(crate) fn signature(&self) -> String {
        let (number, hash) = self.proposal();
        format!(r#"{{"sign": {number}, "hash": "{hash}"}}"#)
    }

    pub(crate) fn signs(&mut self, who: &str) -> Vec<EventKind> {
        let act = self.signature();
        self.does(who, &act)
    }

    pub(crate) fn main(&self) -> &str {
        self.case.main.as_ref().map_or("nowhere", |main| main.as_str())
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.last.iter().flat_map(|event| &event.changes)
    }

    pub(crate) fn told(&self) -> Vec<&str> {
        self.changes()
            .filter_map(|change| if let Change::Told(told) = change { Some(&told.roles) } else { None })
            .flatten()
            .map(Name::as_str)
            .collect()
    }

    pub(crate) fn incidents(&self) -> Vec<&str> {
        self.changes()
            .filter_map(
                |change| if let Change::Incident(found) = change { Some(found.what.as_str()) } else { None },
            )
            .collect()
    }

    pub(crate) fn due(&self, deadline: &str) -> Option<String> {
        let key = ClockKey::Deadline { name: name(deadline), subject: None };
        self.case.clocks.get(&key).map(|clock| clock.due.map_or("none".to_owned(), |due| due.to_string()))
    }

    pub(crate) fn replay(&self, log: &[(Event, Hash)]) -> Result<Case, legality::Illegal> {
        let find = |hash| (self.def.hash == hash).then(|| Arc::clone(&self.def));
        legality::replay(&find, Case::unopened(self.case.id), log)
    }

    pub(crate) fn events(&self) -> Vec<(Event, Hash)> {
        self.log.iter().map(|sealed| (sealed.event.clone(), sealed.hash)).collect()
    }

    /// Whatever was done is legal when it is decided again from the log, and gives the same case.
    pub(crate) fn check(&self) {
        match self.replay(&self.events()) {
            Ok(case) => assert_eq!(case, self.case),
            Err(illegal) => panic!("{illegal}"),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}
