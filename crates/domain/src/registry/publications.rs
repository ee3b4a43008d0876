//! The versions of a workflow, and by whose signatures one of them becomes the one that new cases come under.
//!
//! Two administrators sign the same [`Change`]: this definition, in place of that one. People are compared, never
//! tokens: one natural person does not sign twice, and two records of officials that bear one name count as one person,
//! because nothing here tells whether they are two.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Deed, RegistryEvent};
use crate::actor::Actor;
use crate::case::refusal::{Refusal, RefusalCode};
use crate::folding::fold;
use crate::ids::{AppointmentId, DefinitionHash, OfficialId, TokenId};
use crate::name::Name;

/// The capacity that names officials, appoints them, issues tokens, publishes workflows and signs for their versions.
pub const ADMINISTRATOR: &str = "administrator";

/// What is signed: this definition becomes the one for new cases, in place of that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The definition that comes.
    pub definition: DefinitionHash,
    /// The active one that goes; `None` for the first version of a workflow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<DefinitionHash>,
}

/// Who signed, in which capacity, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The natural person.
    pub person: OfficialId,
    /// The name at that time.
    pub name: String,
    /// The capacity.
    pub role: Name,
    /// The appointment that gave it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub appointment: Option<AppointmentId>,
    /// The token through which the signature came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<TokenId>,
    /// When.
    #[serde(with = "crate::moment")]
    pub at: Timestamp,
}

/// A change with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// What was signed.
    pub change: Change,
    /// By whom, in order.
    pub signatures: Vec<Signature>,
}

impl Signed {
    /// Whether two natural persons signed.
    pub fn is_by_two_people(&self) -> bool {
        let signed = |one: &Signature| self.signatures.iter().any(|other| !is_same_person(one, other));
        self.signatures.iter().all(|one| one.role == *ADMINISTRATOR) && self.signatures.iter().any(signed)
    }
}

/// Whether two signatures are of one person.
fn is_same_person(one: &Signature, other: &Signature) -> bool {
    one.person == other.person || fold(&one.name) == fold(&other.name)
}

/// The folded state of a workflow's publications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publications {
    /// Published versions.
    #[serde(with = "crate::numbered")]
    pub versions: BTreeMap<u32, DefinitionHash>,
    /// The active one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub active: Option<DefinitionHash>,
    /// Changes that wait for a second signature.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub open: Vec<Signed>,
    /// Every change that was made, in order; the last one made the active version.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub made: Vec<Signed>,
}

/// An activation that two people did not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The definition.
    pub definition: DefinitionHash,
    /// Who signed.
    pub signatures: Vec<Signature>,
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the definition {} became active without the signatures of two people; ", self.definition)?;
        match self.signatures.as_slice() {
            [] => f.write_str("nobody signed"),
            signed => {
                let names: Vec<String> =
                    signed.iter().map(|one| format!("{} ({})", one.name, one.role)).collect();
                write!(f, "it was signed by {}", names.join(", "))
            }
        }
    }
}

impl Publications {
    /// Folds an event; deeds of other kinds of stream change nothing.
    #[must_use]
    pub fn evolve(mut self, event: &RegistryEvent) -> Self {
        match &event.deed {
            Deed::DefinitionPublished { definition, version, .. } => {
                self.versions.insert(*version, *definition);
            }
            Deed::ActivationSigned { change, name } => {
                if let Some(signature) = signature(&event.actor, name, event.at) {
                    match self.open.iter_mut().find(|open| open.change == *change) {
                        Some(open) => open.signatures.push(signature),
                        None => self.open.push(Signed { change: *change, signatures: vec![signature] }),
                    }
                }
            }
            Deed::SignatureWithdrawn { change } => {
                for open in self.open.iter_mut().filter(|open| open.change == *change) {
                    open.signatures.retain(|signed| event.actor.person() != Some(signed.person));
                }
                self.open.retain(|open| !open.signatures.is_empty());
            }
            Deed::DefinitionActivated { definition } => {
                let change = Change { definition: *definition, replaces: self.active };
                let signed = self.open.iter().find(|open| open.change == change).cloned();
                // Before the first signature one act was enough, and left none behind; after it, none is a fault.
                let unsigned = (!self.made.is_empty()).then_some(Signed { change, signatures: Vec::new() });
                self.made.extend(signed.or(unsigned));
                self.active = Some(*definition);
                // What else was signed was to replace a version that is not active any more.
                self.open.clear();
            }
            Deed::OfficialNamed { .. }
            | Deed::Appointed(_)
            | Deed::AppointmentEnded { .. }
            | Deed::TokenIssued(_)
            | Deed::TokenRevoked { .. }
            | Deed::ManifestOpened { .. }
            | Deed::ManifestImported { .. }
            | Deed::ManifestClosed
            | Deed::PersonRegistered { .. }
            | Deed::ClaimAttached(_)
            | Deed::Installed { .. }
            | Deed::IncidentRetried { .. }
            | Deed::MovedFrom { .. } => {}
        }
        self
    }

    /// The change that made a version the active one, the last time.
    pub fn last_made(&self, definition: DefinitionHash) -> Option<&Signed> {
        self.made.iter().rev().find(|made| made.change.definition == definition)
    }

    /// The change that made the active version.
    pub fn in_force(&self) -> Option<&Signed> {
        self.made.last().filter(|made| Some(made.change.definition) == self.active)
    }

    /// What follows when somebody called `name` signs a change: the signature alone, or with it the activation.
    ///
    /// # Errors
    /// Why the signature does not count, and what to do next.
    pub fn sign(&self, by: &Actor, name: &str, change: Change) -> Result<Vec<Deed>, Box<Refusal>> {
        let Change { definition, replaces } = change;
        let about = definition.to_string();
        let refused = |code, message: String| Err(Box::new(Refusal::new(code, about.clone(), message)));
        // The instant of the signature is not known yet, and not asked for here.
        let Some(signature) = signature(by, name, Timestamp::UNIX_EPOCH) else {
            let why = "a program or the engine signs nothing; sign with the token of an administrator";
            return refused(RefusalCode::Decision, why.to_owned());
        };
        if signature.role != *ADMINISTRATOR {
            let why = format!("administrators sign for the version of a workflow, not a {}", signature.role);
            return refused(RefusalCode::Role, why);
        }
        if !self.versions.values().any(|version| *version == definition) {
            return refused(
                RefusalCode::Proposal,
                "it was never published; publish the file first".to_owned(),
            );
        }
        if self.active == Some(definition) && self.in_force().is_some_and(Signed::is_by_two_people) {
            let why = format!("{} is active already; nothing is left to sign", self.called(definition));
            return refused(RefusalCode::State, why);
        }
        if self.active != replaces {
            let now = self.active.map_or_else(
                || "no version is active".to_owned(),
                |active| format!("{} is active", self.called(active)),
            );
            let next = "look at what changes against it (`qadiya plan`), and sign for replacing it";
            return refused(
                RefusalCode::ProposalChanged,
                format!("{now}, and that is not what was signed to be replaced; {next}"),
            );
        }
        let signed = Deed::ActivationSigned { change, name: name.to_owned() };
        let held = self.open.iter().find(|open| open.change == change);
        match held.and_then(|held| held.signatures.iter().find(|held| is_same_person(held, &signature))) {
            Some(_) => refused(
                RefusalCode::SamePerson,
                format!("{name} has signed this already; another administrator signs next"),
            ),
            None if held.is_some() => Ok(vec![signed, Deed::DefinitionActivated { definition }]),
            None => Ok(vec![signed]),
        }
    }

    /// What follows when somebody takes an open signature back.
    ///
    /// # Errors
    /// When no open signature under the change is theirs.
    pub fn withdraw(&self, by: &Actor, change: Change) -> Result<Vec<Deed>, Box<Refusal>> {
        let mut signed =
            self.open.iter().filter(|open| open.change == change).flat_map(|open| &open.signatures);
        if signed.any(|signed| by.official() == Some(signed.person)) {
            return Ok(vec![Deed::SignatureWithdrawn { change }]);
        }
        Err(Box::new(Refusal::new(
            RefusalCode::Proposal,
            change.definition.to_string(),
            "no signature of yours waits under this change; a version that is active goes when two people sign for another",
        )))
    }

    /// Every activation that two people did not sign. Of the time before the first signature only the version that is
    /// still active is held to it.
    pub fn unsigned(&self) -> Vec<Unsigned> {
        let made = self.made.iter().filter(|made| !made.is_by_two_people()).cloned();
        let before = self.active.filter(|_| self.made.is_empty());
        let before = before.map(|definition| (definition, Vec::new()));
        made.map(|made| (made.change.definition, made.signatures))
            .chain(before)
            .map(|(definition, signatures)| Unsigned { definition, signatures })
            .collect()
    }

    /// A definition as people call it: its version, if it was published here, and its hash.
    pub fn called(&self, definition: DefinitionHash) -> String {
        let version = self.versions.iter().find(|(_, held)| **held == definition);
        version.map_or_else(
            || format!("the definition {definition}"),
            |(version, _)| format!("version {version} ({definition})"),
        )
    }
}

/// The signature of a named official; nobody else signs.
fn signature(by: &Actor, name: &str, at: Timestamp) -> Option<Signature> {
    match by {
        Actor::Official { official, role, appointment, token } => Some(Signature {
            person: *official,
            name: name.to_owned(),
            role: role.clone(),
            appointment: *appointment,
            token: *token,
            at,
        }),
        Actor::Service { .. } | Actor::System => None,
    }
}

#[cfg(test)]
mod tests {
    use qadiya_ledger::Hash;
    use uuid::Uuid;

    use super::*;
    use crate::ids::{StreamId, StreamKind};
    use crate::registry::Entity;

    fn hash(version: u32) -> DefinitionHash {
        DefinitionHash(Hash::of(version.to_string().as_bytes()))
    }

    /// Version `to` in place of version `from`; 0: of none.
    fn change(from: u32, to: u32) -> Change {
        Change { definition: hash(to), replaces: (from > 0).then(|| hash(from)) }
    }

    fn person(number: u128, token: u128) -> Actor {
        Actor::Official {
            official: OfficialId(Uuid::from_u128(number)),
            role: Name::new(ADMINISTRATOR).unwrap(),
            appointment: None,
            token: Some(TokenId(Uuid::from_u128(token))),
        }
    }

    /// Three published versions, none of them active.
    fn published() -> Publications {
        let versions = (1..=3).map(|version| (version, hash(version))).collect();
        Publications { versions, ..Publications::default() }
    }

    fn event(actor: &Actor, deed: Deed) -> RegistryEvent {
        let stream = StreamId(Uuid::from_u128(9));
        let (about, at) = (StreamKind::Definition, Timestamp::UNIX_EPOCH);
        RegistryEvent { v: 1, stream, about, seq: 1, prev: Hash::ZERO, at, actor: actor.clone(), deed }
    }

    /// Lets somebody do something and folds what follows.
    fn after(held: &Publications, by: &Actor, deeds: Result<Vec<Deed>, Box<Refusal>>) -> Publications {
        let deeds = deeds.unwrap();
        deeds.into_iter().fold(held.clone(), |held, deed| held.evolve(&event(by, deed)))
    }

    /// Signatures in order: whose (number and name), and for what.
    fn signed(held: Publications, by: &[(u128, &str, Change)]) -> Publications {
        by.iter().fold(held, |held, (number, name, change)| {
            let actor = person(*number, *number);
            after(&held, &actor, held.sign(&actor, name, *change))
        })
    }

    fn code(found: Result<Vec<Deed>, Box<Refusal>>) -> RefusalCode {
        found.unwrap_err().code
    }

    #[test]
    fn two_people_make_a_version_the_one_for_new_cases() {
        let first = signed(published(), &[(1, "Amal", change(0, 1))]);
        assert_eq!((first.active, first.open.len()), (None, 1), "one signature changes nothing");
        let both = signed(first, &[(2, "Basim", change(0, 1))]);
        assert_eq!((both.active, both.open.len()), (Some(hash(1)), 0));
        let names: Vec<&str> =
            both.in_force().unwrap().signatures.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Amal", "Basim"]);
        assert_eq!(both.unsigned(), []);
        let next = signed(both, &[(2, "Basim", change(1, 2)), (1, "Amal", change(1, 2))]);
        assert_eq!((next.active, next.made.len()), (Some(hash(2)), 2), "what was before is kept");
    }

    #[test]
    fn whoever_signed_does_not_sign_again() {
        let held = signed(published(), &[(1, "أمل الكاتبة", change(0, 1))]);
        for (by, name, why) in [
            (person(1, 1), "أمل الكاتبة", "the same token"),
            (person(1, 7), "أمل الكاتبة", "another token of the same person"),
            (person(1, 7), "Amal", "the same person under a new name"),
            (person(5, 5), "امل  الكاتبه", "a second record of the same name, spelled otherwise"),
        ] {
            assert_eq!(code(held.sign(&by, name, change(0, 1))), RefusalCode::SamePerson, "{why}");
        }
        assert!(held.sign(&person(2, 2), "باسم الحارس", change(0, 1)).is_ok());
    }

    #[test]
    fn only_named_administrators_sign() {
        let held = published();
        let owner = OfficialId(Uuid::from_u128(1));
        let role = |role: &str| Name::new(role).unwrap();
        let program = Actor::Service { owner, role: role(ADMINISTRATOR), token: TokenId(Uuid::from_u128(4)) };
        let judge = Actor::Official { official: owner, role: role("judge"), appointment: None, token: None };
        assert_eq!(code(held.sign(&program, "Amal", change(0, 1))), RefusalCode::Decision);
        assert_eq!(code(held.sign(&Actor::System, "system", change(0, 1))), RefusalCode::Decision);
        assert_eq!(code(held.sign(&judge, "Amal", change(0, 1))), RefusalCode::Role);
    }

    #[test]
    fn signatures_on_different_things_do_not_add_up() {
        let held = signed(published(), &[(1, "Amal", change(0, 1)), (2, "Basim", change(0, 2))]);
        assert_eq!((held.active, held.open.len()), (None, 2));
        // Each of the two may still be completed by the other one.
        let held = signed(held, &[(1, "Amal", change(0, 2))]);
        assert_eq!((held.active, held.open.len()), (Some(hash(2)), 0), "what was to replace nothing is over");
    }

    #[test]
    fn a_signature_for_replacing_what_is_not_active_is_refused() {
        let both = [(1, "Amal", change(0, 1)), (2, "Basim", change(0, 1))];
        let held = signed(published(), &both);
        let late = held.sign(&person(2, 2), "Basim", change(0, 2)).unwrap_err();
        assert_eq!(late.code, RefusalCode::ProposalChanged);
        assert!(late.message.contains("version 1") && late.message.contains("plan"), "{late}");
        assert_eq!(code(held.sign(&person(3, 3), "Dalia", change(2, 3))), RefusalCode::ProposalChanged);
        assert_eq!(code(held.sign(&person(3, 3), "Dalia", change(0, 1))), RefusalCode::State);
        assert_eq!(code(held.sign(&person(3, 3), "Dalia", change(1, 9))), RefusalCode::Proposal);
    }

    #[test]
    fn a_signature_that_was_taken_back_does_not_count() {
        let held = signed(published(), &[(1, "Amal", change(0, 1))]);
        let (amal, basim) = (person(1, 7), person(2, 2));
        assert_eq!(code(held.withdraw(&basim, change(0, 1))), RefusalCode::Proposal, "it is not his");
        assert_eq!(code(held.withdraw(&amal, change(0, 2))), RefusalCode::Proposal, "nor under this change");
        let held = after(&held, &amal, held.withdraw(&amal, change(0, 1)));
        assert_eq!(held.open, []);
        let held = signed(held, &[(2, "Basim", change(0, 1))]);
        assert_eq!(held.active, None, "his is the first one now");
        let held = signed(held, &[(1, "Amal", change(0, 1))]);
        assert_eq!(code(held.withdraw(&amal, change(0, 1))), RefusalCode::Proposal, "it is active");
    }

    #[test]
    fn an_activation_without_two_people_is_told() {
        let amal = person(1, 1);
        let activated = |held: Publications, version| {
            held.evolve(&event(&amal, Deed::DefinitionActivated { definition: hash(version) }))
        };
        let told = |held: &Publications| held.unsigned().iter().map(|one| one.definition).collect::<Vec<_>>();
        // As it was before there were signatures; two people may sign for the very version that is active.
        let old = activated(published(), 1);
        assert_eq!(told(&old), [hash(1)]);
        let healed = signed(old, &[(1, "Amal", change(1, 1)), (2, "Basim", change(1, 1))]);
        assert_eq!((healed.active, told(&healed)), (Some(hash(1)), Vec::new()));
        // By one person, by one person under two records, and by nobody.
        let one = activated(signed(healed.clone(), &[(1, "Amal", change(1, 2))]), 2);
        assert_eq!(told(&one), [hash(2)]);
        let twice = [person(1, 1), person(3, 3)].iter().fold(healed.clone(), |held, by| {
            held.evolve(&event(by, Deed::ActivationSigned { change: change(1, 2), name: "Amal".to_owned() }))
        });
        assert_eq!(told(&activated(twice, 2)), [hash(2)]);
        let replaced = signed(activated(healed, 2), &[(1, "Amal", change(2, 3)), (2, "Basim", change(2, 3))]);
        assert_eq!(told(&replaced), [hash(2)], "it stays a fault when it is not active any more");
    }

    #[test]
    fn the_state_is_read_back_as_it_was_written() {
        let held = signed(
            published(),
            &[(1, "Amal", change(0, 1)), (2, "Basim", change(0, 1)), (2, "Basim", change(1, 3))],
        );
        let entity = Entity::Publications(held);
        let bytes = entity.to_bytes().unwrap();
        assert_eq!(Entity::from_bytes(StreamKind::Definition, &bytes).unwrap(), entity);
    }
}
