//! Packs of labs, and labs from strangers: what is sound comes through unchanged, everything else leaves no trace.

mod bounds;
mod hostile;
mod labs;
mod round;
mod support;
