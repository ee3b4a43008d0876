//! Workflow files: publishing, signing for the active version, reading.

use axum::extract::State;
use axum::response::Response;
use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::name::Name;
use qadiya_domain::registry::publications::{Change, Signature, Signed};
use qadiya_engine::activation::Signing;
use qadiya_engine::query::WorkflowVersion;
use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer;
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Body, Key, KeyHeader, Params, PathParts};
use crate::json::{Fields, step};
use crate::problem::{Code, FieldFault, FindingWire, Problem, ReadProblems, WriteProblems};
use crate::wire::{at, text};

/// A workflow file to publish, with the calendars it names.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishInput {
    /// The text of the file.
    #[schema(min_length = 1)]
    pub file: String,
    /// The texts of the calendars it names, by name.
    #[schema(nullable = false)]
    pub calendars: Option<std::collections::BTreeMap<String, String>>,
}

/// A published file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Published)]
pub struct PublishedWire {
    /// The workflow.
    pub workflow: String,
    /// Its version.
    pub version: u32,
    /// The hash of the definition.
    pub definition: String,
    /// Whether it may run real cases; otherwise it is a trial.
    pub proved: bool,
    /// What the checks found.
    pub findings: Vec<FindingWire>,
}

/// Published versions of all workflows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Workflows {
    /// By workflow and version.
    pub items: Vec<WorkflowVersionWire>,
}

/// A published version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub struct WorkflowVersionWire {
    /// The workflow.
    pub workflow: String,
    /// Its version.
    pub version: u32,
    /// The hash of the definition.
    pub definition: String,
    /// Whether it may run real cases.
    pub proved: bool,
    /// Whether new cases are opened under it.
    pub active: bool,
    /// When it was stored.
    #[schema(format = DateTime)]
    pub stored: String,
    /// The two who made it the active one, the last time; empty while it never was.
    pub signatures: Vec<SignatureWire>,
    /// Changes that would make it the active one and wait for a second signature.
    pub waiting: Vec<ChangeWire>,
}

/// A signature for a version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signature)]
pub struct SignatureWire {
    /// The natural person.
    #[schema(format = Uuid)]
    pub official: String,
    /// The name at that time.
    pub name: String,
    /// The capacity.
    #[schema(example = "administrator")]
    pub role: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}

/// A change of the active version with its signatures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedChange)]
pub struct ChangeWire {
    /// The hash of the definition that comes.
    pub definition: String,
    /// The hash of the definition that it replaces; missing for the first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub replaces: Option<String>,
    /// Who signed, in order.
    pub signatures: Vec<SignatureWire>,
}

/// A workflow as people may read it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Workflow {
    /// The workflow.
    pub workflow: String,
    /// As people read it.
    pub title: String,
    /// The active version.
    pub version: u32,
    /// The hash of the active definition.
    pub definition: String,
    /// Whether it may run real cases.
    pub proved: bool,
    /// Public stages in order.
    pub stages: Vec<String>,
    /// Capacities.
    pub roles: Vec<String>,
    /// Commands.
    pub commands: Vec<String>,
    /// What the checks found.
    pub findings: Vec<FindingWire>,
    /// The two who made it the active one.
    pub signatures: Vec<SignatureWire>,
    /// Changes that wait for a second signature.
    pub waiting: Vec<ChangeWire>,
    /// The file itself.
    pub file: String,
}

/// What is signed: which version becomes the active one, in place of which.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateInput {
    /// The hash of the definition.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub definition: String,
    /// The hash of the active definition that it replaces; left out for the first version of a workflow.
    #[schema(nullable = false, min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub replaces: Option<String>,
}

/// A signature that was taken, or given back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signing)]
pub struct SigningWire {
    /// The workflow.
    pub workflow: String,
    /// The hash of the definition.
    pub definition: String,
    /// The hash of the definition that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub replaces: Option<String>,
    /// Whether this was the second signature: new cases are opened under the definition since then.
    pub activated: bool,
    /// When it was recorded.
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&Signature> for SignatureWire {
    fn from(signature: &Signature) -> Self {
        Self {
            official: text(signature.person),
            name: signature.name.clone(),
            role: text(&signature.role),
            at: at(signature.at),
        }
    }
}

impl From<&Signed> for ChangeWire {
    fn from(signed: &Signed) -> Self {
        Self {
            definition: text(signed.change.definition),
            replaces: signed.change.replaces.map(text),
            signatures: signatures(signed),
        }
    }
}

fn signatures(signed: &Signed) -> Vec<SignatureWire> {
    signed.signatures.iter().map(SignatureWire::from).collect()
}

impl From<WorkflowVersion> for WorkflowVersionWire {
    fn from(version: WorkflowVersion) -> Self {
        Self {
            workflow: text(version.workflow),
            version: version.version,
            definition: text(version.hash),
            proved: version.proved,
            active: version.active,
            stored: at(version.stored),
            signatures: version.made.as_ref().map(signatures).unwrap_or_default(),
            waiting: version.waiting.iter().map(ChangeWire::from).collect(),
        }
    }
}

/// Lists published versions.
#[utoipa::path(
    get, path = "/workflows", tag = "workflows", operation_id = "list_workflows",
    responses((status = 200, description = "Published versions.", body = Workflows), ReadProblems),
)]
pub async fn list(State(app): State<App>, _asker: Asker, params: Params) -> Result<Response, Problem> {
    params.end()?;
    let versions = app.engine.workflows().await?;
    Ok(answer::ok(Workflows { items: versions.into_iter().map(WorkflowVersionWire::from).collect() }))
}

/// Reads the active version of a workflow, with its file.
#[utoipa::path(
    get, path = "/workflows/{name}", tag = "workflows", operation_id = "read_workflow",
    params(("name" = String, Path, description = "The workflow", min_length = 1, max_length = 200)),
    responses((status = 200, description = "The active version.", body = Workflow), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    _asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let name = path.name("name")?;
    let (definition, file) = app.engine.active_file(&name).await?;
    let held = app.engine.publications(&name).await?;
    Ok(answer::ok(Workflow {
        workflow: text(&definition.workflow),
        title: definition.title.clone(),
        version: definition.version,
        definition: text(definition.hash),
        proved: definition.is_proved(),
        stages: definition.stages.iter().map(|stage| text(&stage.name)).collect(),
        roles: definition.roles.iter().map(|role| text(&role.name)).collect(),
        commands: definition.commands.iter().map(|command| text(&command.name)).collect(),
        findings: definition.findings.iter().map(FindingWire::from).collect(),
        signatures: held.last_made(definition.hash).map(signatures).unwrap_or_default(),
        waiting: held.open.iter().map(ChangeWire::from).collect(),
        file: String::from_utf8_lossy(&file).into_owned(),
    }))
}

/// Checks a workflow file and stores it. What the checks found is in the answer; a file with open findings is a trial.
/// Publishing the same file again gives the same answer.
#[utoipa::path(
    post, path = "/workflows", tag = "workflows", operation_id = "publish_workflow", params(KeyHeader),
    request_body = PublishInput,
    responses((status = 200, description = "Stored.", body = PublishedWire), WriteProblems),
)]
pub async fn publish(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    body: Body,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[&body.told()]);
    let mut fields = Fields::of(body.0, "")?;
    // A file is longer than a field, and has lines: it is taken as it came.
    let file = match fields.raw("file") {
        Some(qadiya_ledger::Value::Text(file)) => Some(file),
        Some(_) => fields.fault("file", "expected a text"),
        None => fields.fault("file", "is missing"),
    };
    let calendars = fields.raw("calendars");
    let file = fields.end(file)?;
    let calendars = calendars.as_ref().map_or_else(|| Ok(Vec::new()), read_calendars)?;
    let published = app.engine.publish((&by, &once), file.as_bytes(), &calendars).await?;
    Ok(answer::ok(PublishedWire {
        workflow: text(published.workflow),
        version: published.version,
        definition: text(published.hash),
        proved: published.proved,
        findings: published.findings.iter().map(FindingWire::from).collect(),
    }))
}

fn read_calendars(value: &qadiya_ledger::Value) -> Result<Vec<(Name, Vec<u8>)>, Problem> {
    let Some(members) = value.as_map() else {
        return Err(Problem::field(Code::Field, "/calendars", "expected an object of texts"));
    };
    let mut calendars = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in members {
        match (Name::new(name), text.as_text()) {
            (Ok(name), Some(text)) => calendars.push((name, text.as_bytes().to_vec())),
            _ => faults.push(FieldFault {
                field: step("/calendars", name),
                message: "expected the name of a calendar and its text".to_owned(),
                nearest: None,
            }),
        }
    }
    if faults.is_empty() { Ok(calendars) } else { Err(Problem::new(Code::Field).with_fields(faults)) }
}

/// Signs that a published version becomes the active one, in place of the one that is active now. The first signature
/// waits; the second one, of another person, makes it the version that new cases are opened under. Running cases keep
/// theirs.
#[utoipa::path(
    post, path = "/workflows/{name}/activate", tag = "workflows", operation_id = "activate_workflow",
    params(("name" = String, Path, description = "The workflow", min_length = 1, max_length = 200), KeyHeader),
    request_body = ActivateInput,
    responses((status = 200, description = "Signed.", body = SigningWire), WriteProblems),
)]
pub async fn activate(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
    body: Body,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[b"activate", &body.told()]);
    let (name, change) = (path.name("name")?, change(body)?);
    let signing = app.engine.sign((&by, &once), &name, change).await?;
    Ok(answer::ok(wire(&name, change, signing)))
}

/// Takes a signature back that waits for the second one.
#[utoipa::path(
    post, path = "/workflows/{name}/withdraw", tag = "workflows", operation_id = "withdraw_signature",
    params(("name" = String, Path, description = "The workflow", min_length = 1, max_length = 200), KeyHeader),
    request_body = ActivateInput,
    responses((status = 200, description = "Taken back.", body = SigningWire), WriteProblems),
)]
pub async fn withdraw(
    State(app): State<App>,
    asker: Asker,
    key: Key,
    path: PathParts,
    body: Body,
) -> Result<Response, Problem> {
    let by = asker.administrator(&app)?;
    let once = key.bind(&app, &asker, &[b"withdraw", &body.told()]);
    let (name, change) = (path.name("name")?, change(body)?);
    let signing = app.engine.withdraw((&by, &once), &name, change).await?;
    Ok(answer::ok(wire(&name, change, signing)))
}

/// What is signed, out of a body.
fn change(body: Body) -> Result<Change, Problem> {
    let mut fields = Fields::of(body.0, "")?;
    let definition = hash(&mut fields, "definition");
    let definition = fields.need("definition", definition);
    let replaces = hash(&mut fields, "replaces");
    let definition = fields.end(definition)?;
    Ok(Change { definition, replaces })
}

fn hash(fields: &mut Fields, name: &'static str) -> Option<DefinitionHash> {
    match fields.text(name)?.parse::<Hash>() {
        Ok(hash) => Some(DefinitionHash(hash)),
        Err(_) => fields.fault(name, "expected 64 lower-case hexadecimal digits"),
    }
}

fn wire(name: &Name, change: Change, signing: Signing) -> SigningWire {
    SigningWire {
        workflow: text(name),
        definition: text(change.definition),
        replaces: change.replaces.map(text),
        activated: signing.activated,
        at: at(signing.at),
    }
}
