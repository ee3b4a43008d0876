//! What follows from the changes of an event, whatever made them: tracks that open or close because a fact changed,
//! the stage, the office, whether the person is held, the cover, the clocks.

use crate::case::clock;
use crate::case::event::{Change, ClockChange, Event, TrackChange};
use crate::case::state::Case;
use crate::case::view::CaseView;
use crate::name::Name;
use crate::workflow::Definition;
use crate::workflow::model::{OnLeave, Track};

/// The changes that complete an event. `moved` is the case with the event's own changes.
pub(super) fn changes(def: &Definition, before: &Case, moved: Case, event: &Event) -> Vec<Change> {
    let mut changes = tracks(def, &moved);
    let mut probe = event.clone();
    probe.changes.clone_from(&changes);
    let now = event.at;
    let case = moved.evolve(&probe);

    let stage = stage(def, &case, now);
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
        if state.held != case.held {
            changes.push(Change::Held(state.held));
        }
        match (&state.final_outcome, &case.outcome) {
            (Some(outcome), None) => changes.push(Change::Ended(outcome.clone())),
            (None, Some(_)) => changes.push(Change::Reopened),
            (Some(outcome), Some(old)) if outcome != old => changes.push(Change::Ended(outcome.clone())),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    let until = clock::authority_until(def, &case, now);
    // A lapse is computed, never set: the last end of the cover stays until an act gives another one.
    if let Some(until) = until
        && case.authority_until != Some(until)
    {
        changes.push(Change::AuthorityUntil(until));
    } else if until.is_none() && case.authority_until.is_some_and(|old| old > now) {
        changes.push(Change::AuthorityNone);
    }

    let mut probe = event.clone();
    probe.changes.clone_from(&changes);
    let case = case.evolve(&probe);
    let happened = event.happened.unwrap_or(now);
    let wanted = clock::clocks(def, before, &case, happened, now);
    for (key, clock) in &wanted {
        if case.clocks.get(key) != Some(clock) {
            let changed_here =
                event.changes.iter().any(|change| matches!(change, Change::Clock(own) if own.clock == *key));
            if !changed_here {
                changes.push(Change::Clock(ClockChange { clock: key.clone(), now: clock.clone() }));
            }
        }
    }
    let is_deadline =
        |key: &crate::case::state::ClockKey| matches!(key, crate::case::state::ClockKey::Deadline { .. });
    for key in case.clocks.keys().filter(|key| is_deadline(key) && !wanted.contains_key(*key)) {
        changes.push(Change::ClockStopped(key.clone()));
    }
    changes
}

/// The last stage whose guard is true now.
fn stage(def: &Definition, case: &Case, now: jiff::Timestamp) -> Option<Name> {
    let view = CaseView::plain(def, case, now);
    def.stages.iter().rfind(|stage| stage.when.holds(&def.rules, &view)).map(|stage| stage.name.clone())
}

/// Tracks that should be open and are not, or are and should not: after moves this finds only what facts have changed.
fn tracks(def: &Definition, case: &Case) -> Vec<Change> {
    let mut changes = Vec::new();
    let Some(main) = &case.main else { return changes };
    let view = CaseView::plain(def, case, jiff::Timestamp::UNIX_EPOCH);
    for track in &def.tracks {
        let open = track.open_in.contains(def, main) && track.open_if.holds(&def.rules, &view);
        if let Some(record) = &track.per {
            instances(case, track, record, open, &mut changes);
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

fn instances(case: &Case, track: &Track, record: &Name, open: bool, changes: &mut Vec<Change>) {
    let running = case.instances.get(&track.name);
    if open {
        let live = case.records.iter().filter(|(_, held)| held.record == *record && !held.annulled);
        for (no, _) in live.filter(|(no, _)| !running.is_some_and(|running| running.contains_key(no))) {
            changes.push(change(track, Some(*no), &track.begins, false));
        }
    }
    for (no, instance) in running.into_iter().flatten() {
        let annulled = case.records.get(no).is_some_and(|held| held.annulled);
        if !open || annulled {
            changes.push(change(track, Some(*no), &instance.state, true));
        }
    }
}

fn is_final(track: &Track, state: &Name) -> bool {
    track.states.get(state).is_some_and(|state| state.is_final)
}

fn change(track: &Track, instance: Option<u32>, state: &Name, closes: bool) -> Change {
    let change = TrackChange { track: track.name.clone(), instance, state: state.clone() };
    if closes { Change::TrackClosed(change) } else { Change::Track(change) }
}
