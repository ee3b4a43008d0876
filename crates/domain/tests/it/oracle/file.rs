//! A workflow file as the interpreter reads it: the parts of the grammar, found in a tree of words.

use std::collections::BTreeMap;

use super::days::{Length, Rule};
use super::tree::Node;
use super::words::Guard;

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) kind: String,
    pub(crate) of: Vec<String>,
    pub(crate) may_be: Vec<String>,
    pub(crate) starts: Option<String>,
    pub(crate) editable_by: Vec<String>,
    pub(crate) open: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Limit {
    Plain(Length),
    Least(Vec<Self>),
    /// Greatest FIELD of RECORD, times a fraction (over, under).
    Greatest(String, String, i64, i64),
}

#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) fields: Vec<(String, Field)>,
    pub(crate) many: bool,
    pub(crate) about: Option<String>,
    pub(crate) covers: Option<String>,
    pub(crate) each: Option<Limit>,
    pub(crate) total: Option<Limit>,
    pub(crate) beyond_needs: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) acts_by: Vec<String>,
    pub(crate) held: bool,
    pub(crate) outcome: Option<String>,
    pub(crate) exceptional: bool,
    pub(crate) suspended: bool,
    pub(crate) jobs: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) name: String,
    pub(crate) open_in: Vec<String>,
    pub(crate) open_if: Option<Guard>,
    pub(crate) must_finish: bool,
    pub(crate) begins: String,
    pub(crate) per: Option<String>,
    /// State, whether it is final, jobs.
    pub(crate) states: Vec<(String, bool, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Demand {
    Required,
    Optional,
    OnePer(String),
}

#[derive(Debug, Clone)]
pub(crate) enum Moment {
    Field(String, String),
    Named(String),
    Authority,
    Ceiling(String),
}

impl Moment {
    fn read(text: &str) -> Self {
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["authority"] => Self::Authority,
            ["limit", "of", record] => Self::Ceiling((*record).to_owned()),
            [field, "of", record] => Self::Field((*field).to_owned(), (*record).to_owned()),
            [name] => Self::Named((*name).to_owned()),
            _ => panic!("{text}"),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) by: Vec<String>,
    pub(crate) people: usize,
    pub(crate) agree: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Approval {
    pub(crate) steps: Vec<Step>,
    pub(crate) within: Option<Length>,
}

/// What a command, one of its outcomes, or one of its routes does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Branch {
    pub(crate) guard: Option<Guard>,
    /// Empty: stays.
    pub(crate) to: Vec<String>,
    pub(crate) needs: Vec<String>,
    pub(crate) records: Vec<(String, Demand)>,
    pub(crate) sets: Vec<(String, String)>,
    pub(crate) stops_tracks: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) wait: Length,
    pub(crate) after: Moment,
    pub(crate) unless: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) from: Vec<String>,
    pub(crate) by: Vec<String>,
    pub(crate) when: Option<Guard>,
    pub(crate) base: Branch,
    pub(crate) outcomes: Vec<(String, Branch)>,
    pub(crate) routes: Vec<Branch>,
    pub(crate) clerical: bool,
    pub(crate) irregular: bool,
    pub(crate) asks: Vec<(String, bool)>,
    pub(crate) not_before: Option<Wait>,
    pub(crate) approval: Option<Approval>,
    pub(crate) jobs: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Limits {
    Within(Length),
    Until(Moment),
}

#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    pub(crate) name: String,
    pub(crate) during: Vec<String>,
    pub(crate) limit: Limits,
    pub(crate) since: Option<Moment>,
    pub(crate) per: Option<String>,
    pub(crate) guard: Option<Guard>,
    pub(crate) pauses: Option<Guard>,
    pub(crate) repeat: Option<Length>,
    pub(crate) extend: Option<(String, Length, usize)>,
    pub(crate) warn: Vec<Length>,
    /// After, and the command to run.
    pub(crate) late: Vec<(Length, Option<String>)>,
    pub(crate) rule: Rule,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) code: String,
    pub(crate) command: String,
    pub(crate) outcome: Option<String>,
    pub(crate) with: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) answers: Vec<Answer>,
    pub(crate) fails: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Annul {
    pub(crate) command: String,
    pub(crate) during: Vec<String>,
    pub(crate) returns_to: String,
    pub(crate) by: Vec<String>,
    pub(crate) approval: Option<Approval>,
}

#[derive(Debug, Clone)]
pub(crate) struct Apart {
    pub(crate) same: bool,
    /// Command, and whether only its approvers are meant.
    pub(crate) acts: Vec<(String, bool)>,
}

/// The whole file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) stages: Vec<(String, Guard)>,
    pub(crate) roles: Vec<String>,
    pub(crate) facts: Vec<(String, Field)>,
    pub(crate) records: Vec<Form>,
    /// Document, who files it, whether it must be signed.
    pub(crate) documents: Vec<(String, Vec<String>, bool)>,
    pub(crate) rules: BTreeMap<String, Guard>,
    pub(crate) time: Rule,
    pub(crate) states: Vec<(String, State)>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) commands: Vec<Command>,
    pub(crate) deadlines: Vec<Deadline>,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) apart: Vec<Apart>,
    /// Who corrects facts, and with whose approval.
    pub(crate) corrections: Option<(Vec<String>, Option<Approval>)>,
    pub(crate) annul: Vec<Annul>,
}

fn field(node: &Node) -> Field {
    Field {
        kind: node.word("type").unwrap(),
        of: node.names_of("of"),
        may_be: node.names_of("may-be"),
        starts: node.word("starts"),
        editable_by: node.names_of("editable-by"),
        open: node.word("class").is_none_or(|class| class == "open"),
    }
}

fn limit(text: &str) -> Limit {
    if let Some(parts) = text.strip_prefix("least of [") {
        return Limit::Least(parts.trim_end_matches(']').split(", ").map(limit).collect());
    }
    match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["greatest", field, "of", record, "*", fraction] => {
            let (over, under) = fraction.split_once('/').unwrap_or((fraction, "1"));
            let (over, under) = (over.parse().unwrap(), under.parse().unwrap());
            Limit::Greatest((*field).to_owned(), (*record).to_owned(), over, under)
        }
        _ => Limit::Plain(Length::read(text)),
    }
}

fn approval(node: &Node) -> Approval {
    let steps = node.get("steps").unwrap().list().iter().map(|step| {
        let people = step.number("people").unwrap_or(1);
        Step { by: step.names_of("by"), people, agree: step.number("agree").unwrap_or(people) }
    });
    Approval { steps: steps.collect(), within: node.length("within") }
}

fn branch(node: &Node) -> Branch {
    Branch {
        guard: node.guard("if"),
        to: node.names_of("to"),
        needs: node.names_of("needs"),
        records: node.map("records", |record, how| {
            let how = match how.text() {
                "required" => Demand::Required,
                "optional" => Demand::Optional,
                other => Demand::OnePer(other.strip_prefix("one-per ").unwrap().to_owned()),
            };
            (record.to_owned(), how)
        }),
        sets: node.map("sets", |fact, value| (fact.to_owned(), value.text().to_owned())),
        stops_tracks: node.says("stops-tracks"),
    }
}

fn command(name: &str, node: &Node) -> Command {
    Command {
        name: name.to_owned(),
        from: node.names_of("from"),
        by: node.names_of("by"),
        when: node.guard("when"),
        base: branch(node),
        outcomes: node.map("outcomes", |outcome, node| (outcome.to_owned(), branch(node))),
        routes: node.get("routes").map_or_else(Vec::new, |routes| routes.list().iter().map(branch).collect()),
        clerical: node.get("clerical").is_some(),
        irregular: node.says("irregular"),
        asks: node.map("asks", |fact, how| (fact.to_owned(), how.text() == "required")),
        not_before: node.get("not-before").map(|wait| Wait {
            wait: wait.length("wait").unwrap(),
            after: Moment::read(wait.get("after").unwrap().text()),
            unless: wait.word("unless"),
        }),
        approval: node.get("approval").map(approval),
        jobs: node.names_of("jobs"),
    }
}

fn deadline(name: &str, node: &Node, time: &Rule) -> Deadline {
    let until = node.get("until").map(|node| Limits::Until(Moment::read(node.text())));
    let list = |key: &str| node.get(key).map(Node::list).unwrap_or_default();
    Deadline {
        name: name.to_owned(),
        during: node.names_of("while"),
        limit: until.unwrap_or_else(|| Limits::Within(node.length("within").unwrap())),
        since: node.get("since").map(|node| Moment::read(node.text())),
        per: node.word("per"),
        guard: node.guard("if"),
        pauses: node.guard("pauses-while"),
        repeat: node.length("repeat"),
        extend: node.get("extend-by").map(|node| {
            (node.word("command").unwrap(), node.length("by").unwrap(), node.number("times").unwrap())
        }),
        warn: list("warn").iter().map(|warn| warn.length("before").unwrap()).collect(),
        late: list("late").iter().map(|late| (late.length("after").unwrap(), late.word("do"))).collect(),
        rule: match node.length("within") {
            Some(length) => time.of(length).but(node),
            None => time.but(node),
        },
    }
}

impl File {
    pub(crate) fn read(text: &str) -> Self {
        let node: Node = serde_saphyr::from_str(text).unwrap();
        let time = Rule::default().but(node.get("time").unwrap_or(&Node::Map(Vec::new())));
        let corrections = node.get("corrections");
        Self {
            stages: node.map("stages", |stage, node| (stage.to_owned(), node.guard("when").unwrap())),
            roles: node.names_of("roles"),
            facts: node.map("facts", |fact, node| (fact.to_owned(), field(node))),
            records: node.map("records", |record, node| {
                let limits = node.get("limit");
                let part = |key| limits.and_then(|node| node.word(key)).map(|text| limit(&text));
                Form {
                    name: record.to_owned(),
                    fields: node.map("fields", |name, node| (name.to_owned(), field(node))),
                    many: node.says("many"),
                    about: node.word("about"),
                    covers: node.word("covers"),
                    each: part("each"),
                    total: part("total"),
                    beyond_needs: limits.and_then(|node| node.word("beyond-needs")),
                }
            }),
            documents: node.map("documents", |document, node| {
                (document.to_owned(), node.names_of("from"), node.says("signed"))
            }),
            rules: node
                .map("rules", |rule, node| (rule.to_owned(), node.guard("if").unwrap()))
                .into_iter()
                .collect(),
            states: node.map("states", |state, node| {
                let state_of = State {
                    acts_by: node.names_of("acts-by"),
                    held: node.says("held"),
                    outcome: node.word("final"),
                    exceptional: node.says("exceptional"),
                    suspended: node.says("suspended"),
                    jobs: node.names_of("jobs"),
                };
                (state.to_owned(), state_of)
            }),
            tracks: node.map("tracks", |track, node| Track {
                name: track.to_owned(),
                open_in: node.names_of("open-in"),
                open_if: node.guard("open-if"),
                must_finish: node.word("on-leave").unwrap() == "must-finish",
                begins: node.word("begins").unwrap(),
                per: node.word("per"),
                states: node.map("states", |state, node| {
                    (state.to_owned(), node.says("final"), node.names_of("jobs"))
                }),
            }),
            commands: node.map("commands", command),
            deadlines: node.map("deadlines", |name, node| deadline(name, node, &time)),
            jobs: node
                .map("jobs", |job, node| {
                    let answers = node.get("when-done").map_or_else(Vec::new, |done| {
                        done.map("answers", |code, node| Answer {
                            code: code.to_owned(),
                            command: node.word("do").unwrap(),
                            outcome: node.word("outcome"),
                            with: node.map("with", |fact, field| (fact.to_owned(), field.text().to_owned())),
                        })
                    });
                    let fails = node.get("if-it-fails").and_then(|node| node.word("do"));
                    (job.to_owned(), Job { answers, fails })
                })
                .into_iter()
                .collect(),
            apart: node.get("separation").map_or_else(Vec::new, |list| {
                let one = |node: &Node| {
                    let same = node.get("same-person").is_some();
                    let acts = node.names_of(if same { "same-person" } else { "different-people" });
                    let act = |act: String| match act.strip_suffix(".approval") {
                        Some(command) => (command.to_owned(), true),
                        None => (act, false),
                    };
                    Apart { same, acts: acts.into_iter().map(act).collect() }
                };
                list.list().iter().map(one).collect()
            }),
            corrections: corrections
                .and_then(|node| node.get("facts"))
                .map(|node| (node.names_of("by"), node.get("approval").map(approval))),
            annul: corrections.and_then(|node| node.get("annul")).map_or_else(Vec::new, |list| {
                let one = |node: &Node| Annul {
                    command: node.word("command").unwrap(),
                    during: node.names_of("while"),
                    returns_to: node.word("returns-to").unwrap(),
                    by: node.names_of("by"),
                    approval: node.get("approval").map(approval),
                };
                list.list().iter().map(one).collect()
            }),
            time,
        }
    }

    pub(crate) fn state(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|(state, _)| state == name).map(|(_, state)| state)
    }

    pub(crate) fn form(&self, name: &str) -> Option<&Form> {
        self.records.iter().find(|form| form.name == name)
    }

    pub(crate) fn fact(&self, name: &str) -> Option<&Field> {
        self.facts.iter().find(|(fact, _)| fact == name).map(|(_, fact)| fact)
    }

    pub(crate) fn command(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.name == name)
    }

    /// The track a state belongs to.
    pub(crate) fn track_of(&self, state: &str) -> Option<&Track> {
        self.tracks.iter().find(|track| track.states.iter().any(|(name, _, _)| name == state))
    }
}
