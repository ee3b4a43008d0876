//! Cases: opening, listing, reading one.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use qadiya_domain::ids::{PersonId, StreamId};
use qadiya_engine::query::{CaseView, ListFilter, PaperView, ProposalView, RecordView};
use qadiya_engine::submit::{AccessContext, ActInput, ActorChoice, Submission, Target};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer;
use crate::api::commands::{CommandInput, read_act};
use crate::app::App;
use crate::auth::Asker;
use crate::extract::{Body, Params, PathParts, idempotency_key};
use crate::json::Fields;
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::wire::{Accepted, CaseHeadWire, ShownWire, at, maybe_at, shown, text};

/// A case to open: its workflow, and the command that opens it with all that the command carries.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenCase {
    /// The workflow; its active version is used.
    #[schema(example = "detainee-case", min_length = 1, pattern = "^[a-z][a-z0-9-]*$")]
    pub workflow: String,
    /// What another system calls the case.
    #[schema(nullable = false, min_length = 1)]
    pub alias: Option<String>,
    /// The manifest or other group it comes with.
    #[schema(nullable = false, format = Uuid)]
    pub group: Option<String>,
    /// The person it is about.
    #[schema(nullable = false, format = Uuid)]
    pub person: Option<String>,
    /// The act that opens it.
    #[schema(inline = false)]
    pub act: CommandInput,
}

/// Which cases a list shows.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the fields document the parameters; `Params` reads them")]
pub struct CaseParams {
    /// Only this workflow.
    #[param(nullable = false, pattern = "^[a-z][a-z0-9-]*$", max_length = 200)]
    workflow: Option<String>,
    /// Only this public stage; `-` for cases without one.
    #[param(nullable = false, pattern = "^(-|[a-z][a-z0-9-]*)$", max_length = 200)]
    stage: Option<String>,
    /// Only this main state.
    #[param(nullable = false, pattern = "^[a-z][a-z0-9-]*$", max_length = 200)]
    state: Option<String>,
    /// Only where this office must act.
    #[param(nullable = false, pattern = "^[a-z][a-z0-9-]*$", max_length = 200)]
    office: Option<String>,
    /// Only of this manifest or other group.
    #[param(nullable = false, format = Uuid)]
    group: Option<String>,
    /// `true`: only persons held whose authority has lapsed now.
    #[param(nullable = false)]
    lapsed: Option<bool>,
    /// `true`: only with open irregular facts.
    #[param(nullable = false)]
    irregular: Option<bool>,
    /// `true`: only cases that have not ended.
    #[param(nullable = false)]
    open: Option<bool>,
    /// `next` of the page before.
    #[param(nullable = false, min_length = 1, max_length = 200)]
    after: Option<String>,
    /// How many.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A page of cases, in an order that does not change while pages are read.
#[derive(Debug, Serialize, ToSchema)]
pub struct CasePage {
    /// The cases.
    pub items: Vec<CaseHeadWire>,
    /// Send it as `after` for the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// A case file.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseFile {
    /// Its columns.
    #[serde(flatten)]
    #[schema(inline)]
    pub head: CaseHeadWire,
    /// Open tracks and their states.
    pub tracks: BTreeMap<String, String>,
    /// Instances of tracks per record: track, record, state.
    pub instances: BTreeMap<String, BTreeMap<String, String>>,
    /// Facts.
    pub facts: BTreeMap<String, ShownWire>,
    /// Records by number.
    pub records: BTreeMap<String, RecordWire>,
    /// Papers in order of filing.
    pub papers: Vec<PaperWire>,
    /// Proposals that wait for signatures.
    pub proposals: Vec<ProposalWire>,
    /// Facts recorded although something was missing: event, then what was missing.
    pub irregular_facts: BTreeMap<String, Vec<MissingWire>>,
    /// Open incidents: event, then what happened.
    pub incidents: BTreeMap<String, Vec<CaseIncident>>,
    /// The hash of the last event.
    pub chain_head: String,
}

/// A record.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Record)]
pub struct RecordWire {
    /// Its kind.
    pub record: String,
    /// The record it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub about: Option<u32>,
    /// The event that filed it.
    pub seq: u64,
    /// When it was filed.
    #[schema(format = DateTime)]
    pub at: String,
    /// Its fields.
    pub fields: BTreeMap<String, ShownWire>,
    /// The act that filed it was annulled.
    pub annulled: bool,
}

/// A paper.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Paper)]
pub struct PaperWire {
    /// Its kind.
    pub document: String,
    /// The event that filed it.
    pub seq: u64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Its number or file mark.
    pub reference: String,
    /// SHA-256 of its bytes, if it is kept as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sha256: Option<String>,
    /// Whether it is signed.
    pub signed: bool,
}

/// A proposal that waits for signatures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proposal)]
pub struct ProposalWire {
    /// The event that opened it.
    pub seq: u64,
    /// The hash to sign.
    pub hash: String,
    /// The command.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub command: Option<String>,
    /// The outcome proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub outcome: Option<String>,
    /// Who proposed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = Uuid)]
    pub proposer: Option<String>,
    /// In which capacity.
    pub role: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// When it lapses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub lapses: Option<String>,
    /// The signatures so far.
    pub signatures: Vec<SignatureWire>,
    /// A countersignature of a fact that already took effect.
    pub afterwards: bool,
}

/// A signature under a proposal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signature)]
pub struct SignatureWire {
    /// Who.
    #[schema(format = Uuid)]
    pub official: String,
    /// In which capacity.
    pub role: String,
    /// Consent or dissent.
    pub agree: bool,
}

/// What an irregular fact lacked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Missing)]
pub struct MissingWire {
    /// Which test failed.
    pub code: String,
    /// The paper, record, signature or rule.
    pub what: String,
}

/// Something that went wrong beside the case.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaseIncident {
    /// What happened.
    pub what: String,
    /// The job or act.
    pub about: String,
    /// Who is to look at it.
    pub tell: Vec<String>,
}

impl From<RecordView> for RecordWire {
    fn from(record: RecordView) -> Self {
        Self {
            record: text(record.record),
            about: record.about,
            seq: record.seq,
            at: at(record.at),
            fields: shown(&record.fields),
            annulled: record.annulled,
        }
    }
}

impl From<PaperView> for PaperWire {
    fn from(paper: PaperView) -> Self {
        Self {
            document: text(paper.document),
            seq: paper.seq,
            at: at(paper.at),
            reference: paper.reference,
            sha256: paper.sha256.map(text),
            signed: paper.signed,
        }
    }
}

impl From<ProposalView> for ProposalWire {
    fn from(proposal: ProposalView) -> Self {
        let signed =
            |(official, role, agree)| SignatureWire { official: text(official), role: text(role), agree };
        Self {
            seq: proposal.seq,
            hash: text(proposal.hash),
            command: proposal.command.map(text),
            outcome: proposal.outcome.map(text),
            proposer: proposal.proposer.map(text),
            role: text(proposal.role),
            at: at(proposal.at),
            lapses: maybe_at(proposal.lapses),
            signatures: proposal.signatures.into_iter().map(signed).collect(),
            afterwards: proposal.afterwards,
        }
    }
}

impl From<CaseView> for CaseFile {
    fn from(view: CaseView) -> Self {
        let missing = |all: Vec<qadiya_domain::case::event::Missing>| {
            all.into_iter().map(|one| MissingWire { code: text(one.code), what: one.what }).collect()
        };
        let incidents = |all: Vec<qadiya_domain::case::event::Incident>| {
            let wire = |one: qadiya_domain::case::event::Incident| CaseIncident {
                what: text(one.what),
                about: one.about,
                tell: one.tell.into_iter().map(text).collect(),
            };
            all.into_iter().map(wire).collect()
        };
        let states = |all: BTreeMap<u32, qadiya_domain::name::Name>| {
            all.into_iter().map(|(record, state)| (text(record), text(state))).collect()
        };
        Self {
            head: view.head.into(),
            tracks: view.tracks.into_iter().map(|(track, state)| (text(track), text(state))).collect(),
            instances: view.instances.into_iter().map(|(track, all)| (text(track), states(all))).collect(),
            facts: shown(&view.facts),
            records: view.records.into_iter().map(|(number, record)| (text(number), record.into())).collect(),
            papers: view.papers.into_iter().map(PaperWire::from).collect(),
            proposals: view.proposals.into_iter().map(ProposalWire::from).collect(),
            irregular_facts: view.irregular.into_iter().map(|(seq, all)| (text(seq), missing(all))).collect(),
            incidents: view.incidents.into_iter().map(|(seq, all)| (text(seq), incidents(all))).collect(),
            chain_head: text(view.chain_head),
        }
    }
}

/// Opens a case.
///
/// The workflow's active version is used, and the case keeps it. The same `Idempotency-Key` opens the same case.
#[utoipa::path(
    post, path = "/cases", tag = "cases", operation_id = "open_case",
    params(("Idempotency-Key" = String, Header, description = "Chosen once for each act", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    request_body = OpenCase,
    responses((status = 201, description = "Opened, and durable.", body = Accepted, headers(
        ("Location" = String, description = "The case"),
        ("ETag" = String, description = "The version of the case"),
    )), WriteProblems),
)]
pub async fn open(
    State(app): State<App>,
    asker: Asker,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let mut fields = Fields::of(body, "")?;
    let workflow = fields.name("workflow");
    let workflow = fields.need("workflow", workflow);
    let alias = fields.text("alias");
    let group = fields.id("group").map(StreamId);
    let person = fields.id("person").map(PersonId);
    let act = fields.raw("act");
    let act = fields.need("act", act);
    let (workflow, act) = fields.end(workflow.zip(act))?;
    let (act, happened) = read_act(act, "/act")?;
    let actor = ActorChoice::ByPrincipal { principal: asker.0.principal.clone(), role: asker.0.role.clone() };
    let target = Target::New { workflow, alias, group, person };
    let submission = Submission {
        key: Some(key),
        happened,
        access: Some(AccessContext {
            request: asker.0.request,
            route: asker.0.route,
            purpose: asker.0.purpose,
        }),
        ..Submission::new(actor, target, ActInput::Raw(act))
    };
    let accepted = app.engine.submit(submission).await?;
    answer::accepted(StatusCode::CREATED, &accepted)
}

/// Lists cases that the caller may see.
#[utoipa::path(
    get, path = "/cases", tag = "cases", operation_id = "list_cases", params(CaseParams),
    responses((status = 200, description = "A page.", body = CasePage), ReadProblems),
)]
pub async fn list(State(app): State<App>, asker: Asker, mut params: Params) -> Result<Response, Problem> {
    let workflow = params.name("workflow");
    let stage = match params.text("stage") {
        None => None,
        Some(dash) if dash == "-" => Some(None),
        Some(stage) => match qadiya_domain::name::Name::new(&stage) {
            Ok(stage) => Some(Some(stage)),
            Err(_) => {
                params.fault("stage", "expected the name of a stage, or - for none");
                None
            }
        },
    };
    let filter = ListFilter {
        workflow,
        stage,
        state: params.name("state"),
        office: params.name("office"),
        group: params.id("group").map(StreamId),
        lapsed: params.flag("lapsed").unwrap_or_default(),
        irregular: params.flag("irregular").unwrap_or_default(),
        open: params.flag("open").unwrap_or_default(),
    };
    let after = params.text("after");
    let limit = params.limit();
    params.end()?;
    let page = app.engine.list(&asker.0, filter, after, limit).await?;
    let items = page.items.into_iter().map(CaseHeadWire::from).collect();
    Ok(answer::ok(CasePage { items, next: page.next }))
}

/// Reads a case file, by case number, alias or id.
#[utoipa::path(
    get, path = "/cases/{ref}", tag = "cases", operation_id = "read_case",
    params(("ref" = String, Path, description = "Case number, alias or id", min_length = 1, max_length = 200)),
    responses((status = 200, description = "The file, as the caller may see it.", body = CaseFile, headers(
        ("ETag" = String, description = "The version of the case"),
    )), ReadProblems),
)]
pub async fn show(
    State(app): State<App>,
    asker: Asker,
    path: PathParts,
    params: Params,
) -> Result<Response, Problem> {
    params.end()?;
    let view = app.engine.case(&asker.0, path.text("ref")?).await?;
    Ok(answer::tagged(view.head.version, CaseFile::from(view)))
}
