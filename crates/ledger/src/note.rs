//! Signed notes, as specified by C2SP signed-note: a text and signature lines below it.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    hash::{self, Hash},
    key::{PublicKey, Signature, Signer},
};

/// The signature type of plain Ed25519 signatures in C2SP signed-note.
const ED25519: u8 = 0x01;
/// What begins each signature line: an em dash and a space.
const DASH: &str = "\u{2014} ";
/// More lines than any honest note carries; the specification asks for at least 16.
const MAX_SIGNATURES: usize = 64;
/// Longer than any honest note.
const MAX_LENGTH: usize = 1 << 20;

/// The name of a log, by which its checkpoints, receipts and keys are known: not empty, no white space, no
/// control character, no plus sign. By custom a host and path without a scheme, `court.example/log`; nothing
/// needs to answer there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin(String);

impl Origin {
    /// A name that can stand in a signature line.
    pub fn new(name: impl Into<String>) -> Result<Self, NoteError> {
        let name = name.into();
        if is_name(&name) { Ok(Self(name)) } else { Err(NoteError::BadName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = NoteError;

    fn from_str(name: &str) -> Result<Self, NoteError> {
        Self::new(name)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The four bytes by which a signature line says which key of its name made it. A label, not a
/// fingerprint: anybody can make a key with the same label, and gains a failed signature by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The label of an Ed25519 key under a name, by C2SP signed-note.
    pub fn of(name: &Origin, key: &PublicKey) -> Self {
        let digest = Hash::of_parts(&[name.0.as_bytes(), b"\n", &[ED25519], key.as_bytes()]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Self([a, b, c, d])
    }

    /// The label in the order in which it is written.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hash::serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hash::deserialize_hex(deserializer).map(Self)
    }
}

/// The line by which a log's key is handed to those who check it: name, key label, and the key with its
/// type, by C2SP signed-note's verifier key format.
pub fn verifier_key(name: &Origin, key: &PublicKey) -> String {
    let mut typed = vec![ED25519];
    typed.extend_from_slice(key.as_bytes());
    format!("{name}+{}+{}", KeyId::of(name, key), BASE64_STANDARD.encode(typed))
}

/// Reads a [`verifier_key`] line; the label must belong to name and key.
pub fn parse_verifier_key(line: &str) -> Result<(Origin, PublicKey), NoteError> {
    let bad = NoteError::BadVerifierKey;
    let mut parts = line.splitn(3, '+');
    let (Some(name), Some(label), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad);
    };
    let name = Origin::new(name)?;
    let typed = BASE64_STANDARD.decode(key).map_err(|_| bad)?;
    let Some((&ED25519, key)) = typed.split_first() else { return Err(bad) };
    let key = PublicKey::from_bytes(key.try_into().map_err(|_| bad)?).map_err(|_| bad)?;
    if KeyId::of(&name, &key).to_string() == label { Ok((name, key)) } else { Err(bad) }
}

/// Why a text is not a signed note, or does not convince.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A name that may not stand in a signature line.
    #[error(
        "reading a log's name: it must not be empty nor hold white space, control characters or a plus sign"
    )]
    BadName,
    /// A verifier key line of another form or type, or with a label that is not its own.
    #[error("reading a verifier key: expected name+label+base64 of an Ed25519 key, with the key's own label")]
    BadVerifierKey,
    /// Larger than any honest note.
    #[error("reading a signed note: longer than 1 MiB or more than 64 signatures")]
    TooLarge,
    /// A control character, or no final newline.
    #[error("reading a signed note: a text of whole lines without control characters was expected")]
    BadText,
    /// No blank line with signatures after it.
    #[error("reading a signed note: expected a text, a blank line, and at least one signature line")]
    NoSignatures,
    /// A line below the blank line is not a signature line.
    #[error("reading a signed note: signature line {line} is malformed")]
    BadLine {
        /// Counted from 1.
        line: usize,
    },
    /// No signature by the key that was asked for.
    #[error("checking a signed note: it carries no signature by the key {key_id} of this name")]
    NotSigned {
        /// The label of the key.
        key_id: KeyId,
    },
    /// A signature under the label of the key does not verify.
    #[error("checking a signed note: the signature under key {key_id} is not the key's")]
    BadSignature {
        /// The label of the key.
        key_id: KeyId,
    },
}

/// One signature line. The bytes are kept as they are, also for types that are not understood here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the signer.
    pub name: Origin,
    /// Which of its keys.
    pub key_id: KeyId,
    /// The signature after the key's label.
    pub bytes: Vec<u8>,
}

/// A text with signatures. `Display` writes it in the form that [`SignedNote::parse`] reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Signs a text, which must consist of whole lines without control characters.
    pub fn sign(text: impl Into<String>, name: &Origin, signer: &dyn Signer) -> Result<Self, NoteError> {
        let text = text.into();
        if !is_text(&text) || text == "\n" {
            return Err(NoteError::BadText);
        }
        let mut note = Self { text, signatures: Vec::new() };
        note.add(name, signer)?;
        Ok(note)
    }

    /// Adds a signature over the same text, by a new key or a witness.
    pub fn add(&mut self, name: &Origin, signer: &dyn Signer) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooLarge);
        }
        self.signatures.push(NoteSignature {
            name: name.clone(),
            key_id: KeyId::of(name, &signer.public_key()),
            bytes: signer.sign(self.text.as_bytes()).as_bytes().to_vec(),
        });
        Ok(())
    }

    /// Reads a signed note. Nothing is believed yet: see [`SignedNote::verify`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_LENGTH {
            return Err(NoteError::TooLarge);
        }
        if !is_text(note) {
            return Err(NoteError::BadText);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        if text.is_empty() || lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let mut signatures = Vec::new();
        for (index, line) in lines.lines().enumerate() {
            if index >= MAX_SIGNATURES {
                return Err(NoteError::TooLarge);
            }
            signatures.push(signature_line(line).ok_or(NoteError::BadLine { line: index + 1 })?);
        }
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// The text, unchecked.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, unchecked.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks that this key signed the text under this name. Lines of other keys are ignored; every line under
    /// the key's own label must hold.
    pub fn verify(&self, name: &Origin, key: &PublicKey) -> Result<(), NoteError> {
        let key_id = KeyId::of(name, key);
        let mut signed = false;
        for line in self.signatures.iter().filter(|line| line.name == *name && line.key_id == key_id) {
            let signature = line.bytes.as_slice().try_into().map(Signature::from_bytes);
            match signature {
                Ok(signature) if key.verify(self.text.as_bytes(), &signature).is_ok() => signed = true,
                _ => return Err(NoteError::BadSignature { key_id }),
            }
        }
        if signed { Ok(()) } else { Err(NoteError::NotSigned { key_id }) }
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let mut bytes = line.key_id.0.to_vec();
            bytes.extend_from_slice(&line.bytes);
            writeln!(f, "{DASH}{} {}", line.name, BASE64_STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        Self::parse(note)
    }
}

fn signature_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let (label, signature) = bytes.split_first_chunk::<4>()?;
    if signature.is_empty() {
        return None;
    }
    Some(NoteSignature { name: Origin::new(name).ok()?, key_id: KeyId(*label), bytes: signature.to_vec() })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && text.bytes().all(|byte| byte >= 0x20 || byte == b'\n')
}
