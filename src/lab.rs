//! A lab as data: model, loader, validation with positions, parameters. Knows no clusters and no sockets.

pub mod action;
pub mod check;
mod fields;
mod fill;
mod find;
mod kinds;
mod load;
pub mod model;
pub mod nearest;
pub mod outside;
pub mod parameters;
pub mod position;
pub mod problem;
mod read;
mod yaml;

pub use find::{FindError, Found, bundled, find};
pub use load::LoadError;
