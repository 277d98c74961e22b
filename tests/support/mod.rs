//! The same test on both clusters: the embedded one always, a real one where `LABCTL_E2E_KUBECONFIG` names it.
//!
//! A test is an `async fn(&World)`; [`on_both_clusters`] makes two of it.

#![allow(dead_code, unused_imports, unused_macros)] // Every test binary uses a part of this.

mod both;
mod real;
mod world;

pub use real::Turn;
pub use world::{Ran, World, within};

pub(crate) use both::on_both_clusters;
