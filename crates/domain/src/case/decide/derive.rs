//! What follows from the changes of an event, whatever made them: tracks that open or close because a fact changed,
//! the stage, the office, whether the person is held, the cover, the clocks.

use jiff::Timestamp;

use crate::case::act::RecordNo;
use crate::case::clock;
use crate::case::cover;
use crate::case::event::{
    Change, ClockChange, Event, EventKind, JobQueued, Missing, ProposalEnd, StillLacks, TrackChange,
};
use crate::case::refusal::RefusalCode;
use crate::case::state::Case;
use crate::case::view::CaseView;
use crate::ids::Seq;
use crate::name::Name;
use crate::workflow::Definition;
use crate::workflow::model::{OnLeave, Track, TrackState};

/// The changes that complete an event. `case` has the event's own changes, and gets those that complete it.
pub(super) fn complete(def: &Definition, before: &Case, case: &mut Case, event: &Event) -> Vec<Change> {
    let now = event.at;
    // Tracks and stages may ask whether the authority has lapsed: they see it as this event leaves it.
    let custody = custody(def, before, case, event);
    let mut changes = tracks(def, case, event);
    queue_jobs(def, event, &mut changes);
    case.apply(event, &changes);
    let first = changes.len();
    let stage = stage(def, case, now);
    if stage != case.stage {
        changes.push(stage.map_or(Change::StageNone, Change::Stage));
    }
    let state = case.main.as_ref().and_then(|main| def.states.get(main));
    if let Some(state) = state {
        if let Some(office) = &state.acts
            && case.office.as_ref() != Some(office)
        {
            changes.push(Change::Office(office.clone()));
        }
        changes.extend(custody.held);
        match (&state.final_outcome, &case.outcome) {
            (Some(outcome), None) => changes.push(Change::Ended(outcome.clone())),
            (None, Some(_)) => changes.push(Change::Reopened),
            (Some(outcome), Some(old)) if outcome != old => changes.push(Change::Ended(outcome.clone())),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    changes.extend(custody.regularised);
    changes.extend(custody.authority);
    case.apply(event, changes.get(first..).unwrap_or_default());

    let first = changes.len();
    let wanted = clock::clocks(def, before, case, entered(before, event), now);
    for (key, clock) in &wanted {
        if case.clocks.get(key) != Some(clock) {
            changes.push(Change::Clock(ClockChange { clock: key.clone(), now: clock.clone() }));
        }
    }
    let is_deadline =
        |key: &crate::case::state::ClockKey| matches!(key, crate::case::state::ClockKey::Deadline { .. });
    for key in case.clocks.keys().filter(|key| is_deadline(key) && !wanted.contains_key(*key)) {
        changes.push(Change::ClockStopped(key.clone()));
    }
    case.apply(event, changes.get(first..).unwrap_or_default());
    changes
}

/// What an event makes of the custody of the person.
struct Custody {
    held: Option<Change>,
    regularised: Vec<Change>,
    authority: Option<Change>,
}

/// Works out the custody, and gives it to the case.
fn custody(def: &Definition, before: &Case, case: &mut Case, event: &Event) -> Custody {
    let state = case.main.as_ref().and_then(|main| def.states.get(main));
    let held = state.filter(|state| state.held != case.held).map(|state| Change::Held(state.held));
    case.apply(event, held.as_slice());
    // What is made good gives its effect from here on.
    let regularised = regularised(def, before, case, event);
    case.apply(event, &regularised);
    let until = cover::authority_until(def, case, event.at);
    // A lapse is computed, never set: the last end of the cover stays until an act gives another one.
    let authority = match until {
        Some(until) if case.authority_until != Some(until) => Some(Change::AuthorityUntil(until)),
        None if case.authority_until.is_some_and(|old| old > event.at) => Some(Change::AuthorityNone),
        Some(_) | None => None,
    };
    case.apply(event, authority.as_slice());
    Custody { held, regularised, authority }
}

/// When the states that an event enters count as entered. An annulment leads back as if the annulled act had not been:
/// the clocks of the state it returns to count from its entry, so that no annulled act lengthens a limit.
fn entered(before: &Case, event: &Event) -> Timestamp {
    let returns_to = event
        .changes
        .iter()
        .find_map(|change| if let Change::Moved(state) = change { Some(state) } else { None })
        .filter(|_| event.kind == EventKind::Annulled);
    let earlier = returns_to.and_then(|state| before.entered.get(state)).map(|entered| entered.at);
    earlier.or(event.happened).unwrap_or(event.at)
}

/// Jobs of the track states entered with these changes.
fn queue_jobs(def: &Definition, event: &Event, changes: &mut Vec<Change>) {
    let entered = |change: &Change| {
        let Change::Track(moved) = change else { return None };
        def.tracks.get(&moved.track)?.states.get(&moved.state)
    };
    let states: Vec<&TrackState> = changes.iter().filter_map(entered).collect();
    for job in states.into_iter().flat_map(|state| &state.jobs) {
        let queued = Change::JobQueued(JobQueued { job: job.clone(), queued: event.seq });
        if !event.changes.contains(&queued) && !changes.contains(&queued) {
            changes.push(queued);
        }
    }
}

/// Irregular facts whose missing papers and records are there now, all or some; what else was missing is made good by
/// the countersignature.
fn regularised(def: &Definition, before: &Case, case: &Case, event: &Event) -> Vec<Change> {
    let countersigned = |seq: Seq| {
        before.proposals.get(&seq).is_some_and(|proposal| proposal.afterwards)
            && event.changes.iter().any(|change| {
                matches!(change, Change::ProposalClosed(closed)
                    if closed.proposal == seq && closed.how == ProposalEnd::Enacted)
            })
    };
    let supplied = |seq: Seq, missing: &Missing| {
        let filed_since = |kind: &str| case.live(kind).any(|(_, held)| held.seq > seq);
        if missing.code == RefusalCode::Papers {
            let signed = def.documents.get(&missing.what).is_some_and(|document| document.signed);
            let mut filed = case.papers.get(missing.what.as_str()).into_iter().flatten();
            filed.any(|paper| paper.signed || !signed)
        } else if missing.code == RefusalCode::Records {
            filed_since(&missing.what)
        } else if missing.code == RefusalCode::Ceiling {
            // No signature lifts a ceiling: only the record that the file names for it does.
            let beyond = def.records.get(missing.what.as_str()).and_then(|record| record.limit.as_ref());
            beyond.and_then(|limit| limit.beyond_needs.as_ref()).is_some_and(|beyond| filed_since(beyond))
        } else {
            countersigned(seq)
        }
    };
    case.irregular
        .iter()
        .filter(|(seq, _)| **seq != event.seq)
        .filter_map(|(seq, missing)| {
            let still: Vec<Missing> =
                missing.iter().filter(|missing| !supplied(*seq, missing)).cloned().collect();
            if still.is_empty() {
                Some(Change::Regularised(*seq))
            } else if still.len() < missing.len() {
                Some(Change::StillLacks(StillLacks { event: *seq, missing: still }))
            } else {
                None
            }
        })
        .collect()
}

/// The last stage whose guard is true now.
fn stage(def: &Definition, case: &Case, now: jiff::Timestamp) -> Option<Name> {
    let view = CaseView::plain(def, case, now);
    def.stages.iter().rfind(|stage| stage.when.holds(&def.rules, &view)).map(|stage| stage.name.clone())
}

/// Tracks that should be open and are not, or are and should not: after moves this finds only what facts have changed.
fn tracks(def: &Definition, case: &Case, event: &Event) -> Vec<Change> {
    let mut changes = Vec::new();
    let Some(main) = &case.main else { return changes };
    let moved = event.changes.iter().any(|change| matches!(change, Change::Moved(_)));
    let view = CaseView::plain(def, case, event.at);
    for track in &def.tracks {
        let inside = track.open_in.run_in(def, main, case.before.as_ref());
        let open = inside && track.open_if.holds(&def.rules, &view);
        if let Some(record) = &track.per {
            instances(case, track, record, (open, moved && !inside), &mut changes);
            continue;
        }
        match (case.tracks.get(&track.name), open) {
            (None, true) => changes.push(change(track, None, &track.begins, false)),
            (Some(state), false) if track.on_leave == OnLeave::Stop || is_final(track, state) => {
                changes.push(change(track, None, state, true));
            }
            (Some(_), _) | (None, false) => {}
        }
    }
    changes
}

fn instances(
    case: &Case,
    track: &Track,
    record: &Name,
    (open, left): (bool, bool),
    changes: &mut Vec<Change>,
) {
    let running = case.instances.get(&track.name);
    if open {
        let runs = |no: &RecordNo| running.is_some_and(|running| running.contains_key(no));
        for (no, _) in case.live(record).filter(|(no, _)| !runs(no)) {
            changes.push(change(track, Some(no), &track.begins, false));
        }
    }
    for (no, instance) in running.into_iter().flatten() {
        let annulled = case.records.get(no).is_some_and(|held| held.annulled);
        // A move was tested before: what it closes may close. A fact alone closes nothing that must be finished.
        let may_close = left || track.on_leave == OnLeave::Stop || is_final(track, &instance.state);
        if annulled || !open && may_close {
            changes.push(change(track, Some(*no), &instance.state, true));
        }
    }
}

fn is_final(track: &Track, state: &Name) -> bool {
    track.states.get(state).is_some_and(|state| state.is_final)
}

fn change(track: &Track, instance: Option<RecordNo>, state: &Name, closes: bool) -> Change {
    let change = TrackChange { track: track.name.clone(), instance, state: state.clone() };
    if closes { Change::TrackClosed(change) } else { Change::Track(change) }
}
