//! The same runs in machines that nobody in this project wrote: an SCXML interpreter, and a Petri net tool.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use qadiya_devkit::chores::Repository;
use qadiya_devkit::chores::outside::program;
use qadiya_devkit::trials;
use qadiya_domain::case::event::EventKind;
use qadiya_domain::case::{Act, Case, Change, Event};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{Definition, export};
use serde_json::{Value as Json, json};

use super::acts::turn;
use super::dice::Dice;
use super::{Tally, definition, file, fresh, take, workflows};

/// What happened in an event, in the words of the exports.
fn events_of(def: &Definition, before: &Case, dids: &BTreeMap<u64, Name>, event: &Event) -> Vec<String> {
    let mut events = Vec::new();
    let perform = match &event.act {
        Act::Perform(perform) => Some(perform),
        Act::Enact { proposal } => match &before.proposals[proposal].act {
            Act::Perform(perform) => Some(perform),
            _ => None,
        },
        _ => None,
    };
    let moved = event.changes.iter().find_map(|change| match change {
        Change::Moved(state) => Some(state),
        _ => None,
    });
    for change in &event.changes {
        match change {
            Change::Did(did) => {
                let command = def.commands.get(&did.command).unwrap();
                let outcome = perform.and_then(|perform| perform.outcome.as_ref());
                let branches = command.branches();
                let named = |(name, branch): &&(Option<&Name>, &qadiya_domain::workflow::model::Branch)| {
                    let leads = match &branch.target {
                        qadiya_domain::workflow::model::Target::To(states) => {
                            moved.is_some_and(|to| states.contains(to))
                        }
                        _ => moved.is_none(),
                    };
                    *name == outcome && (branches.len() == 1 || outcome.is_some() || leads)
                };
                let (name, branch) = branches.iter().find(named).unwrap();
                events.push(export::event_name(command, *name, branch));
            }
            Change::ActAnnulled(seq) if event.kind == EventKind::Annulled => {
                events.push(format!("annul.{}", dids[seq]));
            }
            _ => {}
        }
    }
    for change in &event.changes {
        match change {
            Change::Track(track) if track.instance.is_none() && !before.tracks.contains_key(&track.track) => {
                events.push(format!("open.{}", track.track));
            }
            Change::TrackClosed(track) if track.instance.is_none() => {
                events.push(format!("close.{}", track.track));
            }
            _ => {}
        }
    }
    events
}

/// Where the machines stand, the main one first.
fn states_of(def: &Definition, case: &Case) -> Vec<String> {
    let tracks = def.tracks.iter().filter(|track| track.per.is_none()).map(|track| {
        case.tracks.get(&track.name).map_or_else(|| format!("_closed.{}", track.name), Name::to_string)
    });
    case.main.iter().map(Name::to_string).chain(tracks).collect()
}

/// One random run, as steps with their events and the states after them.
fn steps(def: &Arc<Definition>, text: &str, dice: &mut Dice) -> Vec<Json> {
    let (mut engine, mut oracle) = fresh(def, text, None);
    let mut dids = BTreeMap::new();
    let mut seen = 0;
    let mut steps = Vec::new();
    for _ in 0..super::TURNS {
        let next = turn(dice, &oracle, engine.bench.now);
        let mut before = engine.bench.case.clone();
        assert_eq!(take(&mut engine, &mut oracle, &next, &mut Tally::default()), None);
        let mut events = Vec::new();
        for sealed in &engine.bench.log[seen..] {
            events.extend(events_of(def, &before, &dids, &sealed.event));
            let did = sealed.event.changes.iter().find_map(|change| match change {
                Change::Did(did) => Some(did.command.clone()),
                _ => None,
            });
            dids.extend(did.map(|command| (sealed.event.seq, command)));
            before = before.evolve(&sealed.event).at_head(sealed.hash);
        }
        seen = engine.bench.log.len();
        if !events.is_empty() {
            steps.push(json!({"events": events, "states": states_of(def, &engine.bench.case)}));
        }
    }
    steps
}

fn follow(machines: &Json) -> Json {
    let root = Repository::at(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), machines.to_string()).unwrap();
    let script = root.path("crates/devkit/outside/follow_machines.py");
    let ran = Command::new(program(&root, "python").unwrap()).arg(script).arg(file.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8(ran.stdout).unwrap();
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[test]
fn outside_machines_follow_every_run_and_notice_a_wrong_state() {
    let runs = u64::from(trials::count(25, 2_500).unwrap());
    let mut machines = Vec::new();
    for name in ["detainee-case", "road-fine", "intake-record"] {
        let text = std::fs::read_to_string(workflows().join(format!("{name}.v1.yaml"))).unwrap();
        let def = definition(&text).unwrap();
        let all: Vec<_> = (0..runs).map(|seed| steps(&def, &text, &mut Dice::new(seed))).collect();
        machines.push(json!({"scxml": export::scxml(&def), "pnml": export::pnml(&def), "runs": all}));
    }
    for seed in 0..runs {
        let mut dice = Dice::new(seed);
        let (text, def) = file(&mut dice);
        let all = [steps(&def, &text, &mut dice)];
        machines.push(json!({"scxml": export::scxml(&def), "pnml": export::pnml(&def), "runs": all}));
    }
    let mut machines = Json::Array(machines);
    let said = follow(&machines);
    println!("{} runs, {} steps, {} tokens", said["runs"], said["steps"], said["tokens"]);
    assert_eq!(said["differences"], json!([]));
    assert!(said["runs"] == 4 * runs && said["steps"].as_u64().unwrap() > 8 * runs, "{said}");

    // Both do follow: with one state told wrongly, or one arrow led astray, they part.
    machines.as_array_mut().unwrap().truncate(1);
    let mut told_wrong = machines.clone();
    told_wrong[0]["runs"][0][0]["states"][0] = json!("deceased");
    let led_astray = machines.to_string().replace("target=\\\"before-judge\\\"", "target=\\\"at-trial\\\"");
    for wrong in [told_wrong, serde_json::from_str(&led_astray).unwrap()] {
        assert_ne!(follow(&wrong)["differences"], json!([]));
    }
}
