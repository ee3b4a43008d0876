//! Which command of a workflow an activity of a log means.

use std::collections::BTreeMap;

use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_domain::workflow::model::{Ask, Command, From, Ways};

/// What an activity means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) command: Name,
    pub(super) outcome: Option<Name>,
    /// The command opens a case.
    pub(super) opens: bool,
}

/// Everything that activities of a log can mean.
#[derive(Debug)]
pub(super) struct Meanings {
    by_text: BTreeMap<String, Meaning>,
    opening: Option<Meaning>,
}

impl Meanings {
    pub(super) fn of(definition: &Definition) -> Self {
        let mut by_text = BTreeMap::new();
        // What is named first wins: names and foreign identifiers of commands, then titles, then outcomes.
        let mut add = |text: &str, meaning: Meaning| {
            by_text.entry(text.to_owned()).or_insert(meaning);
        };
        let plain = |command: &Command| Meaning {
            command: command.name.clone(),
            outcome: None,
            opens: matches!(command.from, From::New),
        };
        for command in &definition.commands {
            add(&command.name, plain(command));
        }
        for command in &definition.commands {
            command.label.id.iter().for_each(|id| add(id, plain(command)));
        }
        for command in &definition.commands {
            command.label.title.iter().for_each(|title| add(title, plain(command)));
        }
        for command in &definition.commands {
            let Ways::Outcomes(outcomes) = &command.ways else { continue };
            for (name, label, _) in outcomes {
                let meaning = Meaning { outcome: Some(name.clone()), ..plain(command) };
                for text in
                    [label.id.as_deref(), Some(name.as_str()), label.title.as_deref()].into_iter().flatten()
                {
                    add(text, meaning.clone());
                }
            }
        }
        let mut openings = definition.commands.iter().filter(|command| opens_alone(command));
        let opening = match (openings.next(), openings.next()) {
            (Some(only), None) => Some(plain(only)),
            (Some(_), Some(_)) | (None, _) => None,
        };
        Self { by_text, opening }
    }

    /// What an activity means; `None` when the workflow has nothing of this name.
    pub(super) fn meaning(&self, activity: &str) -> Option<&Meaning> {
        self.by_text.get(activity)
    }

    /// The command that opens a case without anything from the log, if there is exactly one.
    pub(super) fn opening(&self) -> Option<&Meaning> {
        self.opening.as_ref()
    }
}

/// A clerical command that opens a case and needs nothing to do so.
fn opens_alone(command: &Command) -> bool {
    let optional = |asked: &[(Name, Ask)]| asked.iter().all(|(_, ask)| *ask == Ask::Optional);
    matches!(command.from, From::New)
        && command.clerical.is_some()
        && optional(&command.asks)
        && optional(&command.records)
        && command.needs.is_empty()
        && !matches!(command.ways, Ways::Outcomes(_))
}
