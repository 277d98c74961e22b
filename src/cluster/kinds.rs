//! From a kind to its path: what the cluster's discovery says, asked once per group and version.

use std::{collections::HashMap, sync::Mutex};

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::APIResourceList,
};
use kube::{Api, core::ApiResource, core::DynamicObject};

use super::{Cluster, ClusterError};

/// A type of object and where its objects live.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The type.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// The objects of this kind in `namespace`; `default` if the kind wants a namespace and none is given.
    pub fn api(&self, client: kube::Client, namespace: Option<&str>) -> Api<DynamicObject> {
        if self.namespaced {
            Api::namespaced_with(client, namespace.unwrap_or("default"), &self.resource)
        } else {
            self.everywhere(client)
        }
    }

    /// The objects of this kind in `namespace`, or in the whole cluster without one.
    pub fn within(&self, client: kube::Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(_) if self.namespaced => self.api(client, namespace),
            _ => self.everywhere(client),
        }
    }

    /// The objects of this kind in the whole cluster.
    pub fn everywhere(&self, client: kube::Client) -> Api<DynamicObject> {
        Api::all_with(client, &self.resource)
    }
}

/// The kinds asked for so far, by group and version and by kind.
#[derive(Debug, Default)]
pub(super) struct Kinds(Mutex<HashMap<(String, String), Kind>>);

impl Kinds {
    fn known(&self, api_version: &str, kind: &str) -> Option<Kind> {
        self.0.lock().expect("a map").get(&(api_version.to_owned(), kind.to_owned())).cloned()
    }

    fn remember(&self, kind: Kind) {
        let key = (kind.resource.api_version.clone(), kind.resource.kind.clone());
        self.0.lock().expect("a map").insert(key, kind);
    }

    /// Learns the kinds of a definition, which discovery may only show a little later.
    pub(super) fn learn(&self, definition: &CustomResourceDefinition) {
        let spec = &definition.spec;
        for version in spec.versions.iter().filter(|version| version.served) {
            let resource = ApiResource {
                group: spec.group.clone(),
                version: version.name.clone(),
                api_version: format!("{}/{}", spec.group, version.name),
                kind: spec.names.kind.clone(),
                plural: spec.names.plural.clone(),
            };
            self.remember(Kind { resource, namespaced: spec.scope == "Namespaced" });
        }
    }
}

impl Cluster {
    /// Finds a kind by its group and version (`apps/v1`) and name.
    ///
    /// # Errors
    /// [`ClusterError::UnknownKind`], or the failed request.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Kind, ClusterError> {
        if let Some(found) = self.kinds.known(api_version, kind) {
            return Ok(found);
        }
        let unknown = || ClusterError::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() };
        let list = match self.resources(api_version).await {
            Err(ClusterError::Request { status: Some(404), .. }) => return Err(unknown()),
            other => other?,
        };
        discovered(api_version, list).for_each(|kind| self.kinds.remember(kind));
        self.kinds.known(api_version, kind).ok_or_else(unknown)
    }

    /// What discovery says about one group and version.
    pub(super) async fn resources(&self, api_version: &str) -> Result<APIResourceList, ClusterError> {
        let asked = if api_version.contains('/') {
            self.client.list_api_group_resources(api_version).await
        } else {
            self.client.list_core_api_resources(api_version).await
        };
        asked.map_err(ClusterError::request(format!("ask what {api_version} has")))
    }
}

/// The kinds of one group and version; subresources (`pods/log`) are none.
pub(super) fn discovered(api_version: &str, list: APIResourceList) -> impl Iterator<Item = Kind> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    list.resources.into_iter().filter(|resource| !resource.name.contains('/')).map(move |resource| Kind {
        resource: ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: resource.kind,
            plural: resource.name,
        },
        namespaced: resource.namespaced,
    })
}
