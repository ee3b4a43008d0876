//! Corrections append: facts get other values, an act is annulled.

use jiff::Timestamp;

use super::act::fits;
use super::case::{Act, Case, Value, Who};
use super::{Fault, Oracle, Reasons};

impl Oracle {
    pub(crate) fn correct(
        &self,
        who: &Who,
        facts: &[(String, Option<Value>)],
        now: Timestamp,
    ) -> Result<Case, Reasons> {
        let Some((by, approval)) = &self.file.corrections else { return Err(Reasons::from(["correction"])) };
        self.may_act(who, by, true)?;
        let wrong = |(fact, value): &(String, Option<Value>)| {
            value.as_ref().is_some_and(|value| !fits(self.file.fact(fact).unwrap(), value))
        };
        if facts.iter().any(wrong) {
            return Err(Reasons::from(["form"]));
        }
        let mut case = self.case.clone();
        match approval {
            Some(approval) => {
                let act = Act::Correct { facts: facts.to_vec() };
                self.propose(&mut case, who, act, approval, None, now);
                Ok(case)
            }
            None => Ok(Self::correct_now(case, facts)),
        }
    }

    pub(crate) fn correct_now(mut case: Case, facts: &[(String, Option<Value>)]) -> Case {
        for (fact, value) in facts {
            Self::write(&mut case, fact, value.clone());
        }
        case
    }

    pub(crate) fn annul(&self, who: &Who, doing: u32, now: Timestamp) -> Result<Case, Reasons> {
        let refused = || Reasons::from(["correction"]);
        let index = usize::try_from(doing).unwrap().checked_sub(1).ok_or_else(refused)?;
        let done = self.case.done.get(index).ok_or_else(refused)?;
        let rule = self.file.annul.iter().find(|annul| annul.command == done.command).ok_or_else(refused)?;
        self.may_act(who, &rule.by, true)?;
        // All that would stand in its way is told at once, before anybody signs.
        let annulled = self.annul_now(self.case.clone(), doing, now)?;
        match &rule.approval {
            Some(approval) => {
                let mut case = self.case.clone();
                self.propose(&mut case, who, Act::Annul { doing }, approval, None, now);
                Ok(case)
            }
            None => Ok(annulled),
        }
    }

    pub(crate) fn annul_now(&self, mut case: Case, doing: u32, now: Timestamp) -> Result<Case, Reasons> {
        let refused = || Reasons::from(["correction"]);
        let index = usize::try_from(doing).unwrap() - 1;
        let done = case.done[index].clone();
        let rule = self.file.annul.iter().find(|annul| annul.command == done.command).unwrap();
        let main = case.main.clone().unwrap();
        if done.annulled || !rule.during.contains(&main) {
            return Err(refused());
        }
        // A later decision relied on it, and a fact that was changed since would be lost.
        let decided = case.done[index + 1..]
            .iter()
            .any(|later| !later.annulled && !self.file.command(&later.command).unwrap().clerical);
        let changed = done.before.keys().any(|fact| case.written_by.get(fact) != Some(&Some(doing)));
        if decided || changed {
            return Err(refused());
        }
        for record in case.records.iter_mut().filter(|record| record.doing == doing) {
            record.annulled = true;
        }
        if self.fault != Some(Fault::FactsStayAnnulled) {
            for (fact, value) in &done.before {
                Self::write(&mut case, fact, value.clone());
            }
        }
        case.clocks.extend(done.stopped.clone());
        case.jobs.retain(|(queued, _)| *queued != doing);
        case.done[index].annulled = true;
        // It leads back as if the annulled act had not been: the earlier entry stands, and clocks count from it.
        case.counts_from = case.entered.get(&rule.returns_to).copied();
        self.enter(&mut case, &rule.returns_to, now);
        case.entered.extend(case.counts_from.map(|entry| (rule.returns_to.clone(), entry)));
        case.has_moved = true;
        Ok(case)
    }
}
