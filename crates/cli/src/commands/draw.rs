//! `draw` and `table`: a workflow as a picture, and as rules for lawyers.

use qadiya_domain::workflow::{draw, export};

use crate::args::{Draw, DrawForm, FileArg};
use crate::exit::{Exit, Failure};
use crate::files::WorkflowFile;
use crate::output::Output;

/// Draws.
pub(crate) fn draw(args: &Draw, out: Output) -> Result<Exit, Failure> {
    let definition = WorkflowFile::open(&args.file)?.definition_or_fail()?;
    let text = match args.form {
        DrawForm::Mermaid => draw::mermaid(&definition),
        DrawForm::Dot => draw::dot(&definition),
        DrawForm::Scxml => export::scxml(&definition),
        DrawForm::Pnml => export::pnml(&definition),
    };
    out.print(&serde_json::json!({"form": format!("{:?}", args.form).to_lowercase(), "text": text}), || {
        text.clone()
    })?;
    Ok(Exit::Done)
}

/// Prints the table of rules.
pub(crate) fn table(args: &FileArg, out: Output) -> Result<Exit, Failure> {
    let definition = WorkflowFile::open(&args.file)?.definition_or_fail()?;
    let text = draw::table(&definition);
    out.print(&serde_json::json!({"text": text}), || text.clone())?;
    Ok(Exit::Done)
}
