//! From sets to what the verdicts are told from.

use std::collections::{BTreeMap, BTreeSet};

use super::super::answers::{Answers, circles_to_tell};
use super::super::graph::{Graph, Node, Sight, Truth, Unrecorded};
use super::super::model::{Model, What};
use super::super::moves::Act;
use super::super::slices::Item;
use super::super::space::{Key, Test, Var, marked};
use super::diagram::{Diagrams, Drawn, Set};
use super::program::Move;
use super::reach::Reach;

/// Answers the questions of a slice.
pub(super) fn collect<'m>(
    reach: Reach<'m>,
    graph: Graph<'m>,
    items: &[Item],
    guards: &[&Test],
) -> Drawn<(Graph<'m>, Answers)> {
    let known = BTreeMap::from([(reach.start, 0)]);
    let mut all = Collector { model: graph.stepper.model, reach, graph, answers: Answers::default(), known };
    all.machines()?;
    all.truths(guards)?;
    for item in items {
        match item {
            Item::Main => {
                all.stuck()?;
                all.gaps()?;
                all.held()?;
                all.automatic()?;
            }
            Item::Track(track) => all.proper(*track)?,
            Item::Act(at) => all.act(*at)?,
            Item::Guard(_) => {}
            Item::Stages => all.stages()?,
        }
    }
    Ok((all.graph, all.answers))
}

struct Collector<'m> {
    model: &'m Model<'m>,
    reach: Reach<'m>,
    graph: Graph<'m>,
    answers: Answers,
    /// The configurations told of.
    known: BTreeMap<Key, Node>,
}

impl<'m> Collector<'m> {
    fn diagrams(&self) -> &Diagrams<'m> {
        self.reach.diagrams()
    }

    /// The nearest configuration of a set, with the way to it.
    fn tell(&mut self, set: &Set) -> Drawn<Option<Node>> {
        let Some(way) = self.reach.way(set)? else { return Ok(None) };
        let mut node = 0;
        for (number, key) in way {
            node = match self.known.get(&key) {
                Some(known) => *known,
                None => {
                    let told = self.graph.tell(node, number, key);
                    self.known.insert(key, told);
                    told
                }
            };
        }
        Ok(Some(node))
    }

    fn sight(&mut self, set: &Set) -> Drawn<Option<Sight>> {
        if set.is_empty() {
            return Ok(None);
        }
        let times = self.diagrams().count(set);
        Ok(self.tell(set)?.map(|first| Sight { first, times }))
    }

    /// The sights of a set by main state.
    fn by_main(&mut self, set: &Set) -> Drawn<BTreeMap<usize, Sight>> {
        let mut all = BTreeMap::new();
        for main in 0..self.model.ends.len() {
            let here = set.and(&self.diagrams().is(self.model.main, main)?)?;
            all.extend(self.sight(&here)?.map(|seen| (main, seen)));
        }
        Ok(all)
    }

    fn mains(&self, wanted: impl Fn(usize) -> bool) -> Drawn<Set> {
        let marks: Vec<bool> = (0..self.model.ends.len()).map(wanted).collect();
        self.diagrams().among(self.model.main, &marks)
    }

    /// Where a case waits: it is open, has not ended, and no automatic command leads on.
    fn waits(&self) -> Drawn<Set> {
        let open = self.mains(|main| self.model.is_under_way(main))?;
        self.reach.reached.and(&open)?.minus(&self.reach.passing)
    }

    fn machines(&mut self) -> Drawn<()> {
        for var in self.graph.kept.iter().copied() {
            let machine =
                matches!(self.model.vars.get(var), Some(What::Main | What::Track(_) | What::Cell(..)));
            let values = self.model.sizes.get(var).copied().unwrap_or(0);
            for value in (1..values).filter(|_| machine) {
                let there = self.diagrams().is(var, value)?;
                if self.reach.reached.meets(&there)? {
                    self.graph.met.insert(var, value);
                }
            }
        }
        Ok(())
    }

    fn truths(&mut self, guards: &[&Test]) -> Drawn<()> {
        let open = self.reach.reached.and(&self.mains(|main| main != 0)?)?;
        for (at, guard) in guards.iter().enumerate() {
            let holds = self.diagrams().test(guard)?;
            let truth = Truth { was_true: open.meets(&holds)?, was_false: !open.minus(&holds)?.is_empty() };
            if let Some(slot) = self.graph.truths.get_mut(at) {
                *slot = truth;
            }
        }
        Ok(())
    }

    /// Where a command can be done, and the ways of it that can be taken somewhere.
    fn open(&self, at: usize) -> Drawn<(Set, Vec<usize>)> {
        let (mut open, mut taken) = (self.diagrams().none.clone(), Vec::new());
        for one in self.reach.moves.iter().filter(|one| one.act == Some(at)) {
            let here = self.reach.origin(&one.programs)?;
            if !here.is_empty() {
                taken.push(one.number);
            }
            open = open.or(&here)?;
        }
        Ok((open, taken))
    }

    fn act(&mut self, at: usize) -> Drawn<()> {
        let Some(act) = self.model.acts.get(at) else { return Ok(()) };
        let here = self.reach.reached.and(&self.diagrams().among(self.model.main, &act.main)?)?;
        let startable = self.diagrams().test(&act.startable)?;
        let waited = self.diagrams().test(&act.waited)?;
        if self.reach.reached.meets(&startable)? {
            self.answers.startable.insert(at);
        }
        if here.meets(&startable)? {
            self.answers.startable_here.insert(at);
        }
        if here.meets(&waited)? {
            self.answers.waited.insert(at);
        }
        let (open, taken) = self.open(at)?;
        for number in taken {
            self.graph.take(number);
        }
        let mut truth = Truth::default();
        let mut no_route = self.diagrams().none.clone();
        for start in self.reach.starts.iter().filter(|(act, _)| *act == at).flat_map(|(_, ways)| ways) {
            let given = std::slice::from_ref(&start.given);
            truth.was_true |= !self.reach.before(given, &start.guard)?.is_empty();
            truth.was_false |= !self.reach.before(given, &start.guard.not()?)?.is_empty();
            no_route = no_route.or(&self.reach.before(given, &start.no_route)?)?;
        }
        if let Some(slot) = self.graph.guards.get_mut(at) {
            *slot = truth;
        }
        if let Some(seen) = self.sight(&no_route)? {
            self.graph.no_route.insert(at, seen);
        }
        if act.escape && act.automatic.is_none() {
            let shut = self.waits()?.minus(&open)?;
            if let Some(seen) = self.sight(&shut)? {
                self.graph.no_escape.insert(at, seen);
            }
        }
        self.open_from(at, &open)
    }

    /// The states of its own machine in which a command is open.
    fn open_from(&mut self, at: usize, open: &Set) -> Drawn<()> {
        let Some(act) = self.model.acts.get(at) else { return Ok(()) };
        let mut there: Vec<(usize, Var, usize)> = Vec::new();
        match (&act.track, act.instance) {
            (None, _) => there.extend((0..act.main.len()).map(|state| (state, self.model.main, state))),
            (Some((track, states)), None) => {
                let var = self.model.tracks.get(*track).and_then(|track| track.var);
                there.extend(
                    var.into_iter().flat_map(|var| (0..states.len()).map(move |state| (state, var, state))),
                );
            }
            (Some(_), Some(_)) => {
                for one in self.reach.moves.iter().filter(|one| one.act == Some(at)) {
                    for (program, state) in one.programs.iter().zip(&one.states) {
                        let program = std::slice::from_ref(program);
                        if !self.graph.open_from.contains(at, *state)
                            && !self.reach.origin(program)?.is_empty()
                        {
                            self.graph.open_from.insert(at, *state);
                        }
                    }
                }
            }
        }
        for (state, var, value) in there {
            if open.meets(&self.diagrams().is(var, value)?)? {
                self.graph.open_from.insert(at, state);
            }
        }
        Ok(())
    }

    /// E-complete.
    fn stuck(&mut self) -> Drawn<()> {
        let (model, reached) = (self.model, self.reach.reached.clone());
        let ends = self.mains(|main| marked(&model.ends, main))?;
        let exceptional = self.mains(|main| marked(&model.exceptional, main))?;
        let opened = reached.minus(&self.mains(|main| main == 0)?)?;
        let normal = reached.minus(&exceptional)?;
        let good = self.reach.leading_to(normal.and(&ends)?, &normal)?;
        let mut back = self.diagrams().none.clone();
        for one in self.reach.moves.iter().filter(|one| one.back) {
            back = back.or(&self.reach.origin(&one.programs)?)?;
        }
        let any = reached.and(&ends.or(&back.and(&exceptional)?)?)?;
        let some_end = self.reach.leading_to(any, &reached)?;
        let bad =
            opened.and(&exceptional)?.minus(&some_end)?.or(&opened.minus(&exceptional)?.minus(&good)?)?;
        if bad.is_empty() {
            return Ok(());
        }
        let elsewhere = self.diagrams().same(model.main)?.not()?;
        let mains = BTreeSet::from([model.main]);
        let mut derived = self.diagrams().none.clone();
        for one in self.reach.moves.iter().filter(|one| one.writes.contains(&model.main)) {
            derived = derived.or(&self.reach.before_within(one.counting(), &bad, &elsewhere, &mains)?)?;
        }
        let mut ways = BTreeSet::new();
        for to in 1..model.ends.len() {
            let target = bad.and(&self.diagrams().is(model.main, to)?)?;
            if target.is_empty() {
                continue;
            }
            let mut from = self.diagrams().none.clone();
            for one in self.reach.moves.iter().filter(|one| one.writes.contains(&model.main)) {
                from = from.or(&self.reach.before(one.counting(), &target)?)?;
            }
            let from = from.and(&bad)?;
            for main in (1..model.ends.len()).filter(|main| *main != to) {
                if from.meets(&self.diagrams().is(model.main, main)?)? {
                    ways.insert((main, to));
                }
            }
        }
        let all = self.by_main(&bad)?;
        let mut told = self.by_main(&bad.minus(&derived)?.minus(&self.reach.passing)?)?;
        let depth = |seen: &Sight| self.graph.path(seen.first).len();
        for state in circles_to_tell(&all, &told, &ways, depth) {
            told.extend(all.get(&state).map(|seen| (state, *seen)));
        }
        for seen in told.values() {
            self.open_at(seen.first)?;
        }
        self.answers.stuck = told;
        Ok(())
    }

    /// The commands open in a configuration told of.
    fn open_at(&mut self, node: Node) -> Drawn<()> {
        let here = self.diagrams().one(self.graph.key(node))?;
        let mut open = Vec::new();
        for at in &self.graph.acts {
            for one in self.reach.moves.iter().filter(|one| one.act == Some(*at)) {
                if !self.reach.after(&one.programs, &here)?.is_empty() {
                    open.push(*at);
                    break;
                }
            }
        }
        self.answers.open.insert(node, open);
        Ok(())
    }

    /// W-exit.
    fn gaps(&mut self) -> Drawn<()> {
        let mut leaves = self.diagrams().none.clone();
        for (at, ways) in &self.reach.starts {
            if self.model.acts.get(*at).is_none_or(|act| act.automatic.is_some()) {
                continue;
            }
            for start in ways {
                let given = std::slice::from_ref(&start.given);
                leaves = leaves.or(&self.reach.before(given, &start.leaves)?)?;
            }
        }
        // Inside a state, and with no fact that is known taken back.
        let mut inside = BTreeMap::new();
        for one in &self.reach.moves {
            let vars: BTreeSet<Var> = one.writes.iter().copied().filter(|var| self.steers(*var)).collect();
            let mut kept = self.diagrams().every.clone();
            for var in &vars {
                let mut same = self.diagrams().same(*var)?;
                if let Some(fact) = self.model.facts.values().find(|fact| fact.var == *var) {
                    let unset: Vec<bool> = fact.regions.iter().map(|region| region.maybe_unset).collect();
                    same = same.or(&self.diagrams().was_among(*var, &unset)?)?;
                }
                kept = kept.and(&same)?;
            }
            inside.insert(one.number, (vars, kept));
        }
        let good = self.reach.closed(leaves, |one, to| match inside.get(&one.number) {
            Some((vars, kept)) => self.reach.before_within(one.counting(), to, kept, vars),
            None => Ok(self.diagrams().none.clone()),
        })?;
        let bad = self.waits()?.minus(&good)?;
        let gaps = self.by_main(&bad)?;
        for seen in gaps.values() {
            self.open_at(seen.first)?;
        }
        self.answers.gaps = gaps;
        Ok(())
    }

    /// Whether a variable is the main state or a fact.
    fn steers(&self, var: Var) -> bool {
        matches!(self.model.vars.get(var), Some(What::Main | What::Fact(_)))
    }

    /// E-irregular and E-held.
    fn held(&mut self) -> Drawn<()> {
        let model = self.model;
        let none = self.diagrams().none.clone();
        // Where facts that have happened lead: anywhere, to exceptional states, out of custody, and to two of these.
        let (mut anything, mut death, mut leaving) = (none.clone(), none.clone(), none.clone());
        let (mut some, mut several) = (none.clone(), none.clone());
        for to in 1..model.ends.len() {
            let there = self.diagrams().is(model.main, to)?;
            let mut from = none.clone();
            for one in self.reach.moves.iter().filter(|one| one.writes.contains(&model.main)) {
                if self.given(one).is_some_and(|act| act.irregular) {
                    from = from.or(&self.reach.before(&one.programs, &there)?)?;
                }
            }
            let from = from.minus(&there)?;
            anything = anything.or(&from)?;
            let (exceptional, held) = (marked(&model.exceptional, to), marked(&model.held, to));
            if exceptional {
                death = death.or(&from)?;
            }
            if !held {
                leaving = leaving.or(&from)?;
            }
            if exceptional || !held {
                several = several.or(&some.and(&from)?)?;
                some = some.or(&from)?;
            }
        }
        let held = self.waits()?.and(&self.mains(|main| marked(&model.held, main))?)?;
        for (missing, set) in [
            (Unrecorded::Anything, held.minus(&anything)?),
            (Unrecorded::Death, held.and(&anything)?.minus(&death)?),
            (Unrecorded::Leaving, held.and(&death)?.minus(&leaving.and(&several)?)?),
        ] {
            for (main, seen) in self.by_main(&set)? {
                self.graph.no_irregular.insert((main, missing), seen);
            }
        }
        let mut covers = none;
        for one in &self.reach.moves {
            let way = self.given(one).and_then(|act| act.ways.get(one.number.checked_sub(act.first)?));
            if way.is_some_and(|way| way.covers) {
                covers = covers.or(&self.reach.origin(&one.programs)?)?;
            }
        }
        for main in 0..model.ends.len() {
            if covers.meets(&self.diagrams().is(model.main, main)?)? {
                self.graph.covered.insert(main);
            }
        }
        Ok(())
    }

    /// The command of a move that does not run by itself.
    fn given(&self, one: &Move) -> Option<&'m Act> {
        one.act.and_then(|at| self.model.acts.get(at)).filter(|act| act.automatic.is_none())
    }

    /// E-proper.
    fn proper(&mut self, at: usize) -> Drawn<()> {
        let Some(track) = self.model.tracks.get(at).filter(|track| track.must_finish) else { return Ok(()) };
        let unfinished: Vec<bool> =
            (0..track.finals.len()).map(|state| state != 0 && !marked(&track.finals, state)).collect();
        let mut open = self.diagrams().none.clone();
        match (track.var, track.record) {
            (Some(var), _) => open = self.diagrams().among(var, &unfinished)?,
            (None, Some((record, place))) => {
                for cell in self.model.cells(record) {
                    if cell.states.get(place).is_some_and(|state| marked(&unfinished, *state)) {
                        open = open.or(&self.diagrams().is(cell.var, 1)?)?;
                    }
                }
            }
            (None, None) => {}
        }
        let ends = self.mains(|main| self.model.is_normal_end(main))?;
        let bad = self.reach.reached.and(&ends)?.and(&open)?;
        if let Some(seen) = self.sight(&bad)? {
            self.answers.improper.insert(at, seen);
        }
        Ok(())
    }

    /// Whether a move of an automatic command.
    fn is_automatic(&self, one: &Move) -> bool {
        one.act.is_some_and(|at| self.model.is_automatic(at))
    }

    /// E-auto.
    fn automatic(&mut self) -> Drawn<()> {
        if self.reach.passing.is_empty() {
            return Ok(());
        }
        let automatic: Vec<usize> =
            self.graph.acts.iter().copied().filter(|at| self.model.is_automatic(*at)).collect();
        let mut open = Vec::new();
        for at in automatic {
            open.push((at, self.open(at)?.0));
        }
        // Each configuration is told of once, with the first two commands that are open there.
        let (mut none_yet, mut one_yet) = (self.reach.passing.clone(), BTreeMap::new());
        let mut overlap = Vec::new();
        for (at, here) in &open {
            for (other, alone) in &mut one_yet {
                let both: Set = here.and(alone)?;
                *alone = alone.minus(here)?;
                overlap.push(((*other, *at), both));
            }
            one_yet.insert(*at, none_yet.and(here)?);
            none_yet = none_yet.minus(here)?;
        }
        for (pair, both) in overlap {
            if let Some(seen) = self.sight(&both)? {
                self.graph.overlap.insert(pair, seen);
            }
        }
        let mut standing = Vec::new();
        let mut changes = BTreeMap::new();
        for one in self.reach.moves.iter().filter(|one| self.is_automatic(one)) {
            let mut same = self.diagrams().every.clone();
            for var in &one.writes {
                same = same.and(&self.diagrams().same(*var)?)?;
            }
            let still =
                self.reach.before_within(&one.programs, &self.diagrams().every, &same, &one.writes)?;
            standing.push((one.number, still));
            changes.insert(one.number, same.not()?);
        }
        for (number, still) in standing {
            if let Some(seen) = self.sight(&still)? {
                self.graph.standing.insert(number, seen);
            }
        }
        let mut round = self.reach.passing.clone();
        loop {
            let mut left = self.diagrams().none.clone();
            let mut moves = BTreeSet::new();
            for one in self.reach.moves.iter().filter(|one| self.is_automatic(one)) {
                let Some(change) = changes.get(&one.number) else { continue };
                let from =
                    self.reach.before_within(one.counting(), &round, change, &one.writes)?.and(&round)?;
                if !from.is_empty() {
                    moves.insert(one.number);
                }
                left = left.or(&from)?;
            }
            if left == round {
                if let Some(node) = self.tell(&round)? {
                    self.answers.circle = Some((node, moves));
                }
                return Ok(());
            }
            round = left;
        }
    }

    /// E-stage.
    fn stages(&mut self) -> Drawn<()> {
        let opened = self.mains(|main| main != 0)?;
        let mut left = opened.clone();
        let mut stages = Vec::new();
        for stage in self.model.stages.iter().rev() {
            let holds = left.and(&self.diagrams().test(stage)?)?;
            left = left.minus(&holds)?;
            // What is left when all higher stages are taken away is lower.
            stages.push((holds, left.or(&opened.not()?)?));
        }
        let mut lowers = Vec::new();
        for one in &self.reach.moves {
            let mut all = self.diagrams().none.clone();
            for (stage, lower) in &stages {
                all = all.or(&self.reach.before(&one.programs, lower)?.and(stage)?)?;
            }
            lowers.push((one.number, all));
        }
        for (number, from) in lowers {
            let Some(seen) = self.sight(&from)? else { continue };
            let here = self.diagrams().one(self.graph.key(seen.first))?;
            let mut to = self.diagrams().none.clone();
            for (stage, lower) in &stages {
                if !here.meets(stage)? {
                    continue;
                }
                for one in self.reach.moves.iter().filter(|one| one.number == number) {
                    to = to.or(&self.reach.after(&one.programs, &here)?.and(lower)?)?;
                }
            }
            if let Some(key) = self.diagrams().pick(&to) {
                self.graph.lowers.insert(number, (seen.first, key, seen.times));
            }
        }
        for one in self.reach.moves.iter().filter(|one| one.act.is_some()) {
            if !self.graph.was_taken(one.number) && !self.reach.origin(&one.programs)?.is_empty() {
                self.graph.take(one.number);
            }
        }
        Ok(())
    }
}
