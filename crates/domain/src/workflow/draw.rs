//! Pictures and tables of a workflow: Mermaid and Graphviz text for people who draw, and a table of rules for people who
//! read law. Equal definitions give equal text.

use std::fmt::Write as _;

use crate::name::Name;
use crate::workflow::check::rights::{Rights, role_matrix};
use crate::workflow::guard::explain;
use crate::workflow::model::{
    Approval, Ask, Branch, Command, Deadline, Definition, From, Label, Machine, States, Target, Term, Ways,
};

/// An arrow of the picture.
struct Arrow {
    from: Option<Name>,
    to: Name,
    label: String,
}

fn label(name: &Name, label: &Label) -> String {
    label.title.clone().unwrap_or_else(|| name.to_string())
}

/// What stands at an arrow: the command, with the outcome that leads there.
fn act(command: &Command, outcome: Option<&Name>) -> String {
    outcome.map_or_else(|| command.name.to_string(), |outcome| format!("{}: {outcome}", command.name))
}

/// Arrows of one machine. Commands that are open in every state would hide the picture; they are listed beside it.
fn arrows(definition: &Definition, machine: &Machine) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for command in &definition.commands {
        let froms: Vec<Option<&Name>> = match &command.from {
            From::New if *machine == Machine::Main => vec![None],
            From::States(own, states) if own == machine => states.iter().map(Some).collect(),
            From::New | From::EveryState | From::Always | From::States(..) => continue,
        };
        for (outcome, branch) in command.branches() {
            let Target::To(states) = &branch.target else { continue };
            for to in states.iter().filter(|to| definition.machine_of(to).as_ref() == Some(machine)) {
                let text = act(command, outcome);
                for from in &froms {
                    arrows.push(Arrow { from: from.cloned(), to: to.clone(), label: text.clone() });
                }
            }
        }
    }
    arrows
}

/// Arrows from one machine into another: an act on a track that moves the main line, or the other way round.
fn crossings(definition: &Definition) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for command in &definition.commands {
        let From::States(own, froms) = &command.from else { continue };
        for (outcome, branch) in command.branches() {
            let Target::To(states) = &branch.target else { continue };
            for to in states.iter().filter(|to| definition.machine_of(to).as_ref() != Some(own)) {
                let text = act(command, outcome);
                for from in froms {
                    arrows.push(Arrow { from: Some(from.clone()), to: to.clone(), label: text.clone() });
                }
            }
        }
    }
    arrows
}

fn everywhere(definition: &Definition) -> Vec<String> {
    let open =
        definition.commands.iter().filter(|command| matches!(command.from, From::EveryState | From::Always));
    open.map(|command| format!("{} → {}", command.name, ways(command))).collect()
}

/// A state diagram in the language of Mermaid: the main line, each track in a box, and a note with the commands that are
/// open in every state.
pub fn mermaid(definition: &Definition) -> String {
    let id = |name: &Name| name.replace('-', "_");
    let plain = |text: &str| text.replace(['"', '\n', ';', '#'], " ");
    let mut out = String::from("stateDiagram-v2\n");
    let mut line = |text: String| {
        out.push_str("    ");
        out.push_str(&text);
        out.push('\n');
    };
    for state in &definition.states {
        line(format!("state \"{}\" as {}", plain(&label(&state.name, &state.label)), id(&state.name)));
    }
    for arrow in arrows(definition, &Machine::Main) {
        let from = arrow.from.as_ref().map_or_else(|| "[*]".to_owned(), id);
        line(format!("{from} --> {}: {}", id(&arrow.to), plain(&arrow.label.replace(':', ","))));
    }
    for state in definition.states.iter().filter(|state| state.final_outcome.is_some()) {
        line(format!("{} --> [*]", id(&state.name)));
    }
    for track in &definition.tracks {
        line(format!(
            "state \"{}\" as track_{} {{",
            plain(&label(&track.name, &track.label)),
            id(&track.name)
        ));
        for state in &track.states {
            line(format!(
                "    state \"{}\" as {}",
                plain(&label(&state.name, &state.label)),
                id(&state.name)
            ));
        }
        line(format!("    [*] --> {}", id(&track.begins)));
        for arrow in arrows(definition, &Machine::Track(track.name.clone())) {
            let from = arrow.from.as_ref().map_or_else(|| "[*]".to_owned(), id);
            line(format!("    {from} --> {}: {}", id(&arrow.to), plain(&arrow.label.replace(':', ","))));
        }
        for state in track.states.iter().filter(|state| state.is_final) {
            line(format!("    {} --> [*]", id(&state.name)));
        }
        line("}".to_owned());
    }
    for arrow in crossings(definition) {
        let from = arrow.from.as_ref().map_or_else(|| "[*]".to_owned(), id);
        line(format!("{from} --> {}: {}", id(&arrow.to), plain(&arrow.label.replace(':', ","))));
    }
    let everywhere = everywhere(definition);
    if let (Some(first), false) = (definition.states.iter().next(), everywhere.is_empty()) {
        line(format!("note right of {}", id(&first.name)));
        line("    open in every state".to_owned());
        for text in everywhere {
            line(format!("    {}", plain(&text)));
        }
        line("end note".to_owned());
    }
    out
}

/// A directed graph in the language of Graphviz.
pub fn dot(definition: &Definition) -> String {
    let quote =
        |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "));
    let mut out = format!("digraph {} {{\n", quote(&definition.workflow));
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line("  rankdir=TB;\n  node [shape=box, style=rounded];\n  \"\" [shape=point];".to_owned());
    for state in &definition.states {
        let mut look = format!("label={}", quote(&label(&state.name, &state.label)));
        if state.final_outcome.is_some() {
            look += ", peripheries=2";
        }
        if state.suspended || state.exceptional {
            look += ", style=\"rounded,dashed\"";
        }
        line(format!("  {} [{look}];", quote(&state.name)));
    }
    for arrow in arrows(definition, &Machine::Main) {
        let from = arrow.from.as_ref().map_or("", Name::as_str);
        line(format!("  {} -> {} [label={}];", quote(from), quote(&arrow.to), quote(&arrow.label)));
    }
    for track in &definition.tracks {
        line(format!("  subgraph {} {{", quote(&format!("cluster_{}", track.name))));
        line(format!("    label={};", quote(&label(&track.name, &track.label))));
        for state in &track.states {
            let end = if state.is_final { ", peripheries=2" } else { "" };
            line(format!(
                "    {} [label={}{end}];",
                quote(&state.name),
                quote(&label(&state.name, &state.label))
            ));
        }
        for arrow in arrows(definition, &Machine::Track(track.name.clone())) {
            let from = arrow.from.as_ref().map_or("", Name::as_str);
            line(format!("    {} -> {} [label={}];", quote(from), quote(&arrow.to), quote(&arrow.label)));
        }
        line("  }".to_owned());
    }
    for arrow in crossings(definition) {
        let from = arrow.from.as_ref().map_or("", Name::as_str);
        line(format!(
            "  {} -> {} [label={}, style=dashed];",
            quote(from),
            quote(&arrow.to),
            quote(&arrow.label)
        ));
    }
    let everywhere = everywhere(definition);
    if !everywhere.is_empty() {
        line(format!("  label={};", quote(&format!("open in every state: {}", everywhere.join("; ")))));
    }
    line("}".to_owned());
    out
}

/// The rules of a workflow as Markdown tables, for lawyers: acts, limits of time, and who may do what.
pub fn table(definition: &Definition) -> String {
    let mut out = format!("# {} (version {})\n\n", definition.title, definition.version);
    let row = |out: &mut String, cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        // Writing to a String cannot fail.
        let _ignored = writeln!(out, "| {} |", cells.join(" | "));
    };
    let head = |out: &mut String, cells: &[&str]| {
        row(out, &cells.iter().map(ToString::to_string).collect::<Vec<_>>());
        row(out, &vec!["---".to_owned(); cells.len()]);
    };

    out.push_str("## Public stages\n\n");
    head(&mut out, &["Stage", "Shown when"]);
    for stage in &definition.stages {
        row(&mut out, &[label(&stage.name, &stage.label), explain(&stage.when)]);
    }

    out.push_str("\n## Acts\n\n");
    head(
        &mut out,
        &[
            "Act",
            "Kind",
            "From",
            "By",
            "Condition",
            "Papers, records, answers",
            "Signatures",
            "Leads to",
            "Basis",
        ],
    );
    for command in &definition.commands {
        let kind = match (&command.clerical, command.irregular) {
            (_, true) => "fact".to_owned(),
            (Some(reason), false) => format!("clerical: {reason}"),
            (None, false) => "decision".to_owned(),
        };
        let mut condition = if command.guard.is_always() { String::new() } else { explain(&command.guard) };
        if let Some(when) = &command.when {
            condition = format!("by itself when {}", explain(when));
        }
        if let Some(wait) = &command.not_before {
            let between = if condition.is_empty() { "" } else { "; " };
            let _ignored = write!(condition, "{between}not before {} after {}", wait.wait, wait.after);
        }
        row(
            &mut out,
            &[
                label(&command.name, &command.label),
                kind,
                from(&command.from),
                list(&command.by),
                condition,
                carried(command),
                command.approval.as_ref().map_or_else(String::new, signatures),
                ways(command),
                command.basis.clone().unwrap_or_default(),
            ],
        );
    }

    out.push_str("\n## Limits of time\n\n");
    head(&mut out, &["Limit", "While", "Term", "Only if", "Warned", "Late", "Basis"]);
    for deadline in &definition.deadlines {
        let warned = deadline.warn.iter().map(|warn| format!("{} before: {}", warn.before, list(&warn.tell)));
        let late = deadline.late.iter().map(|late| {
            let tell =
                if late.tell.is_empty() { String::new() } else { format!(" tell {}", list(&late.tell)) };
            let runs = late.runs.as_ref().map_or_else(String::new, |command| format!(" do {command}"));
            format!("{} after:{tell}{runs}", late.after)
        });
        let condition = if deadline.guard.is_always() { String::new() } else { explain(&deadline.guard) };
        row(
            &mut out,
            &[
                label(&deadline.name, &deadline.label),
                states(&deadline.while_in),
                term(deadline),
                condition,
                warned.collect::<Vec<_>>().join("; "),
                late.collect::<Vec<_>>().join("; "),
                deadline.basis.clone().unwrap_or_default(),
            ],
        );
    }

    out.push_str("\n## Who may do what\n\n");
    head(&mut out, &["Role", "Gives", "Signs", "Annuls"]);
    for (role, rights) in role_matrix(definition).rows {
        let having = |wanted: fn(&Rights) -> bool| {
            let commands =
                rights.iter().filter(|(_, rights)| wanted(rights)).map(|(command, _)| command.clone());
            list(&commands.collect::<Vec<_>>())
        };
        row(
            &mut out,
            &[
                role.to_string(),
                having(|has| has.performs),
                having(|has| has.approves),
                having(|has| has.annuls),
            ],
        );
    }
    out
}

pub(super) fn list(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn from(from: &From) -> String {
    match from {
        From::New => "new case".to_owned(),
        From::EveryState => "every state that is no end".to_owned(),
        From::Always => "every state".to_owned(),
        From::States(_, states) => list(states),
    }
}

pub(super) fn states(states: &States) -> String {
    match states {
        States::Every => "every state that is no end".to_owned(),
        States::Always => "every state".to_owned(),
        States::These(names) => list(names),
    }
}

pub(super) fn target(branch: &Branch) -> String {
    match &branch.target {
        Target::Stays => "stays".to_owned(),
        Target::Back => "back to where it was".to_owned(),
        Target::To(states) => list(states),
    }
}

fn ways(command: &Command) -> String {
    let way = |branch: &Branch| {
        let condition =
            if branch.guard.is_always() { String::new() } else { format!(" if {}", explain(&branch.guard)) };
        format!("{}{condition}", target(branch))
    };
    match &command.ways {
        Ways::One(branch) => way(branch),
        Ways::Outcomes(outcomes) => outcomes
            .iter()
            .map(|(name, _, branch)| format!("{name}: {}", way(branch)))
            .collect::<Vec<_>>()
            .join("; "),
        Ways::Routes(routes) => routes.iter().map(way).collect::<Vec<_>>().join("; else "),
    }
}

/// How a record or a fact is asked for, behind its name.
pub(super) fn asked(ask: &Ask) -> String {
    match ask {
        Ask::Required => String::new(),
        Ask::Optional => " (optional)".to_owned(),
        Ask::OnePer(record) => format!(" (one for each {record})"),
    }
}

fn carried(command: &Command) -> String {
    let mut parts: Vec<String> = command.needs.iter().map(ToString::to_string).collect();
    parts.extend(
        command.records.iter().chain(&command.asks).map(|(name, ask)| format!("{name}{}", asked(ask))),
    );
    for (outcome, branch) in command.branches() {
        let only = outcome.map_or_else(String::new, |outcome| format!(" for {outcome}"));
        parts.extend(branch.needs.iter().map(|name| format!("{name}{only}")));
        parts.extend(branch.records.iter().map(|(name, ask)| format!("{name}{}{only}", asked(ask))));
    }
    parts.join(", ")
}

pub(super) fn signatures(approval: &Approval) -> String {
    let steps = approval.steps.iter().map(|step| {
        let agree =
            if step.agree == step.people { String::new() } else { format!(", {} must agree", step.agree) };
        format!("{} of {}{agree}", step.people, list(&step.by))
    });
    let steps = steps.collect::<Vec<_>>().join(", then ");
    approval.within.map_or(steps.clone(), |within| format!("{steps}; within {within}"))
}

pub(super) fn term(deadline: &Deadline) -> String {
    let term = match &deadline.term {
        Term::Within(span) => format!("within {span}"),
        Term::Until(until) => format!("until {until}"),
        Term::UntilAuthority => "until the authority to hold the person ends".to_owned(),
        Term::UntilLimitOf(record) => format!("until the ceiling of {record}"),
    };
    match &deadline.since {
        Some(since) => format!("{term}, counted from {since}"),
        None => term,
    }
}
