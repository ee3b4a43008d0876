//! Counter-examples that run: a finding of a search as a test file of the language.
//!
//! A search tells a way in its own terms: moves over what guards read. Here that way is gone by a case in memory, through
//! [`decide`](crate::case::decide()) and nothing else: for each move, acts are tried with people, papers, answers, records
//! and times until one brings the case where the move lands. What comes out is printed, read back and rehearsed from its
//! text; **a file that does not run is never handed out**.
//!
//! # What a file shows
//!
//! | Finding | What the last step expects |
//! |---|---|
//! | E-complete, W-exit | the states, and every command that cannot be given there as `not-open` |
//! | E-route | the command is refused because of `no-route` |
//! | E-stage | the public stage before the last act, and the lower one after it |
//! | E-irregular | the state in which the person is held, and the `irregular` commands that are not open there |
//! | E-held | the person is held and `authority: lapsed` |
//! | W-escape | the command is `not-open` |
//! | E-proper | the outcome, while the track is in a state that is not its end |
//! | W-roles | the outcome, after acts of people in one role only |
//!
//! # What gets no file, and why
//!
//! - **Findings of the searches about what never happens** (E-reach, E-dead, a mark of E-stage that never lowers, E-complete
//!   of a file without a normal end): no run shows that something cannot be.
//! - **E-auto, E-route of an automatic command, E-stage between automatic commands**: the engine runs automatic commands
//!   inside the step that made them possible, one after the other. No case ever rests where two are open, and nothing of
//!   their quarrel is to be seen.
//! - **I-not-proved, E-migrate, W-rights** are about the size of a file and about two versions; **all checks without a
//!   search** are about the text of the file, and their place in it is the example.
//! - **A way that no single case goes.** Records are followed as none or some, sums by their regions, annulled facts with
//!   any earlier value, clocks as if they could pass in any order: a way over these may not be one that exists, or may ask
//!   for times that one case cannot have. So may a way through automatic commands that the engine takes in another order,
//!   and one on which separation leaves nobody to act. Then the story stays the only telling.
//! - **What `not-open` cannot ask**: commands that name a record, of which a case may have several, are left out of it.

mod choices;

use std::collections::BTreeSet;

use jiff::civil::{DateTime, date};

use crate::calendar::{Span, Unit};
use crate::case::refusal::{RefusalCode, Refusals};
use crate::case::rehearse::{Stage, rehearse};
use crate::case::view::CaseView;
use crate::name::Name;
use crate::workflow::Definition;
use crate::workflow::check::search::{Ground, Mover, Standing, Trail, Turn, trails};
use crate::workflow::finding::{Finding, Place};
use crate::workflow::model::{Approval, Command};
use crate::workflow::test_file::{self, Doing, Expect, Step, Test, What, Who};

/// People of the tests.
const PEOPLE: [&str; 8] = ["ann", "ben", "cem", "dia", "eli", "fay", "gus", "hana"];

/// How often time is moved on to what comes next before a way is given up.
const MOST_WAITS: usize = 200;

/// Everything the searches find, each with a test file that shows it where there is one.
pub fn counter_examples(def: &Definition) -> Vec<(Finding, Option<Test>)> {
    let ground = Ground::of(def);
    let example = |finding: &Finding, trail: &Trail| {
        let guide = Guide { def, ground: &ground, role: trail.role.clone() };
        let test = guide.test(finding, trail)?;
        let read = test_file::read(test.to_string().as_bytes()).ok()?;
        let [read] = read.as_slice() else { return None };
        rehearse(def, read).is_ok().then_some(test)
    };
    let all = trails(def).into_iter();
    all.map(|found| {
        let test = found.trail.as_ref().and_then(|trail| example(&found.finding, trail));
        (found.finding, test)
    })
    .collect()
}

/// Finds the acts of a trail.
struct Guide<'g> {
    def: &'g Definition,
    ground: &'g Ground<'g>,
    /// The only role that may act.
    role: Option<Name>,
}

/// A case on its way, with the steps so far.
#[derive(Clone)]
struct Path<'g> {
    stage: Stage<'g>,
    steps: Vec<Step>,
}

impl Path<'_> {
    /// The same path with one step more.
    ///
    /// # Errors
    /// Why the step is refused; nothing if it makes no sense in this case.
    fn take(&self, what: What) -> Result<Self, Option<Refusals>> {
        let mut path = self.clone();
        let step =
            Step { place: Place::default(), what, refused_because: Vec::new(), expect: Expect::default() };
        match path.stage.step(&step) {
            Ok(Ok(())) => {
                path.steps.push(step);
                Ok(path)
            }
            Ok(Err(refusals)) => Err(Some(refusals)),
            Err(_) => Err(None),
        }
    }

    fn expects(&mut self, expect: &Expect) {
        if let Some(last) = self.steps.last_mut() {
            last.expect = expect.clone();
        }
    }
}

impl<'g> Guide<'g> {
    fn test(&self, finding: &Finding, trail: &Trail) -> Option<Test> {
        let at = self.begins();
        let mut path = Path { stage: Stage::set(self.def, at, &[])?, steps: Vec::new() };
        let mut turns = trail.turns.iter().peekable();
        while let Some(turn) = turns.next() {
            // What runs by itself belongs to the step before it.
            let mut lands = turn;
            while let Some(next) = turns.next_if(|next| next.by == Mover::Itself) {
                lands = next;
            }
            if turns.peek().is_none() {
                path.expects(&trail.before);
            }
            path = self.moved(&path, &turn.by, lands)?;
        }
        if let Some(command) = &trail.no_route {
            path = self.refused(&path, self.def.commands.get(command)?)?;
        }
        path.expects(&trail.shows);
        let title = format!("{} at {}: {}", finding.check, finding.at, finding.message.replace('`', ""));
        Some(Test {
            place: Place::default(),
            title,
            workflow: self.def.workflow.clone(),
            at,
            facts: Vec::new(),
            steps: path.steps,
        })
    }

    /// A morning that the calendar covers.
    fn begins(&self) -> DateTime {
        let covered = self.def.first_calendar().filter(|calendar| !calendar.covers(2026));
        let year = covered.and_then(crate::calendar::Calendar::first_year).unwrap_or(2026);
        date(year, 3, 2).at(9, 0, 0, 0)
    }

    fn is_there(&self, path: &Path<'_>, lands: &Turn) -> bool {
        standing(&path.stage, |standing| self.ground.is_there(standing, lands))
    }

    /// People in these roles, a role's own people first: separation may ask for others, or for the same.
    fn people(&self, roles: &[Name]) -> Vec<Who> {
        let mut all = Vec::new();
        for shift in 0..PEOPLE.len() {
            for role in roles.iter().filter(|role| **role != "system") {
                if self.role.as_ref().is_some_and(|only| only != role) {
                    continue;
                }
                let own = self.def.roles.position(role).unwrap_or(0);
                let person = PEOPLE.iter().cycle().nth(own + shift).copied().unwrap_or("ann").to_owned();
                all.push(Who::Person { role: role.clone(), person });
            }
        }
        all
    }

    /// The path after a move, if some act makes it.
    fn moved(&self, path: &Path<'g>, by: &Mover, lands: &Turn) -> Option<Path<'g>> {
        let there = |path: &Path<'g>| self.is_there(path, lands);
        match by {
            Mover::Command(name, outcome) => {
                let command = self.def.commands.get(name)?;
                self.given(path, command, outcome.as_ref(), there)
                    .or_else(|| self.returned(path, command, outcome.as_ref(), lands))
                    .or_else(|| {
                        command.by.iter().any(|role| role == "system").then(|| self.time(path, lands))?
                    })
            }
            Mover::Itself => None,
            Mover::Edit(fact) => {
                let fact = self.def.facts.get(fact)?;
                let values = choices::values(self.ground, None, &fact.name, &fact.value, path.stage.civil());
                let tries = self.people(&fact.editable_by).into_iter().flat_map(|who| {
                    let edit = |value: &test_file::Answer| {
                        What::Edit(who.clone(), vec![(fact.name.clone(), value.clone())])
                    };
                    values.iter().map(edit).collect::<Vec<_>>()
                });
                tries.filter_map(|what| path.take(what).ok()).find(there)
            }
            Mover::File(document) => {
                let from = &self.def.documents.get(document)?.from;
                let tries = self.people(from).into_iter().map(|who| What::File(who, document.clone()));
                tries.filter_map(|what| path.take(what).ok()).find(there)
            }
            Mover::Time => self.time(path, lands),
            Mover::Annul(command, by) => {
                let annul = self.def.corrections.annul.iter().find(|annul| annul.command == *command)?;
                let reason = Some("shown by a counter-example".to_owned());
                let mut annulled = self.people(by).into_iter().filter_map(|who| {
                    let path = path.take(What::Annul(who, command.clone(), reason.clone())).ok()?;
                    self.signed(path, annul.approval.as_ref(), &Name::new("annul").ok()?)
                });
                annulled.find(there)
            }
        }
    }

    /// A command given by somebody.
    fn given(
        &self,
        path: &Path<'g>,
        command: &Command,
        outcome: Option<&Name>,
        there: impl Fn(&Path<'g>) -> bool,
    ) -> Option<Path<'g>> {
        let doings = choices::doings(self.ground, &path.stage, command, outcome);
        for doing in &doings {
            for who in self.people(&command.by) {
                match self.done(path, &who, command, doing) {
                    Ok(done) if there(&done) => return Some(done),
                    // Another person changes nothing, unless it is people that were wrong.
                    Ok(_) => break,
                    Err(Some(refusals)) if refusals.iter().any(|reason| is_about_people(reason.code)) => {}
                    Err(_) => break,
                }
            }
        }
        None
    }

    /// A command as somebody would give it: with its papers, after its minimum wait, with its signatures.
    fn done(
        &self,
        path: &Path<'g>,
        who: &Who,
        command: &Command,
        doing: &Doing,
    ) -> Result<Path<'g>, Option<Refusals>> {
        let (path, act) = self.with_papers(path, who, command, doing).ok_or(None)?;
        let done = path.take(act.clone()).or_else(|refusals| {
            let early = refusals.as_ref().is_some_and(|refusals| refusals.has(RefusalCode::NotBefore));
            let Some(wait) = command.not_before.as_ref().filter(|_| early) else { return Err(refusals) };
            let waited = path.take(What::Wait(wait.wait))?;
            // It may count from a later moment, or end on a working day only.
            waited
                .take(act.clone())
                .or_else(|_| waited.take(What::Wait(Span::new(2, Unit::Weeks)))?.take(act))
        })?;
        let approval = command.approval.as_ref().filter(|_| !command.irregular);
        self.signed(done, approval, &command.name).ok_or(None)
    }

    /// The act with the papers that it needs: filed with it, or before it by those who may.
    fn with_papers(
        &self,
        path: &Path<'g>,
        who: &Who,
        command: &Command,
        doing: &Doing,
    ) -> Option<(Path<'g>, What)> {
        let (mut path, mut doing) = (path.clone(), doing.clone());
        let branches = command.branches();
        let branch = branches.iter().find(|(outcome, _)| *outcome == doing.outcome.as_ref());
        let needs: Vec<&Name> =
            command.needs.iter().chain(branch.iter().flat_map(|(_, branch)| &branch.needs)).collect();
        for paper in needs {
            let document = self.def.documents.get(paper)?;
            let mut filed = path.stage.case.papers.get(paper).into_iter().flatten();
            if filed.any(|filed| filed.signed || !document.signed) || doing.with.contains(paper) {
                continue;
            }
            let own = matches!(who, Who::Person { role, .. } if document.from.contains(role));
            if own || document.from.is_empty() {
                doing.with.push(paper.clone());
            } else {
                let mut filers = self.people(&document.from).into_iter();
                path = filers.find_map(|who| path.take(What::File(who, paper.clone())).ok())?;
            }
        }
        Some((path, What::Do(who.clone(), Box::new(doing))))
    }

    /// The signatures under the open proposal of a command.
    fn signed(&self, mut path: Path<'g>, approval: Option<&Approval>, command: &Name) -> Option<Path<'g>> {
        for step in approval.into_iter().flat_map(|approval| &approval.steps) {
            for _ in 0..step.agree {
                let sign = |who| What::Sign { who, command: command.clone(), dissents: false, reason: None };
                let mut signers = self.people(&step.by).into_iter();
                path = signers.find_map(|who| path.take(sign(who)).ok())?;
            }
        }
        Some(path)
    }

    /// A job comes back and runs the command.
    fn returned(
        &self,
        path: &Path<'g>,
        command: &Command,
        outcome: Option<&Name>,
        lands: &Turn,
    ) -> Option<Path<'g>> {
        let waiting: BTreeSet<&Name> = path.stage.case.jobs.iter().map(|queued| &queued.job).collect();
        let mut tries = Vec::new();
        for job in self.def.jobs.iter().filter(|job| waiting.contains(&job.name)) {
            let runs = |answer: &&crate::workflow::model::JobAnswer| {
                answer.runs == command.name && answer.outcome.as_ref() == outcome
            };
            for answer in job.answers.iter().filter(runs) {
                for fields in choices::fields_of_job(self.ground, self.def, answer, path.stage.civil()) {
                    let answer = Some(answer.code.clone());
                    tries.push(What::Job { job: job.name.clone(), answer, fields });
                }
            }
            if job.fails_run.as_ref() == Some(&command.name) && outcome.is_none() {
                tries.push(What::Job { job: job.name.clone(), answer: None, fields: Vec::new() });
            }
        }
        tries.into_iter().filter_map(|what| path.take(what).ok()).find(|path| self.is_there(path, lands))
    }

    /// Time goes by until the case stands where the move lands.
    fn time(&self, path: &Path<'g>, lands: &Turn) -> Option<Path<'g>> {
        let start = path.stage.now;
        let mut probe = path.clone();
        for _ in 0..MOST_WAITS {
            let now = probe.stage.now;
            let next = probe.stage.case.next_step().map(|(at, ..)| at);
            let marks = next.into_iter().chain(probe.stage.case.authority_until).filter(|at| *at > now);
            let tomorrow = now.checked_add(jiff::SignedDuration::from_hours(24)).ok();
            let until = marks.chain(tomorrow).min()?;
            probe.stage.wait(until).ok()?;
            if !self.is_there(&probe, lands) {
                continue;
            }
            let seconds = u32::try_from(until.duration_since(start).as_secs() + 1).ok()?;
            // In the longest unit that does not go too far.
            let spans = [(86_400, Unit::Days), (3_600, Unit::Hours), (1, Unit::Seconds)];
            let waits = spans.into_iter().map(|(length, unit)| Span::new(seconds.div_ceil(length), unit));
            return waits
                .filter_map(|wait| path.take(What::Wait(wait)).ok())
                .find(|path| self.is_there(path, lands));
        }
        None
    }

    /// The command refused because no route is true.
    fn refused(&self, path: &Path<'g>, command: &Command) -> Option<Path<'g>> {
        for doing in &choices::doings(self.ground, &path.stage, command, None) {
            for who in self.people(&command.by) {
                let (mut path, what) = self.with_papers(path, &who, command, doing)?;
                let Err(Some(refusals)) = path.take(what.clone()) else { break };
                if refusals.iter().all(|reason| reason.code == RefusalCode::NoRoute) {
                    let refused_because = vec![RefusalCode::NoRoute.to_string()];
                    let expect = Expect::default();
                    path.steps.push(Step { place: Place::default(), what, refused_because, expect });
                    return Some(path);
                }
                if !refusals.iter().any(|reason| is_about_people(reason.code)) {
                    break;
                }
            }
        }
        None
    }
}

/// How a search looks at a case.
fn standing<T>(stage: &Stage<'_>, look: impl Fn(&Standing<'_>) -> T) -> T {
    let view = CaseView::plain(stage.def, &stage.case, stage.now);
    let covered = stage.case.authority_until.is_some_and(|until| until > stage.now);
    look(&Standing { machines: stage.case.configuration(), view: &view, covered })
}

fn is_about_people(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::Separation | RefusalCode::SamePerson | RefusalCode::ActsBy | RefusalCode::Role
    )
}

#[cfg(test)]
mod tests;
