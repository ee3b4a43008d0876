//! The official who acts in a replay.

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{AppointmentId, OfficialId, StreamId, StreamKind, TokenId};
use qadiya_domain::registry::publications::ADMINISTRATOR;
use qadiya_domain::registry::{Appointment, Deed};
use qadiya_domain::workflow::Definition;

use super::ReplayError;
use crate::Engine;
use crate::authorize::Principal;
use crate::ids::derived;
use crate::library::SYNTHETIC;
use crate::officials::administrator;
use crate::registry_write::RegistryWrite;

/// What the official of a replay is called.
const NAME: &str = "Replay";
/// What the two are called who sign for its workflow.
const SIGNERS: [&str; 2] = ["Replay, first signature", "Replay, second signature"];
/// The paper under which the appointments stand.
const INSTRUMENT: &str = "replay of an event log";

impl Engine {
    /// Whether replays may run here at all; asked before anything is written for one.
    ///
    /// # Errors
    /// [`ReplayError::NotSynthetic`] where real people may live: nobody may hold every capacity there.
    pub async fn may_replay(&self) -> Result<(), ReplayError> {
        let synthetic = self.on_store(|store| async move { store.setting(SYNTHETIC).await }).await?;
        if synthetic.as_deref() == Some("true") { Ok(()) } else { Err(ReplayError::NotSynthetic) }
    }

    /// The official of replays, with an appointment to every role of a workflow. Asked for again, nothing is written.
    ///
    /// # Errors
    /// Those of [`Engine::may_replay`].
    pub async fn replayer(&self, definition: &Definition) -> Result<Principal, ReplayError> {
        self.may_replay().await?;
        if definition.roles.is_empty() {
            return Err(ReplayError::NoRole(definition.workflow.clone()));
        }
        let official = OfficialId(derived(&["replayer"]));
        // Logs reach back as far as they like.
        let from = "0001-01-01T00:00:00Z".parse::<Timestamp>().unwrap_or(Timestamp::MIN);
        let wanted: Vec<Appointment> = definition
            .roles
            .iter()
            .map(|role| Appointment {
                id: AppointmentId(derived(&["replayer", &definition.workflow, &role.name])),
                role: role.name.clone(),
                workflow: Some(definition.workflow.clone()),
                instrument: INSTRUMENT.to_owned(),
                from,
                until: None,
            })
            .collect();
        Ok(Principal {
            official,
            name: NAME.to_owned(),
            token: TokenId(derived(&["replayer", "token"])),
            service: false,
            appointments: self.invented(official, NAME, wanted).await?,
            roles_of_token: Vec::new(),
        })
    }

    /// Two invented administrators who sign for the workflow of a replay. Asked for again, nothing is written.
    ///
    /// # Errors
    /// Those of [`Engine::may_replay`].
    pub async fn replay_signers(&self) -> Result<[Actor; 2], ReplayError> {
        self.may_replay().await?;
        let [first, second] = SIGNERS;
        Ok([self.replay_signer(first).await?, self.replay_signer(second).await?])
    }

    async fn replay_signer(&self, name: &str) -> Result<Actor, ReplayError> {
        let (official, role) = (OfficialId(derived(&["replayer", name])), administrator()?);
        let id = AppointmentId(derived(&["replayer", name, ADMINISTRATOR]));
        let (instrument, from) = (INSTRUMENT.to_owned(), Timestamp::UNIX_EPOCH);
        let wanted = Appointment { id, role: role.clone(), workflow: None, instrument, from, until: None };
        self.invented(official, name, vec![wanted]).await?;
        Ok(Actor::Official { official, role, appointment: Some(id), token: None })
    }

    /// Makes an invented official known, once, and gives the appointments that are held then.
    async fn invented(
        &self,
        official: OfficialId,
        name: &str,
        wanted: Vec<Appointment>,
    ) -> Result<Vec<Appointment>, ReplayError> {
        let write = RegistryWrite::new(StreamId(official.0), StreamKind::Official, Actor::System);
        let name = name.to_owned();
        let recorded = self
            .record(write.deciding(move |entity| {
                let held = entity.official().ok_or_else(|| "the id belongs to another record".to_owned())?;
                let mut deeds = Vec::new();
                if held.name.is_empty() {
                    deeds.push(Deed::OfficialNamed { name: name.clone() });
                }
                let missing =
                    wanted.iter().filter(|new| !held.appointments.iter().any(|old| old.id == new.id));
                deeds.extend(missing.cloned().map(Deed::Appointed));
                Ok(deeds)
            }))
            .await?;
        Ok(recorded.entity.official().map(|held| held.appointments.clone()).unwrap_or_default())
    }
}
