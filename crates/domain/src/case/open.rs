//! What may be done to a case now, and why not: every command of the workflow, open or with its reasons. What a command
//! asks for is listed as asked, not as refused.

use crate::actor::Moment;
use crate::case::act::{Act, Perform};
use crate::case::decide::decide;
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::Case;
use crate::name::Name;
use crate::workflow::Definition;
use crate::workflow::model::{Ask, Command, From, Ways};

/// One command, as an actor finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCommand {
    /// Its name.
    pub command: Name,
    /// What people read.
    pub title: Option<String>,
    /// Whether it is a decision about a person.
    pub decision: bool,
    /// Who may give it.
    pub by: Vec<Name>,
    /// Whether the actor could give it now, with what it asks for.
    pub open: bool,
    /// Why not.
    pub why_not: Vec<Refusal>,
    /// Its outcomes.
    pub outcomes: Vec<Name>,
    /// Facts it asks for; `true`: required.
    pub asks: Vec<(Name, bool)>,
    /// Records it files; `true`: required.
    pub records: Vec<(Name, bool)>,
    /// Papers that must be there.
    pub papers: Vec<Name>,
    /// Whether others have to sign.
    pub approval: bool,
    /// The legal basis.
    pub basis: Option<String>,
}

/// Every command but automatic ones, in the order of the file.
pub fn open_commands(def: &Definition, case: &Case, moment: &Moment) -> Vec<OpenCommand> {
    let opens = case.opened.is_none();
    def.commands
        .iter()
        .filter(|command| command.when.is_none() && matches!(command.from, From::New) == opens)
        .map(|command| one(def, case, moment, command))
        .collect()
}

/// The commands that would be open for somebody: what the next step of a case can be.
pub fn next_steps(def: &Definition, case: &Case, moment: &Moment) -> Vec<Name> {
    let someone = |command: &OpenCommand| {
        command.why_not.iter().all(|reason| {
            matches!(
                reason.code,
                RefusalCode::Role | RefusalCode::ActsBy | RefusalCode::Decision | RefusalCode::Appointment
            )
        })
    };
    open_commands(def, case, moment).into_iter().filter(someone).map(|command| command.command).collect()
}

fn one(def: &Definition, case: &Case, moment: &Moment, command: &Command) -> OpenCommand {
    let outcomes: Vec<Name> = match &command.ways {
        Ways::Outcomes(outcomes) => outcomes.iter().map(|(name, _, _)| name.clone()).collect(),
        Ways::One(_) | Ways::Routes(_) => Vec::new(),
    };
    let tries: Vec<Option<Name>> =
        if outcomes.is_empty() { vec![None] } else { outcomes.iter().cloned().map(Some).collect() };
    // Open if one of its outcomes is; otherwise the reasons of the first.
    let mut why_not: Option<Vec<Refusal>> = None;
    for outcome in tries {
        let reasons = reasons(def, case, moment, command, outcome);
        let open = reasons.is_empty();
        if open || why_not.is_none() {
            why_not = Some(reasons);
        }
        if open {
            break;
        }
    }
    let why_not = why_not.unwrap_or_default();
    let mut papers: Vec<Name> = command.needs.clone();
    papers.retain(|name| !case.papers.contains_key(name));
    OpenCommand {
        command: command.name.clone(),
        title: command.label.title.clone(),
        decision: command.is_decision(),
        by: command.by.clone(),
        open: why_not.is_empty(),
        why_not,
        outcomes,
        asks: shape(&command.asks),
        records: shape(&command.records),
        papers,
        approval: command.approval.is_some(),
        basis: command.basis.clone(),
    }
}

fn shape(asks: &[(Name, Ask)]) -> Vec<(Name, bool)> {
    asks.iter().map(|(name, ask)| (name.clone(), *ask != Ask::Optional)).collect()
}

/// The reasons that would remain if the actor brought everything the command asks for.
fn reasons(
    def: &Definition,
    case: &Case,
    moment: &Moment,
    command: &Command,
    outcome: Option<Name>,
) -> Vec<Refusal> {
    let perform = Perform { outcome, ..Perform::of(command.name.clone()) };
    match decide(def, case, &Act::Perform(perform), moment, None) {
        Ok(_) => Vec::new(),
        Err(refusals) => refusals
            .iter()
            .filter(|reason| {
                !matches!(
                    reason.code,
                    RefusalCode::Papers | RefusalCode::Records | RefusalCode::Form | RefusalCode::Instance
                )
            })
            .cloned()
            .collect(),
    }
}
