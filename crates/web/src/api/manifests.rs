//! Transfer lists: sending one in (a dry run unless it is said otherwise), its report, what was set aside, closing it.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use qadiya_domain::ids::StreamId;
use qadiya_engine::intake::{FindingLine, ImportOptions, ImportReport, ManifestView, RecordLine};
use qadiya_engine::submit::ActorChoice;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Key, KeyHeader, Params, PathParts, bytes, media_type};
use crate::problem::{Code, Problem, ReadProblems, WriteProblems};
use crate::wire::text;

/// The types of file that are read; which it is, its bytes tell.
const TYPES: [&str; 2] = ["text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"];

/// How a list is sent in.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct ImportParams {
    /// What people call the list.
    #[param(min_length = 1, max_length = 200)]
    title: String,
    /// `false` writes; anything is tried without writing first.
    #[param(nullable = false, rename = "dry-run", default = true)]
    dry_run: Option<bool>,
}

/// Which part of the lists.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct ManifestParams {
    /// `next` of the page before.
    #[param(nullable = false, format = Uuid)]
    after: Option<String>,
    /// How many.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// What became of a list, or would become of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportAnswer {
    /// The list.
    #[schema(format = Uuid)]
    pub manifest: String,
    /// What people call it.
    pub title: String,
    /// Nothing was written.
    pub dry_run: bool,
    /// Records gone through.
    pub records: u64,
    /// Records by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Records that were there already.
    pub known: u64,
    /// Cases opened, or that would be.
    pub opened: u64,
    /// Records attached to a known person as an unconfirmed claim.
    pub attached: u64,
    /// Records put aside, each with an office and a clock.
    pub set_aside: u64,
    /// One for each record, in the order of the file.
    pub lines: Vec<RecordWire>,
}

/// What is said about one record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ManifestRecord)]
pub struct RecordWire {
    /// Counted from 1 after the header.
    pub record: u64,
    /// The line on which it begins.
    pub line: u64,
    /// Its serial, if it has one that is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub serial: Option<String>,
    /// What becomes of it.
    pub verdict: String,
    /// It is one more claim about a person who is known.
    pub attached: bool,
    /// It was there already; nothing was added.
    pub known: bool,
    /// The number of the case it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub case: Option<String>,
    /// What an official must look at first.
    pub marks: Vec<String>,
    /// Everything that is to be said about it.
    pub findings: Vec<RecordFinding>,
}

/// Something that is to be said about a record.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordFinding {
    /// The column; missing when the record as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<String>,
    /// The value found, shortened.
    pub value: String,
    /// The rule.
    pub rule: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// A page of lists.
#[derive(Debug, Serialize, ToSchema)]
pub struct Manifests {
    /// Lists in order of id.
    pub items: Vec<ManifestWire>,
    /// Send it as `after` for the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Uuid)]
    pub next: Option<String>,
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Manifest)]
pub struct ManifestWire {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// What people call it.
    pub title: String,
    /// SHA-256 of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub file: Option<String>,
    /// Records by verdict; missing while the import has not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub verdicts: Option<BTreeMap<String, u64>>,
    /// Records set aside that are not dealt with; the list cannot be closed before they are.
    pub open_records: u64,
    /// Whether it is closed.
    pub closed: bool,
}

impl From<ManifestView> for ManifestWire {
    fn from(view: ManifestView) -> Self {
        Self {
            id: text(view.id),
            title: view.state.title,
            file: view.state.file.map(text),
            verdicts: view.state.verdicts,
            open_records: view.open_records,
            closed: view.state.closed,
        }
    }
}

impl From<FindingLine> for RecordFinding {
    fn from(line: FindingLine) -> Self {
        Self { column: line.column, value: line.value, rule: line.rule, what: line.what, mend: line.mend }
    }
}

impl From<RecordLine> for RecordWire {
    fn from(line: RecordLine) -> Self {
        Self {
            record: line.record,
            line: line.line,
            serial: line.isn,
            verdict: text(line.verdict),
            attached: line.attached,
            known: line.known,
            case: line.case,
            marks: line.marks.into_iter().map(text).collect(),
            findings: line.findings.into_iter().map(RecordFinding::from).collect(),
        }
    }
}

impl From<ImportReport> for ImportAnswer {
    fn from(report: ImportReport) -> Self {
        Self {
            manifest: text(report.manifest),
            title: report.title,
            dry_run: report.dry_run,
            records: report.records,
            verdicts: report.verdicts.into_iter().map(|(verdict, count)| (text(verdict), count)).collect(),
            known: report.known,
            opened: report.opened,
            attached: report.attached,
            set_aside: report.set_aside,
            lines: report.lines.into_iter().map(RecordWire::from).collect(),
        }
    }
}

/// Sends a list in: the bytes of the file. Without `dry-run=false` nothing is written.
///
/// The same file twice adds nothing: under the same key or another one, it is gone through again, goes on where it broke
/// off, and says of each record that it was there. A key under which a list was written is refused for another one; a
/// run without writing binds no key.
#[utoipa::path(
    post, path = "/manifests", tag = "manifests", operation_id = "import_manifest",
    params(ImportParams, KeyHeader),
    request_body(content(
        (String = "text/csv"),
        (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ), description = "The file."),
    responses((status = 200, description = "What became of each record, or would.", body = ImportAnswer), WriteProblems),
)]
pub async fn import(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    mut params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let title = params.text("title");
    if title.is_none() {
        params.missing("title");
    }
    let dry_run = params.flag("dry-run").unwrap_or(true);
    params.end()?;
    media_type(request.headers(), &TYPES)?;
    let today = app.engine.clock().now().to_zoned(app.settings.zone.clone()).date();
    let options = ImportOptions::dry_run(today).map_err(|_| Problem::new(Code::Internal))?;
    let options = if dry_run { options } else { options.for_real() };
    // Before the file is read: it is held in memory as a whole.
    app.engine.admit_import(&asker.0, &options).await?;
    let place = app.uploads.clone().try_acquire_owned().map_err(|_| Problem::new(Code::Busy))?;
    let file = bytes(request, &app, app.settings.upload_limit).await?;
    let title = title.unwrap_or_default();
    let options = ImportOptions { once: Some(key.bind(&app, &asker, &[title.as_bytes(), &file])), ..options };
    let report = app.engine.import_list(&asker.0, &title, file.to_vec(), options).await?;
    drop(place);
    Ok(answer::ok(ImportAnswer::from(report)))
}

/// Lists transfer lists.
#[utoipa::path(
    get, path = "/manifests", tag = "manifests", operation_id = "list_manifests", params(ManifestParams),
    responses((status = 200, description = "A page.", body = Manifests), ReadProblems),
)]
pub async fn list(State(app): State<App>, asker: Asker, mut params: Params) -> Result<Response, Problem> {
    let after = params.id("after").map(StreamId);
    let limit = params.limit();
    params.end()?;
    let page = app.engine.transfer_lists(&asker.0, after, limit).await?;
    let full = u32::try_from(page.len()).is_ok_and(|length| length == limit);
    let next = page.last().filter(|_| full).map(|last| text(last.id));
    Ok(answer::ok(Manifests { items: page.into_iter().map(ManifestWire::from).collect(), next }))
}

/// Reads one list: its verdicts, and how many of its records wait.
#[utoipa::path(
    get, path = "/manifests/{id}", tag = "manifests", operation_id = "read_manifest",
    params(("id" = String, Path, description = "The id of the list", min_length = 1, max_length = 200)),
    responses((status = 200, description = "The list.", body = ManifestWire), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let view = app.engine.transfer_list(&asker.0, StreamId(path.id("id")?)).await?;
    Ok(answer::ok(ManifestWire::from(view)))
}

/// Gives the records that were set aside and wait, as CSV that can be corrected and sent in again.
#[utoipa::path(
    get, path = "/manifests/{id}/refused", tag = "manifests", operation_id = "download_refused",
    params(("id" = String, Path, description = "The id of the list", min_length = 1, max_length = 200)),
    responses(
        (status = 200, description = "The cells as they came, and what to do about them.", body = String, content_type = "text/csv"),
        ReadProblems,
    ),
)]
pub async fn refused(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let id = StreamId(path.id("id")?);
    let rows = app.engine.refused_rows(&asker.0, id, Vec::new()).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"refused-{id}.csv\"")),
    ];
    Ok((headers, rows).into_response())
}

/// Closes a list. Refused while records of it wait.
#[utoipa::path(
    post, path = "/manifests/{id}/close", tag = "manifests", operation_id = "close_manifest",
    params(("id" = String, Path, description = "The id of the list", min_length = 1, max_length = 200), KeyHeader),
    responses((status = 200, description = "Closed.", body = ManifestWire), WriteProblems),
)]
pub async fn close(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
) -> Result<Response, Problem> {
    let id = StreamId(path.id("id")?);
    let by = ActorChoice::ByPrincipal { principal: asker.0.principal.clone(), role: asker.0.role.clone() };
    app.engine.close_manifest(&by, id, Some(key.bind(&app, &asker, &[]))).await?;
    let view = app.engine.transfer_list(&asker.0, id).await?;
    Ok(answer::ok(ManifestWire::from(view)))
}
