//! Random acts: mostly such as could be done, often wrong in one thing.

use jiff::{SignedDuration, Timestamp};

use super::dice::Dice;
use crate::oracle::Oracle;
use crate::oracle::case::{Act, Doing, Filed, Value, Who};
use crate::oracle::file::{Branch, Command, Demand, Field};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    Act(Who, Act),
    /// So many minutes pass.
    Passes(i64),
}

const PEOPLE: [&str; 4] = ["ann", "ben", "cem", "dia"];

fn who(dice: &mut Dice, by: &[String], roles: &[String]) -> Who {
    let person = (*dice.pick(&PEOPLE)).to_owned();
    let by = if by.is_empty() { roles } else { by };
    match dice.below(40) {
        0 => return Who::system(),
        1 => return Who { role: dice.pick(by).clone(), person: Some("owner".to_owned()), decides: false },
        2 => return Who { role: dice.pick(by).clone(), person: Some(person), decides: false },
        _ => {}
    }
    let role = if dice.percent(7) { dice.pick(roles) } else { dice.pick(by) };
    if role == "system" {
        return Who::system();
    }
    Who { role: role.clone(), person: Some(person), decides: true }
}

fn day(at: Timestamp, days: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * days)).unwrap()
}

fn value(dice: &mut Dice, field: &Field, now: Timestamp) -> Value {
    if !field.may_be.is_empty() && (dice.percent(15) || field.kind == "money" || field.kind == "official") {
        return Value::Answer(dice.pick(&field.may_be).clone());
    }
    let date = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    match field.kind.as_str() {
        "choice" if dice.percent(3) => Value::Word("nothing-known".to_owned()),
        "choice" => Value::Word(dice.pick(&field.of).clone()),
        "flag" => Value::Word((*dice.pick(&["yes", "no"])).to_owned()),
        "number" => Value::Word(dice.below(40).to_string()),
        "date" => {
            let days = i64::try_from(dice.below(25)).unwrap() - 4;
            Value::Date(date.checked_add(jiff::Span::new().days(days)).unwrap())
        }
        "instant" => Value::Instant(now),
        "range" => {
            let hours = i64::try_from(dice.below(96)).unwrap() - 48;
            let from = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
            let longest = if dice.percent(80) { 30 } else { 110 };
            let until = day(from, i64::try_from(dice.below(longest)).unwrap());
            Value::Range(from, until)
        }
        _ => Value::Text("words".to_owned()),
    }
}

fn records(dice: &mut Dice, oracle: &Oracle, parts: &[&Branch], now: Timestamp) -> Vec<Filed> {
    let mut filed = Vec::new();
    let mut one = |dice: &mut Dice, kind: &str, about: Option<u32>| {
        let form = oracle.file.form(kind).unwrap();
        let fields =
            form.fields.iter().map(|(name, field)| (name.clone(), value(dice, field, now))).collect();
        filed.push(Filed { record: kind.to_owned(), about, fields });
    };
    for (kind, demand) in parts.iter().flat_map(|part| &part.records) {
        let about = oracle.file.form(kind).unwrap().about.clone();
        let live: Vec<u32> =
            about.iter().flat_map(|about| oracle.case.live(about)).map(|(number, _)| number).collect();
        match demand {
            Demand::OnePer(_) => {
                for number in live {
                    if !dice.percent(4) {
                        one(dice, kind, Some(number));
                    }
                }
            }
            Demand::Required if dice.percent(8) => {}
            Demand::Optional if dice.percent(40) => {}
            Demand::Required | Demand::Optional => {
                if about.is_some() && live.is_empty() {
                    continue;
                }
                let number = about.map(|_| *dice.pick(&live));
                one(dice, kind, number);
            }
        }
    }
    filed
}

fn doing(dice: &mut Dice, oracle: &Oracle, command: &Command, now: Timestamp) -> Act {
    let mut doing = Doing { command: command.name.clone(), ..Doing::default() };
    let mut parts = vec![&command.base];
    if !command.outcomes.is_empty() && !dice.percent(3) {
        let (outcome, branch) = dice.pick(&command.outcomes);
        doing.outcome = Some(outcome.clone());
        parts.push(branch);
    }
    for (fact, required) in &command.asks {
        if if *required { dice.percent(94) } else { dice.percent(50) } {
            doing.answers.push((fact.clone(), value(dice, oracle.file.fact(fact).unwrap(), now)));
        }
    }
    if let Some(track) = command.from.first().and_then(|state| oracle.file.track_of(state))
        && track.per.is_some()
    {
        let open: Vec<u32> =
            oracle.case.instances.get(&track.name).into_iter().flatten().map(|(number, _)| *number).collect();
        doing.instance = match dice.below(20) {
            0 => None,
            1 => Some(7),
            _ if open.is_empty() => Some(1),
            _ => Some(*dice.pick(&open)),
        };
    }
    doing.records = records(dice, oracle, &parts, now);
    for document in parts.iter().flat_map(|part| &part.needs) {
        let (_, from, _) = oracle.file.documents.iter().find(|(name, _, _)| name == document).unwrap();
        let files = command.by.iter().all(|role| from.contains(role));
        if dice.percent(if files { 75 } else { 6 }) {
            doing.papers.push((document.clone(), dice.percent(85)));
        }
    }
    Act::Do(doing)
}

/// A command that leads on from here more often than any.
fn command<'a>(dice: &mut Dice, oracle: &'a Oracle) -> &'a Command {
    let commands = &oracle.file.commands;
    let fits = |command: &&Command| match &oracle.case.main {
        None => command.from.contains(&"new".to_owned()),
        Some(_) => command
            .from
            .iter()
            .any(|from| oracle.case.is_at(from, None) || ["every-state", "always"].contains(&from.as_str())),
    };
    let open: Vec<&Command> = commands.iter().filter(fits).collect();
    if open.is_empty() || dice.percent(6) {
        return dice.pick(commands);
    }
    let at_once: Vec<&Command> =
        open.iter().copied().filter(|command| !command.from.contains(&"always".to_owned())).collect();
    let from = if at_once.is_empty() || dice.percent(10) { &open } else { &at_once };
    dice.pick::<&'a Command>(from)
}

fn turn_on_proposal(dice: &mut Dice, oracle: &Oracle) -> Option<(Who, Act)> {
    let proposal = match oracle.case.proposals.as_slice() {
        [] if dice.percent(3) => {
            return Some((who(dice, &[], &oracle.file.roles), Act::Sign { proposal: 1, agree: true }));
        }
        [] => return None,
        open => dice.pick(open),
    };
    let number = proposal.number;
    let by = oracle.signers(proposal);
    let signer = who(dice, &by, &oracle.file.roles);
    Some(match dice.below(20) {
        0 => (signer, Act::Reject { proposal: number }),
        1 => (proposal.who.clone(), Act::Withdraw { proposal: number }),
        2 => (signer, Act::Withdraw { proposal: number }),
        3 | 4 => (signer, Act::Sign { proposal: number, agree: false }),
        _ => (signer, Act::Sign { proposal: number, agree: true }),
    })
}

fn aside(dice: &mut Dice, oracle: &Oracle, now: Timestamp) -> Option<(Who, Act)> {
    let file = &oracle.file;
    let roles = &file.roles;
    match dice.below(10) {
        0..4 if !file.documents.is_empty() => {
            let (document, from, _) = dice.pick(&file.documents);
            Some((who(dice, from, roles), Act::File { document: document.clone(), signed: dice.percent(70) }))
        }
        4..6 => {
            let editable: Vec<_> =
                file.facts.iter().filter(|(_, fact)| !fact.editable_by.is_empty()).collect();
            let (fact, field) = if editable.is_empty() { return None } else { *dice.pick(&editable) };
            let edit = Act::Edit { fact: fact.clone(), value: value(dice, field, now) };
            Some((who(dice, &field.editable_by, roles), edit))
        }
        6 | 7 => {
            let (by, _) = file.corrections.as_ref()?;
            let (fact, field) = dice.pick(&file.facts);
            let new = (!dice.percent(20)).then(|| value(dice, field, now));
            Some((who(dice, by, roles), Act::Correct { facts: vec![(fact.clone(), new)] }))
        }
        8 => {
            let annul = file.annul.first()?;
            let can: Vec<u32> = oracle
                .case
                .done
                .iter()
                .filter(|done| done.command == annul.command)
                .map(|done| done.number)
                .collect();
            let doing = if can.is_empty() || dice.percent(10) {
                u32::try_from(dice.below(oracle.case.done.len()) + 1).unwrap()
            } else {
                *dice.pick(&can)
            };
            Some((who(dice, &annul.by, roles), Act::Annul { doing }))
        }
        _ => {
            let job = oracle
                .case
                .jobs
                .last()
                .map(|(_, job)| job.clone())
                .or_else(|| file.jobs.keys().next().cloned())?;
            if dice.percent(20) {
                return Some((Who::system(), Act::JobFailed { job }));
            }
            let code = (*dice.pick(&["found", "found", "lost"])).to_owned();
            let sort = (*dice.pick(&["a", "b", "z"])).to_owned();
            let fields = vec![("remark".to_owned(), "words".to_owned()), ("sort".to_owned(), sort)];
            Some((Who::system(), Act::Job { job, code: Some(code), fields }))
        }
    }
}

/// What happens next.
pub(crate) fn turn(dice: &mut Dice, oracle: &Oracle, now: Timestamp) -> Turn {
    if oracle.case.main.is_some() {
        match dice.below(100) {
            0..10 => return Turn::Passes(i64::try_from(dice.below(60 * 72)).unwrap()),
            10..14 => return Turn::Passes(60 * 24 * i64::try_from(dice.below(20)).unwrap()),
            14..17 => {
                // Until just before, or just after, what comes next.
                if let Some((at, _)) = oracle.next() {
                    let minutes = at.duration_since(now).as_mins();
                    return Turn::Passes((minutes - i64::from(dice.percent(50))).clamp(0, 60 * 24 * 60));
                }
            }
            17..42 => {
                if let Some((who, act)) = turn_on_proposal(dice, oracle) {
                    return Turn::Act(who, act);
                }
            }
            42..57 => {
                if let Some((who, act)) = aside(dice, oracle, now) {
                    return Turn::Act(who, act);
                }
            }
            _ => {}
        }
    }
    let command = command(dice, oracle);
    let act = doing(dice, oracle, command, now);
    Turn::Act(who(dice, &command.by, &oracle.file.roles), act)
}
