//! Our log as XES.

use std::io::Write;

use super::told::Told;
use super::{CaseLog, Export, ExportError};
use crate::event_log::xes::{XesHeader, XesWriter};
use crate::event_log::{Attribute, Attributes, LogEvent, Trace};

pub(super) async fn write<W: Write + Send>(
    mut export: Export<'_>,
    to: W,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<W, ExportError> {
    let mut attributes = Attributes::new();
    attributes.insert("concept:name".to_owned(), Attribute::Text(export.engine.origin().to_string()));
    let header = XesHeader { attributes, all_dated: true };
    // Nothing leaves before the first page is in the access log.
    let mut next = export.page().await?;
    let mut writer = XesWriter::start(to, &header)?;
    let mut done = 0_u64;
    while let Some((cases, seen)) = next {
        for case in &cases {
            writer.trace(&trace(case))?;
        }
        done = done.saturating_add(seen);
        progress(done);
        next = export.page().await?;
    }
    Ok(writer.finish()?)
}

fn trace(case: &CaseLog) -> Trace {
    let text = |key: &str, value: String| (key.to_owned(), Attribute::Text(value));
    let attributes = [
        text("workflow", case.row.workflow.to_string()),
        text("definition", case.row.definition.to_string()),
        text("reference", case.row.reference.clone()),
    ];
    Trace {
        id: case.called(),
        attributes: attributes.into_iter().collect(),
        events: case.told().iter().map(event).collect(),
    }
}

fn event(told: &Told) -> LogEvent {
    let text = |value: &dyn std::fmt::Display| Attribute::Text(value.to_string());
    let mut attributes = Attributes::new();
    attributes.insert("org:role".to_owned(), text(&told.role));
    for (key, value) in
        [("outcome", &told.outcome), ("state-before", &told.before), ("state-after", &told.after)]
    {
        if let Some(value) = value {
            attributes.insert(key.to_owned(), text(value));
        }
    }
    if told.program {
        attributes.insert("by-program".to_owned(), Attribute::Bool(true));
    }
    if let Some(recorded) = told.recorded {
        attributes.insert("recorded".to_owned(), Attribute::Date(recorded));
    }
    LogEvent {
        activity: told.activity.clone(),
        at: Some(told.at),
        lifecycle: Some("complete".to_owned()),
        resource: Some(told.official.map_or_else(|| "system".to_owned(), |official| official.to_string())),
        attributes,
    }
}
