//! Kubernetes objects in, a [`Snapshot`] out.
//!
//! Live, the pods of a cluster are read as they are; offline, manifests are read as the pods they would become,
//! with injection decided as the webhook would.

mod secret;
mod service;
mod workload;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use secret::secret;
pub use service::protocol;

use super::{
    resources::{Kind, Metadata, Resource},
    snapshot::{Labels, Settings, Snapshot, Source},
};

/// Collects objects until all are there.
#[derive(Debug)]
pub struct Registry {
    world: World,
    snapshot: Snapshot,
    namespaces: BTreeMap<String, Labels>,
    pods: Vec<workload::Template>,
}

/// Where objects come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum World {
    Live,
    Offline,
}

/// An object that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A field is missing, or not what it should be.
    #[error("{object}: {field} {problem}")]
    Field {
        /// Kind and name.
        object: String,
        /// Which field.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The object does not say what or who it is.
    #[error("an object without `{0}`")]
    Nameless(&'static str),
    /// The spec of a mesh resource is not one.
    #[error("{object}: {source}")]
    Spec {
        /// Kind and name.
        object: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// What became of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Added {
    /// Its kind has no meaning for the mesh.
    Ignored,
    /// It is part of the snapshot.
    Taken,
}

impl Registry {
    /// Reads the objects of a running cluster: pods with their addresses and readiness.
    pub fn live(settings: Settings) -> Self {
        Self::new(World::Live, settings)
    }

    /// Reads manifests: pods, and whatever makes pods.
    pub fn offline(settings: Settings) -> Self {
        Self::new(World::Offline, settings)
    }

    /// Adds to what is known of a running cluster.
    pub fn over(snapshot: Snapshot) -> Self {
        Self { snapshot, ..Self::live(Settings::default()) }
    }

    fn new(world: World, settings: Settings) -> Self {
        let snapshot = Snapshot { settings, ..Snapshot::default() };
        Self { world, snapshot, namespaces: BTreeMap::new(), pods: Vec::new() }
    }

    /// Adds one object.
    ///
    /// # Errors
    /// [`RegistryError`] if it is of a kind that the mesh reads, but cannot be read.
    pub fn add(&mut self, object: &Value, source: Option<Source>) -> Result<Added, RegistryError> {
        let text = |field| object.get(field).and_then(Value::as_str);
        let api_version = text("apiVersion").ok_or(RegistryError::Nameless("apiVersion"))?;
        let kind = text("kind").ok_or(RegistryError::Nameless("kind"))?;
        if let Some(kind) = Kind::of(api_version, kind) {
            self.add_resource(kind, object, source)?;
            return Ok(Added::Taken);
        }
        match (self.world, kind) {
            (_, "Namespace") => {
                self.namespaces.insert(name(object)?.to_owned(), labels(&object["metadata"]["labels"]));
            }
            (_, "Service") if api_version == "v1" => {
                self.snapshot.services.push(service::service(object, &self.snapshot.settings, source)?);
            }
            (_, "ServiceEntry") if api_version.starts_with("networking.istio.io/") => {
                self.snapshot.services.extend(service::service_entry(object, source.as_ref())?);
            }
            (_, "Secret") if api_version == "v1" => {
                let key = (namespace(object).to_owned(), name(object)?.to_owned());
                self.snapshot.credentials.insert(key, secret(object));
            }
            (_, "Pod") => self.pods.extend(workload::pod(object, source)?),
            (World::Offline, "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job") => {
                self.pods.push(workload::template(object, source)?);
            }
            _ => return Ok(Added::Ignored),
        }
        Ok(Added::Taken)
    }

    /// Adds a pod, or what makes pods, offline: injection was decided when its namespace had these labels.
    ///
    /// # Errors
    /// As [`Registry::add`].
    pub fn add_born(&mut self, object: &Value, namespace_labels: &Labels) -> Result<Added, RegistryError> {
        let known = self.pods.len();
        let added = self.add(object, None)?;
        for pod in &mut self.pods[known..] {
            pod.born = Some(namespace_labels.clone());
        }
        Ok(added)
    }

    fn add_resource(&mut self, kind: Kind, object: &Value, source: Option<Source>) -> Result<(), RegistryError> {
        let metadata = metadata(kind, object, source)?;
        let snapshot = &mut self.snapshot;
        match kind {
            Kind::DestinationRule => snapshot.destination_rules.push(resource(metadata, object)?),
            Kind::Gateway => snapshot.gateways.push(resource(metadata, object)?),
            Kind::MeshPolicy => snapshot.mesh_policies.push(resource(metadata, object)?),
            Kind::PeerAuthentication => snapshot.peer_authentications.push(resource(metadata, object)?),
            Kind::Policy => snapshot.policies.push(resource(metadata, object)?),
            Kind::VirtualService => snapshot.virtual_services.push(resource(metadata, object)?),
        }
        Ok(())
    }

    /// The snapshot of all that was added. The order of the objects does not matter.
    pub fn finish(self) -> Snapshot {
        let Self { world, mut snapshot, namespaces, pods } = self;
        let no_labels = Labels::new();
        for pod in pods {
            let namespace_labels = namespaces.get(&pod.workload.namespace);
            snapshot.workloads.push(match world {
                World::Live => pod.into_current(namespace_labels),
                World::Offline => pod.into_injected(namespace_labels.unwrap_or(&no_labels)),
            });
        }
        snapshot.workloads.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        snapshot.services.sort_by(|a, b| (&a.namespace, &a.name, &a.host).cmp(&(&b.namespace, &b.name, &b.host)));
        snapshot
    }
}

/// Reads the metadata of a mesh resource.
///
/// # Errors
/// [`RegistryError::Nameless`] without a name.
pub fn metadata(kind: Kind, object: &Value, source: Option<Source>) -> Result<Metadata, RegistryError> {
    let own = &object["metadata"];
    Ok(Metadata {
        kind,
        namespace: if kind.namespaced() { namespace(object).to_owned() } else { String::new() },
        name: name(object)?.to_owned(),
        uid: own["uid"].as_str().unwrap_or_default().to_owned(),
        generation: own["generation"].as_i64().unwrap_or_default(),
        created: own["creationTimestamp"].as_str().and_then(|time| time.parse().ok()),
        source,
    })
}

fn resource<S: DeserializeOwned + Default>(metadata: Metadata, object: &Value) -> Result<Resource<S>, RegistryError> {
    let spec = match object.get("spec") {
        None | Some(Value::Null) => S::default(),
        Some(spec) => S::deserialize(spec).map_err(|source| RegistryError::Spec {
            object: format!("{} {}", metadata.kind, metadata.path()),
            source,
        })?,
    };
    Ok(Resource { metadata, spec })
}

fn name(object: &Value) -> Result<&str, RegistryError> {
    object["metadata"]["name"].as_str().ok_or(RegistryError::Nameless("metadata.name"))
}

/// The namespace of an object; `default` if it names none.
fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().filter(|name| !name.is_empty()).unwrap_or("default")
}

/// A map of strings; scalars of other types are taken as they are written.
fn labels(map: &Value) -> Labels {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), text(value))).collect()
}

/// A port number that is written as a number, or as a string of digits.
fn port_number(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u16::try_from(number).ok().filter(|&number| number > 0)
}
