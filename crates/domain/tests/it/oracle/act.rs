//! Everything that is no plain command: signatures, papers, corrections, jobs.

use jiff::Timestamp;

use super::case::{Act, Case, Doing, Proposal, Value, Who};
use super::file::{Approval, Field};
use super::{Fault, Oracle, Reasons};

fn refuse<T>(reason: &'static str) -> Result<T, Reasons> {
    Err(Reasons::from([reason]))
}

/// Whether a value is one of its type.
pub(crate) fn fits(field: &Field, value: &Value) -> bool {
    match (field.kind.as_str(), value) {
        (_, Value::Answer(word)) => field.may_be.contains(word),
        ("choice", Value::Word(word)) => field.of.contains(word),
        ("flag", Value::Word(word)) => ["yes", "no"].contains(&word.as_str()),
        ("number", Value::Word(word)) => word.parse::<i64>().is_ok(),
        ("date", Value::Date(_))
        | ("instant", Value::Instant(_))
        | ("text" | "person" | "official" | "place" | "reference", Value::Text(_)) => true,
        ("range", Value::Range(from, until)) => from < until,
        _ => false,
    }
}

impl Oracle {
    pub(crate) fn decide(&self, who: &Who, act: &Act, now: Timestamp) -> Result<Case, Reasons> {
        if self.case.main.is_none() && !matches!(act, Act::Do(_)) {
            return refuse("state");
        }
        match act {
            Act::Do(doing) => self.perform(&self.case, who, doing, now),
            Act::Sign { proposal, agree } => self.sign(who, *proposal, *agree, now),
            Act::Reject { proposal } => self.reject(who, *proposal),
            Act::Withdraw { proposal } => self.withdraw(who, *proposal),
            Act::File { document, signed } => {
                let (_, from, _) = self.file.documents.iter().find(|(name, _, _)| name == document).unwrap();
                self.may_act(who, from, false)?;
                let mut case = self.case.clone();
                case.papers.entry(document.clone()).or_default().push((now, *signed));
                Ok(case)
            }
            Act::Edit { fact, value } => {
                let field = self.file.fact(fact).unwrap();
                self.may_act(who, &field.editable_by, true)?;
                if !fits(field, value) {
                    return refuse("form");
                }
                let main = self.case.main.as_ref().and_then(|main| self.file.state(main));
                if main.is_some_and(|state| state.outcome.is_some()) {
                    return refuse("ended");
                }
                let mut case = self.case.clone();
                Self::write(&mut case, fact, Some(value.clone()));
                Ok(case)
            }
            Act::Correct { facts } => self.correct(who, facts, now),
            Act::Annul { doing } => self.annul(who, *doing, now),
            Act::Job { job, code, fields } => self.job(job, code.as_deref(), fields, now),
            Act::JobFailed { job } => self.job_failed(job, now),
        }
    }

    /// Role, kind of actor, and who may act at all here.
    pub(crate) fn may_act(&self, who: &Who, by: &[String], decision: bool) -> Result<(), Reasons> {
        let mut reasons = Reasons::new();
        if !by.contains(&who.role) {
            reasons.insert("role");
        }
        if decision && !who.decides {
            reasons.insert("decision");
        }
        let state = self.case.main.as_ref().and_then(|main| self.file.state(main));
        if state.is_some_and(|state| !state.acts_by.is_empty() && !state.acts_by.contains(&who.role))
            && !who.is_system()
        {
            reasons.insert("acts-by");
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    pub(crate) fn write(case: &mut Case, fact: &str, value: Option<Value>) {
        case.writes += 1;
        case.written.insert(fact.to_owned(), case.writes);
        case.written_by.insert(fact.to_owned(), None);
        match value {
            Some(value) => case.facts.insert(fact.to_owned(), value),
            None => case.facts.remove(fact),
        };
    }

    pub(crate) fn propose(
        &self,
        case: &mut Case,
        who: &Who,
        act: Act,
        approval: &Approval,
        afterwards: Option<u32>,
        now: Timestamp,
    ) {
        case.proposed += 1;
        let lapses = approval.within.map(|within| self.days().count(&self.file.time.of(within), now, within));
        let number = case.proposed;
        case.proposals.push(Proposal {
            number,
            act,
            who: who.clone(),
            signatures: Vec::new(),
            lapses,
            next: lapses,
            afterwards,
        });
    }

    /// Who may sign a proposal now.
    pub(crate) fn signers(&self, proposal: &Proposal) -> Vec<String> {
        let approval = self.approval(&proposal.act);
        approval.steps[Self::current(proposal, approval)].by.clone()
    }

    pub(crate) fn approval(&self, act: &Act) -> &Approval {
        match act {
            Act::Do(doing) => self.file.command(&doing.command).unwrap().approval.as_ref(),
            Act::Correct { .. } => self.file.corrections.as_ref().unwrap().1.as_ref(),
            Act::Annul { doing } => {
                let done = &self.case.done[usize::try_from(*doing).unwrap() - 1];
                self.file.annul.iter().find(|annul| annul.command == done.command).unwrap().approval.as_ref()
            }
            other => panic!("{other:?} is never proposed"),
        }
        .unwrap()
    }

    fn find(&self, number: u32) -> Result<&Proposal, Reasons> {
        self.case
            .proposals
            .iter()
            .find(|proposal| proposal.number == number)
            .map_or_else(|| refuse("no-proposal"), Ok)
    }

    /// The step that is being signed.
    fn current(proposal: &Proposal, approval: &Approval) -> usize {
        let signed = |step: usize| proposal.signatures.iter().filter(move |(_, of, _)| *of == step);
        (0..approval.steps.len())
            .find(|step| signed(*step).filter(|(_, _, agree)| *agree).count() < approval.steps[*step].agree)
            .unwrap()
    }

    fn sign(&self, who: &Who, number: u32, agree: bool, now: Timestamp) -> Result<Case, Reasons> {
        let proposal = self.find(number)?;
        let approval = self.approval(&proposal.act);
        let step = Self::current(proposal, approval);
        let mut reasons = Reasons::new();
        if !approval.steps[step].by.contains(&who.role) {
            reasons.insert("role");
        }
        if !who.decides {
            reasons.insert("decision");
        }
        let person = who.person.clone().unwrap_or_default();
        let proposed =
            self.fault != Some(Fault::OwnSignature) && proposal.who.person.as_ref() == Some(&person);
        if proposed || proposal.signatures.iter().any(|(signer, _, _)| *signer == person) {
            reasons.insert("same-person");
        }
        let mut behind: Vec<String> = proposal
            .signatures
            .iter()
            .filter(|(_, _, agree)| *agree)
            .map(|(signer, _, _)| signer.clone())
            .collect();
        behind.push(person.clone());
        if agree
            && proposal.afterwards.is_none()
            && let Act::Do(doing) = &proposal.act
            && self.unseparated(&self.case, doing, proposal.who.person.as_ref(), &behind)
        {
            reasons.insert("separation");
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let mut case = self.case.clone();
        let held = case.proposals.iter_mut().find(|held| held.number == number).unwrap();
        held.signatures.push((person, step, agree));
        let held = held.clone();
        let of_step = || held.signatures.iter().filter(|(_, of, _)| *of == step);
        let against = of_step().filter(|(_, _, agree)| !agree).count();
        let rule = &approval.steps[step];
        if !agree && rule.people < rule.agree + against && held.afterwards.is_none() {
            case.proposals.retain(|proposal| proposal.number != number);
            return Ok(case);
        }
        let complete = step + 1 == approval.steps.len()
            && of_step().filter(|(_, _, agree)| *agree).count() >= rule.agree;
        if !complete {
            return Ok(case);
        }
        self.follow(&mut case, now);
        case.proposals.retain(|proposal| proposal.number != number);
        let approvers: Vec<String> = held
            .signatures
            .iter()
            .filter(|(_, _, agree)| *agree)
            .map(|(signer, _, _)| signer.clone())
            .collect();
        if let Some(doing) = held.afterwards {
            if let Some(done) = case.done.iter_mut().find(|done| done.number == doing) {
                done.approvers = approvers;
            }
            return Ok(case);
        }
        match &held.act {
            Act::Do(doing) => self.enact(&case, &held.who, &approvers, doing, now),
            Act::Correct { facts } => Ok(Self::correct_now(case, facts)),
            Act::Annul { doing } => self.annul_now(case, *doing, now),
            other => panic!("{other:?} is never proposed"),
        }
    }

    fn reject(&self, who: &Who, number: u32) -> Result<Case, Reasons> {
        let proposal = self.find(number)?;
        let approval = self.approval(&proposal.act);
        let step = Self::current(proposal, approval);
        let mut reasons = Reasons::new();
        if proposal.afterwards.is_some() {
            reasons.insert("has-happened");
        }
        if !approval.steps[step].by.contains(&who.role) {
            reasons.insert("role");
        }
        if !who.decides {
            reasons.insert("decision");
        }
        let proposed = proposal.who.person == who.person;
        if proposed || proposal.signatures.iter().any(|(signer, _, _)| who.person.as_ref() == Some(signer)) {
            reasons.insert("same-person");
        }
        if reasons.is_empty() { Ok(self.without(number)) } else { Err(reasons) }
    }

    fn withdraw(&self, who: &Who, number: u32) -> Result<Case, Reasons> {
        let proposal = self.find(number)?;
        if who.person.is_none() || proposal.who.person != who.person || proposal.afterwards.is_some() {
            return refuse("not-the-proposer");
        }
        Ok(self.without(number))
    }

    fn without(&self, number: u32) -> Case {
        let mut case = self.case.clone();
        case.proposals.retain(|proposal| proposal.number != number);
        case
    }

    fn job(
        &self,
        job: &str,
        code: Option<&str>,
        fields: &[(String, String)],
        now: Timestamp,
    ) -> Result<Case, Reasons> {
        let Some(queued) = self.case.jobs.iter().rfind(|(_, queued)| queued == job) else {
            return refuse("step");
        };
        let mut case = self.case.clone();
        case.jobs.remove(queued);
        let Some(answer) = self.file.jobs[job].answers.iter().find(|answer| Some(&*answer.code) == code)
        else {
            return Ok(case);
        };
        let mut doing =
            Doing { command: answer.command.clone(), outcome: answer.outcome.clone(), ..Doing::default() };
        for (fact, field) in &answer.with {
            let Some((_, text)) = fields.iter().find(|(name, _)| name == field) else { continue };
            let value = match self.file.fact(fact).unwrap().kind.as_str() {
                "text" => Value::Text(text.clone()),
                _ => Value::Word(text.clone()),
            };
            // What is no value of the fact is not taken over.
            if fits(self.file.fact(fact).unwrap(), &value) {
                doing.answers.push((fact.clone(), value));
            }
        }
        self.follow(&mut case, now);
        Ok(self.perform(&case, &Who::system(), &doing, now).unwrap_or(case))
    }

    fn job_failed(&self, job: &str, now: Timestamp) -> Result<Case, Reasons> {
        if !self.case.jobs.iter().any(|(_, queued)| queued == job) {
            return refuse("step");
        }
        let case = self.case.clone();
        let Some(command) = self.file.jobs[job].fails.clone() else { return Ok(case) };
        let doing = Doing { command, ..Doing::default() };
        Ok(self.perform(&case, &Who::system(), &doing, now).unwrap_or(case))
    }
}
