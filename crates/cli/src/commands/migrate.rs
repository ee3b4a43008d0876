//! `migrate`: brings the schema of a store up to this program.

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Place;

/// Migrates.
pub(crate) async fn run(global: &Global, out: Output) -> Result<Exit, Failure> {
    let place = Place::read(&global.store);
    place.migrate().await?;
    let done = serde_json::json!({"store": place.shown(), "migrated": true});
    out.print(&done, || format!("the schema of {} is up to this program", place.shown()))?;
    Ok(Exit::Done)
}
