//! `labctl run` through the binary: whole labs, bad surroundings, interruptions.

mod action;
mod cable;
mod cluster;
mod consent;
mod down;
mod interrupt;
mod keep;
mod lost;
mod objects;
mod other;
mod proof;
mod reason;
mod rights;
mod support;
mod surroundings;
mod usage;
mod whole;

#[path = "../support/both.rs"]
mod both;
#[path = "../support/real.rs"]
mod real_cluster;
