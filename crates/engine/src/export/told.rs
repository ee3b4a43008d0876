//! What the log tells of a case outside: the commands that took effect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::case::act::Act;
use qadiya_domain::case::event::{Change, Event};
use qadiya_domain::ids::{OfficialId, Seq};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::model::{Command, From};

use super::CaseLog;

/// One command that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) seq: Seq,
    pub(super) activity: String,
    pub(super) at: Timestamp,
    /// When it was recorded, where that is another time.
    pub(super) recorded: Option<Timestamp>,
    /// The official who acted or who answers for the program that did; `None`: the engine.
    pub(super) official: Option<OfficialId>,
    /// A program acted.
    pub(super) program: bool,
    pub(super) role: Name,
    pub(super) outcome: Option<Name>,
    pub(super) before: Option<Name>,
    pub(super) after: Option<Name>,
}

impl CaseLog {
    /// The commands of the case that took effect, in order.
    pub(super) fn told(&self) -> Vec<Told> {
        let mut told = Vec::new();
        let mut main: Option<Name> = None;
        // Outcomes of acts that waited for signatures.
        let mut proposed: BTreeMap<Seq, Option<Name>> = BTreeMap::new();
        for event in &self.events {
            let before = main.clone();
            let mut command = None;
            for change in &event.changes {
                if let Change::Moved(to) = change {
                    main = Some(to.clone());
                } else if let Change::Did(did) = change {
                    command = self.definition.commands.get(&did.command);
                } else if let (Change::ProposalOpened(_), Act::Perform(perform)) = (change, &event.act) {
                    proposed.insert(event.seq, perform.outcome.clone());
                }
            }
            let Some(command) = command.filter(|command| !is_bare_opening(&self.definition, command)) else {
                continue;
            };
            let outcome = match &event.act {
                Act::Perform(perform) => perform.outcome.clone(),
                Act::Enact { proposal } | Act::Sign { proposal, .. } => {
                    proposed.get(proposal).cloned().flatten()
                }
                Act::Reject { .. }
                | Act::Withdraw { .. }
                | Act::FilePaper(_)
                | Act::EditFact { .. }
                | Act::CorrectFacts { .. }
                | Act::Annul { .. }
                | Act::Lapse { .. }
                | Act::StepClock { .. }
                | Act::ReportJob { .. } => None,
            };
            told.push(Told::of(event, activity(command), outcome, before, main.clone()));
        }
        told
    }
}

impl Told {
    fn of(
        event: &Event,
        activity: String,
        outcome: Option<Name>,
        before: Option<Name>,
        after: Option<Name>,
    ) -> Self {
        let (official, program) = match &event.actor {
            Actor::Official { official, .. } => (Some(*official), false),
            Actor::Service { owner, .. } => (Some(*owner), true),
            Actor::System => (None, false),
        };
        Self {
            seq: event.seq,
            activity,
            at: event.happened.unwrap_or(event.at),
            recorded: event.happened.is_some_and(|happened| happened != event.at).then_some(event.at),
            official,
            program,
            role: event.actor.role(),
            outcome,
            before,
            after,
        }
    }
}

/// What a command is called outside.
pub(super) fn activity(command: &Command) -> String {
    let label = &command.label;
    label.id.clone().or_else(|| label.title.clone()).unwrap_or_else(|| command.name.to_string())
}

/// An opening that the source of a converted file does not know.
pub(super) fn is_bare_opening(definition: &Definition, command: &Command) -> bool {
    matches!(command.from, From::New)
        && command.clerical.is_some()
        && command.label.id.is_none()
        && definition.commands.iter().any(|other| other.label.id.is_some())
}
