//! Separation, corrections, migration, keeping and accepted warnings.

use crate::name::Name;
use crate::workflow::finding::{CheckId, Severity};
use crate::workflow::model::{
    Accepted, ActRef, Annul, Command, Corrections, DeadlineMigration, KeepFor, Machine, Migration,
    Separation, State, Table,
};
use crate::workflow::read::finding;
use crate::workflow::read::lower::Lower;
use crate::workflow::read::near::did_you_mean;
use crate::workflow::read::symbols::Sort;
use crate::workflow::read::tree::Node;

impl Lower<'_> {
    pub(super) fn separation(&mut self, file: &Node, commands: &Table<Command>) -> Vec<Separation> {
        let mut separation = Vec::new();
        for item in file.get("separation").map(Node::items).unwrap_or_default() {
            let place = item.place;
            let unless_short_of = self.refer(item.get("unless-short-of"), Sort::Role);
            if let Some(different) = item.get("different-people") {
                let acts = self.acts(different, commands);
                separation.push(Separation::DifferentPeople { place, acts, unless_short_of });
            } else if let Some(same) = item.get("same-person") {
                if let Some(unless) = item.get("unless-short-of") {
                    self.fault(
                        unless.place,
                        CheckId::Shape,
                        "separation",
                        "`unless-short-of` belongs to `different-people` only",
                    );
                }
                let acts = self.acts(same, commands);
                separation.push(Separation::SamePerson { place, acts });
            }
        }
        self.contradicting(&separation);
        separation
    }

    fn acts(&mut self, node: &Node, commands: &Table<Command>) -> Vec<ActRef> {
        let mut acts: Vec<ActRef> = Vec::new();
        for item in node.items() {
            let Some(text) = item.text() else { continue };
            let (name, approval_only) =
                text.strip_suffix(".approval").map_or((text, false), |name| (name, true));
            let Ok(command) = Name::new(name) else {
                let message = format!("`{text}` is no act: write the name of a command, or `NAME.approval`");
                self.fault(item.place, CheckId::Shape, "separation", message);
                continue;
            };
            if !self.symbols.resolve(Sort::Command, &command, item.place, &mut self.faults) {
                continue;
            }
            if approval_only && commands.get(&command).is_some_and(|command| command.approval.is_none()) {
                self.fault(
                    item.place,
                    CheckId::Name,
                    &command,
                    format!("the command `{command}` asks for no approval"),
                );
            }
            let act = ActRef { command, approval_only };
            if acts.contains(&act) {
                self.fault(
                    item.place,
                    CheckId::Name,
                    &act.command,
                    format!("`{text}` stands twice in this list"),
                );
            }
            acts.push(act);
        }
        let first = acts.first().map(|act| &act.command);
        if let Some(only) = first.filter(|only| acts.iter().all(|act| act.command == **only)).cloned()
            && acts.len() > 1
        {
            let message = format!(
                "this list names only the command `{only}`, and the people of one act are always different"
            );
            self.fault(node.place, CheckId::Shape, &only, message);
        }
        acts
    }

    /// Two acts that one rule gives to the same person and another to different people: nobody could give both.
    fn contradicting(&mut self, separation: &[Separation]) {
        let covers = |wide: &ActRef, narrow: &ActRef| {
            wide.command == narrow.command && (!wide.approval_only || narrow.approval_only)
        };
        for rule in separation {
            let Separation::SamePerson { place, acts } = rule else { continue };
            for other in separation {
                let Separation::DifferentPeople { acts: different, unless_short_of: None, .. } = other else {
                    continue;
                };
                let apart: Vec<&ActRef> =
                    acts.iter().filter(|act| different.iter().any(|wide| covers(wide, act))).collect();
                if let [one, two, ..] = apart.as_slice()
                    && one.command != two.command
                {
                    let message = format!(
                        "`{}` and `{}` are given by the same person here and by different people elsewhere",
                        one.command, two.command
                    );
                    self.fault(*place, CheckId::Shape, &one.command, message);
                }
            }
        }
    }

    pub(super) fn corrections(&mut self, file: &Node, states: &Table<State>) -> Corrections {
        let Some(node) = file.get("corrections") else { return Corrections::default() };
        let facts = node.get("facts");
        let facts_by = self.refer_all(facts.and_then(|facts| facts.get("by")), Sort::Role);
        if let Some(by) = facts.and_then(|facts| facts.get("by")).filter(|by| by.items().is_empty()) {
            self.note(by.place, CheckId::Dead, "corrections", "nobody may correct a fact: `by` is empty");
        }
        let approval_node = facts.and_then(|facts| facts.get("approval"));
        let facts_approval = approval_node.and_then(|approval| self.approval(approval, "corrections"));
        let mut annul = Vec::new();
        for item in node.get("annul").map(Node::items).unwrap_or_default() {
            let command = self.refer(item.get("command"), Sort::Command);
            let at = command.as_ref().map_or("annul", Name::as_str).to_owned();
            let while_in = item.get("while").and_then(|node| match node.text() {
                Some("every-state") => {
                    let open = states.iter().filter(|state| state.final_outcome.is_none());
                    Some((Machine::Main, open.map(|state| state.name.clone()).collect()))
                }
                _ => self.states_of_one_machine(node, &at),
            });
            let returns_to = self.refer(item.get("returns-to"), Sort::State);
            if let (Some((machine, _)), Some(state)) = (&while_in, &returns_to)
                && self.symbols.machine(state) != Some(machine)
            {
                let place = item.get("returns-to").map_or(item.place, |node| node.place);
                self.fault(
                    place,
                    CheckId::Name,
                    &at,
                    format!("`{state}` belongs to another machine than `while`"),
                );
            }
            if let Some((Machine::Track(track), _)) = &while_in {
                let place = item.get("while").map_or(item.place, |node| node.place);
                let message = format!(
                    "annulment returns the main line, and `while` names states of the track `{track}`"
                );
                self.fault(place, CheckId::Name, &at, message);
            }
            let by = self.refer_all(item.get("by"), Sort::Role);
            if let Some(nobody) = item.get("by").filter(|by| by.items().is_empty()) {
                let message = format!("nobody may annul `{at}`: `by` is empty");
                self.note(nobody.place, CheckId::Dead, &at, message);
            }
            let approval = item.get("approval").and_then(|approval| self.approval(approval, &at));
            let (Some(command), Some((_, while_in)), Some(returns_to)) = (command, while_in, returns_to)
            else {
                continue;
            };
            let reopens = Self::flag(item.get("reopens"));
            annul.push(Annul { place: item.place, command, while_in, returns_to, by, approval, reopens });
        }
        Corrections { facts_by, facts_approval, annul }
    }

    pub(super) fn migration(&mut self, file: &Node, version: u32) -> Option<Migration> {
        let node = file.get("migrate")?;
        let from_version = Self::count(node.get("from-version"))?;
        if from_version >= version {
            let place = node.get("from-version").map_or(node.place, |node| node.place);
            let message = format!("version {version} cannot follow version {from_version}");
            self.fault(place, CheckId::Shape, "migrate", message);
        }
        let mut states = Vec::new();
        for entry in node.get("states").map(Node::entries).unwrap_or_default() {
            // The old name belongs to the old file.
            let Ok(old) = Name::new(&entry.key) else { continue };
            if let Some(new) = self.refer(Some(&entry.value), Sort::State) {
                states.push((old, new));
            }
        }
        let mut facts = Vec::new();
        for entry in node.get("facts").map(Node::entries).unwrap_or_default() {
            let Some(fact) = self.refer_key(entry, Sort::Fact) else { continue };
            let Some(value_type) = self.facts.get(&fact).map(|fact| fact.value.clone()) else { continue };
            if let Some(value) = self.value(&entry.value, &fact, &value_type) {
                facts.push((fact, value));
            }
        }
        let mut deadlines = Vec::new();
        for entry in node.get("deadlines").map(Node::entries).unwrap_or_default() {
            let Some(deadline) = self.refer_key(entry, Sort::Deadline) else { continue };
            let how = match entry.value.text() {
                Some("keep") => DeadlineMigration::Keep,
                Some("restart") => DeadlineMigration::Restart,
                Some("recompute") => DeadlineMigration::Recompute,
                _ => continue,
            };
            deadlines.push((deadline, how));
        }
        let otherwise_ask = node.get("otherwise").and_then(Node::text) == Some("ask");
        Some(Migration { place: node.place, from_version, states, facts, deadlines, otherwise_ask })
    }

    pub(super) fn keep_for(file: &Node) -> Option<KeepFor> {
        let node = file.get("keep-for")?;
        let then_erase = node.get("then").and_then(Node::text) == Some("erase");
        Some(KeepFor { years: Self::count(node.get("years"))?, then_erase })
    }

    pub(super) fn accepted(&mut self, file: &Node) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        for item in file.get("accept").map(Node::items).unwrap_or_default() {
            let (Some(check_node), Some(at)) = (item.get("check"), Self::text(item.get("at"))) else {
                continue;
            };
            let (Some(text), Some(reason)) = (check_node.text(), Self::text(item.get("reason"))) else {
                continue;
            };
            let Ok(check) = text.parse::<CheckId>() else {
                let known = <CheckId as strum::IntoEnumIterator>::iter().map(Into::<&'static str>::into);
                let mut found =
                    finding(check_node.place, CheckId::Name, &at, format!("there is no check `{text}`"));
                found.hint = did_you_mean(text, known);
                self.faults.push(found);
                continue;
            };
            if check.severity() != Severity::Warning {
                let message = format!("`{check}` cannot be accepted: only warnings (W-…) can");
                self.fault(check_node.place, CheckId::Shape, &at, message);
                continue;
            }
            accepted.push(Accepted { place: item.place, check, at, reason });
        }
        accepted
    }

    /// W-unused: what nothing in the file refers to.
    pub(super) fn unused(&mut self) {
        for (sort, why) in [
            (Sort::Role, "no command, notice or right names it"),
            (Sort::Document, "no command, guard or wait names it"),
            (Sort::Fact, "no command sets or asks it and no guard reads it"),
            (Sort::Record, "no command files it"),
            (Sort::Rule, "no guard uses it"),
            (Sort::Job, "no state or command queues it"),
        ] {
            for (name, place) in self.symbols.of(sort).to_vec() {
                let kept = match sort {
                    Sort::Fact => self.facts.get(&name).is_some_and(|fact| !fact.editable_by.is_empty()),
                    Sort::Rule => self.shown_rules.contains(&name),
                    Sort::Stage
                    | Sort::Role
                    | Sort::Record
                    | Sort::Document
                    | Sort::State
                    | Sort::Track
                    | Sort::Command
                    | Sort::Deadline
                    | Sort::Job => false,
                };
                if !kept && !self.symbols.is_used(sort, &name) {
                    self.note(
                        place,
                        CheckId::Unused,
                        &name,
                        format!("the {sort} `{name}` is not used: {why}"),
                    );
                }
            }
        }
    }
}
