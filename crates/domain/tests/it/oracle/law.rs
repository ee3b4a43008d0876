//! A command: the tests in their order, all failures together, and what follows.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::act::fits;
use super::case::{Act, Case, Doing, Done, Record, Value, Who};
use super::file::{Branch, Command, Demand};
use super::words::Guard;
use super::world::View;
use super::{Fault, Oracle, Reasons};

impl Oracle {
    /// Tests a command and does it, or stores it for those who have to sign.
    pub(crate) fn perform(
        &self,
        case: &Case,
        who: &Who,
        doing: &Doing,
        now: Timestamp,
    ) -> Result<Case, Reasons> {
        let Some(command) = self.file.command(&doing.command) else {
            return Err(Reasons::from(["no-command"]));
        };
        let reasons = self.tests(case, who, &[], doing, now);
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let Some(approval) = &command.approval else { return Ok(self.effect(case, who, &[], doing, now)) };
        if !command.irregular {
            let mut case = case.clone();
            self.propose(&mut case, who, Act::Do(doing.clone()), approval, None, now);
            return Ok(case);
        }
        let mut case = self.effect(case, who, &[], doing, now);
        let number = u32::try_from(case.done.len()).unwrap();
        self.propose(&mut case, who, Act::Do(doing.clone()), approval, Some(number), now);
        Ok(case)
    }

    /// The last signature: everything is tested again at this moment.
    pub(crate) fn enact(
        &self,
        case: &Case,
        who: &Who,
        approvers: &[String],
        doing: &Doing,
        now: Timestamp,
    ) -> Result<Case, Reasons> {
        let reasons = self.tests(case, who, approvers, doing, now);
        if reasons.is_empty() { Ok(self.effect(case, who, approvers, doing, now)) } else { Err(reasons) }
    }

    /// Every reason against a command. Of a fact that has happened only role, state and form count.
    pub(crate) fn tests(
        &self,
        case: &Case,
        who: &Who,
        approvers: &[String],
        doing: &Doing,
        now: Timestamp,
    ) -> Reasons {
        let command = self.file.command(&doing.command).unwrap();
        let mut reasons = self.hard(case, who, command, doing, now);
        if reasons.contains("form") || command.irregular && self.fault != Some(Fault::IrregularRefused) {
            return reasons;
        }
        let state = case.main.as_ref().and_then(|main| self.file.state(main));
        if state.is_some_and(|state| !state.acts_by.is_empty() && !state.acts_by.contains(&who.role))
            && !who.is_system()
        {
            reasons.insert("acts-by");
        }
        let seen = self.with(case, doing, now);
        if let Some(wait) = &command.not_before
            && self.fault != Some(Fault::NoWait)
            && wait.unless.as_ref().is_none_or(|record| seen.live(record).is_empty())
        {
            let from = self.moment(case, &wait.after, None, false);
            if from.is_none_or(|from| now < self.days().count(&self.file.time.of(wait.wait), from, wait.wait))
            {
                reasons.insert("not-before");
            }
        }
        let parts = self.parts(&seen, command, doing, now);
        for part in &parts {
            self.bring(&seen, part, doing, &mut reasons);
            if part.guard.as_ref().is_some_and(|guard| !self.guards(&seen, guard, doing, now)) {
                reasons.insert("guard");
            }
        }
        if command.when.as_ref().is_some_and(|when| !self.guards(&seen, when, doing, now)) {
            reasons.insert("guard");
        }
        if self.beyond_ceiling(case, &seen, doing) {
            reasons.insert("ceiling");
        }
        if self.unseparated(case, doing, who.person.as_ref(), approvers) {
            reasons.insert("separation");
        }
        let to = Self::target(&parts);
        let stops = parts.iter().any(|part| part.stops_tracks);
        if let Ok(Some(next)) = self.main_target(case, to)
            && self.fault != Some(Fault::NoHold)
            && self.holds_back(case, doing, to, &next, stops)
        {
            reasons.insert("track");
        }
        reasons
    }

    /// Role, kind of actor, state, form; also of facts.
    fn hard(&self, case: &Case, who: &Who, command: &Command, doing: &Doing, now: Timestamp) -> Reasons {
        let mut reasons = Reasons::new();
        // Nobody but the engine acts as the engine.
        if !command.by.contains(&who.role) || who.is_system() && who.person.is_some() {
            reasons.insert("role");
        }
        if !command.clerical && !who.decides {
            reasons.insert("decision");
        }
        if !self.is_from(case, command, doing) {
            reasons.insert("state");
        }
        let formed = Self::branch_asked(command, doing)
            .is_some_and(|branch| self.well_formed(case, command, branch, doing));
        if !formed {
            reasons.insert("form");
            return reasons;
        }
        for (paper, _) in &doing.papers {
            let (_, from, _) = self.file.documents.iter().find(|(name, _, _)| name == paper).unwrap();
            if !from.contains(&who.role) && !who.is_system() {
                reasons.insert("papers");
            }
        }
        let seen = self.with(case, doing, now);
        let parts = self.parts(&seen, command, doing, now);
        if !command.routes.is_empty() && parts.len() == 1 {
            reasons.insert("no-route");
        } else if self.main_target(case, Self::target(&parts)).is_err() {
            reasons.insert("state");
        }
        if self.overextends(case, doing) {
            reasons.insert("extension");
        }
        reasons
    }

    /// The command itself, and its outcome or the first route that is true.
    fn parts<'a>(&self, seen: &Case, command: &'a Command, doing: &Doing, now: Timestamp) -> Vec<&'a Branch> {
        let outcome = Self::branch_asked(command, doing).filter(|_| doing.outcome.is_some());
        let mut parts = vec![&command.base];
        parts.extend(outcome.or_else(|| self.route(seen, command, doing, now)));
        parts
    }

    fn target<'a>(parts: &[&'a Branch]) -> &'a [String] {
        &parts.last().unwrap().to
    }

    fn beyond_ceiling(&self, case: &Case, seen: &Case, doing: &Doing) -> bool {
        let filed = u32::try_from(case.records.len()).unwrap();
        (filed + 1..).zip(&doing.records).any(|(number, record)| self.crosses(seen, &record.record, number))
    }

    fn guards(&self, seen: &Case, guard: &Guard, doing: &Doing, now: Timestamp) -> bool {
        let view = View { oracle: self, case: seen, now, instance: doing.instance };
        guard.holds(&view) != (self.fault == Some(Fault::GuardNegated))
    }

    pub(crate) fn is_from(&self, case: &Case, command: &Command, doing: &Doing) -> bool {
        let says = |word: &str| command.from.iter().any(|from| from == word);
        let Some(main) = &case.main else { return says("new") };
        if let Some(track) = command.from.first().and_then(|state| self.file.track_of(state)) {
            let found = match (&track.per, doing.instance) {
                (Some(_), Some(no)) => case.instances.get(&track.name).and_then(|open| open.get(&no)),
                (Some(_), None) => None,
                (None, _) => case.tracks.get(&track.name),
            };
            return found.is_some_and(|state| command.from.contains(state));
        }
        says("always")
            || says("every-state") && self.file.state(main).unwrap().outcome.is_none()
            || command.from.contains(main)
    }

    fn branch_asked<'a>(command: &'a Command, doing: &Doing) -> Option<&'a Branch> {
        match &doing.outcome {
            None => command.outcomes.is_empty().then_some(&command.base),
            Some(asked) => command.outcomes.iter().find(|(name, _)| name == asked).map(|(_, branch)| branch),
        }
    }

    fn well_formed(&self, case: &Case, command: &Command, branch: &Branch, doing: &Doing) -> bool {
        let per = command
            .from
            .first()
            .and_then(|state| self.file.track_of(state))
            .is_some_and(|track| track.per.is_some());
        let answered = |fact: &String| doing.answers.iter().any(|(name, _)| name == fact);
        let answers = doing.answers.iter().all(|(fact, value)| {
            command.asks.iter().any(|(asked, _)| asked == fact) && fits(self.file.fact(fact).unwrap(), value)
        }) && command.asks.iter().all(|(fact, required)| !required || answered(fact));
        let listed = |kind: &String| {
            let parts = [&command.base, branch].into_iter().chain(&command.routes);
            parts.flat_map(|part| &part.records).any(|(listed, _)| listed == kind)
        };
        let records = doing.records.iter().all(|filed| {
            let form = self.file.form(&filed.record).unwrap();
            let fields = form.fields.iter().all(|(name, field)| {
                filed.fields.iter().any(|(given, value)| given == name && fits(field, value))
            });
            let about = match (&form.about, filed.about) {
                (None, None) => true,
                (Some(kind), Some(no)) => case.record(no).is_some_and(|record| record.kind == *kind),
                _ => false,
            };
            let same = doing.records.iter().filter(|other| other.record == filed.record).count();
            let single = form.many || case.live(&form.name).is_empty() && same == 1;
            listed(&filed.record) && fields && about && single
        });
        answers && records && per == doing.instance.is_some()
    }

    /// Papers and records that must be there.
    fn bring(&self, seen: &Case, part: &Branch, doing: &Doing, reasons: &mut Reasons) {
        for document in &part.needs {
            if !self.has_paper(seen, document) {
                reasons.insert("papers");
            }
        }
        for (kind, demand) in &part.records {
            let filed = || doing.records.iter().filter(|filed| filed.record == *kind);
            let missing = match demand {
                Demand::Required => filed().next().is_none(),
                Demand::Optional => false,
                Demand::OnePer(other) => seen
                    .live(other)
                    .iter()
                    .any(|(no, _)| filed().filter(|filed| filed.about == Some(*no)).count() != 1),
            };
            if missing {
                reasons.insert("record");
            }
        }
    }

    /// The case with what the command brings, its machines as they were.
    fn with(&self, case: &Case, doing: &Doing, now: Timestamp) -> Case {
        let mut seen = case.clone();
        let number = u32::try_from(case.done.len()).unwrap() + 1;
        for filed in &doing.records {
            seen.records.push(Record {
                kind: filed.record.clone(),
                at: now,
                fields: filed.fields.iter().cloned().collect(),
                annulled: false,
                doing: number,
            });
        }
        for (document, signed) in &doing.papers {
            seen.papers.entry(document.clone()).or_default().push((now, *signed));
        }
        for (fact, value) in &doing.answers {
            Self::write(&mut seen, fact, Some(value.clone()));
        }
        if self.fault == Some(Fault::SetsFirst) {
            let command = self.file.command(&doing.command).unwrap();
            Self::sets(&mut seen, &command.base);
        }
        seen
    }

    fn route<'a>(
        &self,
        seen: &Case,
        command: &'a Command,
        doing: &Doing,
        now: Timestamp,
    ) -> Option<&'a Branch> {
        let view = View { oracle: self, case: seen, now, instance: doing.instance };
        let is_true = |route: &&Branch| route.guard.as_ref().is_none_or(|guard| guard.holds(&view));
        if self.fault == Some(Fault::RoutesBackwards) {
            return command.routes.iter().rfind(is_true);
        }
        command.routes.iter().find(is_true)
    }

    fn sets(case: &mut Case, part: &Branch) {
        for (fact, value) in &part.sets {
            let word = match value.as_str() {
                "true" => "yes",
                "false" => "no",
                other => other,
            };
            Self::write(case, fact, (word != "unset").then(|| Value::Word(word.to_owned())));
        }
    }

    pub(crate) fn effect(
        &self,
        case: &Case,
        who: &Who,
        approvers: &[String],
        doing: &Doing,
        now: Timestamp,
    ) -> Case {
        let command = self.file.command(&doing.command).unwrap();
        let mut after = self.with(case, doing, now);
        let parts = self.parts(&after, command, doing, now);
        let lacks = self.lacks(case, &after, command, &parts, doing);
        for part in &parts {
            Self::sets(&mut after, part);
        }
        let changed = after.written.iter().filter(|(fact, number)| case.written.get(*fact) != Some(*number));
        let before: BTreeMap<String, Option<Value>> =
            changed.map(|(fact, _)| (fact.clone(), case.facts.get(fact).cloned())).collect();
        let number = u32::try_from(case.done.len()).unwrap() + 1;
        after.written_by.extend(before.keys().map(|fact| (fact.clone(), Some(number))));
        after.done.push(Done {
            number,
            command: command.name.clone(),
            instance: doing.instance,
            proposer: who.person.clone(),
            approvers: approvers.to_vec(),
            annulled: false,
            before,
            stopped: BTreeMap::new(),
            lacks,
        });
        after.closing = Some(after.done.len());
        let to = Self::target(&parts);
        self.move_tracks(&mut after, to, doing.instance, now);
        let next = self.main_target(case, to).ok().flatten();
        if let Some(next) = &next {
            self.enter(&mut after, next, now);
        }
        after.tracks_stop = parts.iter().any(|part| part.stops_tracks);
        after.has_moved = next.is_some();
        after.jobs.extend(command.jobs.iter().map(|job| (number, job.clone())));
        self.extend(&mut after, doing, now);
        after
    }

    /// What an irregular fact lacks that matters for the cover it gives: papers, and room below a ceiling.
    fn lacks(
        &self,
        case: &Case,
        seen: &Case,
        command: &Command,
        parts: &[&Branch],
        doing: &Doing,
    ) -> Vec<(String, bool)> {
        if !command.irregular {
            return Vec::new();
        }
        let mut lacks = Vec::new();
        for document in parts.iter().flat_map(|part| &part.needs) {
            if !self.has_paper(seen, document) {
                lacks.push((document.clone(), true));
            }
        }
        if self.beyond_ceiling(case, seen, doing) {
            lacks.push((String::new(), true));
        }
        lacks
    }

    fn has_paper(&self, case: &Case, document: &str) -> bool {
        let (_, _, signed) = self.file.documents.iter().find(|(name, _, _)| name == document).unwrap();
        let must = *signed && self.fault != Some(Fault::UnsignedPapers);
        case.papers.get(document).into_iter().flatten().any(|(_, signed)| *signed || !must)
    }

    /// What is filed later makes good what a fact lacked.
    pub(crate) fn regularise(&self, case: &mut Case) {
        let mut done = std::mem::take(&mut case.done);
        for one in &mut done {
            one.lacks.retain(|(document, _)| document.is_empty() || !self.has_paper(case, document));
        }
        case.done = done;
    }

    /// Whether the people behind a command may not stand behind it because of who did other acts.
    pub(crate) fn unseparated(
        &self,
        case: &Case,
        doing: &Doing,
        proposer: Option<&String>,
        approvers: &[String],
    ) -> bool {
        if self.fault == Some(Fault::NoSeparation) {
            return false;
        }
        self.file.apart.iter().any(|rule| {
            let mine = rule.acts.iter().filter(|(command, _)| *command == doing.command);
            let now: Vec<&String> =
                mine.flat_map(|(_, only)| approvers.iter().chain(proposer.filter(|_| !only))).collect();
            rule.acts.iter().filter(|(command, _)| *command != doing.command).any(|(command, only)| {
                let latest = case.done.iter().rfind(|done| {
                    done.command == *command
                        && !done.annulled
                        && (done.instance.is_none()
                            || doing.instance.is_none()
                            || done.instance == doing.instance)
                });
                let Some(latest) = latest else { return false };
                let then: Vec<&String> =
                    latest.approvers.iter().chain(latest.proposer.as_ref().filter(|_| !only)).collect();
                let shared = now.iter().any(|person| then.contains(person));
                !now.is_empty() && !then.is_empty() && shared != rule.same
            })
        })
    }
}
