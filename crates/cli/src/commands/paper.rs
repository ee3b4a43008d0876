//! What the program says about itself: schemas, completions, the manual page.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Args, Completions, Schema, SchemaKind};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Prints a schema.
pub(crate) fn schema(args: &Schema, out: Output) -> Result<Exit, Failure> {
    let document = match args.kind {
        SchemaKind::Workflow => qadiya_domain::workflow::schema::json_schema(),
        SchemaKind::Openapi => serde_json::to_value(qadiya_web::openapi())
            .map_err(|error| Failure::new("the OpenAPI document could not be written").because(&error))?,
    };
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::new("the schema could not be written").because(&error))?;
    out.line(&text)?;
    Ok(Exit::Done)
}

/// Prints completions.
pub(crate) fn completions(args: &Completions) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "qadiya", &mut text);
    write(&text)
}

/// Prints the manual page.
pub(crate) fn man() -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Args::command())
        .render(&mut text)
        .map_err(|error| Failure::new("the manual page could not be written").because(&error))?;
    write(&text)
}

fn write(text: &[u8]) -> Result<Exit, Failure> {
    let closed = |error| Failure::new("the output stream is closed").because(&error);
    std::io::stdout().lock().write_all(text).map_err(closed)?;
    Ok(Exit::Done)
}
