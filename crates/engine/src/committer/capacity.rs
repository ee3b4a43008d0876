//! In which capacity an act is tried.

use std::collections::BTreeSet;

use jiff::Timestamp;
use qadiya_domain::actor::{Actor, Moment};
use qadiya_domain::case::Case;
use qadiya_domain::case::act::Act;
use qadiya_domain::case::event::Event;
use qadiya_domain::case::refusal::{Refusal, RefusalCode, Refusals};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;

use crate::authorize::appointment_refusal;
use crate::law::{self, Opening};
use crate::submit::{ActorChoice, Submission};

/// A capacity to try, or the reason why there is none.
pub(crate) enum Capacities {
    Try(Vec<Actor>),
    Refused(Refusals),
    Forbidden(String),
}

/// The capacities in which the act may be tried, those that the command names first.
pub(crate) fn capacities(
    actor: &ActorChoice,
    act: &Act,
    definition: &Definition,
    now: Timestamp,
) -> Capacities {
    let (principal, role) = match actor {
        ActorChoice::System => return Capacities::Try(vec![Actor::System]),
        ActorChoice::ByPrincipal { principal, role } => (principal, role),
    };
    let wanted = |held: &Name| role.as_ref().is_none_or(|role| role == held);
    let mut valid: Vec<_> =
        principal.valid(&definition.workflow, now).filter(|held| wanted(&held.role)).collect();
    if valid.is_empty() {
        let ever = principal.usable().any(|held| held.serves(&definition.workflow) && wanted(&held.role));
        if ever {
            return Capacities::Refused(appointment_refusal(principal));
        }
        return Capacities::Forbidden(match role {
            Some(role) => format!("you do not hold the capacity {role} for {}", definition.workflow),
            None => format!("you hold no capacity for {}", definition.workflow),
        });
    }
    let named: &[Name] = match act {
        Act::Perform(perform) => {
            let command = perform.command.as_ref().and_then(|command| definition.commands.get(command));
            command.map(|command| command.by.as_slice()).unwrap_or_default()
        }
        Act::EditFact { fact, .. } => {
            definition.facts.get(fact).map(|fact| fact.editable_by.as_slice()).unwrap_or_default()
        }
        Act::CorrectFacts { .. } => &definition.corrections.facts_by,
        Act::Sign { .. }
        | Act::Reject { .. }
        | Act::Withdraw { .. }
        | Act::FilePaper(_)
        | Act::Annul { .. }
        | Act::Enact { .. }
        | Act::Lapse { .. }
        | Act::StepClock { .. }
        | Act::ReportJob { .. } => &[],
    };
    valid.sort_by_key(|held| !named.contains(&held.role));
    // Two appointments to one capacity are one capacity.
    let mut seen = BTreeSet::new();
    valid.retain(|held| seen.insert(held.role.clone()));
    Capacities::Try(valid.into_iter().map(|held| principal.actor(&held.role, Some(held.id))).collect())
}

/// Decides in the first capacity in which the act is possible. Where it is possible in none, the refusals of the one
/// that came furthest are given: those without a complaint about the capacity itself, if there are any.
pub(crate) fn choose(
    definition: &Definition,
    case: &Case,
    act: &Act,
    actors: Vec<Actor>,
    opening: Option<&Opening>,
    submission: &Submission,
    now: Timestamp,
) -> Result<(Actor, Vec<Event>), (Option<Actor>, Refusals)> {
    let mut best: Option<(Actor, Refusals)> = None;
    for actor in actors {
        let moment =
            Moment { actor: actor.clone(), now, happened: submission.happened, batch: submission.batch };
        match law::decide(definition, case, act, &moment, opening) {
            Ok(events) => return Ok((actor, events)),
            Err(refusals) => {
                let closer = best.as_ref().is_none_or(|(_, held)| {
                    let stranger = |refusals: &Refusals| {
                        refusals.has(RefusalCode::Role) || refusals.has(RefusalCode::ActsBy)
                    };
                    stranger(held) && !stranger(&refusals)
                });
                if closer {
                    best = Some((actor, refusals));
                }
            }
        }
    }
    Err(match best {
        Some((actor, refusals)) => (Some(actor), refusals),
        None => (
            None,
            Refusal::new(RefusalCode::Role, definition.workflow.to_string(), "no capacity is held").into(),
        ),
    })
}
