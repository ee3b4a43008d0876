//! Officials, their appointments and their tokens. Each is an event of the official's stream, and counts from the commit
//! on: nothing is cached.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{AppointmentId, OfficialId, StreamId, StreamKind, TokenId};
use qadiya_domain::name::Name;
use qadiya_domain::registry::publications::ADMINISTRATOR;
use qadiya_domain::registry::{Appointment, Deed, Official, Token};
use qadiya_ledger::Hash;
use qadiya_store::append::Lookup;
use qadiya_store::directory::TOKEN_SPACE;

use crate::Engine;
use crate::error::EngineError;
use crate::once::{By, Once};
use crate::registry_write::{RegistryError, RegistryWrite};

/// A token's secret. It is shown once and kept nowhere; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An administrator of the first hour.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// The official, as the acts of the installation name them.
    pub actor: Actor,
    /// The secret of the first token.
    pub secret: Secret,
}

/// Why an official, an appointment or a token was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OfficialError {
    /// The name is empty.
    #[error("an official needs a name")]
    Nameless,
    /// The appointment would end before it begins.
    #[error("the appointment would end before it begins")]
    Backwards,
    /// There is no such official, appointment or token.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// It was not recorded.
    #[error("it was not recorded")]
    Registry(#[from] RegistryError),
    /// No id or secret can be made.
    #[error("no id or secret can be made")]
    Engine(#[from] EngineError),
}

/// A clerk at the record of officials needs an existing one.
fn known(entity: &qadiya_domain::registry::Entity) -> Result<&Official, String> {
    entity.official().filter(|official| !official.name.is_empty()).ok_or_else(|| "official".to_owned())
}

/// The capacity of administrators as a name.
pub(crate) fn administrator() -> Result<Name, EngineError> {
    Name::new(ADMINISTRATOR).map_err(|error| EngineError::Broken(error.to_string()))
}

fn unknown(what: &'static str) -> impl Fn(RegistryError) -> OfficialError {
    move |error| {
        if matches!(error, RegistryError::Refused(_)) { OfficialError::Unknown(what) } else { error.into() }
    }
}

fn official_write(by: By, official: OfficialId) -> RegistryWrite {
    RegistryWrite::new(StreamId(official.0), StreamKind::Official, by.actor).once(by.once)
}

impl Engine {
    /// The id of something new: the same each time under one key.
    fn new_id(&self, by: &By, what: &str, place: &str) -> Result<uuid::Uuid, OfficialError> {
        if let Some(once) = &by.once {
            return Ok(once.id(what, place));
        }
        self.ids().id(self.clock().now()).map_err(|error| OfficialError::Engine(error.into()))
    }

    /// Makes an official known under a name.
    pub async fn name_official(&self, by: impl Into<By>, name: &str) -> Result<OfficialId, OfficialError> {
        if name.trim().is_empty() {
            return Err(OfficialError::Nameless);
        }
        let by = by.into();
        let official = OfficialId(self.new_id(&by, "official", "")?);
        let deed = Deed::OfficialNamed { name: name.trim().to_owned() };
        self.record(official_write(by, official).doing(vec![deed])).await?;
        Ok(official)
    }

    /// Gives an official a capacity for a time, on a paper.
    #[expect(clippy::too_many_arguments, reason = "an appointment has these parts, each of its own type")]
    pub async fn appoint(
        &self,
        by: impl Into<By>,
        official: OfficialId,
        role: Name,
        workflow: Option<Name>,
        instrument: &str,
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<AppointmentId, OfficialError> {
        if until.is_some_and(|until| until <= from) {
            return Err(OfficialError::Backwards);
        }
        let by = by.into();
        let id = AppointmentId(self.new_id(&by, "appointment", &official.to_string())?);
        let appointment = Appointment { id, role, workflow, instrument: instrument.to_owned(), from, until };
        let write = official_write(by, official)
            .deciding(move |entity| known(entity).map(|_| vec![Deed::Appointed(appointment.clone())]));
        self.record(write).await.map_err(unknown("official"))?;
        Ok(id)
    }

    /// Ends an appointment earlier than it said.
    pub async fn end_appointment(
        &self,
        by: impl Into<By>,
        official: OfficialId,
        appointment: AppointmentId,
        until: Timestamp,
        instrument: &str,
    ) -> Result<(), OfficialError> {
        let instrument = instrument.to_owned();
        let write = official_write(by.into(), official).deciding(move |entity| {
            let held = known(entity)?.appointments.iter().any(|held| held.id == appointment);
            let deed = Deed::AppointmentEnded { appointment, until, instrument: instrument.clone() };
            if held { Ok(vec![deed]) } else { Err("appointment".to_owned()) }
        });
        self.record(write).await.map_err(unknown("appointment"))?;
        Ok(())
    }

    /// Issues a token. `service` marks a program, for which the official answers; `roles` limits it to some capacities.
    pub async fn issue_token(
        &self,
        by: &Actor,
        official: OfficialId,
        service: bool,
        roles: Vec<Name>,
        expires: Option<Timestamp>,
        label: &str,
    ) -> Result<(TokenId, Secret), OfficialError> {
        let (id, secret, _) = self.issue(by.into(), official, service, roles, expires, label).await?;
        Ok((id, secret))
    }

    /// Issues a token once under a key. The secret is `None` when the same was done before: it was shown then.
    #[expect(clippy::too_many_arguments, reason = "a token has these parts, each of its own type")]
    pub async fn issue_token_once(
        &self,
        by: &Actor,
        once: &Once,
        official: OfficialId,
        service: bool,
        roles: Vec<Name>,
        expires: Option<Timestamp>,
        label: &str,
    ) -> Result<(TokenId, Option<Secret>), OfficialError> {
        let (id, secret, replayed) =
            self.issue((by, once).into(), official, service, roles, expires, label).await?;
        Ok((id, (!replayed).then_some(secret)))
    }

    async fn issue(
        &self,
        by: By,
        official: OfficialId,
        service: bool,
        roles: Vec<Name>,
        expires: Option<Timestamp>,
        label: &str,
    ) -> Result<(TokenId, Secret, bool), OfficialError> {
        let id = TokenId(self.new_id(&by, "token", &official.to_string())?);
        let bytes = self.ids().bytes().map_err(|error| OfficialError::Engine(error.into()))?;
        let secret = Secret(format!("qad_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)));
        let hash = Hash::of(secret.expose().as_bytes());
        let token = Token { id, title: label.to_owned(), hash, service, roles, expires };
        let write = official_write(by, official)
            .found_by(TOKEN_SPACE, hash.to_string())
            .deciding(move |entity| known(entity).map(|_| vec![Deed::TokenIssued(token.clone())]));
        let recorded = self.record(write).await.map_err(unknown("official"))?;
        Ok((id, secret, recorded.replayed))
    }

    /// Revokes a token; it opens nothing from the commit on.
    pub async fn revoke_token(
        &self,
        by: impl Into<By>,
        official: OfficialId,
        token: TokenId,
    ) -> Result<(), OfficialError> {
        let row = self.entity(StreamId(official.0)).await.map_err(OfficialError::Engine)?;
        let held = row.as_ref().and_then(|held| held.entity.official());
        let held = held.and_then(|official| official.tokens.iter().find(|held| held.id == token));
        let hash = held.map(|held| held.hash);
        let mut write = official_write(by.into(), official).deciding(move |entity| {
            let held = known(entity)?.tokens.iter().any(|held| held.id == token);
            if held { Ok(vec![Deed::TokenRevoked { token }]) } else { Err("token".to_owned()) }
        });
        // One that is gone leads nowhere; whether it went under this very key is told by the write.
        write
            .forgets
            .extend(hash.map(|hash| Lookup { space: TOKEN_SPACE.to_owned(), key: hash.to_string() }));
        self.record(write).await.map_err(unknown("token"))?;
        Ok(())
    }

    /// Names the two administrators of a new installation, each with a token. One alone could make no version the one for
    /// new cases.
    pub async fn name_administrators(
        &self,
        names: [&str; 2],
        instrument: &str,
    ) -> Result<[Administrator; 2], OfficialError> {
        let [first, second] = names;
        Ok([
            self.name_administrator(first, instrument).await?,
            self.name_administrator(second, instrument).await?,
        ])
    }

    async fn name_administrator(&self, name: &str, instrument: &str) -> Result<Administrator, OfficialError> {
        let role = administrator()?;
        let (system, now) = (Actor::System, self.clock().now());
        let official = self.name_official(&system, name).await?;
        let appointment = self.appoint(&system, official, role.clone(), None, instrument, now, None).await?;
        let (token, secret) =
            self.issue_token(&system, official, false, Vec::new(), None, "first administrators").await?;
        let actor = Actor::Official { official, role, appointment: Some(appointment), token: Some(token) };
        Ok(Administrator { actor, secret })
    }

    /// An official as the directory has it.
    pub async fn official(&self, official: OfficialId) -> Result<Option<Official>, EngineError> {
        let held = self.entity(StreamId(official.0)).await?;
        Ok(held.and_then(|held| held.entity.official().cloned()))
    }
}
