//! An answer together with why it is so.

use crate::mesh::{resources::Metadata, validate::Path};

/// An answer, the resource that decided it, and the chain of reasons in the order they were considered.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<T> {
    /// The answer.
    pub value: T,
    /// The resource that decided; `None` if a default did.
    pub by: Option<Metadata>,
    /// Where in that resource.
    pub field: Option<Path>,
    /// Sentences that a trainee can follow from top to bottom.
    pub reasons: Vec<String>,
}
