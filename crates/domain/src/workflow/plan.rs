//! What a new version of a workflow means for what runs under the old one: what changed, which running cases come over,
//! and which rights would shrink (LANGUAGE 4.5). Pure: `plan` says it, nothing here switches a case.

pub mod changes;
mod meets;
mod rights;

pub use changes::{Change, Difference, Section, changes};

use crate::name::Name;
use crate::workflow::check::search::{Closure, LIMIT, LeftOut, Reason};
use crate::workflow::check::{accepts_nothing, mark_accepted};
use crate::workflow::finding::{CheckId, Finding, Place, Severity};
use crate::workflow::model::{Definition, Migration};
use crate::workflow::read::finding;
use crate::workflow::read::near::did_you_mean;

/// What is to be said before a version takes the place of another.
#[derive(Debug)]
pub struct Plan<'d> {
    /// The version that cases run under now.
    pub old: &'d Definition,
    /// The version they are to come to.
    pub new: &'d Definition,
    /// What changed.
    pub changes: Vec<Change>,
    /// The proof that running cases come over; why there is none, if the files are too large for it.
    pub closure: Result<Closure<'d>, String>,
    /// E-migrate: lines of `migrate` that are wrong, and cases that are left out. W-rights: rights that would shrink; the new
    /// file accepts them with a reason. I-not-proved: the files are too large.
    pub findings: Vec<Finding>,
}

impl<'d> Plan<'d> {
    /// Compares two versions of one workflow and maps every open configuration of the old one.
    pub fn of(old: &'d Definition, new: &'d Definition) -> Self {
        Self::within(old, new, LIMIT)
    }

    /// [`Plan::of`] with at most `limit` configurations of each version.
    pub fn within(old: &'d Definition, new: &'d Definition, limit: usize) -> Self {
        let mut findings = lines(old, new);
        let closure = Closure::of(old, new, limit);
        match &closure {
            Ok(closure) => findings.extend(closure.left_out.iter().map(|left| left_out(new, left))),
            Err(why) => {
                let message = format!("not proved that running cases come over: {why}");
                findings.push(finding(Place::default(), CheckId::NotProved, &new.workflow, message));
            }
        }
        findings.extend(rights::findings(old, new));
        let idle = mark_accepted(new, &mut findings);
        findings.extend(
            idle.into_iter().filter(|accepted| accepted.check == CheckId::Rights).map(accepts_nothing),
        );
        findings.sort();
        findings.dedup();
        Self { old, new, changes: changes(old, new), closure, findings }
    }

    /// Whether nothing is open: every running case is proved to come over, and every right that would shrink has its
    /// reason in the file.
    pub fn is_clear(&self) -> bool {
        self.findings.iter().all(|one| one.check.severity() == Severity::Warning && one.accepted.is_some())
    }

    /// The section that says how cases of the old version come to the new one.
    pub fn migration(&self) -> Option<&'d Migration> {
        self.new.migrate.as_ref().filter(|migrate| migrate.from_version == self.old.version)
    }
}

/// All states of a version, of the main line and of tracks.
fn states(def: &Definition) -> impl Iterator<Item = &Name> {
    let tracks = def.tracks.iter().flat_map(|track| &track.states);
    def.states.iter().map(|state| &state.name).chain(tracks.map(|state| &state.name))
}

/// What is wrong with the two files as a pair, and with the lines of `migrate`.
fn lines(old: &Definition, new: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut tell = |place: Place, at: &str, message: String, hint: Option<String>| {
        found.push(Finding { hint, ..finding(place, CheckId::Migrate, at, message) });
    };
    if old.workflow != new.workflow {
        let message =
            format!("these are two workflows, `{}` and `{}`, not two versions", old.workflow, new.workflow);
        tell(Place::default(), &new.workflow, message, None);
    }
    let Some(migrate) = &new.migrate else {
        let message = format!("the new version does not say how cases of version {} come to it", old.version);
        let hint = format!("write `migrate: {{from-version: {}, otherwise: keep}}`", old.version);
        tell(Place::default(), "migrate", message, Some(hint));
        return found;
    };
    if migrate.from_version != old.version {
        let message = format!(
            "`migrate` is about version {}, and the old file is version {}",
            migrate.from_version, old.version
        );
        tell(migrate.place, "migrate", message, None);
    }
    for (from, _) in &migrate.states {
        if !states(old).any(|state| state == from) {
            let message = format!("the old version has no state `{from}`");
            tell(migrate.place, from, message, did_you_mean(from, states(old).map(Name::as_str)));
        }
    }
    for (deadline, _) in &migrate.deadlines {
        if old.deadlines.get(deadline).is_none() {
            let message = format!("the old version has no deadline `{deadline}` that could run on");
            let known = old.deadlines.iter().map(|deadline| deadline.name.as_str());
            tell(migrate.place, deadline, message, did_you_mean(deadline, known));
        }
    }
    found
}

/// The finding about configurations that are left out.
fn left_out(new: &Definition, left: &LeftOut) -> Finding {
    let LeftOut { state, reason, times, story } = left;
    let hint = match reason {
        Reason::NoSuchState(to) => did_you_mean(to, states(new).map(Name::as_str))
            .or_else(|| Some(format!("write `{to}: NEW STATE` under `migrate: states`"))),
        Reason::ValueGone { record: None, name } => {
            Some(format!("write `{name}: VALUE` under `migrate: facts`"))
        }
        Reason::ValueGone { record: Some(_), .. } | Reason::NotReachable | Reason::NoEnd => None,
    };
    let many = if *times == 1 { "one configuration".to_owned() } else { format!("{times} configurations") };
    let place = new.migrate.as_ref().map(|migrate| migrate.place).unwrap_or_default();
    let message = format!("cases in `{state}` do not come over: {reason}, in {many}");
    Finding { hint, story: story.clone(), ..finding(place, CheckId::Migrate, state, message) }
}
