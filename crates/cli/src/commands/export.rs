//! `export`: the log for the tools of process analysts. Who stands at the machine is the operator, and is recorded so.

use std::fs::File;
use std::io::{BufWriter, Write};

use qadiya_domain::name::Name;
use qadiya_engine::export::ExportForm as Form;

use crate::args::{Export, ExportForm, Global};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;

/// Exports.
pub(crate) async fn run(global: &Global, args: &Export, out: Output) -> Result<Exit, Failure> {
    let form = match args.form {
        ExportForm::Xes => Form::Xes,
        ExportForm::Ocel => Form::Ocel,
    };
    let workflow = match &args.workflow {
        None => None,
        Some(name) => Some(Name::new(name).map_err(|error| {
            Failure::new(format!("{name} is not the name of a workflow")).because(&error)
        })?),
    };
    let path = args.output.display();
    let unwritable =
        |error: std::io::Error| Failure::new(format!("the file {path} cannot be written")).because(&error);
    let session = Session::open(global).await?;
    // What lies there already is kept: an export is often long, and a wrong name is easily typed.
    let file = File::create_new(&args.output).map_err(|error| {
        unwritable(error).next("name a file that does not exist yet, in a folder that you may write to")
    })?;
    let bar = out.progress("exporting", 0);
    let shown = bar.clone();
    let cases = std::sync::atomic::AtomicU64::new(0);
    let progress = |done, all| {
        cases.store(done, std::sync::atomic::Ordering::Relaxed);
        shown.set_length(all);
        shown.set_position(done);
    };
    let written = session.engine.export(None, form, workflow, BufWriter::new(file), &progress).await;
    bar.finish_and_clear();
    let mut written = written.map_err(|error| {
        Failure::new(format!("the export to {path} did not come to its end"))
            .because(&error)
            .next("throw the unfinished file away; `qadiya verify` says whether the store is damaged")
    })?;
    written.flush().map_err(unwritable)?;
    let file = written.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    let bytes = file.metadata().map_err(unwritable)?.len();
    session.close().await;
    let cases = cases.into_inner();
    let document =
        serde_json::json!({"form": form.to_string(), "file": args.output, "cases": cases, "bytes": bytes});
    out.print(&document, || {
        let of = args.workflow.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
        format!("{cases} cases{of} written as {form} to {path} ({bytes} bytes); the access log says so")
    })?;
    Ok(Exit::Done)
}
