//! The parts of the workflow file of a case type, once everything has its name.

use std::collections::BTreeSet;

use super::super::condition::{Condition, Joined, Subject, Test};
use super::super::yaml::Node;
use super::super::{NameMaps, labels, push_new};
use super::{ANY, CATCH_ALL, Place, Ready, Target, found};

const NO_DEADLINE: &str = "the source case type names no time limit";

/// What a condition says once the parts that cannot vary are worked out.
enum Guard {
    Always,
    Never,
    If(String),
}

impl Guard {
    fn opposite(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::If(text) => Self::If(format!("not ({text})")),
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, rest) | (rest, Self::Always) => rest,
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::If(one), Self::If(two)) => Self::If(format!("({one}) and ({two})")),
        }
    }
}

/// Writes the parts of the file once everything has its name.
pub(super) struct Writer<'a> {
    pub(super) names: &'a NameMaps,
    pub(super) roles: &'a [String],
    /// The role that nobody holds.
    pub(super) nobody: &'a str,
    /// Identifier of some state, to say what never holds.
    pub(super) first_state: &'a str,
}

impl Writer<'_> {
    pub(super) fn fact(&self, field: &str, values: &[String]) -> (String, Node) {
        let mut of: Vec<(String, Node)> = values
            .iter()
            .map(|value| (self.value(field, value), Node::Line(vec![("id".to_owned(), Node::text(value))])))
            .collect();
        of.push((CATCH_ALL.to_owned(), Node::Line(Vec::new())));
        let mut entries = labels(None, field);
        entries.push(("type".to_owned(), Node::word("choice")));
        entries.push(("of".to_owned(), Node::Block(of)));
        (found(&self.names.facts, field), Node::Block(entries))
    }

    pub(super) fn state(&self, state: &Place) -> (String, Node) {
        let mut entries = labels(state.title.as_deref(), &state.id);
        let actors = if state.actors.is_empty() {
            Node::Names(vec![self.nobody.to_owned()])
        } else {
            self.role_names(|role| state.actors.contains(role))
        };
        entries.push(("acts-by".to_owned(), actors));
        entries.push(("no-deadline".to_owned(), Node::text(NO_DEADLINE)));
        (found(&self.names.states, &state.id), Node::Block(entries))
    }

    pub(super) fn command(&self, event: &Ready<'_>) -> (String, Node) {
        let source = event.event;
        let mut entries = labels(source.name.as_deref(), &event.id);
        let from = if event.opens() {
            Node::word("new")
        } else if source.pre_states.iter().any(|each| each == ANY) {
            Node::word("every-state")
        } else {
            let (mut states, mut seen) = (Vec::new(), BTreeSet::new());
            for state in &source.pre_states {
                push_new(&mut states, &found(&self.names.states, state), &mut seen);
            }
            Node::Names(states)
        };
        entries.push(("from".to_owned(), from));
        let may_act = |role: &str| source.roles.get(role).is_some_and(|rights| rights.contains('C'));
        entries.push(("by".to_owned(), self.role_names(may_act)));
        entries.extend(self.condition(event.enabled.as_ref(), &[], event.opens()));
        entries.push(self.target(event));
        if !self.names.facts.is_empty() {
            let mut facts: Vec<&String> = self.names.facts.values().collect();
            facts.sort();
            let asks = facts.into_iter().map(|fact| (fact.clone(), Node::word("optional"))).collect();
            entries.push(("asks".to_owned(), Node::Line(asks)));
        }
        (found(&self.names.commands, &event.id), Node::Block(entries))
    }

    fn role_names(&self, mut wanted: impl FnMut(&str) -> bool) -> Node {
        Node::Names(
            self.roles
                .iter()
                .filter(|role| wanted(role))
                .map(|role| found(&self.names.roles, role))
                .collect(),
        )
    }

    fn goal(&self, state: &str) -> (String, Node) {
        if state == ANY {
            ("stays".to_owned(), Node::Flag(true))
        } else {
            ("to".to_owned(), Node::Word(found(&self.names.states, state)))
        }
    }

    fn target(&self, event: &Ready<'_>) -> (String, Node) {
        if let [Target { state, when: None, unless }] = event.targets.as_slice()
            && unless.is_empty()
        {
            return self.goal(state);
        }
        let route = |each: &Target<'_>| {
            let guard = self.condition(each.when.as_ref(), &each.unless, event.opens());
            Node::Line(guard.into_iter().chain([self.goal(each.state)]).collect())
        };
        ("routes".to_owned(), Node::Rows(event.targets.iter().map(route).collect()))
    }

    /// `if:` of a command or route, nothing where it always holds.
    fn condition(
        &self,
        when: Option<&Condition>,
        unless: &[Condition],
        opens: bool,
    ) -> Option<(String, Node)> {
        let when = when.map_or(Guard::Always, |each| self.guard(each, opens));
        let guard = unless.iter().fold(when, |guard, each| guard.and(self.guard(each, opens).opposite()));
        let text = match guard {
            Guard::Always => return None,
            Guard::Never => self.never(),
            Guard::If(text) => text,
        };
        Some(("if".to_owned(), Node::Word(text)))
    }

    fn value(&self, field: &str, value: &str) -> String {
        self.names.values.get(field).map(|names| found(names, value)).unwrap_or_default()
    }

    /// A guard that is never true: the language has no word for it, and the checker is to report it.
    fn never(&self) -> String {
        let state = found(&self.names.states, self.first_state);
        format!("at {state} and (not at {state})")
    }

    /// The condition in the words of the language. A test of the state is worked out here where it cannot vary: no case
    /// is ever in a state that no event knows.
    fn guard(&self, condition: &Condition, opens: bool) -> Guard {
        let mut words: Vec<(String, bool)> = Vec::new();
        for test in &condition.tests {
            match (self.test(test, opens), condition.joined) {
                (Guard::Always, Joined::All) | (Guard::Never, Joined::Any) => {}
                (Guard::Always, Joined::Any) => return Guard::Always,
                (Guard::Never, Joined::All) => return Guard::Never,
                (Guard::If(text), Joined::All | Joined::Any) => {
                    let is_simple =
                        !text.contains(" and ") && !text.contains(" or ") && !text.starts_with("not ");
                    words.push((text, is_simple));
                }
            }
        }
        match (words.as_slice(), condition.joined) {
            ([], Joined::All) => Guard::Always,
            ([], Joined::Any) => Guard::Never,
            ([(one, _)], Joined::All | Joined::Any) => Guard::If(one.clone()),
            (many, joined) => {
                let parts: Vec<String> = many
                    .iter()
                    .map(|(text, is_simple)| if *is_simple { text.clone() } else { format!("({text})") })
                    .collect();
                Guard::If(parts.join(match joined {
                    Joined::All => " and ",
                    Joined::Any => " or ",
                }))
            }
        }
    }

    fn test(&self, test: &Test, opens: bool) -> Guard {
        let constant = |is_true: bool| if is_true { Guard::Always } else { Guard::Never };
        match &test.subject {
            // A field that was never set equals the empty text, and so does the state of a case not open yet.
            Subject::State if opens && test.value.is_empty() => constant(test.equal),
            Subject::State => match self.names.states.get(&test.value) {
                Some(state) => {
                    Guard::If(if test.equal { format!("at {state}") } else { format!("not at {state}") })
                }
                None => constant(!test.equal),
            },
            Subject::Field(field) => {
                let fact = found(&self.names.facts, field);
                let value = self.value(field, &test.value);
                Guard::If(match (test.value.is_empty(), test.equal) {
                    (false, true) => format!("{fact} is {value}"),
                    (false, false) => format!("{fact} is not {value}"),
                    (true, true) => format!("{fact} is not known or {fact} is {value}"),
                    (true, false) => format!("{fact} is known and {fact} is not {value}"),
                })
            }
        }
    }
}
