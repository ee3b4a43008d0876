//! Deadlines: when they start, end, pause and pass, and the steps of their ladders.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::case::{Case, Clock, Doing, Key, Value, Who, of_deadline, of_proposal};
use super::file::{Deadline, Limits, Moment};
use super::words::Guard;
use super::world::View;
use super::{Fault, Oracle};

impl Oracle {
    fn reads(&self, case: &Case, now: Timestamp, guard: Option<&Guard>) -> bool {
        guard.is_none_or(|guard| guard.holds(&View { oracle: self, case, now, instance: None }))
    }

    /// The instances of a deadline whose `while` holds.
    fn inside(&self, case: &Case, deadline: &Deadline) -> BTreeSet<Option<u32>> {
        let track = deadline.during.first().and_then(|state| self.file.track_of(state));
        if let Some(track) = track {
            if track.per.is_some() {
                let open = case.instances.get(&track.name).into_iter().flatten();
                return open
                    .filter(|(_, state)| deadline.during.contains(state))
                    .map(|(no, _)| Some(*no))
                    .collect();
            }
            let there = case.tracks.get(&track.name).is_some_and(|state| deadline.during.contains(state));
            return there.then_some(None).into_iter().collect();
        }
        // Nobody asks for an authority where nobody is held, also while the case is only suspended.
        let held = self.file.state(case.main.as_ref().unwrap()).unwrap().held;
        let asks = matches!(deadline.limit, Limits::Until(Moment::Authority));
        if !self.runs(case, &deadline.during, held || !asks) {
            return BTreeSet::new();
        }
        match &deadline.per {
            Some(record) => case.live(record).iter().map(|(no, _)| Some(*no)).collect(),
            None => BTreeSet::from([None]),
        }
    }

    /// The latest instant a moment stands for; a day that is a limit still belongs to the time.
    pub(crate) fn moment(
        &self,
        case: &Case,
        moment: &Moment,
        subject: Option<u32>,
        limit: bool,
    ) -> Option<Timestamp> {
        match moment {
            Moment::Named(name) => case
                .papers
                .get(name)
                .and_then(|papers| papers.last())
                .map(|(at, _)| *at)
                .or_else(|| case.entered.get(name).copied()),
            Moment::Field(field, record) => {
                let live = case.live(record);
                let one = live.iter().rfind(|(no, _)| subject.is_none_or(|subject| subject == *no))?;
                match one.1.fields.get(field)? {
                    Value::Date(date) if limit => Some(self.days().end_of(*date)),
                    Value::Date(date) => Some(self.days().end_of(date.yesterday().unwrap())),
                    Value::Instant(at) | Value::Range(_, at) => Some(*at),
                    Value::Word(_) | Value::Text(_) | Value::Answer(_) => None,
                }
            }
            Moment::Authority => case.authority,
            Moment::Ceiling(record) => self.ceiling(case, record),
        }
    }

    /// The steps of the ladder, without repetitions: when, whether it is the limit, which commands. What is to be done
    /// at once is done with the limit.
    fn ladder(&self, deadline: &Deadline, clock: &Clock) -> Vec<(Timestamp, bool, Vec<String>)> {
        let Some(due) = clock.due else { return Vec::new() };
        let days = self.days_of(&deadline.rule);
        let mut warn: Vec<Timestamp> =
            deadline.warn.iter().map(|warn| days.moved(due, *warn, true)).collect();
        warn.sort();
        let mut steps: Vec<_> = warn.into_iter().map(|at| (at, false, Vec::new())).collect();
        let at_once = deadline.late.iter().filter(|(after, _)| after.count == 0);
        steps.push((due, true, at_once.filter_map(|(_, command)| command.clone()).collect()));
        let later = deadline.late.iter().filter(|(after, _)| after.count > 0);
        let mut later: Vec<_> = later
            .map(|(after, command)| {
                (days.moved(due, *after, false), false, command.iter().cloned().collect())
            })
            .collect();
        later.sort();
        steps.extend(later);
        steps
    }

    /// When the clock goes on: after the last step of the ladder at the first repetition that is still to come.
    fn step_at(&self, deadline: &Deadline, clock: &Clock, step: usize, now: Timestamp) -> Option<Timestamp> {
        let steps = self.ladder(deadline, clock);
        if let Some((at, _, _)) = steps.get(step) {
            return Some(*at);
        }
        let repeat = deadline.repeat?;
        let mut at = clock.next.or(steps.last().map(|(at, _, _)| *at))?;
        loop {
            at = self.days_of(&deadline.rule).moved(at, repeat, false);
            if at > now {
                return Some(at);
            }
        }
    }

    fn start(
        &self,
        deadline: &Deadline,
        since: Timestamp,
        given: Option<Timestamp>,
        now: Timestamp,
    ) -> Clock {
        let due = match &deadline.limit {
            Limits::Within(length) => {
                let mut due = self.days_of(&deadline.rule).count(&deadline.rule, since, *length);
                if self.fault == Some(Fault::DayOff) {
                    due = due.checked_add(jiff::SignedDuration::from_hours(24)).unwrap();
                }
                Some(due)
            }
            Limits::Until(_) => given,
        };
        let mut clock = Clock { since, due, step: 0, next: None, extended: 0, paused: None, given };
        self.skip(deadline, &mut clock, now);
        clock
    }

    /// Warnings whose time was over before the clock began are left out.
    fn skip(&self, deadline: &Deadline, clock: &mut Clock, now: Timestamp) {
        let steps = self.ladder(deadline, clock);
        clock.step = steps.iter().take_while(|(at, limit, _)| !limit && *at <= now).count();
        clock.next = steps.get(clock.step).map(|(at, _, _)| *at);
    }

    /// Brings the clocks in line with the case.
    pub(crate) fn clocks(&self, case: &mut Case, now: Timestamp) {
        // All conditions are read before any clock moves.
        let seen = case.clone();
        for deadline in &self.file.deadlines {
            let mut there = self.inside(case, deadline);
            if !self.reads(&seen, now, deadline.guard.as_ref()) {
                there.clear();
            }
            case.clocks.retain(|(_, name, subject), _| *name != deadline.name || there.contains(subject));
            let pause = deadline.pauses.is_some()
                && self.reads(&seen, now, deadline.pauses.as_ref())
                && self.fault != Some(Fault::NoPause);
            for subject in there {
                self.keep(case, now, deadline, &of_deadline(&deadline.name, subject), pause);
            }
        }
    }

    fn keep(&self, case: &mut Case, now: Timestamp, deadline: &Deadline, key: &Key, pause: bool) {
        let old = case.clocks.get(key).cloned();
        let entry = old.as_ref().map_or(case.counts_from.unwrap_or(now), |clock| clock.since);
        let since = deadline
            .since
            .as_ref()
            .and_then(|moment| self.moment(case, moment, key.2, false))
            .unwrap_or(entry);
        let given = match &deadline.limit {
            // Held without any authority: the limit is now.
            Limits::Until(Moment::Authority) => Some(case.authority.unwrap_or_else(|| {
                let over = old.as_ref().and_then(|clock| clock.due).filter(|due| *due <= now);
                over.unwrap_or(since.min(now))
            })),
            Limits::Until(moment) => self.moment(case, moment, key.2, !deadline.rule.ends_at_time()),
            Limits::Within(_) => None,
        };
        let mut clock =
            old.filter(|clock| clock.since == since && clock.given == given).unwrap_or_else(|| {
                case.passed.remove(key);
                self.start(deadline, since, given, now)
            });
        match (pause, clock.paused) {
            (true, None) => {
                clock.paused = Some(now);
                clock.next = None;
            }
            (false, Some(paused)) => {
                clock.paused = None;
                // An authority ends when it ends, whatever stood still meanwhile.
                if !matches!(deadline.limit, Limits::Until(Moment::Authority)) {
                    clock.due = clock.due.map(|due| due.checked_add(now.duration_since(paused)).unwrap());
                }
                clock.next = self.step_at(deadline, &clock, clock.step, now);
            }
            (true, Some(_)) | (false, None) => {}
        }
        case.clocks.insert(key.clone(), clock);
    }

    /// Whether a command would lengthen a limit once more than the file allows.
    pub(crate) fn overextends(&self, case: &Case, doing: &Doing) -> bool {
        self.lengthens(case, doing).iter().any(|(_, key, times, _)| case.clocks[key].extended >= *times)
    }

    fn lengthens(&self, case: &Case, doing: &Doing) -> Vec<(&Deadline, Key, usize, super::days::Length)> {
        let mut found = Vec::new();
        for deadline in &self.file.deadlines {
            let Some((by, length, times)) = &deadline.extend else { continue };
            let own = case.clocks.keys().filter(|(_, name, subject)| {
                *name == deadline.name
                    && (subject.is_none() || doing.instance.is_none() || *subject == doing.instance)
            });
            if *by == doing.command {
                found.extend(own.map(|key| (deadline, key.clone(), *times, *length)));
            }
        }
        found
    }

    /// Lengthens what a command lengthens: another limit, whose ladder begins again.
    pub(crate) fn extend(&self, case: &mut Case, doing: &Doing, now: Timestamp) {
        for (deadline, key, _, length) in self.lengthens(case, doing) {
            let mut clock = case.clocks[&key].clone();
            clock.extended += 1;
            if self.fault != Some(Fault::NoExtension) {
                let days = self.days_of(&deadline.rule);
                clock.due = clock.due.map(|due| days.moved(due, length, false));
            }
            self.skip(deadline, &mut clock, now);
            if clock.paused.is_some() {
                clock.next = None;
            }
            case.passed.remove(&key);
            case.clocks.insert(key, clock);
        }
    }

    /// What comes next by itself, and when.
    pub(crate) fn next(&self) -> Option<(Timestamp, Key)> {
        let lapses = |proposal: &super::case::Proposal| Some((proposal.next?, of_proposal(proposal.number)));
        let clocks = self.case.clocks.iter().filter_map(|(key, clock)| Some((clock.next?, key.clone())));
        clocks.chain(self.case.proposals.iter().filter_map(lapses)).min()
    }

    /// Takes the step that has come.
    pub(crate) fn step(&mut self, key: &Key, now: Timestamp) {
        let mut case = self.case.clone();
        if key.0 {
            // A countersignature that is late is called for again and again.
            for proposal in case.proposals.iter_mut().filter(|proposal| key.2 == Some(proposal.number)) {
                let within = self.approval(&proposal.act).within.unwrap();
                while proposal.next.is_some_and(|next| next <= now) {
                    proposal.next = proposal.next.map(|next| self.days().moved(next, within, false));
                }
            }
            case.proposals.retain(|proposal| key.2 != Some(proposal.number) || proposal.afterwards.is_some());
            self.settle(&mut case, now);
            self.case = case;
            return;
        }
        let deadline = self.file.deadlines.iter().find(|deadline| deadline.name == key.1).unwrap();
        let clock = &self.case.clocks[key];
        let step = self.ladder(deadline, clock).get(clock.step).cloned();
        let next = self.step_at(deadline, clock, clock.step + 1, now);
        let held = case.clocks.get_mut(key).unwrap();
        held.step += 1;
        held.next = next;
        let (_, limit, commands) = step.unwrap_or((now, false, Vec::new()));
        if limit {
            case.passed.insert(key.clone());
        }
        self.follow(&mut case, now);
        for command in commands {
            let doing = Doing { instance: self.instance_for(&command, key.2), command, ..Doing::default() };
            if self.fault == Some(Fault::LadderOnlyTells) {
                continue;
            }
            if let Ok(done) = self.perform(&case, &Who::system(), &doing, now) {
                case = done;
                self.follow(&mut case, now);
            }
        }
        self.automatic(&mut case, now);
        self.case = case;
    }

    /// On a clock of one record the command is about that record, if it moves one.
    fn instance_for(&self, command: &str, subject: Option<u32>) -> Option<u32> {
        let track = self.file.track_of(self.file.command(command)?.from.first()?)?;
        subject.filter(|_| track.per.is_some())
    }
}
