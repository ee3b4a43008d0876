//! Who may do what: the matrix of roles and commands, and commands that nobody may give (E-dead).

use std::collections::BTreeMap;

use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding};
use crate::workflow::model::Definition;
use crate::workflow::read::finding;

/// What a role may do with a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Give it.
    pub performs: bool,
    /// Sign it, in some step of its approval.
    pub approves: bool,
    /// Annul it.
    pub annuls: bool,
}

/// Role × command, in the order of the file; roles without any right have an empty row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleMatrix {
    /// The rows: `system` last, if it may do anything.
    pub rows: Vec<(Name, BTreeMap<Name, Rights>)>,
    /// The columns.
    pub commands: Vec<Name>,
}

/// Who may do what.
pub fn role_matrix(definition: &Definition) -> RoleMatrix {
    let system = Name::system();
    let roles = definition.roles.iter().map(|role| &role.name).chain(std::iter::once(&system));
    let mut rows = Vec::new();
    for role in roles {
        let mut row: BTreeMap<Name, Rights> = BTreeMap::new();
        for command in &definition.commands {
            let performs = command.by.contains(role);
            let approves = command
                .approval
                .iter()
                .flat_map(|approval| &approval.steps)
                .any(|step| step.by.contains(role));
            let annulments =
                definition.corrections.annul.iter().filter(|annul| annul.command == command.name);
            let annuls = annulments.into_iter().any(|annul| annul.by.contains(role));
            if performs || approves || annuls {
                row.insert(command.name.clone(), Rights { performs, approves, annuls });
            }
        }
        if *role != system || !row.is_empty() {
            rows.push((role.clone(), row));
        }
    }
    RoleMatrix { rows, commands: definition.commands.iter().map(|command| command.name.clone()).collect() }
}

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    for command in &definition.commands {
        let name = &command.name;
        if command.by.is_empty() {
            found.push(finding(
                command.place,
                CheckId::Dead,
                name,
                format!("nobody may give the command `{name}`: `by` is empty"),
            ));
        }
        for step in command.approval.iter().flat_map(|approval| &approval.steps) {
            if step.by.is_empty() {
                found.push(finding(
                    command.place,
                    CheckId::Dead,
                    name,
                    format!("nobody may approve `{name}`: `by` of a step is empty"),
                ));
            }
        }
    }
    found
}
