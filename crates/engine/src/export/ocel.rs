//! Our log as OCEL 2.0: the objects first, in a first going-through, then the events in a second one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use qadiya_domain::ids::{Seq, StreamId};

use super::told::{Told, activity, is_bare_opening};
use super::{CaseLog, Export, ExportError};
use crate::event_log::ocel::{OcelEvent, OcelKind, OcelObject, OcelType, OcelValue, OcelWriter};

const CASE: &str = "case";
const PERSON: &str = "person";
const MANIFEST: &str = "manifest";
const OFFICIAL: &str = "official";

pub(super) async fn write<W: Write + Send>(
    mut export: Export<'_>,
    to: W,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<W, ExportError> {
    let types = event_types(&mut export).await?;
    // Nothing leaves before the first page is in the access log.
    let mut next = export.page().await?;
    let mut writer = OcelWriter::start(to, &object_types(), &types)?;
    let mut others: BTreeMap<String, &str> = BTreeMap::new();
    // How far each case is told: what comes between the two readings is left to the next export.
    let mut versions: BTreeMap<StreamId, Seq> = BTreeMap::new();
    while let Some((cases, _)) = next {
        for case in &cases {
            versions.insert(case.row.id, case.row.version);
            let mut relations = Vec::new();
            if let Some(person) = case.row.person {
                others.insert(person.to_string(), PERSON);
                relations.push((person.to_string(), "about".to_owned()));
            }
            if let Some(group) = case.row.group {
                others.insert(group.to_string(), MANIFEST);
                relations.push((group.to_string(), "came-with".to_owned()));
            }
            let officials = case.told().into_iter().filter_map(|told| told.official);
            others.extend(officials.map(|official| (official.to_string(), OFFICIAL)));
            writer.object(&case_object(case, relations))?;
        }
        next = export.page().await?;
    }
    for (id, object_type) in &others {
        writer.object(&OcelObject {
            id: id.clone(),
            object_type: (*object_type).to_owned(),
            attributes: Vec::new(),
            relations: Vec::new(),
        })?;
    }
    export.rewind();
    let mut done = 0_u64;
    while let Some((cases, seen)) = export.page().await? {
        for case in &cases {
            let told_until = versions.get(&case.row.id).copied().unwrap_or(0);
            for told in case.told().iter().filter(|told| told.seq <= told_until) {
                writer.event(&event(case, told))?;
            }
        }
        done = done.saturating_add(seen);
        progress(done);
    }
    Ok(writer.finish()?)
}

/// Every command of every definition that an exported case can be bound to.
async fn event_types(export: &mut Export<'_>) -> Result<Vec<OcelType>, ExportError> {
    let stored = export.engine.on_store(|store| async move { store.definitions().await }).await?;
    let mut names = BTreeSet::new();
    for held in stored {
        if export.workflow.as_ref().is_none_or(|workflow| *workflow == held.workflow) {
            let definition = export.definition(held.hash).await?;
            let told = definition.commands.iter().filter(|command| !is_bare_opening(&definition, command));
            names.extend(told.map(activity));
        }
    }
    let attributes = || {
        let text = ["workflow", "role", "outcome", "state-before", "state-after"];
        let text = text.map(|name| (name.to_owned(), OcelKind::String));
        let others = [("by-program", OcelKind::Boolean), ("recorded", OcelKind::Time)];
        text.into_iter().chain(others.map(|(name, kind)| (name.to_owned(), kind))).collect()
    };
    Ok(names.into_iter().map(|name| OcelType { name, attributes: attributes() }).collect())
}

fn object_types() -> Vec<OcelType> {
    let of_case = ["name", "reference", "workflow"].map(|name| (name.to_owned(), OcelKind::String));
    let plain = |name: &str| OcelType { name: name.to_owned(), attributes: Vec::new() };
    let case = OcelType { name: CASE.to_owned(), attributes: of_case.to_vec() };
    vec![case, plain(PERSON), plain(MANIFEST), plain(OFFICIAL)]
}

fn case_object(case: &CaseLog, relations: Vec<(String, String)>) -> OcelObject {
    let text = |name: &str, value: String| (name.to_owned(), None, OcelValue::Text(value));
    OcelObject {
        id: case.row.id.to_string(),
        object_type: CASE.to_owned(),
        attributes: vec![
            text("name", case.called()),
            text("reference", case.row.reference.clone()),
            text("workflow", case.row.workflow.to_string()),
        ],
        relations,
    }
}

fn event(case: &CaseLog, told: &Told) -> OcelEvent {
    let text = |name: &str, value: String| (name.to_owned(), OcelValue::Text(value));
    let mut attributes =
        vec![text("workflow", case.row.workflow.to_string()), text("role", told.role.to_string())];
    for (name, value) in
        [("outcome", &told.outcome), ("state-before", &told.before), ("state-after", &told.after)]
    {
        attributes.extend(value.as_ref().map(|value| text(name, value.to_string())));
    }
    if told.program {
        attributes.push(("by-program".to_owned(), OcelValue::Boolean(true)));
    }
    attributes.extend(told.recorded.map(|at| ("recorded".to_owned(), OcelValue::Time(at))));
    let mut relations = vec![(case.row.id.to_string(), CASE.to_owned())];
    relations.extend(told.official.map(|official| (official.to_string(), "by".to_owned())));
    OcelEvent {
        id: format!("{}/{}", case.row.id, told.seq),
        event_type: told.activity.clone(),
        at: told.at,
        attributes,
        relations,
    }
}
