//! The small closed vocabularies of a manifest.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// How a batch was brought.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, Serialize, Deserialize,
)]
#[strum(serialize_all = "UPPERCASE")]
#[serde(rename_all = "UPPERCASE")]
pub enum TransferMode {
    /// Over a land crossing.
    Land,
    /// Through an airfield.
    Air,
}

/// Sex as the manifest records it; an empty cell is not stated.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, Serialize, Deserialize,
)]
pub enum Sex {
    /// Male.
    M,
    /// Female.
    F,
}
