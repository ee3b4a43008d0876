//! Deadlines and jobs.

use crate::calendar::Unit;
use crate::name::Name;
use crate::workflow::finding::{CheckId, Place};
use crate::workflow::model::{
    Call, Command, Deadline, ExtendBy, Job, JobAnswer, Late, Table, Term, Warn, Ways,
};
use crate::workflow::read::finding;
use crate::workflow::read::lower::Lower;
use crate::workflow::read::near::did_you_mean;
use crate::workflow::read::symbols::Sort;
use crate::workflow::read::tree::{Entry, Node};

impl Lower<'_> {
    pub(super) fn deadlines(&mut self, file: &Node) -> Table<Deadline> {
        let mut deadlines = Table::default();
        for (name, entry) in Self::section(file, "deadlines") {
            if let Some(deadline) = self.deadline(name, entry) {
                self.add(&mut deadlines, deadline, entry.place);
            }
        }
        deadlines
    }

    fn deadline(&mut self, name: Name, entry: &Entry) -> Option<Deadline> {
        let node = &entry.value;
        let (machine, while_in) = self.states(node.get("while"), &name)?;
        let term = self.term(node, &name);
        let since = self.moment(node.get("since"), &name);
        let per = self.refer(node.get("per"), Sort::Record);
        let guard = self.guard(node.get("if"), &name);
        let acts = self.refer(node.get("acts"), Sort::Role);
        let pauses_while = node.get("pauses-while").map(|guard| self.guard(Some(guard), &name));
        let repeat = Self::span(node.get("repeat"));
        let extend_by = node.get("extend-by").and_then(|extend| {
            Some(ExtendBy {
                command: self.refer(extend.get("command"), Sort::Command)?,
                by: Self::span(extend.get("by"))?,
                times: Self::count(extend.get("times"))?,
            })
        });
        let mut spans = Vec::new();
        let mut remember = |node: &Node, key: &str| {
            if let (Some(span), Some(node)) = (Self::span(node.get(key)), node.get(key)) {
                spans.push((node.place, span));
            }
        };
        for key in ["within", "repeat"] {
            remember(node, key);
        }
        if let Some(extend) = node.get("extend-by") {
            remember(extend, "by");
        }
        let warns = node.get("warn").map(Node::items).unwrap_or_default();
        let lates = node.get("late").map(Node::items).unwrap_or_default();
        for warn in warns {
            remember(warn, "before");
        }
        for late in lates {
            remember(late, "after");
        }
        let mut warn = Vec::new();
        for item in warns {
            let tell = self.refer_all(item.get("tell"), Sort::Role);
            let Some(before) = Self::span(item.get("before")) else { continue };
            warn.push(Warn { before, tell });
        }
        let mut late = Vec::new();
        for item in lates {
            let tell = self.refer_all(item.get("tell"), Sort::Role);
            let runs = self.refer(item.get("do"), Sort::Command);
            let Some(after) = Self::span(item.get("after")) else { continue };
            late.push(Late { place: item.place, after, tell, runs });
        }
        let unit = Self::span(node.get("within")).map_or(Unit::Days, |span| span.unit);
        let (calendar, rule) = self.clock(node, &name, &spans, unit);
        Some(Deadline {
            name,
            label: Self::label(node),
            place: entry.place,
            machine,
            while_in,
            term: term?,
            since,
            per,
            guard,
            acts,
            pauses_while,
            repeat,
            extend_by,
            warn,
            late,
            basis: Self::text(node.get("basis")),
            calendar,
            rule,
        })
    }

    fn term(&mut self, node: &Node, at: &Name) -> Option<Term> {
        if let Some(within) = Self::span(node.get("within")) {
            return Some(Term::Within(within));
        }
        let until = node.get("until")?;
        let text = until.text()?;
        if text == "authority" {
            if self.records.iter().all(|record| record.covers.is_none()) {
                let message = "no record of this file `covers` a time, so there is no authority to count to";
                self.note(until.place, CheckId::Type, at, message);
            }
            return Some(Term::UntilAuthority);
        }
        if let Some(record) = text.strip_prefix("limit of ") {
            let Ok(record) = Name::new(record.trim()) else {
                self.fault(
                    until.place,
                    CheckId::Shape,
                    at,
                    format!("`{text}` names no record: write `limit of RECORD`"),
                );
                return None;
            };
            if !self.symbols.resolve(Sort::Record, &record, until.place, &mut self.faults) {
                return None;
            }
            if self.records.get(&record).is_some_and(|record| record.limit.is_none()) {
                let message = format!("the record `{record}` has no `limit` to count to");
                self.note(until.place, CheckId::Type, at, message);
            }
            return Some(Term::UntilLimitOf(record));
        }
        self.moment(Some(until), at).map(Term::Until)
    }

    pub(super) fn jobs(&mut self, file: &Node, commands: &Table<Command>) -> Table<Job> {
        let mut jobs = Table::default();
        for (name, entry) in Self::section(file, "jobs") {
            if let Some(job) = self.job(name, entry, commands) {
                self.add(&mut jobs, job, entry.place);
            }
        }
        jobs
    }

    fn job(&mut self, name: Name, entry: &Entry, commands: &Table<Command>) -> Option<Job> {
        let node = &entry.value;
        let call = node.get("call").and_then(|call| {
            let mut sends = Vec::new();
            for item in call.get("sends").map(Node::items).unwrap_or_default() {
                let Some(what) = Self::name(Some(item)) else { continue };
                let sort = [Sort::Fact, Sort::Record, Sort::Document]
                    .into_iter()
                    .find(|sort| self.symbols.has(*sort, &what));
                if self.symbols.resolve(sort.unwrap_or(Sort::Fact), &what, item.place, &mut self.faults) {
                    sends.push(what);
                }
            }
            Some(Call { channel: Self::name(call.get("channel"))?, sends })
        });
        let mut answers = Vec::new();
        let listed =
            node.get("when-done").and_then(|done| done.get("answers")).map(Node::entries).unwrap_or_default();
        for answer in listed {
            let Some(runs) = self.refer(answer.value.get("do"), Sort::Command) else { continue };
            let command = commands.get(&runs);
            let outcome = Self::name(answer.value.get("outcome"));
            if let (Some(outcome), Some(command)) = (&outcome, command) {
                let place = answer.value.get("outcome").map_or(answer.place, |node| node.place);
                self.outcome(command, outcome, place);
            }
            let with = self.with(answer, command);
            answers.push(JobAnswer { code: answer.key.clone(), place: answer.place, runs, outcome, with });
        }
        let fails = node.get("if-it-fails");
        let fails_tell = self.refer_all(fails.and_then(|fails| fails.get("tell")), Sort::Role);
        let fails_run = self.refer(fails.and_then(|fails| fails.get("do")), Sort::Command);
        let retry = node.get("retry")?;
        Some(Job {
            name,
            label: Self::label(node),
            place: entry.place,
            queue: Self::name(node.get("queue"))?,
            attempt_limit: Self::span(node.get("attempt-limit"))?,
            call,
            retry_times: Self::count(retry.get("times"))?,
            first_wait: Self::span(retry.get("first-wait")),
            doubles_to: Self::span(retry.get("doubles-to")),
            answers,
            fails_tell,
            fails_run,
        })
    }

    fn outcome(&mut self, command: &Command, outcome: &Name, place: Place) {
        let known: Vec<&Name> = match &command.ways {
            Ways::Outcomes(outcomes) => outcomes.iter().map(|(name, _, _)| name).collect(),
            Ways::One(_) | Ways::Routes(_) => Vec::new(),
        };
        if !known.contains(&outcome) {
            let message = format!("the command `{}` has no outcome `{outcome}`", command.name);
            let mut found = finding(place, CheckId::Name, outcome, message);
            found.hint = did_you_mean(outcome, known.into_iter().map(Name::as_str));
            self.faults.push(found);
        }
    }

    fn with(&mut self, answer: &Entry, command: Option<&Command>) -> Vec<(Name, String)> {
        let mut with = Vec::new();
        for entry in answer.value.get("with").map(Node::entries).unwrap_or_default() {
            let Some(fact) = self.refer_key(entry, Sort::Fact) else { continue };
            let Some(field) = entry.value.text() else { continue };
            if let Some(command) = command
                && !command.asks.iter().any(|(asked, _)| *asked == fact)
            {
                let message = format!("the command `{}` does not ask for `{fact}`", command.name);
                self.fault(entry.place, CheckId::Name, &fact, message);
            }
            with.push((fact, field.to_owned()));
        }
        with
    }
}
