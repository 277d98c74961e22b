//! minijinja templates to Kubernetes objects. Knows nothing of a lab's steps.

mod bounded;
mod engine;
mod error;
pub mod manifest;
pub mod object;
mod templates;

pub use engine::{fill, labctl, variables};
pub use error::{Excerpt, RenderError};
pub use templates::Templates;
pub(crate) use templates::is_within;
