//! Commands.

use crate::calendar::Unit;
use crate::name::Name;
use crate::workflow::finding::{CheckId, Place};
use crate::workflow::guard::Guard;
use crate::workflow::model::{
    Approval, ApprovalStep, Ask, Branch, Command, From, Machine, NotBefore, Opens, Set, Table, Target, Ways,
};
use crate::workflow::read::lower::{Lower, machine_name};
use crate::workflow::read::symbols::Sort;
use crate::workflow::read::tree::{Kind, Node};

impl Lower<'_> {
    pub(super) fn commands(&mut self, file: &Node) -> Table<Command> {
        let mut commands = Table::default();
        for (name, entry) in Self::section(file, "commands") {
            if let Some(command) = self.command(name, entry.place, &entry.value) {
                self.command_rules(&command, &entry.value);
                self.add(&mut commands, command, entry.place);
            }
        }
        // A command that could not be read may be the one that opens the case.
        let (place, written) =
            file.get("commands").map_or((Place::default(), 0), |node| (node.place, node.entries().len()));
        if commands.len() == written
            && written > 0
            && commands.iter().all(|command| command.from != From::New)
        {
            self.fault(place, CheckId::Name, "commands", "no command opens a case: one must say `from: new`");
        }
        commands
    }

    fn command(&mut self, name: Name, place: Place, node: &Node) -> Option<Command> {
        let from_node = node.get("from")?;
        let from = match from_node.text() {
            Some("new") => From::New,
            Some("every-state") => From::EveryState,
            Some("always") => From::Always,
            _ => {
                let (machine, states) = self.states_of_one_machine(from_node, &name)?;
                From::States(machine, states)
            }
        };
        let by = self.givers(node.get("by"));
        let guard = self.guard(node.get("if"), &name);
        let when = node.get("when").map(|when| self.guard(Some(when), &name));
        let ways = self.ways(node, &name, place)?;
        let asks = self.asks(node, &name);
        let records = self.record_asks(node);
        let needs = self.refer_all(node.get("needs"), Sort::Document);
        let not_before = node.get("not-before").and_then(|wait| self.not_before(wait, &name));
        let approval = node.get("approval").and_then(|approval| self.approval(approval, &name));
        let sets = self.sets(node);
        let jobs = self.refer_all(node.get("jobs"), Sort::Job);
        let opens = node.get("opens").and_then(|opens| {
            Some(Opens {
                workflow: Self::name(opens.get("workflow"))?,
                relation: Self::name(opens.get("as"))?,
                closes_with_parent: opens.get("closes").and_then(Node::text) == Some("with-parent"),
            })
        });
        Some(Command {
            name,
            label: Self::label(node),
            place,
            from,
            by,
            guard,
            when,
            ways,
            clerical: Self::text(node.get("clerical")),
            irregular: Self::flag(node.get("irregular")),
            asks,
            records,
            needs,
            not_before,
            approval,
            sets,
            jobs,
            opens,
            steps_back: Self::flag(node.get("steps-back")),
            reopens: Self::flag(node.get("reopens")),
            stops_tracks: Self::flag(node.get("stops-tracks")),
            basis: Self::text(node.get("basis")),
        })
    }

    /// The roles that may give a command; `system` may be among them, and only here.
    fn givers(&mut self, node: Option<&Node>) -> Vec<Name> {
        let is_system = |item: &Node| item.text() == Some("system");
        let Some(Kind::List(items)) = node.map(|node| &node.kind) else { return Vec::new() };
        let people = items.iter().filter(|item| !is_system(item)).cloned().collect();
        let mut by = self.refer_all(
            node.map(|node| Node { place: node.place, kind: Kind::List(people) }).as_ref(),
            Sort::Role,
        );
        if let Some(first) = items.iter().position(is_system) {
            by.insert(first.min(by.len()), Name::system());
            if let Some(second) = items.iter().filter(|item| is_system(item)).nth(1) {
                self.fault(second.place, CheckId::Name, "system", "`system` stands twice in this list");
            }
        }
        by
    }

    fn ways(&mut self, node: &Node, at: &Name, place: Place) -> Option<Ways> {
        if let Some(outcomes) = node.get("outcomes") {
            let mut ways = Vec::new();
            for entry in outcomes.entries() {
                let Ok(outcome) = Name::new(&entry.key) else { continue };
                let branch = self.branch(&entry.value, at, entry.place)?;
                ways.push((outcome, Self::label(&entry.value), branch));
            }
            if ways.is_empty() && matches!(outcomes.kind, Kind::Map(_)) {
                self.fault(outcomes.place, CheckId::Shape, at, "`outcomes` names no outcome");
            }
            return Some(Ways::Outcomes(ways));
        }
        if let Some(routes) = node.get("routes") {
            let mut ways = Vec::new();
            for route in routes.items() {
                ways.push(self.branch(route, at, route.place)?);
            }
            return Some(Ways::Routes(ways));
        }
        let target = self.target(node, at)?;
        Some(Ways::One(Branch {
            place,
            target,
            guard: Guard::always(),
            needs: Vec::new(),
            records: Vec::new(),
            sets: Vec::new(),
            steps_back: Self::flag(node.get("steps-back")),
            reopens: Self::flag(node.get("reopens")),
            stops_tracks: Self::flag(node.get("stops-tracks")),
        }))
    }

    fn branch(&mut self, node: &Node, at: &Name, place: Place) -> Option<Branch> {
        Some(Branch {
            place,
            target: self.target(node, at)?,
            guard: self.guard(node.get("if"), at),
            needs: self.refer_all(node.get("needs"), Sort::Document),
            records: self.record_asks(node),
            sets: self.sets(node),
            steps_back: Self::flag(node.get("steps-back")),
            reopens: Self::flag(node.get("reopens")),
            stops_tracks: Self::flag(node.get("stops-tracks")),
        })
    }

    fn target(&mut self, node: &Node, at: &Name) -> Option<Target> {
        let Some(to) = node.get("to") else {
            return node.get("stays").map(|_| Target::Stays);
        };
        if to.text() == Some("back") {
            return Some(Target::Back);
        }
        let states = self.refer_all(Some(to), Sort::State);
        let mut machines: Vec<Machine> = Vec::new();
        for state in &states {
            let Some(machine) = self.symbols.machine(state).cloned() else { continue };
            if machines.contains(&machine) {
                let message =
                    format!("`to` names two states of {}; a case is in one of them", machine_name(&machine));
                self.fault(to.place, CheckId::Name, at, message);
            }
            machines.push(machine);
        }
        (!states.is_empty()).then_some(Target::To(states))
    }

    fn asks(&mut self, node: &Node, at: &Name) -> Vec<(Name, Ask)> {
        let mut asks = Vec::new();
        for entry in node.get("asks").map(Node::entries).unwrap_or_default() {
            let Some(fact) = self.refer_key(entry, Sort::Fact) else { continue };
            match entry.value.text() {
                Some("required") => asks.push((fact, Ask::Required)),
                Some("optional") => asks.push((fact, Ask::Optional)),
                // Reported by the test of shapes.
                _ => self.fault(
                    entry.value.place,
                    CheckId::Shape,
                    at,
                    format!("`{fact}` is asked as `required` or `optional`"),
                ),
            }
        }
        asks
    }

    fn record_asks(&mut self, node: &Node) -> Vec<(Name, Ask)> {
        let mut asks = Vec::new();
        for entry in node.get("records").map(Node::entries).unwrap_or_default() {
            let Some(record) = self.refer_key(entry, Sort::Record) else { continue };
            let Some(text) = entry.value.text() else { continue };
            let ask = match text {
                "required" => Ask::Required,
                "optional" => Ask::Optional,
                _ => {
                    let Some(Ok(other)) = text.strip_prefix("one-per ").map(|other| Name::new(other.trim()))
                    else {
                        let message = format!(
                            "`{text}` says not how `{record}` is asked: write `required`, `optional` or `one-per RECORD`"
                        );
                        self.fault(entry.value.place, CheckId::Shape, &record, message);
                        continue;
                    };
                    if !self.symbols.resolve(Sort::Record, &other, entry.value.place, &mut self.faults) {
                        continue;
                    }
                    if self.records.get(&record).is_some_and(|record| record.about.as_ref() != Some(&other)) {
                        let message =
                            format!("`one-per {other}` needs `about: {other}` in the record `{record}`");
                        self.note(entry.value.place, CheckId::Type, &record, message);
                    }
                    Ask::OnePer(other)
                }
            };
            asks.push((record, ask));
        }
        asks
    }

    fn sets(&mut self, node: &Node) -> Vec<(Name, Set)> {
        let mut sets = Vec::new();
        for entry in node.get("sets").map(Node::entries).unwrap_or_default() {
            let Some(fact) = self.refer_key(entry, Sort::Fact) else { continue };
            if entry.value.text() == Some("unset") {
                sets.push((fact, Set::Unset));
                continue;
            }
            let Some(known) = self.facts.get(&fact).cloned() else { continue };
            if known.is_protected() {
                let message = format!(
                    "`{fact}` is not open, so the file cannot set it; it is asked of the person who acts"
                );
                self.note(entry.place, CheckId::Type, &fact, message);
            }
            if let Some(value) = self.value(&entry.value, &fact, &known.value) {
                sets.push((fact, Set::Value(value)));
            }
        }
        sets
    }

    fn not_before(&mut self, node: &Node, at: &Name) -> Option<NotBefore> {
        let wait = Self::span(node.get("wait"))?;
        let place = node.get("wait").map_or(node.place, |wait| wait.place);
        let after = self.moment(node.get("after"), at);
        let unless = self.refer(node.get("unless"), Sort::Record);
        let (calendar, rule) = self.clock(node, at, &[(place, wait)], wait.unit);
        Some(NotBefore { wait, after: after?, unless, calendar, rule })
    }

    pub(super) fn approval(&mut self, node: &Node, at: &str) -> Option<Approval> {
        let mut steps = Vec::new();
        for step in node.get("steps")?.items() {
            let by = self.refer_all(step.get("by"), Sort::Role);
            let people = Self::count(step.get("people")).unwrap_or(1);
            let agree = Self::count(step.get("agree")).unwrap_or(people);
            if agree > people {
                let place = step.get("agree").map_or(step.place, |node| node.place);
                let message = format!("{agree} of {people} people cannot agree: `agree` is at most `people`");
                self.fault(place, CheckId::Shape, at, message);
            }
            steps.push(ApprovalStep { by, people, agree });
        }
        let within = Self::span(node.get("within"));
        let spans: Vec<_> = within
            .iter()
            .map(|span| (node.get("within").map_or(node.place, |node| node.place), *span))
            .collect();
        let unit = within.map_or(Unit::Days, |span| span.unit);
        let (calendar, rule) =
            self.clock(&Node { place: node.place, kind: Kind::Map(Vec::new()) }, at, &spans, unit);
        Some(Approval { steps, within, calendar, rule })
    }

    /// Rules of the grammar that hold between the keys of a command.
    fn command_rules(&mut self, command: &Command, node: &Node) {
        let at = command.name.clone();
        let place = |key: &str| node.get(key).map_or(command.place, |node| node.place);
        if command.when.is_some() && (command.by.len() != 1 || command.by.iter().any(|role| role != "system"))
        {
            let message = format!("`{at}` has `when`, so it is automatic: write `by: [system]`");
            self.note(place("by"), CheckId::System, &at, message);
        }
        for (outcome, branch) in command.branches() {
            let what = outcome
                .map_or_else(|| format!("`{at}`"), |outcome| format!("the outcome `{outcome}` of `{at}`"));
            let states: &[Name] = match &branch.target {
                Target::To(states) => states,
                Target::Stays | Target::Back => &[],
            };
            match &command.from {
                From::New => {
                    let main = states.iter().any(|state| self.symbols.machine(state) == Some(&Machine::Main));
                    if !main {
                        let message =
                            format!("{what} opens the case, so it must lead to a state of the main line");
                        self.fault(branch.place, CheckId::Name, &at, message);
                    }
                }
                From::Always if branch.target != Target::Stays => {
                    let message = format!(
                        "{what} is open in ended cases too (`from: always`), so it must say `stays: true`"
                    );
                    self.fault(branch.place, CheckId::Name, &at, message);
                }
                From::Always | From::EveryState | From::States(..) => {}
            }
        }
    }
}
