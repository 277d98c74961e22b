//! `labctl run` through the binary: whole labs, bad surroundings, interruptions.

mod cluster;
mod interrupt;
mod keep;
mod reason;
mod support;
mod surroundings;
mod usage;
mod whole;
