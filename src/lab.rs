//! A lab as data: model, loader, validation with positions, parameters. Knows no clusters and no sockets.

pub mod action;
pub mod check;
mod collection;
mod confine;
mod copy;
pub mod drawing;
mod fields;
mod fill;
mod find;
mod kinds;
mod load;
pub mod model;
pub mod nearest;
pub mod outside;
pub mod pack;
pub mod parameters;
pub(crate) mod plain;
pub mod position;
pub mod problem;
mod read;
pub mod schema;
mod search;
mod yaml;

pub use collection::{Collection, CollectionError, Origin};
pub use copy::{CopyError, Files, is_name, starter};
pub use find::{FindError, Found, bundled, find};
pub use load::LoadError;
