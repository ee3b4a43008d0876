//! Moves compiled: commands with everything they can carry, and what happens without a command.

use std::collections::{BTreeMap, BTreeSet};

use super::atoms::moves_main;
use super::model::{Model, What, marks};
use super::open::{once_waited, while_job};
use super::space::{Packing, Test, Var};
use crate::name::Name;
use crate::workflow::model::{
    Annul, Ask, Branch, Command, From, Machine, MomentRef, Set, State, Target, Ways,
};

/// Values written together.
pub(super) type Writes = Vec<(Var, usize)>;

/// One way to answer a command: what it writes before the guard is read, and when it is possible.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub possible: Vec<Test>,
    pub writes: Writes,
}

/// Where a way leads.
#[derive(Debug, Clone, Default)]
pub(super) struct Aim {
    pub back: bool,
    pub main: Option<usize>,
    /// Single tracks and their states.
    pub singles: Vec<(usize, usize)>,
    /// The state to which the record named moves.
    pub instance: Option<usize>,
}

/// One way of a command.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub outcome: Option<Name>,
    pub guard: Test,
    /// The guard as the record named sees it, by the cell it lies in; empty when there is none.
    pub guard_by_cell: Vec<Test>,
    /// What can be answered and filed, each apart from the others.
    pub parts: Vec<Vec<Answer>>,
    /// Every combination of them, within one slice.
    pub answers: Vec<Answer>,
    /// Written after the guard.
    pub sets: Vec<Writes>,
    pub aim: Aim,
    pub stops_tracks: bool,
    pub steps_back: bool,
    pub reopens: bool,
    /// Whether it files a record that covers the person.
    pub covers: bool,
    /// Whether taking it may be relied on to finish a case: a record with a ceiling may be refused.
    pub counts: Test,
}

/// A command.
#[derive(Debug, Clone)]
pub(super) struct Act {
    /// Its place among the commands of the file.
    pub command: usize,
    /// Main states in which it may be given; 0 is no case yet.
    pub main: Vec<bool>,
    /// For a command of a track: the track and the states of it.
    pub track: Option<(usize, Vec<bool>)>,
    /// For a command of a track per record: the record, and the place of the track.
    pub instance: Option<(usize, usize)>,
    /// Whether there is somebody, or a clock or job, to give it.
    pub startable: Test,
    /// Whether what its minimum wait counts from can have happened.
    pub waited: Test,
    pub automatic: Option<Test>,
    /// By the cell of the record named; empty when there is none.
    pub automatic_by_cell: Vec<Test>,
    /// A fact that has happened: never refused for guards and tracks.
    pub irregular: bool,
    pub guard: Test,
    /// By the cell of the record named; empty when there is none.
    pub guard_by_cell: Vec<Test>,
    /// The first way whose guard holds is taken.
    pub routed: bool,
    pub ways: Vec<Way>,
    /// It is open in every state that is not final.
    pub escape: bool,
    /// The number of its first way among all moves.
    pub first: usize,
}

/// What happens without a command.
#[derive(Debug, Clone)]
pub(super) enum FreeKind {
    /// A fact is edited.
    Edit(Name),
    /// A paper is filed.
    File(Name),
    /// A deadline passes.
    Pass(Name),
    /// A day count is reached.
    Age,
    /// A record grows older.
    RecordAge,
    /// The clock of a record begins again. When it does is not followed, so that nothing may count on it.
    RecordRestart,
    /// The authority ends.
    Lapse,
    /// An act is annulled.
    Annul(usize),
}

/// A move without a command.
#[derive(Debug, Clone)]
pub(super) struct Free {
    pub kind: FreeKind,
    pub may: Test,
    pub ways: Vec<Writes>,
    /// Of an annulment: where the machines return to.
    pub aim: Option<Aim>,
    /// Whether an event is written, after which tracks are looked at again: days go by without one.
    pub settles: bool,
    pub number: usize,
}

impl Free {
    /// Whether a case may be finished by it.
    pub(super) fn counts(&self) -> bool {
        !matches!(self.kind, FreeKind::Annul(_) | FreeKind::RecordRestart)
    }
}

/// A guard as it is read for a record in a cell.
fn for_cell<'t>(plain: &'t Test, by_cell: &'t [Test], cell: Option<usize>) -> &'t Test {
    cell.and_then(|cell| by_cell.get(cell)).unwrap_or(plain)
}

impl Way {
    /// What can be answered and filed, as one slice sees it: what it does not follow is not told apart.
    pub(super) fn parts_in(&self, packing: &Packing) -> Vec<BTreeMap<Writes, &Answer>> {
        let mut parts = Vec::new();
        for part in &self.parts {
            let mut kept = BTreeMap::new();
            for answer in part {
                kept.entry(packing.kept(&answer.writes)).or_insert(answer);
            }
            if !(kept.len() == 1 && kept.contains_key([].as_slice())) {
                parts.push(kept);
            }
        }
        parts
    }

    /// What is written after the guard, as one slice sees it.
    pub(super) fn sets_in(&self, packing: &Packing) -> BTreeSet<Writes> {
        self.sets.iter().map(|set| packing.kept(set)).collect()
    }

    /// The guard, for the record named.
    pub(super) fn guard_for(&self, cell: Option<usize>) -> &Test {
        for_cell(&self.guard, &self.guard_by_cell, cell)
    }
}

impl Act {
    /// The guard, for the record named.
    pub(super) fn guard_for(&self, cell: Option<usize>) -> &Test {
        for_cell(&self.guard, &self.guard_by_cell, cell)
    }

    /// The condition under which it runs by itself, for the record named.
    pub(super) fn automatic_for(&self, cell: Option<usize>) -> Option<&Test> {
        self.automatic.as_ref().map(|plain| for_cell(plain, &self.automatic_by_cell, cell))
    }

    /// The act as one slice sees it; `None` if it can be answered in too many ways.
    pub(super) fn within(&self, packing: &Packing) -> Option<Self> {
        let mut act = self.clone();
        for way in &mut act.ways {
            let mut answers = vec![Answer { possible: Vec::new(), writes: Vec::new() }];
            for part in way.parts_in(packing) {
                let mut more = Vec::new();
                for answer in &answers {
                    for (writes, own) in &part {
                        more.push(Answer {
                            possible: answer.possible.iter().chain(&own.possible).cloned().collect(),
                            writes: [answer.writes.as_slice(), writes.as_slice()].concat(),
                        });
                    }
                }
                if more.len() > Model::most() {
                    return None;
                }
                answers = more;
            }
            way.answers = answers;
            way.sets = way.sets_in(packing).into_iter().collect();
        }
        Some(act)
    }
}

fn free_answers(writes: Vec<Writes>) -> Vec<Answer> {
    writes.into_iter().map(|writes| Answer { possible: Vec::new(), writes }).collect()
}

/// Compiles the commands.
pub(super) fn compile_acts(model: &Model<'_>) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut first = 0;
    for (at, command) in model.def.commands.iter().enumerate() {
        let act = act(model, at, command, first);
        first += act.ways.len();
        acts.push(act);
    }
    acts
}

fn act(model: &Model<'_>, at: usize, command: &Command, first: usize) -> Act {
    let def = model.def;
    let (main, track) = match &command.from {
        From::New => (marks(&def.states, true, |_| false), None),
        From::EveryState => (marks(&def.states, false, |state| state.final_outcome.is_none()), None),
        From::Always => (marks(&def.states, false, |_| true), None),
        From::States(Machine::Main, names) => {
            (marks(&def.states, false, |state| names.contains(&state.name)), None)
        }
        From::States(Machine::Track(track), names) => {
            let number = def.tracks.position(track).unwrap_or(usize::MAX);
            let own = def.tracks.at(number).map(|track| &track.states);
            let from = own.map(|own| marks(own, false, |state| names.contains(&state.name)));
            (marks(&def.states, false, |_| true), Some((number, from.unwrap_or_default())))
        }
    };
    let instance =
        track.as_ref().and_then(|(number, _)| model.tracks.get(*number)).and_then(|track| track.record);
    let mut asked: Vec<Vec<Answer>> = Vec::new();
    for (fact, ask) in &command.asks {
        let Some(fact) = model.facts.get(fact) else { continue };
        let mut ways = fact.writes(fact.known().into_iter());
        if *ask == Ask::Optional {
            ways.push(Vec::new());
        }
        asked.push(free_answers(ways));
    }
    let routed = matches!(command.ways, Ways::Routes(_));
    let named = instance.map(|(record, _)| record);
    let ways = command
        .branches()
        .into_iter()
        .map(|(outcome, branch)| way(model, command, (outcome, branch), named, &asked));
    let waited = command.not_before.as_ref().filter(|_| !command.irregular);
    Act {
        command: at,
        main,
        track,
        instance,
        startable: startable(model, command),
        waited: waited
            .and_then(|wait| once_waited(model, command, wait))
            .map_or_else(Test::always, |open| Test::In(model.main, open)),
        automatic: command.when.as_ref().map(|when| model.test(when)),
        automatic_by_cell: command
            .when
            .as_ref()
            .map(|when| model.test_by_cell(when, named))
            .unwrap_or_default(),
        irregular: command.irregular,
        guard: model.test(&command.guard),
        guard_by_cell: model.test_by_cell(&command.guard, named),
        routed,
        ways: ways.collect(),
        escape: command.from == From::EveryState,
        first,
    }
}

fn way(
    model: &Model<'_>,
    command: &Command,
    (outcome, branch): (Option<&Name>, &Branch),
    named: Option<usize>,
    asked: &[Vec<Answer>],
) -> Way {
    let filed: Vec<&(Name, Ask)> = command.records.iter().chain(&branch.records).collect();
    let mut parts = asked.to_vec();
    parts.extend(filed.iter().map(|(record, ask)| filing(model, record, ask)));
    let needs: Vec<&Name> = command.needs.iter().chain(&branch.needs).collect();
    for var in needs.iter().filter_map(|paper| model.filed.get(*paper)) {
        parts.push(free_answers(vec![vec![(*var, 1)]]));
    }
    let mut sets: Vec<Writes> = vec![Vec::new()];
    for (fact, set) in command.sets.iter().chain(&branch.sets) {
        let Some(fact) = model.facts.get(fact) else { continue };
        let value = match set {
            Set::Value(value) => Some(value),
            Set::Unset => None,
        };
        let ways = fact.writes(std::iter::once(fact.region(value)));
        sets =
            sets.iter().flat_map(|set| ways.iter().map(move |way| [set.as_slice(), way].concat())).collect();
    }
    let covers = filed
        .iter()
        .any(|(record, _)| model.def.records.get(record).is_some_and(|record| record.covers.is_some()));
    if let (true, Some(lapsed)) = (covers, model.lapsed) {
        // The cover may end before it begins to count: both are possible.
        let covered: Vec<Writes> = sets.iter().map(|set| [set.as_slice(), &[(lapsed, 0)]].concat()).collect();
        sets.extend(covered);
    }
    for clock in &model.clocks {
        let restarts = match model.since(clock) {
            Some(MomentRef::Document(paper)) => needs.contains(&paper),
            Some(MomentRef::Field { record, .. }) => filed.iter().any(|(kind, _)| kind == record),
            Some(MomentRef::State(_)) | None => false,
        };
        if restarts {
            for set in &mut sets {
                set.push((clock.var, 0));
            }
        }
    }
    let mut counts = Vec::new();
    for (record, ask) in &filed {
        let limit = model.def.records.get(record).and_then(|record| record.limit.as_ref());
        if let (Some(limit), true) = (limit, *ask != Ask::Optional) {
            let at = limit.beyond_needs.as_ref().and_then(|name| model.record(name));
            counts.push(at.map_or(Test::Any(Vec::new()), |at| model.some(at, |_| true)));
        }
    }
    Way {
        outcome: outcome.cloned(),
        guard: model.test(&branch.guard),
        guard_by_cell: model.test_by_cell(&branch.guard, named),
        parts,
        answers: Vec::new(),
        sets,
        aim: aim(model, &branch.target),
        stops_tracks: command.stops_tracks || branch.stops_tracks,
        steps_back: command.steps_back || branch.steps_back,
        reopens: command.reopens || branch.reopens,
        covers,
        counts: Test::All(counts).melted(),
    }
}

fn aim(model: &Model<'_>, target: &Target) -> Aim {
    let mut aim = Aim::default();
    match target {
        Target::Stays => {}
        Target::Back => aim.back = true,
        Target::To(states) => {
            for state in states {
                if let Some(main) = model.main_state(state) {
                    aim.main = Some(main);
                } else if let Some((track, number)) = model.track_state(state) {
                    if model.tracks.get(track).is_some_and(|track| track.record.is_some()) {
                        aim.instance = Some(number);
                    } else {
                        aim.singles.push((track, number));
                    }
                }
            }
        }
    }
    aim
}

/// What filing a record writes: any non-empty set of cells, since several may be filed at once.
fn filing(model: &Model<'_>, record: &Name, ask: &Ask) -> Vec<Answer> {
    let mut answers = Vec::new();
    let sums: Vec<Writes> = model.sums.iter().filter(|(_, kind, ..)| kind == record).fold(
        vec![Vec::new()],
        |all: Vec<Writes>, (_, _, var, cut, _)| {
            all.iter()
                .flat_map(|way| {
                    (0..cut.len()).map(move |region| [way.as_slice(), &[(*var, region)]].concat())
                })
                .collect()
        },
    );
    let mut sets: Vec<Writes> = vec![Vec::new()];
    if let Some(kind) = model.record(record).and_then(|at| model.records.get(at)) {
        let fresh = vec![0; kind.tracks.len()];
        for form in 0..kind.forms.len() {
            let Some(cell) = kind.cell(form, &fresh).and_then(|cell| kind.cells.get(cell)) else {
                continue;
            };
            let more: Vec<Writes> =
                sets.iter().map(|set| [set.as_slice(), &[(cell.var, 1)]].concat()).collect();
            sets.extend(more);
            if sets.len() > Model::most() {
                break;
            }
        }
        sets.retain(|set| !set.is_empty());
    }
    for set in &sets {
        for sum in &sums {
            answers.push(Answer { possible: Vec::new(), writes: [set.as_slice(), sum].concat() });
        }
    }
    match ask {
        Ask::Required => {}
        Ask::Optional => answers.push(Answer { possible: Vec::new(), writes: Vec::new() }),
        Ask::OnePer(about) => {
            if let Some(at) = model.record(about) {
                let some = model.some(at, |_| true);
                for answer in &mut answers {
                    answer.possible.push(some.clone());
                }
                answers.push(Answer { possible: vec![Test::Not(Box::new(some))], writes: Vec::new() });
            } else {
                // Nothing follows how many there are: there may be none.
                answers.push(Answer { possible: Vec::new(), writes: Vec::new() });
            }
        }
    }
    answers
}

/// Who can give a command, by main state; and the clocks and jobs that run it.
fn startable(model: &Model<'_>, command: &Command) -> Test {
    let def = model.def;
    if command.when.is_some() {
        return Test::always();
    }
    let approvable =
        command.approval.iter().flat_map(|approval| &approval.steps).all(|step| !step.by.is_empty());
    let people: Vec<&Name> = command.by.iter().filter(|role| *role != "system").collect();
    let anybody = approvable && !people.is_empty();
    let here = marks(&def.states, anybody, |state| {
        let bound = if command.irregular { None } else { state.acts_by.as_ref() };
        anybody && bound.is_none_or(|allowed| people.iter().any(|role| allowed.contains(role)))
    });
    let mut ways = vec![Test::In(model.main, here)];
    if command.by.iter().any(|role| role == "system") {
        for deadline in &def.deadlines {
            if deadline.late.iter().any(|late| late.runs.as_ref() == Some(&command.name)) {
                ways.push(Test::All(vec![model.within(deadline), model.test(&deadline.guard)]));
            }
        }
        for job in &def.jobs {
            let runs = job.answers.iter().any(|answer| answer.runs == command.name)
                || job.fails_run.as_ref() == Some(&command.name);
            if runs {
                ways.push(Test::In(model.main, while_job(model, &job.name)));
            }
        }
    }
    Test::Any(ways).melted()
}

/// The main states in which one of these capacities may act at all.
fn acting(model: &Model<'_>, roles: &[Name]) -> Test {
    let bound = |state: &State| {
        state.acts_by.as_ref().is_none_or(|allowed| roles.iter().any(|role| allowed.contains(role)))
    };
    if model.def.states.iter().all(bound) {
        return Test::always();
    }
    Test::In(model.main, marks(&model.def.states, true, bound))
}

/// Compiles what happens without a command.
///
/// # Errors
/// The annulment that has too many ways to be followed.
pub(super) fn compile_free(model: &Model<'_>) -> Result<Vec<Free>, String> {
    let def = model.def;
    let mut all = Vec::new();
    let mut number = model.acts.iter().map(|act| act.ways.len()).sum();
    let mut add = |kind: FreeKind, may: Test, ways: Vec<Writes>, aim: Option<Aim>, settles: bool| {
        all.push(Free { kind, may, ways, aim, settles, number });
        number += 1;
    };
    let open = Test::In(model.main, marks(&def.states, false, |state| state.final_outcome.is_none()));
    for fact in def.facts.iter().filter(|fact| !fact.editable_by.is_empty()) {
        if let Some(fact_model) = model.facts.get(&fact.name) {
            let ways = fact_model.writes(fact_model.known().into_iter());
            let may = Test::All(vec![open.clone(), acting(model, &fact.editable_by)]);
            add(FreeKind::Edit(fact.name.clone()), may.melted(), ways, None, true);
        }
    }
    for document in &def.documents {
        let mut writes: Writes = model.filed.get(&document.name).map(|var| (*var, 1)).into_iter().collect();
        for clock in &model.clocks {
            if matches!(model.since(clock), Some(MomentRef::Document(paper)) if *paper == document.name) {
                writes.push((clock.var, 0));
            }
        }
        if !writes.is_empty() {
            add(
                FreeKind::File(document.name.clone()),
                acting(model, &document.from),
                vec![writes],
                None,
                true,
            );
        }
    }
    for clock in &model.clocks {
        add(FreeKind::Pass(clock.name.clone()), clock.runs.clone(), vec![vec![(clock.var, 1)]], None, true);
    }
    for fact in model.facts.values() {
        for bit in &fact.since {
            let known = fact.regions.iter().map(|region| !region.unset).collect();
            add(FreeKind::Age, Test::In(fact.var, known), vec![vec![(*bit, 1)]], None, false);
        }
    }
    for record in &model.records {
        for age in &record.ages {
            let (Some(from), Some(to)) = (record.cells.get(age.from), record.cells.get(age.to)) else {
                continue;
            };
            let way = |from: Var, to: Var| vec![vec![(from, 0), (to, 1)], vec![(to, 1)]];
            add(FreeKind::RecordAge, Test::bit(from.var), way(from.var, to.var), None, false);
            if age.restarts {
                add(FreeKind::RecordRestart, Test::bit(to.var), way(to.var, from.var), None, false);
            }
        }
    }
    if let Some(lapsed) = model.lapsed {
        add(FreeKind::Lapse, Test::always(), vec![vec![(lapsed, 1)]], None, false);
    }
    for (at, annul) in def.corrections.annul.iter().enumerate() {
        let (may, ways, aim) = annulment(model, annul).ok_or_else(|| {
            format!(
                "annulling `{}` can give back earlier values in more than {} ways",
                annul.command,
                Model::most()
            )
        })?;
        add(FreeKind::Annul(at), may, ways, Some(aim), true);
    }
    Ok(all)
}

/// An annulment returns the machine, gives the facts set by the act an earlier value (any that something else can have
/// given) and may take away the last record of a cell, by which sums change too. `None` when there are too many ways.
fn annulment(model: &Model<'_>, annul: &Annul) -> Option<(Test, Vec<Writes>, Aim)> {
    let def = model.def;
    let aim = aim(model, &Target::To(vec![annul.returns_to.clone()]));
    let mut may: Vec<Test> = Vec::new();
    for state in &annul.while_in {
        if let Some(main) = model.main_state(state) {
            may.push(model.is(model.main, main));
        } else if let Some((track, number)) = model.track_state(state)
            && let Some(var) = model.tracks.get(track).and_then(|track| track.var)
        {
            may.push(model.is(var, number));
        }
    }
    let may = Test::All(vec![Test::Any(may), acting(model, &annul.by)]).melted();
    let mut ways: Vec<Writes> = vec![Vec::new()];
    let Some(command) = def.commands.get(&annul.command) else { return Some((may, ways, aim)) };
    let set = command.all_sets().map(|(fact, _)| fact);
    let touched: BTreeSet<&Name> = command.asks.iter().map(|(fact, _)| fact).chain(set).collect();
    for fact in touched {
        let Some(fact_model) = model.facts.get(fact) else { continue };
        let declared = def.facts.get(fact);
        let mut regions = BTreeSet::from([fact_model.region(declared.and_then(|fact| fact.starts.as_ref()))]);
        let asked = def
            .commands
            .iter()
            .any(|other| other.name != command.name && other.asks.iter().any(|(asked, _)| asked == fact));
        if asked || declared.is_some_and(|fact| !fact.editable_by.is_empty()) {
            regions.extend(fact_model.known());
        }
        for other in def.commands.iter().filter(|other| other.name != command.name) {
            for (set, value) in other.all_sets() {
                if set == fact {
                    regions.insert(fact_model.region(match value {
                        Set::Value(value) => Some(value),
                        Set::Unset => None,
                    }));
                }
            }
        }
        ways = times(&ways, &fact_model.writes(regions.into_iter()))?;
    }
    let kinds: BTreeSet<&Name> = command.all_records().map(|(record, _)| record).collect();
    let mut gone: Vec<Writes> = vec![Vec::new()];
    for record in model.records.iter().filter(|record| kinds.contains(&record.name)) {
        gone.extend(record.cells.iter().map(|cell| vec![(cell.var, 0)]));
    }
    ways = times(&ways, &gone)?;
    for (_, _, var, cut, _) in model.sums.iter().filter(|(_, kind, ..)| kinds.contains(kind)) {
        let left: Vec<Writes> = (0..cut.len()).map(|region| vec![(*var, region)]).collect();
        ways = times(&ways, &left)?;
    }
    Some((may, ways, aim))
}

/// Every way with every addition; `None` when that is too many.
fn times(ways: &[Writes], more: &[Writes]) -> Option<Vec<Writes>> {
    (ways.len().saturating_mul(more.len()) <= Model::most()).then(|| {
        ways.iter().flat_map(|way| more.iter().map(move |more| [way.as_slice(), more].concat())).collect()
    })
}

/// The variables whose values decide whether the act is possible, and those it writes.
pub(super) fn footprint(model: &Model<'_>, act: &Act) -> (BTreeSet<Var>, BTreeSet<Var>) {
    let (mut reads, mut writes) = (BTreeSet::from([model.main]), BTreeSet::new());
    act.startable.reads(&mut reads);
    act.waited.reads(&mut reads);
    act.guard.reads(&mut reads);
    if let Some(when) = &act.automatic {
        when.reads(&mut reads);
    }
    if let Some((track, _)) = &act.track {
        machine_vars(model, *track, &mut reads);
    }
    let command = model.def.commands.at(act.command);
    let any_main = command.is_some_and(|command| {
        command.branches().iter().any(|(_, branch)| moves_main(model.def, &branch.target))
    });
    for way in &act.ways {
        way.guard.reads(&mut reads);
        way.counts.reads(&mut reads);
        for answer in way.parts.iter().flatten() {
            answer.possible.iter().for_each(|test| test.reads(&mut reads));
            writes.extend(answer.writes.iter().map(|(var, _)| *var));
        }
        writes.extend(way.sets.iter().flatten().map(|(var, _)| *var));
        if way.aim.back {
            reads.insert(model.before);
        }
        for (track, _) in &way.aim.singles {
            machine_vars(model, *track, &mut reads);
            machine_vars(model, *track, &mut writes);
        }
    }
    if let (true, Some((track, _))) = (act.ways.iter().any(|way| way.aim.instance.is_some()), &act.track) {
        machine_vars(model, *track, &mut writes);
    }
    if any_main {
        writes.insert(model.main);
        writes.insert(model.before);
    }
    // A must-finish track may hold back whatever closes it: a move of the main line, or a change of its condition.
    for (at, track) in model.tracks.iter().enumerate() {
        let mut condition = BTreeSet::new();
        track.open_if.reads(&mut condition);
        let closes = any_main || condition.iter().any(|var| writes.contains(var));
        if track.must_finish && closes && !act.irregular {
            machine_vars(model, at, &mut reads);
            reads.insert(model.before);
            reads.extend(condition);
        }
    }
    (reads, writes)
}

/// The variables of a track.
pub(super) fn machine_vars(model: &Model<'_>, track: usize, into: &mut BTreeSet<Var>) {
    let Some(track) = model.tracks.get(track) else { return };
    into.extend(track.var);
    if let Some((record, _)) = track.record {
        into.extend(model.cells(record).iter().map(|cell| cell.var));
    }
}

/// What a variable depends on beside the acts that write it.
pub(super) fn leans_on(model: &Model<'_>, var: Var, into: &mut BTreeSet<Var>) {
    let open_if = |track: usize, into: &mut BTreeSet<Var>| {
        into.extend([model.main, model.before]);
        if let Some(track) = model.tracks.get(track) {
            track.open_if.reads(into);
        }
    };
    match model.vars.get(var) {
        Some(What::Track(track)) => open_if(*track, into),
        Some(What::Cell(record, _)) => {
            if let Some(record) = model.records.get(*record) {
                into.extend(record.cells.iter().map(|cell| cell.var));
                record.tracks.iter().for_each(|track| open_if(*track, into));
            }
        }
        Some(What::Passed(_)) => {
            for clock in model.clocks.iter().filter(|clock| clock.var == var) {
                clock.runs.reads(into);
                if let Some(MomentRef::State(state)) = model.since(clock)
                    && let Some((track, _)) = model.track_state(state)
                {
                    machine_vars(model, track, into);
                }
            }
        }
        Some(What::Since(_)) => {
            into.extend(model.facts.values().filter(|fact| fact.since.contains(&var)).map(|fact| fact.var));
        }
        Some(What::Fact(_)) => {
            into.extend(
                model
                    .facts
                    .values()
                    .filter(|fact| fact.var == var)
                    .flat_map(|fact| fact.since.iter().copied()),
            );
        }
        Some(What::Main | What::Before) => {
            into.insert(model.main);
            into.insert(model.before);
        }
        Some(What::Filed(_) | What::Lapsed | What::Sum(..)) | None => {}
    }
}
