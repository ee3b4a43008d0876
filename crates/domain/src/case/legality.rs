//! Whether a log could have happened: every act is decided again on the state before it, and must have written exactly
//! what stands in the log.

use std::collections::BTreeSet;
use std::sync::Arc;

use qadiya_ledger::Hash;

use crate::actor::Moment;
use crate::case::act::Act;
use crate::case::decide::{Opening, decide};
use crate::case::event::{Change, Event, Opened};
use crate::case::seal;
use crate::case::state::Case;
use crate::ids::{DefinitionHash, Seq};
use crate::value::Protected;
use crate::workflow::Definition;

/// An entry that was never legal under its definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} was never legal: {why}")]
pub struct Illegal {
    /// The first event of the decision.
    pub seq: Seq,
    /// Why.
    pub why: String,
}

/// Where definitions are found by hash.
pub type Definitions<'a> = dyn Fn(DefinitionHash) -> Option<Arc<Definition>> + 'a;

/// Folds a whole log and decides every act in it again. Values behind commitments count as given. The events come with
/// their hashes, in order; chain and hashes are tested elsewhere.
///
/// # Errors
/// [`Illegal`]: the first decision that the definition would not have taken so.
pub fn replay(definitions: &Definitions<'_>, case: Case, log: &[(Event, Hash)]) -> Result<Case, Illegal> {
    let mut case = case;
    let mut definition: Option<Arc<Definition>> = None;
    for decision in decisions(log) {
        let Some((first, _)) = decision.first() else { continue };
        let illegal = |why: String| Illegal { seq: first.seq, why };
        let opened = opened(first);
        if let Some(opened) = opened {
            let found = definitions(opened.definition);
            let missing = || illegal(format!("the definition {} is not in the store", opened.definition));
            definition = Some(found.ok_or_else(missing)?);
        }
        let Some(def) = &definition else {
            return Err(illegal("the first event does not open the case".to_owned()));
        };
        let opening = opened.map(opening);
        if matches!(first.act, Act::Enact { .. } | Act::Lapse { .. }) || first.cause.is_some() {
            return Err(illegal("it claims to follow from an act that is not there".to_owned()));
        }
        let again = decide(def, &case, &first.act, &moment(first), opening.as_ref())
            .map_err(|refusals| illegal(format!("the act would have been refused: {refusals}")))?;
        if again.len() != decision.len() {
            let text =
                format!("the act would have written {} events, the log has {}", again.len(), decision.len());
            return Err(illegal(text));
        }
        for (made, (stored, _)) in again.iter().zip(decision) {
            if !same(made, stored) {
                return Err(Illegal {
                    seq: stored.seq,
                    why: format!("the act would have written something else into event {}", stored.seq),
                });
            }
        }
        for (event, hash) in decision {
            case = case.evolve(event).at_head(*hash);
        }
    }
    Ok(case)
}

/// A log as it was decided: each act with what followed from it in the same decision.
pub(super) fn decisions(log: &[(Event, Hash)]) -> Vec<&[(Event, Hash)]> {
    let mut decisions = Vec::new();
    let mut rest = log;
    while let Some(((first, _), _)) = rest.split_first() {
        let length = rest.iter().skip(1).take_while(|(event, _)| event.cause == Some(first.seq)).count();
        let (decision, later) = rest.split_at(length.saturating_add(1).min(rest.len()));
        decisions.push(decision);
        rest = later;
    }
    decisions
}

/// What the opening of a case said, if this event opened it.
pub(super) fn opened(event: &Event) -> Option<&Opened> {
    event
        .changes
        .iter()
        .find_map(|change| if let Change::Opened(opened) = change { Some(opened) } else { None })
}

/// What a case was opened with.
pub(super) fn opening(opened: &Opened) -> Opening {
    Opening {
        reference: opened.reference.clone(),
        alias: opened.alias.clone(),
        group: opened.group,
        person: opened.person,
    }
}

/// Who gave the act of an event, and when.
pub(super) fn moment(event: &Event) -> Moment {
    Moment { actor: event.actor.clone(), now: event.at, happened: event.happened, batch: event.batch }
}

/// Equal but for the chain, which is tested elsewhere, and for values that the decision itself protected again: these
/// stand behind commitments in the log, whose salts the decision does not know.
fn same(made: &Event, stored: &Event) -> bool {
    // The first event carries the act as it was given; a command that follows from it may carry its values once more,
    // under commitments of their own. What is enacted has the commitments of its proposal, and keeps them.
    let follows = stored.cause.is_some() && !matches!(stored.act, Act::Enact { .. });
    let mut clear = BTreeSet::new();
    let mut made = made.clone();
    protected(&mut made, |path, part| {
        if follows || matches!(part, Protected::Clear(_)) {
            clear.insert(path.to_owned());
            *part = Protected::Sealed(Hash::ZERO);
        }
    });
    let mut stored = stored.clone();
    stored.prev = Hash::ZERO;
    protected(&mut stored, |path, part| {
        if clear.contains(path) {
            *part = Protected::Sealed(Hash::ZERO);
        }
    });
    made == stored
}

fn protected(event: &mut Event, mut each: impl FnMut(&str, &mut Protected)) {
    let visited = seal::visit(event, &mut |path, part| {
        each(path, part);
        Ok(())
    });
    debug_assert!(visited.is_ok(), "the visitor cannot fail");
}
