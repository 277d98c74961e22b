//! A lab as data: model, loader, validation with positions, parameters. Knows no clusters and no sockets.

pub mod action;
pub mod check;
mod fields;
mod fill;
pub mod model;
pub mod nearest;
pub mod parameters;
pub mod position;
pub mod problem;
mod yaml;
