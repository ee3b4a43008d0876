//! Acts of administration under a key of the client: done once, however often they are sent (DESIGN D17).
//!
//! The key is bound in the transaction that writes the deed, to the stream of the deed and to the person who sent it.
//! Where the stream follows from what is sent (a workflow file, a transfer list), the key also leads to that stream, so
//! that it cannot be used for another one.

use qadiya_domain::actor::Actor;
use qadiya_domain::ids::{OfficialId, StreamId};
use qadiya_ledger::Hash;
use qadiya_store::append::Lookup;
use qadiya_store::read::RequestRef;
use uuid::Uuid;

use crate::Engine;
use crate::authorize::Principal;
use crate::ids::derived;
use crate::registry_write::RegistryError;

/// The lookup space of keys whose stream follows from what was sent with them.
pub const KEY_SPACE: &str = "request-key";

/// A key and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Who sent it: the natural person or program.
    pub(crate) principal: OfficialId,
    /// The key the client chose.
    pub(crate) key: String,
    /// A digest of what was asked.
    pub(crate) asked: Hash,
}

/// Who writes, and under which key; without a key the same again is done again.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// The key.
    pub once: Option<Once>,
}

impl From<&Actor> for By {
    fn from(actor: &Actor) -> Self {
        Self { actor: actor.clone(), once: None }
    }
}

impl From<(&Actor, &Once)> for By {
    fn from((actor, once): (&Actor, &Once)) -> Self {
        Self { actor: actor.clone(), once: Some(once.clone()) }
    }
}

impl Once {
    /// The id of what is made under the key in a place: the same each time.
    pub(crate) fn id(&self, what: &str, place: &str) -> Uuid {
        derived(&[what, place, &self.principal.to_string(), &self.key])
    }

    /// By this the stream is found that the key was used for in a collection.
    pub(crate) fn lookup(&self, collection: &str) -> Lookup {
        let key = format!("{collection}/{}/{}", self.principal, self.key);
        Lookup { space: KEY_SPACE.to_owned(), key }
    }
}

impl Engine {
    /// A key of a principal, for what is asked: each part told from the next by its length.
    pub fn once(&self, principal: &Principal, key: &str, asked: &[&[u8]]) -> Once {
        Once { principal: principal.scope(), key: key.to_owned(), asked: self.peppered(asked) }
    }

    /// Whether the same was done under the key before.
    ///
    /// # Errors
    /// [`RegistryError::KeyReused`] when the key belongs to something else on this stream or, with a collection, to
    /// another stream of the collection.
    pub(crate) async fn was_done(
        &self,
        once: &Once,
        stream: StreamId,
        collection: Option<&str>,
    ) -> Result<bool, RegistryError> {
        let reference = RequestRef { stream, principal: once.principal, key: once.key.clone() };
        let lookups: Vec<Lookup> = collection.map(|collection| once.lookup(collection)).into_iter().collect();
        let read = move |store: std::sync::Arc<dyn qadiya_store::Store>| async move {
            Ok((store.requests(&[reference]).await?, store.lookups(&lookups).await?))
        };
        let (bound, leads) = self.on_store(read).await?;
        if leads.into_iter().flatten().any(|other| other != stream) {
            return Err(RegistryError::KeyReused);
        }
        match bound.into_iter().flatten().next() {
            Some(bound) if bound.asked == once.asked => Ok(true),
            Some(_) => Err(RegistryError::KeyReused),
            None => Ok(false),
        }
    }
}
