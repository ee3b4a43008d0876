//! What the officials of the demo do, day by day. They use the same door as everybody; what they get wrong is refused.

use std::io::Cursor;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use qadiya_domain::ids::StreamId;
use qadiya_domain::name::Name;
use qadiya_engine::Engine;
use qadiya_engine::authorize::Principal;
use qadiya_engine::clock::ManualClock;
use qadiya_engine::intake::ImportOptions;
use qadiya_engine::submit::{Accepted, ActInput, ActorChoice, Answer, Submission, Target};
use qadiya_store::CaseStore;
use qadiya_store::read::CaseFilter;
use qadiya_worker::{Worker, WorkerSettings};
use serde::Serialize;
use serde_json::{Value, json};

use super::cast::Cast;
use crate::exit::Failure;
use crate::output::Output;

/// The synthetic cohort: 2,225 invented persons in 2,387 records of 24 transfers.
const COHORT: &[u8] = include_bytes!("../../../demo/manifest-2225.csv");
/// How many persons the teams have questioned when the demo ends.
const QUESTIONED: usize = 1_387;
/// Acts in flight together.
const WAVE: usize = 512;

/// Cases to try the API on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Example {
    /// A case that was tried.
    pub(super) tried: String,
    /// A case under investigation.
    pub(super) waiting: String,
}

/// Everything a scripted official needs.
struct Play<'a> {
    engine: &'a Engine,
    clock: &'a ManualClock,
    cast: &'a Cast,
    worker: Worker,
    out: Output,
    acts: u64,
}

/// Imports the cohort and plays the script.
///
/// # Errors
/// When an act that the script holds for lawful is refused: then the demo itself is wrong.
pub(super) async fn run(
    engine: &Engine,
    clock: &ManualClock,
    cast: &Cast,
    people: u32,
    out: Output,
) -> Result<(), Failure> {
    let id =
        engine.ids().id(engine.clock().now()).map_err(|error| failed("a worker could not start", &error))?;
    let worker = Worker::new(engine.clone(), WorkerSettings::default(), id);
    let mut play = Play { engine, clock, cast, worker, out, acts: 0 };
    let cases = play.import(people).await?;
    play.arrive(&cases).await?;
    let questioned: Vec<StreamId> = cases.iter().copied().take(QUESTIONED.min(cases.len())).collect();
    play.question(&questioned).await?;
    play.out.note(&format!("{} persons have been questioned, each with counsel", questioned.len()))?;
    play.detain(&cases).await?;
    let (free, rest) = split(&questioned, 12);
    let (surrendered, rest) = split(rest, 3);
    let (closed, rest) = split(rest, 2);
    let (charged, rest) = split(rest, 40);
    play.classify(&questioned.iter().copied().take(120).collect::<Vec<_>>()).await?;
    play.release(free).await?;
    play.repatriate(surrendered).await?;
    play.close(closed).await?;
    play.try_them(charged).await?;
    play.renew(rest).await?;
    play.out.note(&format!(
        "{} released, {} closed finally, {} handed over to their state, {} referred to the court, 8 of them tried",
        free.len(),
        closed.len(),
        surrendered.len(),
        charged.len()
    ))?;
    play.out.note(&format!("{} acts of named officials, each checked, logged and signed for", play.acts))?;
    Ok(())
}

fn split(cases: &[StreamId], at: usize) -> (&[StreamId], &[StreamId]) {
    cases.split_at(at.min(cases.len()))
}

fn failed(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(format!("the demo did not play: {what}")).because(error)
}

/// The first lines of the list: its header and so many records.
fn cohort(people: u32) -> Vec<u8> {
    let most = usize::try_from(people).unwrap_or(usize::MAX);
    if most >= 2_225 {
        return COHORT.to_vec();
    }
    // Records that hold line breaks in quotes lie far behind the first hundreds; a cut list is for a quick look only.
    let lines: Vec<&[u8]> =
        COHORT.split_inclusive(|byte| *byte == b'\n').take(most.saturating_add(1)).collect();
    lines.concat()
}

impl Play<'_> {
    fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    /// Time passes, and workers take every clock step that falls due.
    async fn pass(&mut self, hours: u64) -> Result<(), Failure> {
        self.clock.advance(Duration::from_secs(hours.saturating_mul(3_600)));
        self.worker.until_idle().await.map_err(|error| failed("the clocks did not step", &error))?;
        Ok(())
    }

    async fn import(&mut self, people: u32) -> Result<Vec<StreamId>, Failure> {
        let by = ActorChoice::ByPrincipal { principal: self.cast.who("intake-clerk", 0)?, role: None };
        let today = self.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let options = ImportOptions::dry_run(today)
            .map_err(|error| failed("the import has no options", &error))?
            .for_real();
        let bar = self.out.progress("importing the cohort", 0);
        let shown = bar.clone();
        let progress = move |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        };
        let list = Cursor::new(cohort(people));
        let report = self
            .engine
            .import_manifest(&by, "manifest-2225 (synthetic)", list, &options, &progress)
            .await
            .map_err(|error| failed("the cohort was not imported", &error))?;
        bar.finish_and_clear();
        self.out.note(&format!(
            "{} records of a synthetic cohort: {} persons, {} second claims, {} records set aside with an office and a clock",
            report.records, report.opened, report.attached, report.set_aside
        ))?;
        self.cases("detainee-case").await
    }

    /// The cases of a workflow, in order of id.
    async fn cases(&self, workflow: &str) -> Result<Vec<StreamId>, Failure> {
        let workflow = Name::new(workflow).map_err(|error| failed("a name is none", &error))?;
        let filter = CaseFilter { workflow: Some(workflow), ..CaseFilter::default() };
        let mut cases = Vec::new();
        loop {
            let page = CaseStore::list(self.engine.store().as_ref(), &filter, cases.last().copied(), 1_000)
                .await
                .map_err(|error| failed("the cases could not be listed", &error))?;
            if page.is_empty() {
                return Ok(cases);
            }
            cases.extend(page.iter().map(|row| row.id));
        }
    }

    /// One act on each of many cases, each a decision of its own; all in flight together.
    async fn each(
        &mut self,
        what: &'static str,
        who: (&str, usize),
        cases: &[StreamId],
        act: impl Fn(&Self, usize, StreamId) -> Value,
    ) -> Result<Vec<Accepted>, Failure> {
        let principal = self.cast.who(who.0, who.1)?;
        let role = Name::new(who.0).map_err(|error| failed("a role is none", &error))?;
        let bar = self.out.progress(what, u64::try_from(cases.len()).unwrap_or(0));
        let mut accepted = Vec::with_capacity(cases.len());
        let (mut rest, mut done) = (cases, 0_usize);
        while !rest.is_empty() {
            let (wave, later) = split(rest, WAVE);
            rest = later;
            let mut submissions = Vec::with_capacity(wave.len());
            for (position, case) in wave.iter().enumerate() {
                let act = act(self, done.saturating_add(position), *case);
                submissions.push(submission(&principal, &role, *case, &act, what)?);
            }
            done = done.saturating_add(wave.len());
            for answer in self.engine.submit_many(submissions).await {
                accepted.push(answer.map_err(|error| failed(what, &error))?);
            }
            bar.set_position(u64::try_from(done).unwrap_or(0));
        }
        bar.finish_and_clear();
        self.acts = self.acts.saturating_add(u64::try_from(accepted.len()).unwrap_or(0));
        // The next act of anybody is a little later.
        self.clock.advance(Duration::from_mins(1));
        Ok(accepted)
    }

    /// A signature under what each answer proposed.
    async fn sign(
        &mut self,
        who: (&str, usize),
        cases: &[StreamId],
        proposed: &[Accepted],
    ) -> Result<(), Failure> {
        let mut marks = Vec::with_capacity(proposed.len());
        for accepted in proposed {
            let answer: Answer = qadiya_ledger::canonical::decode(&accepted.answer)
                .map_err(|error| failed("an answer cannot be read", &error))?;
            let event = answer.events.first().ok_or_else(|| Failure::new("an answer holds no event"))?;
            marks.push(json!({"sign": event.seq, "hash": event.hash, "agree": true}));
        }
        self.each("signing", who, cases, |_, position, _| marks.get(position).cloned().unwrap_or_default())
            .await?;
        Ok(())
    }

    async fn arrive(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.pass(1).await?;
        let until = later(self.now(), 48);
        self.each("receiving", ("custody-officer", 0), cases, |play, position, _| {
            json!({"command": "receive",
                "papers": [{"document": "commitment-instrument", "reference": format!("C-{}/2026", position + 1), "signed": true}],
                "records": [
                    {"record": "admission", "fields": {"arrived-at": text(play.now()), "place": "KARKH-1",
                        "injuries": {"none": "examined on arrival, none seen"}, "property": {"none": "nothing was handed in"},
                        "family": {"unknown": "not asked yet"}, "language": "ar"}},
                    {"record": "commitment", "fields": {"number": format!("C-{}/2026", position + 1),
                        "period": {"from": text(play.now()), "until": text(until)}}}]})
        })
        .await?;
        self.each("presenting", ("court-clerk", 0), cases, |_, _, _| json!({"command": "present"})).await?;
        self.each(
            "appointing counsel",
            ("court-clerk", 0),
            cases,
            |_, _, _| json!({"command": "appoint-counsel"}),
        )
        .await?;
        self.pass(3).await
    }

    async fn question(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.each("questioning", ("investigating-judge", 0), cases, |play, _, _| {
            json!({"command": "question", "records": [{"record": "questioning", "fields": {
                "started": text(earlier(play.now(), 1)), "ended": text(play.now()), "identity-checked": true,
                "rights-told": true, "language": "ar", "counsel": "هناء المحامية (وهمية)",
                "interpreter": {"none": "the person speaks Arabic"}}}]})
        })
        .await?;
        Ok(())
    }

    /// An order of detention for each person, each with its own reasons.
    async fn detain(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.order(cases, "file opened; witnesses named in it are still to be heard").await?;
        self.pass(6).await
    }

    async fn order(&mut self, cases: &[StreamId], why: &str) -> Result<(), Failure> {
        self.each("ordering detention", ("investigating-judge", 0), cases, |play, position, _| {
            let number = format!("D-{}-{}", play.now().as_second(), position + 1);
            json!({"command": "order-detention", "records": [{"record": "order", "fields": {"number": number,
                "period": {"from": text(play.now()), "until": text(later(play.now(), 15 * 24))},
                "reasons": format!("case {}: {why}", position + 1)}}]})
        })
        .await?;
        Ok(())
    }

    /// The panel proposes, its chair signs.
    async fn classify(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        let levels = ["low", "medium", "high"];
        let proposed = self
            .each("proposing levels", ("classification-member", 0), cases, |_, position, _| {
                json!({"command": "decide-level", "answers": {"level": levels.get(position % 3).copied().unwrap_or("low")}})
            })
            .await?;
        self.sign(("classification-chair", 0), cases, &proposed).await
    }

    async fn release(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.closing("release-insufficient", cases).await?;
        self.each(
            "recording releases",
            ("custody-head", 0),
            cases,
            |_, _, _| json!({"command": "record-release"}),
        )
        .await?;
        Ok(())
    }

    async fn closing(&mut self, command: &'static str, cases: &[StreamId]) -> Result<(), Failure> {
        self.each("closing investigations", ("investigating-judge", 0), cases, |play, position, _| {
            json!({"command": command,
                "papers": [{"document": "decision-130", "reference": format!("130-{}/2026", position + 1), "signed": true}],
                "records": [{"record": "release-order", "fields": {"number": format!("R-{}", position + 1),
                    "signed-at": text(play.now())}}],
                "reason": format!("case {}: nothing but the statement of one informant", position + 1)})
        })
        .await?;
        Ok(())
    }

    async fn close(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.closing("close-investigation", cases).await?;
        self.each(
            "recording releases",
            ("custody-head", 0),
            cases,
            |_, _, _| json!({"command": "record-release"}),
        )
        .await?;
        self.each("noting the end", ("court-clerk", 0), cases, |_, _, _| json!({"command": "note-closed"}))
            .await?;
        Ok(())
    }

    async fn repatriate(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.closing("release-insufficient", cases).await?;
        self.each(
            "deciding nationality",
            ("investigating-judge", 0),
            cases,
            |_, _, _| json!({"command": "state-nationality", "outcome": "ruled-out"}),
        )
        .await?;
        self.each("assessing the risk of return", ("moj-delegate", 0), cases, |play, _, _| {
            json!({"command": "assess-risk", "records": [{"record": "risk-assessment", "fields": {
                "sources": "reports of two independent bodies; assurances in writing", "finding": "no-real-risk",
                "told-on": play.now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()}}]})
        })
        .await?;
        let paper = |document: &'static str| move |_: &Self, position: usize, _: StreamId| json!({"file-paper": {"document": document, "reference": format!("{document}-{}", position + 1), "signed": true}});
        self.each("recording views", ("counsel", 0), cases, paper("views-recorded")).await?;
        let proposed = self
            .each(
                "deciding surrenders",
                ("felony-court", 0),
                cases,
                |_, _, _| json!({"command": "decide-surrender"}),
            )
            .await?;
        self.sign(("moj-delegate", 0), cases, &proposed).await?;
        self.sign(("mfa-delegate", 0), cases, &proposed).await?;
        self.each("certifying fitness", ("doctor", 0), cases, paper("medical-fitness")).await?;
        self.each("handing over", ("custody-head", 0), cases, |_, position, _| {
            json!({"command": "hand-over",
                "papers": [{"document": "handover-receipt", "reference": format!("H-{}", position + 1), "signed": true}]})
        })
        .await?;
        Ok(())
    }

    /// From the charge to the judgment; the last eight of them go to cassation or wait for trial.
    async fn try_them(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        self.each("filing evidence of age", ("doctor", 0), cases, |_, position, _| {
            json!({"file-paper": {"document": "age-report", "reference": format!("A-{}", position + 1), "signed": true}})
        })
        .await?;
        self.each(
            "settling ages",
            ("juvenile-judge", 0),
            cases,
            |_, _, _| json!({"command": "settle-age", "outcome": "adult"}),
        )
        .await?;
        self.each(
            "verifying identities",
            ("investigating-judge", 0),
            cases,
            |_, _, _| json!({"command": "verify-identity"}),
        )
        .await?;
        self.each("charging", ("investigating-judge", 0), cases, |_, position, _| {
            json!({"command": "file-charge", "outcome": "lesser", "records": [{"record": "charge", "fields": {
                "article": "Law 13/2005 art. 4", "alleged-role": format!("carried supplies, count {}", position + 1),
                "act-period": {"unknown": "not established"}, "act-place": {"unknown": "not established"},
                "penalty": "lesser", "max-penalty-days": 3650}}]})
        })
        .await?;
        self.each("referring", ("investigating-judge", 0), cases, |_, position, _| {
            json!({"command": "refer", "reason": format!("case {}: two witnesses besides the statement", position + 1),
                "papers": [{"document": "decision-130", "reference": format!("REF-{}/2026", position + 1), "signed": true}]})
        })
        .await?;
        let (tried, _) = split(cases, 16);
        self.each("receiving files", ("court-clerk", 0), tried, |_, position, _| {
            json!({"command": "court-receives",
                "papers": [{"document": "court-receipt", "reference": format!("T-{}/2026", position + 1), "signed": true}]})
        })
        .await?;
        self.each("giving counsel the file", ("court-clerk", 0), tried, |_, position, _| {
            json!({"file-paper": {"document": "file-access", "reference": format!("FA-{}", position + 1), "signed": true}})
        })
        .await?;
        // Ten days to prepare, and then a hearing: nobody is hurried.
        self.pass(11 * 24).await?;
        let (judged, _) = split(tried, 8);
        self.each("hearing", ("trial-judge", 0), judged, |play, _, _| {
            json!({"command": "open-hearing", "records": [{"record": "hearing", "fields": {
                "started": text(earlier(play.now(), 3)), "ended": text(play.now()), "counsel-present": true, "produced": true}}]})
        })
        .await?;
        let charges = self.charges(judged).await?;
        let proposed = self
            .each("judging", ("trial-judge", 0), judged, |_, position, _| {
                json!({"command": "judge-case", "outcome": "convicted",
                    "papers": [{"document": "judgment", "reference": format!("J-{}/2026", position + 1), "signed": true}],
                    "records": [{"record": "verdict", "about": charges.get(position), "fields": {"outcome": "convicted",
                        "sentence": "term", "relied-on": "two witnesses and a ledger", "reasons": format!("case {}: as heard", position + 1)}}]})
            })
            .await?;
        self.sign(("trial-judge", 1), judged, &proposed).await?;
        self.sign(("trial-judge", 2), judged, &proposed).await
    }

    /// The record number of the charge in each case.
    async fn charges(&self, cases: &[StreamId]) -> Result<Vec<u32>, Failure> {
        let loaded = CaseStore::load_many(self.engine.store().as_ref(), cases)
            .await
            .map_err(|error| failed("the cases could not be read", &error))?;
        let mut charges = Vec::with_capacity(cases.len());
        for row in loaded {
            let qadiya_store::read::Loaded::Case(row) = row else {
                return Err(Failure::new("the demo did not play: a case is gone"));
            };
            let case: qadiya_domain::case::Case = qadiya_ledger::canonical::decode(&row.state)
                .map_err(|error| failed("a case cannot be read", &error))?;
            let charge = case.records.iter().find(|(_, held)| held.record == *"charge").map(|(no, _)| *no);
            charges.push(charge.ok_or_else(|| Failure::new("the demo did not play: a case has no charge"))?);
        }
        Ok(charges)
    }

    /// Orders run out: most are renewed in time, a few are not, and show as lapsed.
    async fn renew(&mut self, cases: &[StreamId]) -> Result<(), Failure> {
        let (_, renewed) = split(cases, 25);
        self.order(renewed, "two witnesses abroad answer next week").await?;
        self.pass(4 * 24).await
    }
}

fn later(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).unwrap_or(at)
}

fn earlier(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(at)
}

fn text(at: Timestamp) -> String {
    qadiya_domain::moment::text(at)
}

fn submission(
    principal: &Principal,
    role: &Name,
    case: StreamId,
    act: &Value,
    what: &str,
) -> Result<Submission, Failure> {
    let bytes = serde_json::to_vec(act).map_err(|error| failed(what, &error))?;
    let tree = qadiya_ledger::canonical::parse_lenient(&bytes).map_err(|error| failed(what, &error))?;
    let actor = ActorChoice::ByPrincipal { principal: principal.clone(), role: Some(role.clone()) };
    Ok(Submission::new(actor, Target::Case(case), ActInput::Raw(tree)))
}

/// Cases to try the API on.
///
/// # Errors
/// What the store says.
pub(super) async fn example(engine: &Engine) -> Result<Option<Example>, Failure> {
    let first = |stage: &str, main: Option<&str>| {
        let names = (Name::new("detainee-case"), Name::new(stage), main.map(Name::new).transpose());
        let store = engine.store().clone();
        async move {
            let (Ok(workflow), Ok(stage), Ok(main)) = names else { return Ok(None) };
            let filter = CaseFilter {
                workflow: Some(workflow),
                stage: Some(Some(stage)),
                main,
                ..CaseFilter::default()
            };
            let page = CaseStore::list(store.as_ref(), &filter, None, 1)
                .await
                .map_err(|error| failed("the cases could not be listed", &error))?;
            Ok::<_, Failure>(
                page.first().map(|row| row.alias.clone().unwrap_or_else(|| row.reference.clone())),
            )
        }
    };
    let (tried, waiting) =
        (first("tried", None).await?, first("received", Some("under-investigation")).await?);
    Ok(tried.zip(waiting).map(|(tried, waiting)| Example { tried, waiting }))
}
