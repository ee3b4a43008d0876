//! `official`: who holds which capacity, on which paper, for how long.

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{AppointmentId, OfficialId, StreamId, StreamKind};
use qadiya_domain::name::Name;
use qadiya_domain::registry;
use qadiya_store::CaseStore;
use serde::Serialize;

use crate::args::{Global, Official, OfficialAction};
use crate::exit::{Exit, Failure};
use crate::output::{Output, table};
use crate::session::Session;

/// An official as listed.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// The id.
    pub(crate) id: OfficialId,
    /// The official.
    #[serde(flatten)]
    pub(crate) official: registry::Official,
}

/// Names, lists, ends.
pub(crate) async fn run(global: &Global, args: &Official, out: Output) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let actor = administrator(&session).await?;
    let engine = &session.engine;
    let failed = |error: &dyn std::error::Error| Failure::new("it was not recorded").because(error);
    match &args.action {
        OfficialAction::Add { name, roles, workflow, instrument, days } => {
            let name_of = |text: &String| Name::new(text).map_err(|error| failed(&error));
            let roles = roles.iter().map(name_of).collect::<Result<Vec<_>, _>>()?;
            let workflow = workflow.as_ref().map(name_of).transpose()?;
            let now = engine.clock().now();
            let until = days.and_then(|days| {
                now.checked_add(jiff::SignedDuration::from_hours(i64::from(days).saturating_mul(24))).ok()
            });
            let official = engine.name_official(&actor, name).await.map_err(|error| failed(&error))?;
            for role in roles {
                engine
                    .appoint(&actor, official, role, workflow.clone(), instrument, now, until)
                    .await
                    .map_err(|error| failed(&error))?;
            }
            out.print(&serde_json::json!({"official": official, "name": name}), || {
                format!("{name} is official {official}\nnext: qadiya token issue {official}")
            })?;
        }
        OfficialAction::List => {
            let officials = all(&session).await?;
            out.print(&officials, || {
                let now = engine.clock().now();
                table(
                    ["OFFICIAL", "NAME", "CAPACITY", "WORKFLOW", "STANDING", "APPOINTMENT"],
                    officials.iter().flat_map(|listed| appointments(listed, now)).collect(),
                )
            })?;
        }
        OfficialAction::End { official, appointment, instrument } => {
            let (official, appointment) = (OfficialId(*official), AppointmentId(*appointment));
            let now = engine.clock().now();
            let done = engine.end_appointment(&actor, official, appointment, now, instrument).await;
            done.map_err(|error| failed(&error))?;
            out.print(&serde_json::json!({"ended": appointment}), || "the appointment has ended".to_owned())?;
        }
    }
    session.close().await;
    Ok(Exit::Done)
}

/// One row for each appointment of an official; one row for who has none.
fn appointments(listed: &Listed, now: Timestamp) -> Vec<[String; 6]> {
    let (id, name) = (listed.id.to_string(), listed.official.name.clone());
    if listed.official.appointments.is_empty() {
        return vec![[id, name, "none".to_owned(), String::new(), String::new(), String::new()]];
    }
    let row = |held: &registry::Appointment| {
        let standing = match held.until {
            Some(until) if until <= now => format!("ended {until}"),
            _ if now < held.from => format!("from {}", held.from),
            Some(until) => format!("until {until}"),
            None => "until it is ended".to_owned(),
        };
        let workflow = held.workflow.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
        [id.clone(), name.clone(), held.role.to_string(), workflow, standing, held.id.to_string()]
    };
    listed.official.appointments.iter().map(row).collect()
}

/// The administrator behind the token.
///
/// # Errors
/// When the token is none of an administrator.
pub(crate) async fn administrator(session: &Session) -> Result<Actor, Failure> {
    let principal = session.principal().await?;
    principal.administrator(session.engine.clock().now()).map_err(|error| {
        Failure::new("this is for administrators")
            .because(&error)
            .next("use the token that `qadiya init` showed, or that of another administrator")
    })
}

/// All officials.
///
/// # Errors
/// What the store says.
pub(crate) async fn all(session: &Session) -> Result<Vec<Listed>, Failure> {
    let mut officials = Vec::new();
    let mut after: Option<StreamId> = None;
    let store = session.engine.store();
    loop {
        let page = CaseStore::entities(store.as_ref(), StreamKind::Official, None, after, 500)
            .await
            .map_err(|error| Failure::new("the officials could not be read").because(&error))?;
        let Some(last) = page.last() else { return Ok(officials) };
        after = Some(last.stream);
        for row in &page {
            let official = qadiya_ledger::canonical::decode(&row.state).map_err(|error| {
                Failure::new(format!("official {} is damaged", row.stream)).because(&error)
            })?;
            officials.push(Listed { id: OfficialId(row.stream.0), official });
        }
    }
}
