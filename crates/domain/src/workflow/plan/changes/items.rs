//! A version written out: every named thing and every named part of one, with what the file says of it.

use super::Section;
use crate::calendar::Rule;
use crate::name::Name;
use crate::workflow::draw::{asked, from, list, signatures, states, target, term};
use crate::workflow::finding::Place;
use crate::workflow::guard::explain::constant;
use crate::workflow::guard::{Guard, words};
use crate::workflow::model::{
    Access, Annul, Approval, Ask, Branch, CalendarRef, Choice, Class, Command, Corrections, Deadline,
    Definition, Document, ExtendBy, Fact, Field, Job, JobAnswer, KeepFor, Label, Late, Limit, LimitPart,
    NamedRule, NotBefore, OnLeave, Opens, Record, RecordLimit, Role, Separation, Set, Stage, State, Track,
    TrackState, ValueType, Ways,
};

/// A named thing, or a part of one, with what the file says of it.
pub(super) struct Item {
    pub section: Section,
    pub name: String,
    pub part: Option<String>,
    pub place: Place,
    pub says: Vec<(&'static str, String)>,
}

impl Item {
    fn new(section: Section, name: &str, place: Place) -> Self {
        Self { section, name: name.to_string(), part: None, place, says: Vec::new() }
    }

    fn part(&self, part: &str, place: Place) -> Self {
        Self { part: Some(part.to_string()), ..Self::new(self.section, &self.name, place) }
    }

    /// The item with what the file says under a key, if it says something.
    fn says(mut self, key: &'static str, what: impl Into<Said>) -> Self {
        if let Said(Some(what)) = what.into() {
            self.says.push((key, what));
        }
        self
    }

    fn labelled(self, Label { title, id }: &Label) -> Self {
        self.says("title", title.clone()).says("id", id.clone())
    }
}

/// What the file says under a key; nothing where it says nothing.
struct Said(Option<String>);

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self((!text.is_empty()).then_some(text))
    }
}

impl From<Option<String>> for Said {
    fn from(text: Option<String>) -> Self {
        Self(text)
    }
}

impl From<bool> for Said {
    fn from(flag: bool) -> Self {
        Self(flag.then(|| "yes".to_owned()))
    }
}

impl From<&[Name]> for Said {
    fn from(names: &[Name]) -> Self {
        Self((!names.is_empty()).then(|| list(names)))
    }
}

impl From<&Vec<Name>> for Said {
    fn from(names: &Vec<Name>) -> Self {
        names.as_slice().into()
    }
}

impl From<&Option<Name>> for Said {
    fn from(name: &Option<Name>) -> Self {
        Self(name.as_ref().map(ToString::to_string))
    }
}

impl From<&Guard> for Said {
    fn from(guard: &Guard) -> Self {
        Self((!guard.is_always()).then(|| words(guard)))
    }
}

/// A version written out. Every struct is taken apart by name, so that the compiler asks for what the language gains.
pub(super) fn items(def: &Definition) -> Vec<Item> {
    let Definition {
        hash: _,
        workflow,
        version: _,
        title,
        stages,
        roles,
        facts,
        records,
        documents,
        rules,
        access,
        states,
        tracks,
        commands,
        deadlines,
        jobs,
        separation,
        corrections,
        migrate: _,
        keep_for,
        accept,
        calendars,
        findings: _,
    } = def;
    let head = Item::new(Section::File, "", Place::default());
    let mut all = vec![head.says("workflow", workflow.to_string()).says("title", title.clone())];
    all.extend(stages.iter().map(stage));
    all.extend(roles.iter().map(role));
    all.extend(facts.iter().map(fact));
    records.iter().for_each(|each| record(each, &mut all));
    all.extend(documents.iter().map(document));
    all.extend(rules.iter().map(rule));
    let Access { stage, file, sealed } = access;
    let rights = Item::new(Section::Access, "", Place::default());
    all.push(rights.says("stage", stage).says("file", file).says("sealed", sealed));
    all.extend(states.iter().map(state));
    tracks.iter().for_each(|each| track(each, &mut all));
    commands.iter().for_each(|each| command(each, &mut all));
    deadlines.iter().for_each(|each| deadline(each, &mut all));
    jobs.iter().for_each(|each| job(each, &mut all));
    all.extend(separation.iter().map(apart));
    corrected(corrections, &mut all);
    all.extend(keep_for.iter().map(|KeepFor { years, then_erase }| {
        Item::new(Section::KeepFor, "", Place::default())
            .says("years", years.to_string())
            .says("then", if *then_erase { "erase" } else { "archive" }.to_owned())
    }));
    all.extend(accept.iter().map(|accepted| {
        let name = format!("{} {}", accepted.check, accepted.at);
        Item::new(Section::Accept, &name, accepted.place).says("reason", accepted.reason.clone())
    }));
    all.extend(calendars.iter().map(|(name, calendar)| {
        let bytes: String = calendar.hash().iter().map(|byte| format!("{byte:02x}")).collect();
        Item::new(Section::Calendars, name, Place::default()).says("content", bytes)
    }));
    all
}

fn stage(stage: &Stage) -> Item {
    let Stage { name, label, place, when } = stage;
    Item::new(Section::Stages, name, *place).labelled(label).says("when", when)
}

fn role(role: &Role) -> Item {
    let Role { name, label, place, at_least } = role;
    let at_least = at_least.map(|count| count.to_string());
    Item::new(Section::Roles, name, *place).labelled(label).says("at-least", at_least)
}

/// A type in one line; the values of a choice with their titles.
fn value_type(value: &ValueType) -> String {
    let word = match value {
        ValueType::Flag => "flag",
        ValueType::Choice(choices) => {
            let named = choices.iter().map(|Choice { name, label: Label { title, id } }| {
                let more: Vec<String> = title.iter().chain(id).cloned().collect();
                if more.is_empty() { name.to_string() } else { format!("{name} ({})", more.join(", ")) }
            });
            return format!("choice of {}", named.collect::<Vec<_>>().join(", "));
        }
        ValueType::Number => "number",
        ValueType::Date => "date",
        ValueType::Text => "text",
        ValueType::Instant => "instant",
        ValueType::Range => "range",
        ValueType::Person => "person",
        ValueType::Official => "official",
        ValueType::Place => "place",
        ValueType::Money => "money",
        ValueType::Reference => "reference",
    };
    word.to_owned()
}

fn class(class: Class) -> String {
    match class {
        Class::Open => String::new(),
        Class::Personal => "personal".to_owned(),
        Class::Sealed => "sealed".to_owned(),
    }
}

fn fact(fact: &Fact) -> Item {
    let Fact { name, label, place, value, starts, editable_by, class: of } = fact;
    Item::new(Section::Facts, name, *place)
        .labelled(label)
        .says("type", value_type(value))
        .says("starts", starts.as_ref().map(constant))
        .says("editable-by", editable_by)
        .says("class", class(*of))
}

fn record(record: &Record, all: &mut Vec<Item>) {
    let Record { name, label, place, fields, many, about, covers, limit } = record;
    let item = Item::new(Section::Records, name, *place);
    let parts: Vec<Item> = fields.iter().map(|each| field(&item, each)).collect();
    let (each, total, beyond) = match limit {
        Some(RecordLimit { each, total, beyond_needs }) => {
            (each.as_ref().map(ceiling), total.as_ref().map(ceiling), beyond_needs.clone())
        }
        None => (None, None, None),
    };
    all.push(
        item.labelled(label)
            .says("many", *many)
            .says("about", about)
            .says("covers", covers)
            .says("limit: each", each)
            .says("limit: total", total)
            .says("limit: beyond-needs", &beyond),
    );
    all.extend(parts);
}

fn field(record: &Item, field: &Field) -> Item {
    let Field { name, label, place, value, class: of, may_be } = field;
    let may_be = may_be.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    record
        .part(&format!("field `{name}`"), *place)
        .labelled(label)
        .says("type", value_type(value))
        .says("class", class(*of))
        .says("may-be", may_be)
}

fn ceiling(limit: &Limit) -> String {
    let parts = limit.parts.iter().map(|part| match part {
        LimitPart::Span(span) => span.to_string(),
        LimitPart::Greatest { field, record, numerator, denominator } => {
            format!("greatest {field} of {record} * {numerator}/{denominator}")
        }
    });
    parts.collect::<Vec<_>>().join(", or ")
}

fn document(document: &Document) -> Item {
    let Document { name, label, place, from, signed, may_be_sealed } = document;
    Item::new(Section::Documents, name, *place)
        .labelled(label)
        .says("from", from)
        .says("signed", *signed)
        .says("may-be-sealed", *may_be_sealed)
}

fn rule(rule: &NamedRule) -> Item {
    let NamedRule { name, label, place, guard, show } = rule;
    Item::new(Section::Rules, name, *place).labelled(label).says("if", guard).says("show", *show)
}

fn state(state: &State) -> Item {
    let State {
        name,
        label,
        place,
        acts,
        // The office is compared, whether the file names it or it follows from the commands.
        acts_written: _,
        acts_by,
        held,
        final_outcome,
        exceptional,
        suspended,
        jobs,
        no_deadline,
    } = state;
    let acts_by =
        acts_by.as_ref().map(|roles| if roles.is_empty() { "nobody".to_owned() } else { list(roles) });
    Item::new(Section::States, name, *place)
        .labelled(label)
        .says("acts", acts)
        .says("acts-by", acts_by)
        .says("held", *held)
        .says("final", final_outcome)
        .says("exceptional", *exceptional)
        .says("suspended", *suspended)
        .says("jobs", jobs)
        .says("no-deadline", no_deadline.clone())
}

fn track(track: &Track, all: &mut Vec<Item>) {
    let Track { name, label, place, open_in, open_if, on_leave, begins, per, states: inner } = track;
    let item = Item::new(Section::Tracks, name, *place);
    let parts: Vec<Item> = inner.iter().map(|state| track_state(&item, state)).collect();
    let leave = match on_leave {
        OnLeave::MustFinish => "must-finish",
        OnLeave::Stop => "stop",
    };
    all.push(
        item.labelled(label)
            .says("open-in", states(open_in))
            .says("open-if", open_if)
            .says("on-leave", leave.to_owned())
            .says("begins", begins.to_string())
            .says("per", per),
    );
    all.extend(parts);
}

fn track_state(track: &Item, state: &TrackState) -> Item {
    let TrackState { name, label, place, acts, is_final, jobs, no_deadline } = state;
    track
        .part(&format!("state `{name}`"), *place)
        .labelled(label)
        .says("acts", acts)
        .says("final", *is_final)
        .says("jobs", jobs)
        .says("no-deadline", no_deadline.clone())
}

fn asks(asks: &[(Name, Ask)]) -> String {
    asks.iter().map(|(name, ask)| format!("{name}{}", asked(ask))).collect::<Vec<_>>().join(", ")
}

fn sets(sets: &[(Name, Set)]) -> String {
    let told = sets.iter().map(|(fact, set)| match set {
        Set::Value(value) => format!("{fact}: {}", constant(value)),
        Set::Unset => format!("{fact}: unset"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Which calendar counts a span, and by which rule.
fn counted(calendar: Option<&CalendarRef>, rule: &Rule) -> String {
    let calendar = match calendar {
        Some(CalendarRef::Named(name)) => format!("calendar {name}, "),
        Some(CalendarRef::ByFact(fact)) => format!("calendar by-fact {fact}, "),
        None => String::new(),
    };
    let Rule { first_day, ends, if_not_working, month_end } = rule;
    format!(
        "{calendar}first-day {first_day}, ends {ends}, if-not-working {if_not_working}, month-end {month_end}"
    )
}

fn command(command: &Command, all: &mut Vec<Item>) {
    let Command {
        name,
        label,
        place,
        from: whence,
        by,
        guard,
        when,
        ways,
        clerical,
        irregular,
        asks: asked_for,
        records,
        needs,
        not_before,
        approval,
        sets: writes,
        jobs,
        opens,
        steps_back,
        reopens,
        stops_tracks,
        basis,
    } = command;
    let item = Item::new(Section::Commands, name, *place);
    let mut parts = Vec::new();
    let to = match ways {
        // Its other keys are those of the command.
        Ways::One(branch) => Some(target(branch)),
        Ways::Outcomes(outcomes) => {
            parts.extend(outcomes.iter().map(|(name, label, way)| {
                branch(item.part(&format!("outcome `{name}`"), way.place).labelled(label), way)
            }));
            None
        }
        Ways::Routes(routes) => {
            let numbered = (1..).zip(routes);
            parts.extend(
                numbered.map(|(number, way)| branch(item.part(&format!("route {number}"), way.place), way)),
            );
            None
        }
    };
    let (wait, wait_counted) = match not_before {
        Some(NotBefore { wait, after, unless, calendar, rule }) => {
            let unless = unless.as_ref().map_or_else(String::new, |record| format!(", unless {record}"));
            (Some(format!("{wait} after {after}{unless}")), Some(counted(calendar.as_ref(), rule)))
        }
        None => (None, None),
    };
    let opens = opens.as_ref().map(|Opens { workflow, relation, closes_with_parent }| {
        let closes = if *closes_with_parent { "with-parent" } else { "alone" };
        format!("{workflow} as {relation}, closes {closes}")
    });
    all.push(
        item.labelled(label)
            .says("from", from(whence))
            .says("by", by)
            .says("if", guard)
            .says("when", when.as_ref().map(words))
            .says("to", to)
            .says("clerical", clerical.clone())
            .says("irregular", *irregular)
            .says("asks", asks(asked_for))
            .says("records", asks(records))
            .says("needs", needs)
            .says("not-before", wait)
            .says("not-before counted by", wait_counted)
            .says("approval", approval.as_ref().map(signatures))
            .says("approval counted by", approval.as_ref().and_then(approval_counted))
            .says("sets", sets(writes))
            .says("jobs", jobs)
            .says("opens", opens)
            .says("steps-back", *steps_back)
            .says("reopens", *reopens)
            .says("stops-tracks", *stops_tracks)
            .says("basis", basis.clone()),
    );
    all.extend(parts);
}

fn approval_counted(approval: &Approval) -> Option<String> {
    let Approval { steps: _, within, calendar, rule } = approval;
    within.as_ref().map(|_| counted(calendar.as_ref(), rule))
}

fn branch(item: Item, branch: &Branch) -> Item {
    let Branch {
        place: _,
        target: _,
        guard,
        needs,
        records,
        sets: writes,
        steps_back,
        reopens,
        stops_tracks,
    } = branch;
    item.says("to", target(branch))
        .says("if", guard)
        .says("needs", needs)
        .says("records", asks(records))
        .says("sets", sets(writes))
        .says("steps-back", *steps_back)
        .says("reopens", *reopens)
        .says("stops-tracks", *stops_tracks)
}

fn deadline(deadline: &Deadline, all: &mut Vec<Item>) {
    let Deadline {
        name,
        label,
        place,
        machine: _,
        while_in,
        term: _,
        since: _,
        per,
        guard,
        acts,
        pauses_while,
        repeat,
        extend_by,
        warn,
        late,
        basis,
        calendar,
        rule,
    } = deadline;
    let item = Item::new(Section::Deadlines, name, *place);
    let numbered = (1..).zip(late);
    let parts: Vec<Item> = numbered
        .map(|(number, Late { place, after, tell, runs })| {
            let part = item.part(&format!("late step {number}"), *place);
            part.says("after", after.to_string()).says("tell", tell).says("do", runs)
        })
        .collect();
    let warned = warn.iter().map(|warn| format!("{} before: {}", warn.before, list(&warn.tell)));
    let extend =
        extend_by.as_ref().map(|ExtendBy { command, by, times }| format!("{command} by {by}, {times} times"));
    all.push(
        item.labelled(label)
            .says("while", states(while_in))
            .says("limit", term(deadline))
            .says("per", per)
            .says("if", guard)
            .says("acts", acts)
            .says("pauses-while", pauses_while.as_ref().map(words))
            .says("repeat", repeat.map(|span| span.to_string()))
            .says("extend-by", extend)
            .says("warn", warned.collect::<Vec<_>>().join("; "))
            .says("basis", basis.clone())
            .says("counted by", counted(calendar.as_ref(), rule)),
    );
    all.extend(parts);
}

fn job(job: &Job, all: &mut Vec<Item>) {
    let Job {
        name,
        label,
        place,
        queue,
        attempt_limit,
        call,
        retry_times,
        first_wait,
        doubles_to,
        answers,
        fails_tell,
        fails_run,
    } = job;
    let item = Item::new(Section::Jobs, name, *place);
    let parts: Vec<Item> = answers
        .iter()
        .map(|JobAnswer { code, place, runs, outcome, with }| {
            let with =
                with.iter().map(|(fact, field)| format!("{fact}: {field}")).collect::<Vec<_>>().join(", ");
            let part = item.part(&format!("answer `{code}`"), *place);
            part.says("do", runs.to_string()).says("outcome", outcome).says("with", with)
        })
        .collect();
    all.push(
        item.labelled(label)
            .says("queue", queue.to_string())
            .says("attempt-limit", attempt_limit.to_string())
            .says("call", call.as_ref().map(|call| format!("{}: {}", call.channel, list(&call.sends))))
            .says("retry: times", retry_times.to_string())
            .says("retry: first-wait", first_wait.map(|span| span.to_string()))
            .says("retry: doubles-to", doubles_to.map(|span| span.to_string()))
            .says("if-it-fails: tell", fails_tell)
            .says("if-it-fails: do", fails_run),
    );
    all.extend(parts);
}

/// A rule of separation has no name: it is known by what it says.
fn apart(rule: &Separation) -> Item {
    let (word, place, acts, unless) = match rule {
        Separation::DifferentPeople { place, acts, unless_short_of } => {
            ("different-people", place, acts, unless_short_of.as_ref())
        }
        Separation::SamePerson { place, acts } => ("same-person", place, acts, None),
    };
    let acts =
        acts.iter().map(|act| format!("{}{}", act.command, if act.approval_only { ".approval" } else { "" }));
    let unless = unless.map_or_else(String::new, |role| format!(", unless-short-of {role}"));
    let name = format!("{word}: {}{unless}", acts.collect::<Vec<_>>().join(", "));
    Item::new(Section::Separation, &name, *place)
}

fn corrected(corrections: &Corrections, all: &mut Vec<Item>) {
    let Corrections { facts_by, facts_approval, annul } = corrections;
    all.push(
        Item::new(Section::Corrections, "facts", Place::default())
            .says("by", facts_by)
            .says("approval", facts_approval.as_ref().map(signatures))
            .says("approval counted by", facts_approval.as_ref().and_then(approval_counted)),
    );
    for (number, rule) in annul.iter().enumerate() {
        let Annul { place, command, while_in, returns_to, by, approval, reopens } = rule;
        // A command may be annulled by several rules; they are told apart by their order.
        let before = annul.iter().take(number).filter(|other| other.command == *command).count();
        let name = if before == 0 {
            format!("annul {command}")
        } else {
            format!("annul {command} ({})", before + 1)
        };
        all.push(
            Item::new(Section::Corrections, &name, *place)
                .says("while", while_in)
                .says("returns-to", returns_to.to_string())
                .says("by", by)
                .says("approval", approval.as_ref().map(signatures))
                .says("approval counted by", approval.as_ref().and_then(approval_counted))
                .says("reopens", *reopens),
        );
    }
}
