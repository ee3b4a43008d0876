//! E-people: what asks for several people can be done by the staff the file states.
//!
//! A role has as many people as its `at-least` says, one if it says nothing, and each person counts for one role: that is
//! the least staff with which the file must work. Every act gives seats, the proposer's and each approver's, that people
//! of some roles can take; all people of one act are different, rules of `separation` forbid or demand the same person in
//! several acts. Whether there is an assignment is the workflow satisfiability problem; it is decided by going through
//! the patterns of who is the same person as whom: the people of a role are interchangeable, so a seat is only tried
//! with those already used and one new one.
//!
//! Acts are looked at alone, then each rule, then all rules that share acts; of acts that never happen to one case only
//! those that can are taken together. `unless-short-of` does not help: a rule that the stated staff can never keep would
//! be set aside every time.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::workflow::check::known::main_states;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::model::{ActRef, Approval, Command, Definition, From, Separation, Target};
use crate::workflow::read::finding;

/// How many assignments are tried for one question.
const TRIES: usize = 200_000;

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let staff = Staff::of(definition);
    let mut found = Vec::new();
    let mut short: BTreeSet<&Name> = BTreeSet::new();
    for command in &definition.commands {
        let seats = staff.seats(command);
        if !staff.can_fill(&seats, &[]) {
            short.insert(&command.name);
            found.push(staff.alone(command.place, &command.name, &format!("`{}`", command.name), &seats));
        }
    }
    staff.corrections(&mut found);
    let mut kept: Vec<&Separation> = Vec::new();
    for rule in &definition.separation {
        if rule.acts().iter().any(|act| short.contains(&act.command)) {
            continue;
        }
        match staff.unstaffed(&[rule]) {
            Some(commands) => found.push(staff.rule(rule, &commands)),
            None => kept.push(rule),
        }
    }
    for rules in groups(&kept) {
        if let (Some(first), Some(commands)) = (rules.first(), staff.unstaffed(&rules)) {
            let message = format!(
                "the stated staff cannot keep all rules about who may do {} in one case ({})",
                list(&commands),
                staff.people(&commands)
            );
            found.push(finding(first.place(), CheckId::People, at_of(first), message));
        }
    }
    found
}

fn at_of(rule: &Separation) -> &str {
    rule.acts().first().map_or("separation", |act| act.command.as_str())
}

fn list(commands: &[&Command]) -> String {
    let names: Vec<String> = commands.iter().map(|command| format!("`{}`", command.name)).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// Rules that share acts, at least two in each group.
fn groups<'d>(rules: &[&'d Separation]) -> Vec<Vec<&'d Separation>> {
    let mut groups: Vec<(BTreeSet<&Name>, Vec<&'d Separation>)> = Vec::new();
    for rule in rules {
        let mut names: BTreeSet<&Name> = rule.acts().iter().map(|act| &act.command).collect();
        let mut all = vec![*rule];
        let (joined, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(known, _)| known.iter().any(|name| names.contains(name)));
        for (known, own) in joined {
            names.extend(known);
            all.splice(0..0, own);
        }
        groups = apart;
        groups.push((names, all));
    }
    groups.into_iter().map(|(_, rules)| rules).filter(|rules| rules.len() > 1).collect()
}

/// What one person does in an act: give it, or approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat<'d> {
    act: &'d Name,
    approver: bool,
    roles: Vec<&'d Name>,
}

impl Seat<'_> {
    fn belongs_to(&self, act: &ActRef) -> bool {
        *self.act == act.command && (self.approver || !act.approval_only)
    }
}

struct Staff<'d> {
    definition: &'d Definition,
    /// The main states in which a case can be after each, itself included.
    after: BTreeMap<&'d Name, BTreeSet<&'d Name>>,
}

impl<'d> Staff<'d> {
    fn of(definition: &'d Definition) -> Self {
        let mut next: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
        for command in &definition.commands {
            for from in main_states(definition, &command.from) {
                next.entry(from).or_default().extend(targets(definition, command, from));
            }
        }
        let after = definition.states.iter().map(|state| {
            let mut reached = BTreeSet::from([&state.name]);
            let mut open = vec![&state.name];
            while let Some(at) = open.pop() {
                for to in next.get(at).into_iter().flatten() {
                    if reached.insert(to) {
                        open.push(to);
                    }
                }
            }
            (&state.name, reached)
        });
        Self { definition, after: after.collect() }
    }

    fn count(&self, role: &Name) -> usize {
        let stated = self.definition.roles.get(role).and_then(|role| role.at_least).unwrap_or(1);
        usize::try_from(stated).unwrap_or(usize::MAX)
    }

    fn seats(&self, command: &'d Command) -> Vec<Seat<'d>> {
        let roles: Vec<&Name> = command.by.iter().filter(|role| *role != "system").collect();
        let mut seats = Vec::new();
        if !roles.is_empty() {
            seats.push(Seat { act: &command.name, approver: false, roles });
        }
        seats.extend(self.approvers(&command.name, command.approval.as_ref()));
        seats
    }

    fn approvers(&self, act: &'d Name, approval: Option<&'d Approval>) -> Vec<Seat<'d>> {
        let steps = approval.into_iter().flat_map(|approval| &approval.steps);
        // An empty `by` is reported where rights are looked at.
        let steps = steps.filter(|step| !step.by.is_empty());
        steps
            .flat_map(|step| {
                let people = usize::try_from(step.people).unwrap_or(usize::MAX);
                // More people than a role can have are not counted one by one.
                let enough = step.by.iter().map(|role| self.count(role)).fold(2_usize, usize::saturating_add);
                let seat = Seat { act, approver: true, roles: step.by.iter().collect() };
                std::iter::repeat_n(seat, people.min(enough))
            })
            .collect()
    }

    fn alone(&self, place: Place, at: &Name, what: &str, seats: &[Seat<'d>]) -> Finding {
        let roles: BTreeSet<&Name> = seats.iter().flat_map(|seat| seat.roles.iter().copied()).collect();
        let people = if seats.len() == 1 { "person" } else { "different people" };
        let message = format!(
            "{what} needs {} {people}, and the stated staff has too few for it ({})",
            seats.len(),
            self.counts(&roles)
        );
        let mut one = finding(place, CheckId::People, at, message);
        one.hint =
            Some("raise `at-least` of a role, if that many are on duty, or let other roles act".to_owned());
        one
    }

    fn counts(&self, roles: &BTreeSet<&Name>) -> String {
        roles.iter().map(|role| format!("{role}: {}", self.count(role))).collect::<Vec<_>>().join(", ")
    }

    fn people(&self, commands: &[&'d Command]) -> String {
        let seats: Vec<Seat<'d>> = commands.iter().flat_map(|command| self.seats(command)).collect();
        self.counts(&seats.iter().flat_map(|seat| seat.roles.iter().copied()).collect())
    }

    fn rule(&self, rule: &'d Separation, commands: &[&'d Command]) -> Finding {
        let staff = self.people(commands);
        let message = match rule {
            Separation::DifferentPeople { unless_short_of: None, .. } => {
                format!("the stated staff cannot give {} by different people ({staff})", list(commands))
            }
            Separation::DifferentPeople { unless_short_of: Some(role), .. } => format!(
                "the stated staff can never give {} by different people ({staff}): `unless-short-of: {role}` would set the rule aside every time",
                list(commands)
            ),
            Separation::SamePerson { .. } => {
                format!("no person of the stated staff can give {} ({staff})", list(commands))
            }
        };
        finding(rule.place(), CheckId::People, at_of(rule), message)
    }

    fn corrections(&self, found: &mut Vec<Finding>) {
        let corrections = &self.definition.corrections;
        // Where nobody may annul at all, that is said of the annulment itself.
        for annul in corrections.annul.iter().filter(|annul| !annul.by.is_empty()) {
            let mut seats =
                vec![Seat { act: &annul.command, approver: false, roles: annul.by.iter().collect() }];
            seats.extend(self.approvers(&annul.command, annul.approval.as_ref()));
            if !self.can_fill(&seats, &[]) {
                let what = format!("the annulment of `{}`", annul.command);
                found.push(self.alone(annul.place, &annul.command, &what, &seats));
            }
        }
        if !corrections.facts_by.is_empty() {
            let act = &self.definition.workflow;
            let mut seats = vec![Seat { act, approver: false, roles: corrections.facts_by.iter().collect() }];
            seats.extend(self.approvers(act, corrections.facts_approval.as_ref()));
            if !self.can_fill(&seats, &[]) {
                found.push(self.alone(Place::default(), act, "the correction of facts", &seats));
            }
        }
    }

    /// Acts that can happen to one case and that the staff cannot give as the rules say.
    fn unstaffed(&self, rules: &[&'d Separation]) -> Option<Vec<&'d Command>> {
        let names: BTreeSet<&Name> =
            rules.iter().flat_map(|rule| rule.acts()).map(|act| &act.command).collect();
        let commands: Vec<&Command> =
            self.definition.commands.iter().filter(|command| names.contains(&command.name)).collect();
        self.together(&commands).into_iter().find(|commands| {
            let seats: Vec<Seat<'d>> = commands.iter().flat_map(|command| self.seats(command)).collect();
            !self.can_fill(&seats, rules)
        })
    }

    /// The greatest sets of acts of which any two can happen to one case.
    fn together(&self, commands: &[&'d Command]) -> Vec<Vec<&'d Command>> {
        let meet = |one: &'d Command, other: &'d Command| self.then(one, other) || self.then(other, one);
        let mut sets: Vec<Vec<&Command>> = vec![Vec::new()];
        for command in commands {
            let mut more = Vec::new();
            for set in &mut sets {
                if set.iter().all(|other| meet(command, other)) {
                    set.push(command);
                } else {
                    let fitting: Vec<&Command> =
                        set.iter().copied().filter(|other| meet(command, other)).chain([*command]).collect();
                    more.push(fitting);
                }
            }
            sets.extend(more);
            sets.truncate(64);
        }
        sets.retain(|set| !set.is_empty());
        sets
    }

    /// Whether the second command may be given at some time after the first.
    fn then(&self, first: &'d Command, second: &'d Command) -> bool {
        let from: Vec<&Name> = if first.from == From::New {
            let branches = first.branches();
            let targets = branches.iter().filter_map(|(_, branch)| match &branch.target {
                Target::To(names) => Some(names),
                Target::Stays | Target::Back => None,
            });
            targets.flatten().collect()
        } else {
            let from = main_states(self.definition, &first.from);
            from.into_iter().flat_map(|from| targets(self.definition, first, from)).collect()
        };
        let to = main_states(self.definition, &second.from);
        from.iter()
            .any(|from| self.after.get(from).is_some_and(|after| to.iter().any(|to| after.contains(to))))
    }

    /// Whether people can take all seats. What is not decided within [`TRIES`] counts as possible.
    fn can_fill(&self, seats: &[Seat<'d>], rules: &[&Separation]) -> bool {
        let mut order: Vec<&Seat<'d>> = seats.iter().collect();
        order.sort_by_key(|seat| seat.roles.len());
        let mut search = Assignment {
            staff: self,
            seats: order,
            rules,
            taken: Vec::new(),
            used: BTreeMap::new(),
            tries: 0,
        };
        search.fill() || search.tries > TRIES
    }
}

/// A person: a role, and which of its people.
type Person<'d> = (&'d Name, usize);

struct Assignment<'s, 'd> {
    staff: &'s Staff<'d>,
    seats: Vec<&'s Seat<'d>>,
    rules: &'s [&'s Separation],
    /// Who takes the first seats.
    taken: Vec<Person<'d>>,
    used: BTreeMap<&'d Name, usize>,
    tries: usize,
}

impl<'d> Assignment<'_, 'd> {
    fn fill(&mut self) -> bool {
        let Some(seat) = self.seats.get(self.taken.len()).copied() else { return self.keeps_same() };
        for role in &seat.roles {
            let used = self.used.get(role).copied().unwrap_or(0);
            for number in 0..self.staff.count(role).min(used + 1) {
                self.tries += 1;
                if self.tries > TRIES {
                    return false;
                }
                if self.clashes(seat, (role, number)) {
                    continue;
                }
                self.taken.push((role, number));
                self.used.insert(role, used.max(number + 1));
                if self.fill() {
                    return true;
                }
                self.taken.pop();
                self.used.insert(role, used);
            }
        }
        false
    }

    /// Whether somebody else must have this seat because of those the person already has.
    fn clashes(&self, seat: &Seat<'d>, person: Person<'d>) -> bool {
        let apart = |other: &Seat<'d>| {
            other.act == seat.act
                || self.rules.iter().any(|rule| match rule {
                    Separation::DifferentPeople { acts, .. } => {
                        let among = |seat: &Seat<'d>| acts.iter().any(|act| seat.belongs_to(act));
                        among(seat) && among(other)
                    }
                    Separation::SamePerson { .. } => false,
                })
        };
        self.seats.iter().zip(&self.taken).any(|(other, taken)| *taken == person && apart(other))
    }

    /// Whether acts that ask for the same person share one.
    fn keeps_same(&self) -> bool {
        self.rules.iter().all(|rule| match rule {
            Separation::DifferentPeople { .. } => true,
            Separation::SamePerson { acts, .. } => {
                let people = |act: &ActRef| -> BTreeSet<Person<'d>> {
                    let seats = self.seats.iter().zip(&self.taken);
                    seats.filter(|(seat, _)| seat.belongs_to(act)).map(|(_, person)| *person).collect()
                };
                let sets: Vec<(&Name, BTreeSet<Person<'d>>)> =
                    acts.iter().map(|act| (&act.command, people(act))).collect();
                sets.iter().all(|(one, here)| {
                    sets.iter().all(|(other, there)| {
                        one == other || here.is_empty() || there.is_empty() || !here.is_disjoint(there)
                    })
                })
            }
        })
    }
}

/// Where the main machine can be after a command.
fn targets<'d>(definition: &'d Definition, command: &'d Command, from: &'d Name) -> Vec<&'d Name> {
    let mut all = Vec::new();
    for (_, branch) in command.branches() {
        match &branch.target {
            Target::Stays => all.push(from),
            // Back may lead to any state that is not suspended.
            Target::Back => {
                let states = definition.states.iter().filter(|state| !state.suspended);
                all.extend(states.map(|state| &state.name));
            }
            Target::To(names) => {
                let states: Vec<&Name> =
                    names.iter().filter(|name| definition.states.get(name).is_some()).collect();
                if states.is_empty() { all.push(from) } else { all.extend(states) }
            }
        }
    }
    all
}
