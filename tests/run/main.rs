//! `labctl run` through the binary: whole labs, bad surroundings, interruptions.

mod cluster;
mod consent;
mod down;
mod interrupt;
mod keep;
mod other;
mod reason;
mod support;
mod surroundings;
mod usage;
mod whole;
