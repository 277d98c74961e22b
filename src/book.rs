//! The guide: chapters with directives, which are filled in from labs, recorded runs and the code itself.
//!
//! A directive is written `{{#labctl NAME ARGUMENT}}`. mdBook hands its chapters over as JSON ([`mdbook`]); the guide
//! that is part of the program ([`guide`]) goes the same way. Knows nothing of command lines and browsers.

mod difference;
mod directive;
mod edition;
mod error;
pub mod guide;
mod lab;
mod mask;
pub mod mdbook;
mod page;
pub mod recording;
mod reference;
mod seen;
pub(crate) mod solution;
mod writer;

pub use difference::difference;
pub use edition::{Edition, UnknownEdition};
pub use error::BookError;
pub use writer::{Shelf, Writer};

/// `1 step`, `2 steps`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
