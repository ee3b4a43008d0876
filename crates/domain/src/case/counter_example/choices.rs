//! What can be tried with an act: values that guards tell apart, and one of every other kind.

use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};

use crate::case::rehearse::Stage;
use crate::name::Name;
use crate::workflow::Definition;
use crate::workflow::check::search::Ground;
use crate::workflow::model::{Ask, Command, JobAnswer, Lack, Record, ValueType};
use crate::workflow::test_file::{Answer, Doing, Filed, Pointer};

/// The most ways in which one act is tried.
const MOST: usize = 200;

/// The most records of one kind that are filed with one act.
const MOST_FILED: usize = 4;

/// Values of a fact, or of a field of a record.
pub(super) fn values(
    ground: &Ground<'_>,
    record: Option<&Name>,
    name: &Name,
    kind: &ValueType,
    now: DateTime,
) -> Vec<Answer> {
    let told_apart = || ground.values(record, name, kind);
    let minute = |at: DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
    let words = match kind {
        ValueType::Flag | ValueType::Choice(_) | ValueType::Number => told_apart(),
        ValueType::Money => told_apart().into_iter().map(|minor| format!("{minor} IQD")).collect(),
        ValueType::Date => {
            let years =
                [0, 1, 40].into_iter().filter_map(|years: i64| now.date().checked_sub(years.years()).ok());
            years.map(|day| day.to_string()).chain(told_apart()).collect()
        }
        ValueType::Instant => vec![minute(now)],
        ValueType::Range => {
            // From now on, for a while; long over; and for long.
            let ranges = [(0, 24), (-48, -24), (0, 24 * 30)].into_iter().filter_map(|(from, until)| {
                let at = |hours| now.checked_add(SignedDuration::from_hours(hours)).ok();
                Some(format!("{} to {}", minute(at(from)?), minute(at(until)?)))
            });
            ranges.collect()
        }
        ValueType::Official => vec!["ann".to_owned()],
        ValueType::Text | ValueType::Person | ValueType::Place | ValueType::Reference => {
            vec!["some words".to_owned()]
        }
    };
    words.into_iter().map(Answer::Is).collect()
}

/// Every way, up to a bound, in which a command may be carried out: its record named, answers and records.
pub(super) fn doings(
    ground: &Ground<'_>,
    stage: &Stage<'_>,
    command: &Command,
    outcome: Option<&Name>,
) -> Vec<Doing> {
    let (def, now) = (stage.def, stage.civil());
    let plain = Doing {
        command: command.name.clone(),
        outcome: outcome.cloned(),
        on: None,
        with: Vec::new(),
        answers: Vec::new(),
        records: Vec::new(),
        happened: None,
        reason: None,
    };
    let mut all = vec![plain];
    if let Some(record) = def.record_named(command) {
        let live = (1..).zip(stage.case.live(record)).map(|(number, _)| number);
        let pointers = live.map(|number| Pointer { record: record.clone(), number: Some(number) });
        all = times(&all, &pointers.collect::<Vec<_>>(), |doing, on| doing.on = Some(on.clone()));
    }
    for (fact, ask) in &command.asks {
        let Some(fact) = def.facts.get(fact) else { continue };
        let given = values(ground, None, &fact.name, &fact.value, now).into_iter().map(Some);
        let left_out = (*ask == Ask::Optional).then_some(None);
        let ways: Vec<Option<Answer>> = left_out.into_iter().chain(given).collect();
        all = times(&all, &ways, |doing, way| {
            doing.answers.extend(way.clone().map(|answer| (fact.name.clone(), answer)));
        });
    }
    let branches = command.branches();
    let branch = branches.iter().find(|(found, _)| *found == outcome);
    for (name, ask) in command.records.iter().chain(branch.iter().flat_map(|(_, branch)| &branch.records)) {
        let Some(record) = def.records.get(name) else { continue };
        let ways = filings(ground, stage, record, ask);
        all = times(&all, &ways, |doing, way| doing.records.extend(way.iter().cloned()));
    }
    all
}

/// Each with each, up to the bound.
fn times<T: Clone, W>(all: &[T], ways: &[W], add: impl Fn(&mut T, &W)) -> Vec<T> {
    let each = all.iter().flat_map(|one| {
        ways.iter().map(|way| {
            let mut one = one.clone();
            add(&mut one, way);
            one
        })
    });
    each.take(MOST).collect()
}

/// What can be filed of one kind of records.
fn filings(ground: &Ground<'_>, stage: &Stage<'_>, record: &Record, ask: &Ask) -> Vec<Vec<Filed>> {
    let live = |kind: &Name| (1..).zip(stage.case.live(kind)).map(|(number, _)| number).collect::<Vec<u32>>();
    let pointer = |kind: &Name, number: u32| Pointer { record: kind.clone(), number: Some(number) };
    let forms = forms(ground, stage, record);
    let file = |form: &Vec<(Name, Answer)>, about: Option<Pointer>| Filed {
        record: record.name.clone(),
        about,
        fields: form.clone(),
    };
    if let Ask::OnePer(about) = ask {
        let each = |form: &Vec<(Name, Answer)>| {
            live(about).into_iter().map(|number| file(form, Some(pointer(about, number)))).collect()
        };
        return forms.iter().map(each).collect();
    }
    let about = record.about.as_ref().and_then(|about| Some(pointer(about, *live(about).last()?)));
    let one = |form: &Vec<(Name, Answer)>| file(form, about.clone());
    let mut ways: Vec<Vec<Filed>> = forms.iter().map(|form| vec![one(form)]).collect();
    if record.many {
        // Two alike, and several that differ.
        ways.extend(forms.iter().map(|form| vec![one(form), one(form)]));
        let mut sets: Vec<(usize, Vec<Filed>)> = vec![(0, Vec::new())];
        for _ in 0..MOST_FILED {
            let larger = sets.iter().flat_map(|(from, set)| {
                let more = forms.iter().enumerate().skip(*from);
                more.map(|(at, form)| (at + 1, [set.as_slice(), &[one(form)]].concat()))
            });
            sets = larger.take(MOST).collect();
            ways.extend(sets.iter().map(|(_, set)| set.clone()).filter(|set| set.len() > 1));
        }
    }
    if *ask == Ask::Optional {
        ways.insert(0, Vec::new());
    }
    ways
}

/// The fields of a record, in every form that is worth a try.
fn forms(ground: &Ground<'_>, stage: &Stage<'_>, record: &Record) -> Vec<Vec<(Name, Answer)>> {
    let why = || "nothing is known of it".to_owned();
    let mut forms = vec![Vec::new()];
    for field in &record.fields {
        let mut given = values(ground, Some(&record.name), &field.name, &field.value, stage.civil());
        given.extend(field.may_be.first().map(|lack| match lack {
            Lack::Unknown => Answer::Unknown(why()),
            Lack::Refused => Answer::Refused(why()),
            Lack::None => Answer::None(why()),
        }));
        forms = times(&forms, &given, |form: &mut Vec<(Name, Answer)>, answer| {
            form.push((field.name.clone(), answer.clone()));
        });
    }
    forms
}

/// The fields of an answer of a job.
pub(super) fn fields_of_job(
    ground: &Ground<'_>,
    def: &Definition,
    answer: &JobAnswer,
    now: DateTime,
) -> Vec<Vec<(String, String)>> {
    let mut all = vec![Vec::new()];
    for (fact, field) in &answer.with {
        let Some(fact) = def.facts.get(fact) else { continue };
        let given: Vec<String> = values(ground, None, &fact.name, &fact.value, now)
            .into_iter()
            .filter_map(|answer| if let Answer::Is(word) = answer { Some(word) } else { None })
            .collect();
        all = times(&all, &given, |fields: &mut Vec<(String, String)>, word| {
            fields.push((field.clone(), word.clone()));
        });
    }
    all
}
