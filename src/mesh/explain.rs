//! What a mesh means, as plain data for people: all of it, one proxy, one pair.
//!
//! Of files, which are read with their positions, or of a running cluster; resolved by [`super::policy`]. Printing is
//! the command line's.

pub mod address;
pub mod auth;
pub mod cases;
pub mod chain;
pub mod find;
pub mod manifest;
pub mod report;
mod settings;
pub mod yaml;
