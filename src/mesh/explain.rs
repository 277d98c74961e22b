//! `labctl explain`: what manifests mean, without a cluster.
//!
//! Reads files with their positions, resolves them by [`super::policy`], and answers plain data; printing is the
//! command line's.

pub mod cases;
pub mod manifest;
pub mod report;
pub mod yaml;
