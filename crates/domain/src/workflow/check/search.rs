//! The checks that search over configurations.

use crate::workflow::finding::Finding;
use crate::workflow::model::Definition;

/// What the searches find.
pub fn findings(_definition: &Definition) -> Vec<Finding> {
    Vec::new()
}
