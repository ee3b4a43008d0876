//! Folding: what the log says, and nothing else. It cannot refuse and cannot fail; what an event does not name stays.

use std::collections::BTreeMap;

use qadiya_ledger::Hash;

use crate::case::act::{Act, Paper, RecordGiven};
use crate::case::event::{Change, Event, EventKind, ProposalEnd};
use crate::case::state::{
    Case, ClockKey, Doing, Entered, Instance, PaperState, Proposal, RecordState, Signature,
};
use crate::name::Name;
use crate::value::Given;

impl Case {
    /// The case after an event.
    ///
    /// The hash of the event is not known to it: whoever folds a stored or sealed event calls [`Case::at_head`] next.
    #[must_use]
    pub fn evolve(mut self, event: &Event) -> Self {
        self.apply(event, &event.changes);
        self
    }

    /// Folds changes that belong to an event, some of its own or some that are still to be added to it.
    pub(crate) fn apply(&mut self, event: &Event, changes: &[Change]) {
        self.version = event.seq;
        for change in changes {
            self.change(event, change);
        }
    }

    /// Says which hash the last event has. A proposal it opened is signed by this hash.
    #[must_use]
    pub fn at_head(mut self, head: Hash) -> Self {
        self.head = head;
        if let Some(proposal) = self.proposals.get_mut(&self.version)
            && proposal.hash == Hash::ZERO
        {
            proposal.hash = head;
        }
        self
    }

    /// The act whose records and papers an event carries: its own, or that of the proposal it enacts.
    fn carried<'a>(&'a self, event: &'a Event) -> Option<&'a Act> {
        if let Act::Enact { proposal } = &event.act {
            self.proposals.get(proposal).map(|proposal| &proposal.act)
        } else {
            Some(&event.act)
        }
    }

    fn record(&self, event: &Event, position: u32) -> Option<RecordGiven> {
        let Some(Act::Perform(perform)) = self.carried(event) else { return None };
        perform.records.get(usize::try_from(position).ok()?).cloned()
    }

    fn paper(&self, event: &Event, position: u32) -> Option<Paper> {
        let position = usize::try_from(position).ok()?;
        match self.carried(event)? {
            Act::Perform(perform) => perform.papers.get(position).cloned(),
            Act::FilePaper(paper) if position == 0 => Some(paper.clone()),
            Act::FilePaper(_)
            | Act::Sign { .. }
            | Act::Reject { .. }
            | Act::Withdraw { .. }
            | Act::EditFact { .. }
            | Act::CorrectFacts { .. }
            | Act::Annul { .. }
            | Act::Enact { .. }
            | Act::Lapse { .. }
            | Act::StepClock { .. }
            | Act::ReportJob { .. } => None,
        }
    }

    fn change(&mut self, event: &Event, change: &Change) {
        let happened = event.happened.unwrap_or(event.at);
        let entered = Entered { at: happened, seq: event.seq };
        match change {
            Change::Opened(opened) => {
                self.opened = Some(opened.clone());
                self.opened_at = Some(happened);
            }
            Change::Moved(state) => {
                self.main = Some(state.clone());
                self.enter(event, state, entered);
            }
            Change::Remembered(state) => self.before = Some(state.clone()),
            Change::Forgot => self.before = None,
            Change::Track(track) => match track.instance {
                Some(no) => {
                    let instance = Instance { state: track.state.clone(), entered: happened };
                    self.instances.entry(track.track.clone()).or_default().insert(no, instance);
                }
                None => {
                    self.tracks.insert(track.track.clone(), track.state.clone());
                    self.enter(event, &track.state, entered);
                }
            },
            Change::TrackClosed(track) => match track.instance {
                Some(no) => {
                    if let Some(instances) = self.instances.get_mut(&track.track) {
                        instances.remove(&no);
                        if instances.is_empty() {
                            self.instances.remove(&track.track);
                        }
                    }
                }
                None => {
                    self.tracks.remove(&track.track);
                }
            },
            Change::Fact(fact) => {
                self.remember_fact(event, &fact.fact);
                self.facts.insert(fact.fact.clone(), fact.value.clone());
            }
            Change::FactUnset(fact) => {
                self.remember_fact(event, fact);
                self.facts.remove(fact);
            }
            Change::RecordFiled(filed) => {
                if let Some(given) = self.record(event, filed.position) {
                    let record = RecordState {
                        record: given.record,
                        about: given.about,
                        seq: event.seq,
                        at: event.at,
                        fields: given.fields,
                        annulled: false,
                    };
                    self.records.insert(filed.no, record);
                    self.last_record = self.last_record.max(filed.no);
                }
            }
            Change::PaperFiled(position) => {
                if let Some(paper) = self.paper(event, *position) {
                    self.papers.entry(paper.document).or_default().push(PaperState {
                        seq: event.seq,
                        at: event.at,
                        reference: paper.reference,
                        sha256: paper.sha256,
                        signed: paper.signed,
                    });
                }
            }
            Change::RecordsAnnulled(numbers) => {
                for no in numbers {
                    if let Some(record) = self.records.get_mut(no) {
                        record.annulled = true;
                    }
                }
            }
            Change::ActAnnulled(seq) => {
                self.doings.retain(|doing| doing.seq != *seq);
                self.irregular.remove(seq);
            }
            Change::Stage(stage) => {
                if self.stage.as_ref() != Some(stage) {
                    self.stage_since = Some(entered);
                }
                self.stage = Some(stage.clone());
            }
            Change::StageNone => {
                self.stage = None;
                self.stage_since = None;
            }
            Change::Office(office) => self.office = Some(office.clone()),
            Change::Held(held) => self.held = *held,
            Change::AuthorityUntil(until) => self.authority_until = Some(*until),
            Change::AuthorityNone => self.authority_until = None,
            Change::Ended(outcome) => self.outcome = Some(outcome.clone()),
            Change::Reopened => self.outcome = None,
            Change::Clock(clock) => {
                if clock.now.passed {
                    self.passed.insert(clock.clock.clone());
                } else {
                    self.passed.remove(&clock.clock);
                }
                self.clocks.insert(clock.clock.clone(), clock.now.clone());
            }
            Change::ClockStopped(key) => {
                let stopped = self.clocks.remove(key);
                if let (ClockKey::Deadline { .. }, Some(clock), Some(doing)) =
                    (key, stopped, self.doing_of(event))
                {
                    doing.stopped.insert(key.clone(), clock);
                }
            }
            Change::ProposalOpened(opened) => {
                self.proposals.insert(
                    event.seq,
                    Proposal {
                        act: event.act.clone(),
                        hash: Hash::ZERO,
                        proposer: event.actor.person(),
                        role: event.actor.role(),
                        at: event.at,
                        happened: event.happened,
                        signatures: Vec::new(),
                        lapses: opened.lapses,
                        afterwards: opened.afterwards,
                    },
                );
            }
            Change::ProposalSigned(signed) => {
                if let (Some(proposal), Some(official)) =
                    (self.proposals.get_mut(&signed.proposal), event.actor.official())
                {
                    proposal.signatures.push(Signature {
                        official,
                        role: event.actor.role(),
                        step: signed.step,
                        agree: signed.agree,
                        seq: event.seq,
                    });
                }
            }
            Change::ProposalClosed(closed) => {
                let proposal = self.proposals.remove(&closed.proposal);
                // Who countersigns a fact is one of its approvers, for separation too.
                if let Some(proposal) =
                    proposal.filter(|held| held.afterwards && closed.how == ProposalEnd::Enacted)
                    && let Some(doing) = self.doings.iter_mut().find(|doing| doing.seq == closed.proposal)
                {
                    let agreed = proposal.signatures.iter().filter(|signature| signature.agree);
                    doing.approvers = agreed.map(|signature| signature.official).collect();
                }
            }
            Change::Irregular(missing) => {
                self.irregular.insert(event.seq, missing.clone());
            }
            Change::Regularised(seq) => {
                self.irregular.remove(seq);
            }
            Change::StillLacks(still) => {
                self.irregular.insert(still.event, still.missing.clone());
            }
            Change::Told(_) => {}
            Change::JobQueued(job) => {
                self.jobs.insert(job.clone());
            }
            Change::JobClosed(job) => {
                self.jobs.remove(job);
            }
            Change::Incident(incident) => {
                self.incidents.entry(event.seq).or_default().push(incident.clone());
            }
            Change::SubcasePending(subcase) => self.subcases.push(subcase.clone()),
            Change::Did(did) => {
                let (by, approvers) = match &event.act {
                    Act::Enact { proposal } => match self.proposals.get(proposal) {
                        Some(proposal) => {
                            let agreed = proposal.signatures.iter().filter(|signature| signature.agree);
                            (proposal.proposer, agreed.map(|signature| signature.official).collect())
                        }
                        None => (None, Vec::new()),
                    },
                    Act::Perform(_)
                    | Act::Sign { .. }
                    | Act::Reject { .. }
                    | Act::Withdraw { .. }
                    | Act::FilePaper(_)
                    | Act::EditFact { .. }
                    | Act::CorrectFacts { .. }
                    | Act::Annul { .. }
                    | Act::Lapse { .. }
                    | Act::StepClock { .. }
                    | Act::ReportJob { .. } => (event.actor.person(), Vec::new()),
                };
                self.doings.push(Doing {
                    seq: event.seq,
                    at: happened,
                    did: did.clone(),
                    by,
                    approvers,
                    facts_before: BTreeMap::new(),
                    stopped: BTreeMap::new(),
                });
            }
        }
    }

    /// A state is entered. An annulment leads back as if the annulled act had not been: the first entry stands.
    fn enter(&mut self, event: &Event, state: &Name, entered: Entered) {
        if event.kind == EventKind::Annulled {
            self.entered.entry(state.clone()).or_insert(entered);
        } else {
            self.entered.insert(state.clone(), entered);
        }
    }

    fn doing_of(&mut self, event: &Event) -> Option<&mut Doing> {
        self.doings.last_mut().filter(|doing| doing.seq == event.seq)
    }

    /// Keeps the value a command's act found, so that annulling the act can restore it.
    fn remember_fact(&mut self, event: &Event, fact: &Name) {
        let found: Option<Given> = self.facts.get(fact).cloned();
        self.written.insert(fact.clone(), event.seq);
        if let Some(doing) = self.doing_of(event) {
            doing.facts_before.entry(fact.clone()).or_insert(found);
        }
    }
}
