//! A mesh as a part of a cluster: which one is there, installing ours, how it is, and taking it away again.

pub mod acknowledged;
pub mod error;
mod graph;
pub mod install;
pub mod presence;
pub mod status;
pub mod uninstall;
pub mod world;

use std::collections::BTreeMap;

pub use error::MeshError;
pub use presence::Presence;

use super::{ObjectRef, labels};
use crate::mesh::install::{CONTROL_PLANE, ROOT_NAMESPACE};

/// The Deployment of our control plane.
fn control_plane() -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some(ROOT_NAMESPACE.to_owned()),
        name: CONTROL_PLANE.to_owned(),
    }
}

/// Whether labctl created an object with these labels, in whichever run, or outside of any.
fn is_managed(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels.and_then(|labels| labels.get(labels::MANAGED_BY)).is_some_and(|by| by == labels::MANAGER)
}

/// The run that created an object with these labels, if one did.
fn run_of(labels: Option<&BTreeMap<String, String>>) -> Option<String> {
    labels.filter(|labels| is_managed(Some(labels)))?.get(labels::RUN).cloned()
}
