//! Who stands behind a request, in which capacity, and whether they may know that a case exists.
//!
//! Rights are read with every request: an appointment that ended a second ago gives nothing any more (TRUST S35).

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::case::refusal::{Refusal, RefusalCode, Refusals};
use qadiya_domain::ids::{AppointmentId, OfficialId, TokenId};
use qadiya_domain::name::Name;
use qadiya_domain::registry::publications::ADMINISTRATOR;
use qadiya_domain::registry::{Appointment, Official};
use qadiya_domain::workflow::Definition;
use qadiya_ledger::Hash;
use qadiya_store::StoreError;

use crate::Shared;
use crate::error::EngineError;

/// Somebody who was recognised by a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The natural person; for a program, the official who answers for it.
    pub official: OfficialId,
    /// The official's name. Not for log lines.
    pub name: String,
    /// The token used.
    pub token: TokenId,
    /// The token belongs to a program: clerical commands only.
    pub service: bool,
    /// Every appointment of the official, ended and future ones too.
    pub appointments: Vec<Appointment>,
    /// The capacities the token is limited to; empty: all of the official's.
    pub roles_of_token: Vec<Name>,
}

/// Why a credential opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody is known by this token: never issued, or revoked.
    #[error("nobody is known by this token; ask an administrator for one")]
    Unknown,
    /// The token's time is over.
    #[error("the token has expired; ask an administrator for a new one")]
    Expired,
    /// The official stands behind no name (TRUST S3).
    #[error("the token stands for an official without a name")]
    Nameless,
    /// The person holds no capacity that may do this.
    #[error("this needs the capacity {0}")]
    Capacity(&'static str),
    /// It cannot be found out now.
    #[error("the directory cannot be read")]
    Store(#[from] StoreError),
    /// It was not found out.
    #[error("the directory was not read: {0}")]
    Broken(String),
    /// The official's stored state cannot be read.
    #[error("the official {official} is damaged: {detail}")]
    Damaged {
        /// The official.
        official: OfficialId,
        /// What is wrong.
        detail: String,
    },
}

impl Principal {
    /// Under whom request keys are kept: the person, or the program.
    pub fn scope(&self) -> OfficialId {
        if self.service { OfficialId(self.token.0) } else { self.official }
    }

    /// The appointments that this token may use for a workflow at an instant, in the order in which they were made.
    pub fn valid<'a>(&'a self, workflow: &'a str, at: Timestamp) -> impl Iterator<Item = &'a Appointment> {
        self.usable().filter(move |held| held.serves(workflow) && held.is_valid(at))
    }

    /// The appointments that this token may use, whenever they run.
    pub fn usable(&self) -> impl Iterator<Item = &Appointment> {
        self.appointments
            .iter()
            .filter(|held| self.roles_of_token.is_empty() || self.roles_of_token.contains(&held.role))
    }

    /// Whether any capacity is held at an instant, for whatever workflow.
    pub fn holds_any(&self, at: Timestamp) -> bool {
        self.usable().any(|held| held.is_valid(at))
    }

    /// The actor that this principal is in a capacity.
    pub fn actor(&self, role: &Name, appointment: Option<AppointmentId>) -> Actor {
        if self.service {
            Actor::Service { owner: self.official, role: role.clone(), token: self.token }
        } else {
            Actor::Official {
                official: self.official,
                role: role.clone(),
                appointment,
                token: Some(self.token),
            }
        }
    }

    /// The actor for the acts of an administrator.
    ///
    /// # Errors
    /// [`Denied::Capacity`] for a program, and for a person who is no administrator at this instant.
    pub fn administrator(&self, at: Timestamp) -> Result<Actor, Denied> {
        let held = self.usable().find(|held| held.role == *ADMINISTRATOR && held.is_valid(at));
        match held {
            Some(held) if !self.service => Ok(self.actor(&held.role, Some(held.id))),
            Some(_) | None => Err(Denied::Capacity(ADMINISTRATOR)),
        }
    }
}

/// Recognises the bearer of a token: one indexed read.
pub(crate) async fn authenticate(shared: &Shared, bearer: &str, now: Timestamp) -> Result<Principal, Denied> {
    let hash = Hash::of(bearer.as_bytes());
    let row = shared.tokens.ask(hash).await.map_err(|error| {
        if let EngineError::Store(error) = error {
            return Denied::Store(error);
        }
        // Shutting down is no mistake of the program: who asks may ask again.
        Denied::Store(StoreError::Unavailable { during: "looking a token up", detail: error.to_string() })
    })?;
    let row = row.ok_or(Denied::Unknown)?;
    let official = OfficialId(row.stream.0);
    let state: Official = qadiya_ledger::canonical::decode(&row.state)
        .map_err(|error| Denied::Damaged { official, detail: error.to_string() })?;
    let token = state.tokens.iter().find(|token| token.hash == hash).ok_or(Denied::Unknown)?;
    if token.expires.is_some_and(|expires| expires <= now) {
        return Err(Denied::Expired);
    }
    if state.name.trim().is_empty() {
        return Err(Denied::Nameless);
    }
    Ok(Principal {
        official,
        name: state.name.clone(),
        token: token.id,
        service: token.service,
        appointments: state.appointments.clone(),
        roles_of_token: token.roles.clone(),
    })
}

/// How much of a case somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Not even that it exists.
    Nothing,
    /// Its public stage.
    Stage,
    /// The file.
    File,
    /// The file with its sealed parts.
    Sealed,
}

/// How much of the cases of a definition a principal may see, in one capacity or in the best of all.
///
/// This is the one place where rights to see are decided. The lines of counsel and the need-to-know of a single case
/// come in here, with the case as a further argument.
pub fn sight(principal: &Principal, role: Option<&Name>, definition: &Definition, at: Timestamp) -> Sight {
    let roles = principal.valid(&definition.workflow, at).map(|held| &held.role);
    let roles = roles.filter(|held| role.is_none_or(|wanted| wanted == *held));
    roles.map(|role| sight_of(role, definition)).max().unwrap_or(Sight::Nothing)
}

fn sight_of(role: &Name, definition: &Definition) -> Sight {
    if definition.roles.get(role).is_none() {
        return Sight::Nothing;
    }
    let access = &definition.access;
    // Whoever may act on a case may see it: an act on a file that one may not read would be blind.
    let acts = definition.commands.iter().any(|command| {
        let signs =
            command.approval.iter().flat_map(|approval| &approval.steps).any(|step| step.by.contains(role));
        command.by.contains(role) || signs
    }) || definition.corrections.facts_by.contains(role)
        || definition.corrections.annul.iter().any(|annul| annul.by.contains(role))
        || definition.facts.iter().any(|fact| fact.editable_by.contains(role));
    if access.sealed.contains(role) {
        Sight::Sealed
    } else if access.file.contains(role) || acts {
        Sight::File
    } else if access.stage.contains(role) {
        Sight::Stage
    } else {
        Sight::Nothing
    }
}

/// The refusal of somebody whose every appointment lies outside its time.
pub(crate) fn appointment_refusal(principal: &Principal) -> Refusals {
    let role = principal.usable().next().map(|held| held.role.to_string()).unwrap_or_default();
    Refusal::new(RefusalCode::Appointment, role, "the appointment does not run at this time").into()
}
