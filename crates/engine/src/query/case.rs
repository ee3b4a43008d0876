//! Questions about one case.

use std::collections::{BTreeMap, BTreeSet};

use qadiya_domain::actor::{Actor, Moment};
use qadiya_domain::case::Case;
use qadiya_domain::case::act::Act;
use qadiya_domain::case::event::{Change, Event};
use qadiya_domain::case::open::{OpenCommand, next_steps, open_commands};
use qadiya_domain::case::refusal::{Refusal, RefusalCode};
use qadiya_domain::case::seal::commitments;
use qadiya_domain::case::state::{Clock, ClockKey};
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::value::{Given, Protected, Value};
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::model::{CalendarRef, Class, Deadline, From, Machine, Term};
use qadiya_ledger::{Hash, canonical};
use qadiya_store::access::AccessOutcome;
use qadiya_store::append::StoredEvent;

use super::access::{Seen, head};
use super::{
    CaseView, DeadlineView, LogEvent, LogPage, OpenCommandView, PaperView, ProposalView, QueryError,
    RecordView, Shown, StageAct, StageView, Viewer,
};
use crate::Engine;
use crate::authorize::Sight;
use crate::error::EngineError;
use crate::law;

/// Events read at once.
const PAGE: u32 = 1000;

impl Engine {
    /// The file of a case.
    pub async fn case(&self, who: &Viewer, case: &str) -> Result<CaseView, QueryError> {
        let (engine, who, case) = (self.clone(), who.clone(), case.to_owned());
        self.apart(async move { engine.read_case(&who, &case).await }).await?
    }

    /// The prosecutor's answer.
    pub async fn stage(&self, who: &Viewer, case: &str) -> Result<StageView, QueryError> {
        let (engine, who, case) = (self.clone(), who.clone(), case.to_owned());
        self.apart(async move { engine.read_stage(&who, &case).await }).await?
    }

    /// Every command of the file, each with why it cannot be given now.
    pub async fn commands(&self, who: &Viewer, case: &str) -> Result<Vec<OpenCommandView>, QueryError> {
        let (engine, who, case) = (self.clone(), who.clone(), case.to_owned());
        self.apart(async move { engine.read_commands(&who, &case).await }).await?
    }

    /// A page of the log of a case, at most 1,000 events.
    pub async fn log(&self, who: &Viewer, case: &str, from: Seq, limit: u32) -> Result<LogPage, QueryError> {
        let (engine, who, case) = (self.clone(), who.clone(), case.to_owned());
        self.apart(async move { engine.read_log(&who, &case, from, limit).await }).await?
    }

    /// The running clocks of a case, explained day by day.
    pub async fn deadlines(&self, who: &Viewer, case: &str) -> Result<Vec<DeadlineView>, QueryError> {
        let (engine, who, case) = (self.clone(), who.clone(), case.to_owned());
        self.apart(async move { engine.read_deadlines(&who, &case).await }).await?
    }

    async fn read_case(&self, who: &Viewer, case: &str) -> Result<CaseView, QueryError> {
        let seen = self.look(who, case, Sight::File).await?;
        let clear = self.clear_values(seen.row.id).await?;
        let view = view(&seen, &clear);
        self.note_access(who, vec![seen.row.id], AccessOutcome::Shown, seen.now).await?;
        Ok(view)
    }

    async fn read_stage(&self, who: &Viewer, case: &str) -> Result<StageView, QueryError> {
        let seen = self.look(who, case, Sight::Stage).await?;
        let act = match &seen.case.stage_since {
            Some(entered) => {
                let stored = self.store().events(seen.row.id, entered.seq, 1).await?;
                match stored.first().filter(|stored| stored.seq == entered.seq) {
                    Some(stored) => Some(stage_act(&event(seen.row.id, stored)?)),
                    None => None,
                }
            }
            None => None,
        };
        let title = seen.row.stage.as_ref().and_then(|stage| seen.definition.stages.get(stage));
        let view = StageView {
            reference: seen.row.reference.clone(),
            stage: seen.row.stage.clone(),
            title: title.and_then(|stage| stage.label.title.clone()),
            since: seen.row.stage_since,
            act,
            next_steps: next_step_titles(&seen.definition, &seen.case, seen.now),
            next_date: seen.row.next_date,
            authority_lapsed: seen.case.authority_has_lapsed(seen.now),
        };
        self.note_access(who, vec![seen.row.id], AccessOutcome::Shown, seen.now).await?;
        Ok(view)
    }

    async fn read_commands(&self, who: &Viewer, case: &str) -> Result<Vec<OpenCommandView>, QueryError> {
        let seen = self.look(who, case, Sight::File).await?;
        let open = open_views(&seen, who);
        self.note_access(who, vec![seen.row.id], AccessOutcome::Shown, seen.now).await?;
        Ok(open)
    }

    async fn read_log(&self, who: &Viewer, case: &str, from: Seq, limit: u32) -> Result<LogPage, QueryError> {
        let seen = self.look(who, case, Sight::File).await?;
        let limit = limit.clamp(1, PAGE);
        let stored = self.store().events(seen.row.id, from.max(1), limit).await?;
        let mut events = Vec::with_capacity(stored.len());
        for stored in &stored {
            let event = event(seen.row.id, stored)?;
            let hidden = if seen.sight < Sight::Sealed {
                sealed_parts(&seen.definition, &seen.case, &event)
            } else {
                BTreeSet::new()
            };
            let carried = commitments(event.clone());
            let (mut clear, mut altered) = (BTreeMap::new(), Vec::new());
            for (path, (commitment, value)) in secret(seen.row.id, stored)? {
                // A value that the event does not vouch for is not what was recorded.
                if carried.get(&path) != Some(&commitment) {
                    altered.push(path);
                } else if !hidden.contains(&commitment) {
                    clear.insert(path, value);
                }
            }
            let bytes = stored.bytes.clone();
            events.push(LogEvent { event, hash: stored.hash, bytes, clear, altered });
        }
        let last = stored.last().map_or(0, |stored| stored.seq);
        let next = (last > 0 && last < seen.row.version).then(|| last.saturating_add(1));
        self.note_access(who, vec![seen.row.id], AccessOutcome::Shown, seen.now).await?;
        Ok(LogPage { reference: seen.row.reference, events, next })
    }

    async fn read_deadlines(&self, who: &Viewer, case: &str) -> Result<Vec<DeadlineView>, QueryError> {
        let seen = self.look(who, case, Sight::File).await?;
        let views = seen.case.clocks.iter().map(|(key, clock)| deadline(&seen, key, clock)).collect();
        self.note_access(who, vec![seen.row.id], AccessOutcome::Shown, seen.now).await?;
        Ok(views)
    }

    /// Every protected value of a stream that was not erased, by its commitment.
    async fn clear_values(&self, stream: StreamId) -> Result<BTreeMap<Hash, Value>, QueryError> {
        let mut clear = BTreeMap::new();
        let mut from = 1;
        loop {
            let page = self.store().events(stream, from, PAGE).await?;
            for stored in &page {
                clear.extend(secret(stream, stored)?.into_values());
            }
            match page.last() {
                Some(last) if page.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX) => {
                    from = last.seq.saturating_add(1);
                }
                Some(_) | None => return Ok(clear),
            }
        }
    }
}

/// The protected values of an event, by path, with their commitments.
fn secret(stream: StreamId, stored: &StoredEvent) -> Result<BTreeMap<String, (Hash, Value)>, QueryError> {
    let Some(row) = &stored.secret else { return Ok(BTreeMap::new()) };
    law::open_secret(row).map_err(|error| {
        let detail = format!("the secret row of event {}: {error}", stored.seq);
        QueryError::Integrity(EngineError::Integrity { stream, detail })
    })
}

fn event(stream: StreamId, stored: &StoredEvent) -> Result<Event, QueryError> {
    canonical::decode(&stored.bytes).map_err(|error| {
        let detail = format!("event {}: {error}", stored.seq);
        QueryError::Integrity(EngineError::Integrity { stream, detail })
    })
}

fn stage_act(event: &Event) -> StageAct {
    let command = if let Act::Perform(perform) = &event.act { perform.command.clone() } else { None };
    StageAct { seq: event.seq, kind: event.kind, command }
}

/// The commands that would be open for somebody now, by title. What is possible in every state is no step of the way.
fn next_step_titles(definition: &Definition, case: &Case, now: jiff::Timestamp) -> Vec<String> {
    if case.outcome.is_some() {
        return Vec::new();
    }
    // Nobody in particular asks: reasons that lie in the person do not count.
    let moment = Moment { actor: Actor::System, now, happened: None, batch: false };
    let commands = next_steps(definition, case, &moment);
    let commands = commands.iter().filter_map(|command| definition.commands.get(command));
    let commands = commands.filter(|command| matches!(command.from, From::New | From::States(..)));
    commands.map(|command| command.label.title.clone().unwrap_or_else(|| command.name.to_string())).collect()
}

/// The commands as the viewer finds them: in the capacity that opens the most.
fn open_views(seen: &Seen, who: &Viewer) -> Vec<OpenCommandView> {
    let principal = &who.principal;
    let held = principal.valid(&seen.definition.workflow, seen.now);
    let actors: Vec<Actor> = held
        .filter(|held| who.role.as_ref().is_none_or(|role| *role == held.role))
        .map(|held| principal.actor(&held.role, Some(held.id)))
        .collect();
    let mut found: Vec<OpenCommandView> = Vec::new();
    for actor in actors {
        let moment = Moment { actor, now: seen.now, happened: None, batch: false };
        let commands = open_commands(&seen.definition, &seen.case, &moment);
        for (position, command) in commands.into_iter().enumerate() {
            match found.get_mut(position) {
                Some(held) if !held.open && closer(&command.why_not, &held.why_not) => *held = command.into(),
                Some(_) => {}
                None => found.push(command.into()),
            }
        }
    }
    found.into_iter().flat_map(|view| per_record(&seen.definition, &seen.case, view)).collect()
}

/// Whether reasons are nearer to none: those that lie in the capacity weigh most.
fn closer(new: &[Refusal], old: &[Refusal]) -> bool {
    let weight = |reasons: &[Refusal]| {
        let stranger =
            reasons.iter().any(|reason| matches!(reason.code, RefusalCode::Role | RefusalCode::ActsBy));
        (stranger, reasons.len())
    };
    weight(new) < weight(old)
}

/// A command of a track per record is listed once for each record whose instance stands where it may be given.
fn per_record(definition: &Definition, case: &Case, view: OpenCommandView) -> Vec<OpenCommandView> {
    let command = definition.commands.get(&view.command);
    let Some(From::States(Machine::Track(track), states)) = command.map(|command| &command.from) else {
        return vec![view];
    };
    if definition.tracks.get(track).is_none_or(|track| track.per.is_none()) {
        return vec![view];
    }
    let instances = case.instances.get(track).into_iter().flatten();
    let here: Vec<u32> =
        instances.filter(|(_, instance)| states.contains(&instance.state)).map(|(no, _)| *no).collect();
    if here.is_empty() {
        let text = format!("no record stands where {} may be given on {track}", view.command);
        let why = Refusal::new(RefusalCode::Instance, track.to_string(), text);
        let why_not = view.why_not.iter().cloned().chain([why]).collect();
        return vec![OpenCommandView { open: false, why_not, ..view }];
    }
    here.into_iter().map(|no| OpenCommandView { instance: Some(no), ..view.clone() }).collect()
}

impl std::convert::From<OpenCommand> for OpenCommandView {
    fn from(found: OpenCommand) -> Self {
        let asked = found.asks.iter().chain(&found.records);
        let optional = asked.filter(|(_, required)| !required).map(|(name, _)| name.clone()).collect();
        let names = |asked: Vec<(Name, bool)>| asked.into_iter().map(|(name, _)| name).collect();
        Self {
            command: found.command,
            title: found.title,
            instance: None,
            decision: found.decision,
            by: found.by,
            open: found.open,
            why_not: found.why_not,
            outcomes: found.outcomes,
            asks: names(found.asks),
            records: names(found.records),
            optional,
            papers: found.papers,
            approval: found.approval,
            basis: found.basis,
        }
    }
}

/// The commitments of an event that only those under `access: sealed` may open.
fn sealed_parts(definition: &Definition, case: &Case, event: &Event) -> BTreeSet<Hash> {
    let mut hidden = BTreeSet::new();
    let mut note = |class: Option<Class>, given: &Given| {
        if class == Some(Class::Sealed)
            && let Some(Protected::Sealed(commitment)) = protected(given)
        {
            hidden.insert(*commitment);
        }
    };
    let fact = |name: &Name| definition.facts.get(name).map(|fact| fact.class);
    let field = |record: &Name, name: &Name| {
        definition.records.get(record).and_then(|record| record.fields.get(name)).map(|field| field.class)
    };
    let mut acts = vec![&event.act];
    // An event that enacts a proposal may carry nothing itself; what it filed stands in the proposal.
    if let Act::Enact { proposal } | Act::Sign { proposal, .. } = &event.act
        && let Some(proposal) = case.proposals.get(proposal)
    {
        acts.push(&proposal.act);
    }
    for act in acts {
        if let Act::Perform(perform) = act {
            for (name, given) in &perform.answers {
                note(fact(name), given);
            }
            for record in &perform.records {
                for (name, given) in &record.fields {
                    note(field(&record.record, name), given);
                }
            }
        } else if let Act::EditFact { fact: name, value } = act {
            note(fact(name), value);
        } else if let Act::CorrectFacts { facts, .. } = act {
            for (name, given) in facts.iter().filter_map(|(name, given)| Some((name, given.as_ref()?))) {
                note(fact(name), given);
            }
        }
    }
    for change in &event.changes {
        if let Change::Fact(change) = change {
            note(fact(&change.fact), &change.value);
        }
    }
    hidden
}

fn protected(given: &Given) -> Option<&Protected> {
    match given {
        Given::Is(_) => None,
        Given::Protected(part) | Given::Unknown(part) | Given::Refused(part) | Given::None(part) => {
            Some(part)
        }
    }
}

fn shown(given: &Given, class: Option<Class>, sight: Sight, clear: &BTreeMap<Hash, Value>) -> Shown {
    let may = class != Some(Class::Sealed) || sight == Sight::Sealed;
    let value = match protected(given) {
        Some(Protected::Sealed(commitment)) if may => clear.get(commitment).cloned(),
        Some(_) | None => None,
    };
    Shown { given: given.clone(), clear: value }
}

fn view(seen: &Seen, clear: &BTreeMap<Hash, Value>) -> CaseView {
    let (case, definition) = (&seen.case, &seen.definition);
    let facts = case.facts.iter().map(|(name, given)| {
        let class = definition.facts.get(name).map(|fact| fact.class);
        (name.clone(), shown(given, class, seen.sight, clear))
    });
    let records = case.records.iter().map(|(no, record)| {
        let kind = definition.records.get(&record.record);
        let fields = record.fields.iter().map(|(name, given)| {
            let class = kind.and_then(|kind| kind.fields.get(name)).map(|field| field.class);
            (name.clone(), shown(given, class, seen.sight, clear))
        });
        let view = RecordView {
            record: record.record.clone(),
            about: record.about,
            seq: record.seq,
            at: record.at,
            fields: fields.collect(),
            annulled: record.annulled,
        };
        (*no, view)
    });
    let mut papers: Vec<PaperView> = case
        .papers
        .iter()
        .flat_map(|(document, papers)| papers.iter().map(move |paper| (document, paper)))
        .map(|(document, paper)| PaperView {
            document: document.clone(),
            seq: paper.seq,
            at: paper.at,
            reference: paper.reference.clone(),
            sha256: paper.sha256,
            signed: paper.signed,
        })
        .collect();
    papers.sort_by_key(|paper| paper.seq);
    let proposals = case.proposals.iter().map(|(seq, proposal)| {
        let perform = if let Act::Perform(perform) = &proposal.act { Some(perform) } else { None };
        let signatures = proposal.signatures.iter();
        ProposalView {
            seq: *seq,
            hash: proposal.hash,
            command: perform.and_then(|perform| perform.command.clone()),
            outcome: perform.and_then(|perform| perform.outcome.clone()),
            proposer: proposal.proposer,
            role: proposal.role.clone(),
            at: proposal.at,
            lapses: proposal.lapses,
            signatures: signatures
                .map(|signed| (signed.official, signed.role.clone(), signed.agree))
                .collect(),
            afterwards: proposal.afterwards,
        }
    });
    let instances = case.instances.iter().map(|(track, all)| {
        (track.clone(), all.iter().map(|(no, instance)| (*no, instance.state.clone())).collect())
    });
    CaseView {
        head: head(&seen.row, seen.now),
        tracks: case.tracks.clone(),
        instances: instances.collect(),
        facts: facts.collect(),
        records: records.collect(),
        papers,
        proposals: proposals.collect(),
        irregular: case.irregular.clone(),
        incidents: case.incidents.clone(),
        chain_head: case.head,
    }
}

fn deadline(seen: &Seen, key: &ClockKey, clock: &Clock) -> DeadlineView {
    let named = match key {
        ClockKey::Deadline { name, .. } => seen.definition.deadlines.get(name),
        ClockKey::Proposal(_) => None,
    };
    let explanation = named.and_then(|deadline| {
        let Term::Within(span) = &deadline.term else { return None };
        let calendar = calendar(seen, deadline)?;
        calendar.explain(clock.since, span, &deadline.rule).ok().filter(|found| Some(found.due) == clock.due)
    });
    let office = named.and_then(|deadline| deadline.acts.clone()).or_else(|| seen.row.office.clone());
    DeadlineView {
        clock: key.to_string(),
        title: named.and_then(|deadline| deadline.label.title.clone()),
        since: clock.since,
        due: clock.due,
        next: clock.next,
        step: clock.step,
        passed: clock.due.is_some_and(|due| due <= seen.now),
        paused: clock.paused,
        extended: clock.extended,
        office,
        basis: named.and_then(|deadline| deadline.basis.clone()),
        explanation,
        words: words(key, named, clock),
    }
}

fn calendar<'a>(seen: &'a Seen, deadline: &Deadline) -> Option<&'a qadiya_domain::calendar::Calendar> {
    let name = match deadline.calendar.as_ref()? {
        CalendarRef::Named(name) => name,
        CalendarRef::ByFact(fact) => match seen.case.facts.get(fact).and_then(Given::value) {
            Some(Value::Choice(name)) => name,
            Some(_) | None => return None,
        },
    };
    seen.definition.calendars.get(name).map(AsRef::as_ref)
}

fn words(key: &ClockKey, deadline: Option<&Deadline>, clock: &Clock) -> String {
    let term = match (key, deadline.map(|deadline| &deadline.term)) {
        (ClockKey::Proposal(seq), _) => format!("the signatures under proposal {seq} are awaited"),
        (_, Some(Term::Within(span))) => format!("{span} from {}", qadiya_domain::moment::text(clock.since)),
        (_, Some(Term::Until(_))) => "until the moment the file names".to_owned(),
        (_, Some(Term::UntilAuthority)) => "until the authority to hold the person ends".to_owned(),
        (_, Some(Term::UntilLimitOf(record))) => format!("until the ceiling of {record}"),
        (_, None) => "the deadline is no longer in the definition".to_owned(),
    };
    let mut words = term;
    if clock.extended > 0 {
        words = format!("{words}; extended {} times", clock.extended);
    }
    if let Some(paused) = clock.paused {
        words = format!("{words}; paused since {}", qadiya_domain::moment::text(paused));
    }
    match clock.due {
        Some(due) => format!("{words}; the limit is {}", qadiya_domain::moment::text(due)),
        None => format!("{words}; no limit is set"),
    }
}
