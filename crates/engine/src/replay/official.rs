//! The official who acts in a replay.

use jiff::Timestamp;
use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{AppointmentId, OfficialId, StreamId, StreamKind, TokenId};
use qadiya_domain::registry::{Appointment, Deed};
use qadiya_domain::workflow::Definition;

use super::ReplayError;
use crate::Engine;
use crate::authorize::Principal;
use crate::ids::derived;
use crate::library::SYNTHETIC;
use crate::registry_write::RegistryWrite;

/// What the official of a replay is called.
const NAME: &str = "Replay";
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
        let write = RegistryWrite::new(StreamId(official.0), StreamKind::Official, Actor::System);
        let recorded = self
            .record(write.deciding(move |entity| {
                let held = entity.official().ok_or_else(|| "the id belongs to another record".to_owned())?;
                let mut deeds = Vec::new();
                if held.name.is_empty() {
                    deeds.push(Deed::OfficialNamed { name: NAME.to_owned() });
                }
                let missing =
                    wanted.iter().filter(|new| !held.appointments.iter().any(|old| old.id == new.id));
                deeds.extend(missing.cloned().map(Deed::Appointed));
                Ok(deeds)
            }))
            .await?;
        let appointments =
            recorded.entity.official().map(|held| held.appointments.clone()).unwrap_or_default();
        Ok(Principal {
            official,
            name: NAME.to_owned(),
            token: TokenId(derived(&["replayer", "token"])),
            service: false,
            appointments,
            roles_of_token: Vec::new(),
        })
    }
}
