//! A lab as data: model, loader, validation with positions, parameters. Knows no clusters and no sockets.

pub mod action;
pub mod check;
pub mod model;
pub mod position;
