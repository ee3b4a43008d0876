//! The columns of a manifest.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// A column of a manifest, by the name it has in the header line.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    EnumIter,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// The serial the transferring side gave the person.
    Isn,
    /// The transfer batch.
    BatchId,
    /// The place of the record within its batch.
    BatchSeq,
    /// By land or by air.
    TransferMode,
    /// The day of the handover.
    TransferDate,
    /// Where the person was handed over.
    HandoverPoint,
    /// Where the person was taken to.
    HoldingFacility,
    /// The name in Arabic script.
    NameAr,
    /// The name in Latin script.
    NameLatn,
    /// The father's name in Arabic script.
    FatherNameAr,
    /// The father's name in Latin script.
    FatherNameLatn,
    /// The date of birth, as far as it is known.
    Dob,
    /// How exact the date of birth is.
    DobPrecision,
    /// One nationality or several.
    Nationality,
    /// The subdivision of a state where the person was born.
    BirthPlace,
    /// Sex as recorded.
    Sex,
    /// The languages the person speaks.
    Languages,
    /// Whether an interpreter is needed.
    InterpreterNeeded,
    /// Health remarks as code words.
    HealthFlags,
    /// Papers found on the person.
    PriorDocuments,
    /// How far the transferring side had come.
    InvestigationStatus,
    /// Free text.
    Remarks,
}

impl Column {
    /// The name in the header line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The most characters a cell of this column may hold. Longer cells come from damage or abuse, not from a clerk.
    pub fn limit(self) -> usize {
        match self {
            Self::Remarks => 10_000,
            Self::HealthFlags | Self::PriorDocuments => 2_000,
            Self::NameAr
            | Self::NameLatn
            | Self::FatherNameAr
            | Self::FatherNameLatn
            | Self::HandoverPoint
            | Self::HoldingFacility => 500,
            Self::Isn
            | Self::BatchId
            | Self::BatchSeq
            | Self::TransferMode
            | Self::TransferDate
            | Self::Dob
            | Self::DobPrecision
            | Self::Nationality
            | Self::BirthPlace
            | Self::Sex
            | Self::Languages
            | Self::InterpreterNeeded
            | Self::InvestigationStatus => 200,
        }
    }
}
