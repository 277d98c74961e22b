//! Waiting until the mesh's policies have really reached every proxy.
//!
//! The control plane writes what all proxies have acknowledged into a ConfigMap; this compares it with what is there.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::{
    Api,
    api::ListParams,
    core::{DynamicObject, ResourceExt},
};
use serde::Deserialize;

use super::{
    Cluster, ClusterError, Patience, pods,
    wait::{Progress, State, named, until},
};
use crate::mesh::snapshot::credential_secrets;

/// Where the control plane lives.
pub const ROOT_NAMESPACE: &str = "istio-system";
/// The ConfigMap that it writes.
pub const STATUS: &str = "labctl-mesh-status";
/// The container of a sidecar.
pub const SIDECAR: &str = "istio-proxy";
/// The key in it.
const STATUS_KEY: &str = "status.json";

/// The kinds that make up the mesh's policy.
pub const POLICIES: [(&str, &str); 6] = [
    ("authentication.istio.io/v1alpha1", "MeshPolicy"),
    ("authentication.istio.io/v1alpha1", "Policy"),
    ("networking.istio.io/v1", "DestinationRule"),
    ("networking.istio.io/v1", "Gateway"),
    ("networking.istio.io/v1", "VirtualService"),
    ("security.istio.io/v1", "PeerAuthentication"),
];

/// What the control plane says has arrived.
#[derive(Clone, Debug, Default, Deserialize)]
struct MeshStatus {
    #[serde(default)]
    resources: BTreeSet<Resource>,
    #[serde(default)]
    proxies: Vec<Proxy>,
}

/// One state of one resource.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Resource {
    kind: String,
    #[serde(default)]
    namespace: Option<String>,
    name: String,
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    generation: Option<i64>,
    /// In place of the generation, for kinds without one.
    #[serde(default)]
    version: Option<String>,
}

/// The kind of what holds gateways' certificates.
const SECRET: &str = "Secret";

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// One connected proxy.
#[derive(Clone, Debug, Deserialize)]
struct Proxy {
    pod: String,
    namespace: String,
    #[serde(default)]
    acknowledged: Option<String>,
    #[serde(default)]
    newest: Option<String>,
}

impl Cluster {
    /// Waits until every proxy in `namespaces` has acknowledged all mesh resources as they are now.
    ///
    /// # Errors
    /// A failed request, or [`ClusterError::Late`] with the resources and proxies that were missing.
    pub async fn until_distributed(
        &self,
        namespaces: &BTreeSet<String>,
        patience: &Patience,
    ) -> Result<(), ClusterError> {
        let (live, proxies) = tokio::try_join!(self.live_resources(), self.live_proxies(namespaces))?;
        let api: Api<ConfigMap> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let waiting_for = "the policies to reach every proxy";
        until(api, named(STATUS), waiting_for, patience, |state| arrived(state, &live, &proxies)).await
    }

    /// The mesh resources whose newest state is not in effect at every proxy, each with what is known of it.
    ///
    /// # Errors
    /// A failed request.
    pub(super) async fn undistributed(&self) -> Result<Vec<String>, ClusterError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let doing = format!("read ConfigMap {ROOT_NAMESPACE}/{STATUS}");
        let (live, map) = tokio::try_join!(self.live_resources(), async {
            api.get_opt(STATUS).await.map_err(ClusterError::request(doing))
        })?;
        let status = read(map.as_ref()).unwrap_or_default();
        Ok(under_way(&status, &live))
    }

    async fn live_resources(&self) -> Result<BTreeSet<Resource>, ClusterError> {
        let lists = POLICIES.iter().map(|&(api_version, kind_name)| async move {
            let kind = match self.kind(api_version, kind_name).await {
                Err(ClusterError::UnknownKind { .. }) => return Ok(Vec::new()),
                other => other?,
            };
            let listed = kind.everywhere(self.client()).list(&ListParams::default()).await;
            let listed = listed.map_err(ClusterError::request(format!("list {kind_name}")))?;
            let credentials = self.live_credentials(&listed.items).await?;
            let resource = |metadata: kube::core::ObjectMeta| Resource {
                kind: kind_name.to_owned(),
                namespace: metadata.namespace,
                name: metadata.name.unwrap_or_default(),
                uid: metadata.uid,
                generation: metadata.generation,
                version: None,
            };
            Ok(listed.items.into_iter().map(|item| resource(item.metadata)).chain(credentials).collect())
        });
        Ok(try_join_all(lists).await?.into_iter().flatten().collect())
    }

    /// The Secrets that Gateways name, as far as they are there, and we may see them.
    async fn live_credentials(&self, gateways: &[DynamicObject]) -> Result<Vec<Resource>, ClusterError> {
        let servers = gateways.iter().filter_map(|gateway| gateway.data.pointer("/spec/servers")?.as_array()).flatten();
        let named = servers.filter_map(|server| server.pointer("/tls/credentialName")?.as_str());
        let names: BTreeSet<String> = named.flat_map(credential_secrets).collect();
        let secrets: Api<Secret> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let mut live = Vec::new();
        for name in names {
            let metadata = match secrets.get_metadata_opt(&name).await {
                Ok(found) => found.map(|found| found.metadata),
                Err(kube::Error::Api(status)) if status.code == 403 => continue,
                Err(error) => {
                    let doing = format!("read Secret {ROOT_NAMESPACE}/{name}");
                    return Err(ClusterError::request(doing)(error));
                }
            };
            live.extend(metadata.map(|metadata| Resource {
                kind: SECRET.to_owned(),
                namespace: metadata.namespace,
                name,
                uid: metadata.uid,
                generation: Some(0),
                version: metadata.resource_version,
            }));
        }
        Ok(live)
    }

    async fn live_proxies(&self, namespaces: &BTreeSet<String>) -> Result<BTreeSet<(String, String)>, ClusterError> {
        let lists = namespaces.iter().map(|namespace| async move {
            let running = self.pods(namespace, &std::collections::BTreeMap::new()).await?.into_iter();
            let meshed = running.filter(|pod: &Pod| pods::is_running(pod) && pods::has_container(pod, SIDECAR));
            Ok(meshed.map(|pod| (namespace.clone(), pod.name_any())).collect::<Vec<_>>())
        });
        Ok(try_join_all(lists).await?.into_iter().flatten().collect())
    }
}

/// Compares what the control plane says has arrived with what is there.
fn arrived(state: &State<ConfigMap>, live: &BTreeSet<Resource>, proxies: &BTreeSet<(String, String)>) -> Progress<()> {
    let status = match read(state.values().next()) {
        Ok(status) => status,
        Err(why) => return Progress::Waiting(format!("ConfigMap {ROOT_NAMESPACE}/{STATUS} is not {why}")),
    };
    let known: BTreeSet<(String, String)> =
        status.proxies.iter().map(|it| (it.namespace.clone(), it.pod.clone())).collect();
    let mut missing: Vec<String> = under_way(&status, live);
    missing.extend(
        proxies
            .difference(&known)
            .map(|(namespace, pod)| format!("the proxy of pod {namespace}/{pod} is not connected")),
    );
    let stale = status.proxies.iter().filter(|proxy| proxy.newest.is_some() && proxy.acknowledged != proxy.newest);
    let stale = stale.map(|proxy| (proxy.namespace.clone(), proxy.pod.clone())).filter(|proxy| proxies.contains(proxy));
    missing
        .extend(stale.map(|(namespace, pod)| format!("the proxy of pod {namespace}/{pod} has an older configuration")));
    if missing.is_empty() { Progress::Done(()) } else { Progress::Waiting(missing.join(", ")) }
}

/// What the control plane has written, or what it is not: written, or readable.
fn read(map: Option<&ConfigMap>) -> Result<MeshStatus, String> {
    let text = map.and_then(|map| map.data.as_ref()?.get(STATUS_KEY)).ok_or("written yet")?;
    serde_json::from_str(text).map_err(|error| format!("readable: {error}"))
}

/// The resources that differ from those that have reached every proxy.
fn under_way(status: &MeshStatus, live: &BTreeSet<Resource>) -> Vec<String> {
    let missing = live.difference(&status.resources).map(|it| format!("{it} is under way"));
    // A Secret that we may not see, or that nobody names any more, is nothing to wait for.
    let stale = status.resources.difference(live).filter(|it| it.kind != SECRET);
    missing.chain(stale.map(|it| format!("{it} is still in effect somewhere"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(status: &serde_json::Value) -> State<ConfigMap> {
        let data = [(STATUS_KEY.to_owned(), status.to_string())].into();
        let key = (Some(ROOT_NAMESPACE.to_owned()), STATUS.to_owned());
        [(key, ConfigMap { data: Some(data), ..ConfigMap::default() })].into()
    }

    fn resource(name: &str, generation: i64) -> Resource {
        let value = json!({
            "kind": "PeerAuthentication", "namespace": "foo", "name": name, "uid": "u", "generation": generation,
        });
        serde_json::from_value(value).unwrap()
    }

    fn told(resources: &[(&str, i64)], proxies: &[&str], live: &[(&str, i64)], pods: &[&str]) -> Progress<()> {
        let all = |list: &[(&str, i64)]| list.iter().map(|(name, at)| resource(name, *at)).collect::<BTreeSet<_>>();
        let written: Vec<_> = resources
            .iter()
            .map(|(name, at)| {
                json!({"kind": "PeerAuthentication", "namespace": "foo", "name": name, "uid": "u", "generation": at})
            })
            .collect();
        let proxies: Vec<_> = proxies.iter().map(|pod| json!({"pod": pod, "namespace": "foo"})).collect();
        let pods = pods.iter().map(|pod| ("foo".to_owned(), (*pod).to_owned())).collect();
        arrived(&state(&json!({"resources": written, "proxies": proxies})), &all(live), &pods)
    }

    #[test]
    fn all_that_is_there_must_have_arrived_everywhere_and_nothing_else() {
        assert_eq!(told(&[("a", 2)], &["p", "q"], &[("a", 2)], &["p"]), Progress::Done(()));
        let missing = |progress| match progress {
            Progress::Waiting(missing) => missing,
            other => panic!("{other:?}"),
        };
        insta::assert_snapshot!(missing(told(&[], &["p"], &[("a", 1)], &["p"])), @"PeerAuthentication foo/a is under way");
        insta::assert_snapshot!(missing(told(&[("a", 1)], &["p"], &[], &["p"])), @"PeerAuthentication foo/a is still in effect somewhere");
        insta::assert_snapshot!(missing(told(&[], &["p"], &[], &["p", "q"])), @"the proxy of pod foo/q is not connected");
        let stale = json!({"proxies": [{"pod": "p", "namespace": "foo", "acknowledged": "1", "newest": "2"}]});
        let proxies = [("foo".to_owned(), "p".to_owned())].into();
        insta::assert_snapshot!(missing(arrived(&state(&stale), &BTreeSet::new(), &proxies)), @"the proxy of pod foo/p has an older configuration");
        insta::assert_snapshot!(missing(arrived(&State::new(), &BTreeSet::new(), &BTreeSet::new())), @"ConfigMap istio-system/labctl-mesh-status is not written yet");
    }
}
