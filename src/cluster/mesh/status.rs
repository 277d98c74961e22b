//! How our mesh is: its control plane, and every proxy beside the newest configuration.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
};
use kube::{Api, ResourceExt, api::DynamicObject};
use serde::Serialize;

use super::{MeshError, Presence};
use crate::{
    cluster::{Cluster, ClusterError},
    mesh::{
        control_plane::{
            status::{CONFIG_MAP, KEY, Published},
            trust,
        },
        distribute::ProxyStatus,
        install::{CONTROL_PLANE, ROOT_NAMESPACE, WEBHOOK_KINDS},
    },
};

/// What is missing without each of the [`WEBHOOK_KINDS`].
const WITHOUT: [&str; 2] = ["no pod gets a sidecar", "policies are accepted that make no sense"];

/// How the mesh is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeshState {
    /// Whether the control plane is well and every proxy works with the newest configuration.
    pub in_sync: bool,
    /// The control plane.
    pub control_plane: ControlPlaneState,
    /// The proxies of all pods with a sidecar, and who else the control plane knows.
    pub proxies: Vec<ProxyState>,
    /// Mesh resources whose newest state is not in effect at every proxy yet.
    pub pending: Vec<String>,
}

/// How the control plane is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneState {
    /// The image that it runs.
    pub image: String,
    /// The version of its program; unknown before it has published a status.
    pub version: Option<String>,
    /// The mesh's trust domain.
    pub trust_domain: String,
    /// The run that installed it, if it was one.
    pub run: Option<String>,
    /// How many of its replicas are ready.
    pub ready: i32,
    /// How many there should be.
    pub replicas: i32,
    /// When the mesh's root certificate ends.
    pub root_expires: Option<Timestamp>,
    /// When the certificate ends by which the API server knows the webhook.
    pub webhook_certificate_expires: Option<Timestamp>,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// How far a proxy is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Sync {
    /// Its pod has a sidecar, which the control plane does not know.
    Absent,
    /// It has not acknowledged the newest configuration.
    Stale,
    /// It has.
    Synced,
}

impl std::fmt::Display for Sync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Absent => "ABSENT",
            Self::Stale => "STALE",
            Self::Synced => "SYNCED",
        })
    }
}

/// A proxy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyState {
    /// Its pod's namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Whether it works with the newest configuration.
    pub sync: Sync,
    /// What it waits for, if it is not in sync.
    pub waits_for: Option<String>,
    /// Who it proved to be.
    pub id: Option<String>,
    /// When its certificate ends.
    pub certificate_expires: Option<Timestamp>,
    /// The version of its program.
    pub version: Option<String>,
    /// The version of the configuration that it works with.
    pub acknowledged: Option<String>,
    /// The version that it should work with.
    pub newest: Option<String>,
}

impl Cluster {
    /// Looks how our mesh is.
    ///
    /// # Errors
    /// [`MeshError::Absent`], [`MeshError::Istio`], or a failed request.
    pub async fn mesh_state(&self) -> Result<MeshState, MeshError> {
        let installed = match self.mesh().await? {
            Presence::Labctl(installed) => installed,
            Presence::Istio(by) => return Err(MeshError::Istio(by)),
            Presence::Absent => return Err(MeshError::Absent),
        };
        let (published, replicas, webhook) =
            tokio::try_join!(self.published_mesh_status(), self.replicas(), self.webhook_problem())?;
        let (pending, pods) = tokio::try_join!(self.undistributed(), self.injected_pods())?;
        let (ready, wanted) = replicas;
        let mut problems = Vec::new();
        if ready < wanted || ready == 0 {
            problems.push(
                "no replica is ready: sidecars go on with what they have, new pods are refused; what follows is what it \
                 knew last"
                    .to_owned(),
            );
        }
        problems.extend(webhook);
        if published.is_none() {
            problems.push(format!("ConfigMap {ROOT_NAMESPACE}/{CONFIG_MAP} is not there, or not readable"));
        }
        let known = published.as_ref().map(|published| published.status.proxies.as_slice()).unwrap_or_default();
        let proxies = proxies(&pods, known);
        let own = published.as_ref().map(|published| &published.control_plane);
        let now = Timestamp::now();
        if own.is_some_and(|own| own.certificate_expires <= now) {
            problems.push("its certificate has ended".to_owned());
        }
        let in_sync = problems.is_empty()
            && pending.is_empty()
            && proxies.iter().all(|proxy| proxy.sync == Sync::Synced && !has_ended(proxy, now));
        let control_plane = ControlPlaneState {
            image: installed.image,
            version: own.map(|own| own.program.clone()),
            trust_domain: installed.trust_domain,
            run: installed.run,
            ready,
            replicas: wanted,
            root_expires: own.map(|own| own.root_expires),
            webhook_certificate_expires: own.map(|own| own.certificate_expires),
            problems,
        };
        Ok(MeshState { in_sync, control_plane, proxies, pending })
    }

    /// What the control plane has published; nothing if it has not, or nothing that can be read.
    ///
    /// # Errors
    /// A failed request.
    pub async fn published_mesh_status(&self) -> Result<Option<Published>, ClusterError> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let map = maps.get_opt(CONFIG_MAP).await;
        let map = map.map_err(ClusterError::request(format!("read ConfigMap {ROOT_NAMESPACE}/{CONFIG_MAP}")))?;
        Ok(map.and_then(|map| serde_json::from_str(map.data?.get(KEY)?).ok()))
    }

    /// How many replicas of the control plane are ready, and how many there should be.
    async fn replicas(&self) -> Result<(i32, i32), ClusterError> {
        let api: Api<Deployment> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let found = api.get_opt(CONTROL_PLANE).await;
        let found = found.map_err(ClusterError::request(format!("read {}", super::control_plane())))?;
        let Some(deployment) = found else { return Ok((0, 0)) };
        let ready = deployment.status.and_then(|status| status.ready_replicas).unwrap_or_default();
        Ok((ready, deployment.spec.replicas.unwrap_or(1)))
    }

    /// What is wrong with the webhooks: one is gone, or the API server knows it by another root than the mesh's.
    async fn webhook_problem(&self) -> Result<Option<String>, ClusterError> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let doing = format!("read ConfigMap {ROOT_NAMESPACE}/{}", trust::CONFIG_MAP);
        let root = maps.get_opt(trust::CONFIG_MAP).await.map_err(ClusterError::request(doing))?;
        let root = root.and_then(|map| map.data?.remove(trust::KEY));
        let root = root.map(|root| STANDARD.encode(root));
        for (kind, without) in WEBHOOK_KINDS.into_iter().zip(WITHOUT) {
            let webhooks: Api<DynamicObject> = Api::all_with(self.client(), &trust::webhook_resource(kind));
            let doing = format!("read {kind} {CONTROL_PLANE}");
            let webhook = webhooks.get_opt(CONTROL_PLANE).await.map_err(ClusterError::request(doing))?;
            let Some(webhook) = webhook else { return Ok(Some(format!("its webhook is gone: {without}"))) };
            if root.is_none() || trust::bundles(&webhook).any(|bundle| bundle != root.as_deref()) {
                return Ok(Some("the API server does not know its webhook by the mesh's root yet".to_owned()));
            }
        }
        Ok(None)
    }
}

/// Joins the pods with a sidecar and the proxies that the control plane knows.
fn proxies(pods: &[Pod], known: &[ProxyStatus]) -> Vec<ProxyState> {
    let told: BTreeMap<(&str, &str), &ProxyStatus> =
        known.iter().map(|proxy| ((proxy.namespace.as_str(), proxy.pod.as_str()), proxy)).collect();
    let names: Vec<(String, String)> =
        pods.iter().map(|pod| (pod.namespace().unwrap_or_default(), pod.name_any())).collect();
    let all: BTreeSet<(&str, &str)> =
        names.iter().map(|(namespace, pod)| (namespace.as_str(), pod.as_str())).chain(told.keys().copied()).collect();
    all.into_iter().map(|(namespace, pod)| state(namespace, pod, told.get(&(namespace, pod)).copied())).collect()
}

fn state(namespace: &str, pod: &str, told: Option<&ProxyStatus>) -> ProxyState {
    let (sync, waits_for) = match told {
        None => (Sync::Absent, Some("its sidecar to reach the control plane".to_owned())),
        Some(proxy) if proxy.is_synced() => (Sync::Synced, None),
        Some(proxy) => {
            let has = proxy.acknowledged.as_deref().map_or("none", short);
            (Sync::Stale, Some(format!("configuration {} (it has {has})", short(&proxy.newest))))
        }
    };
    ProxyState {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        sync,
        waits_for,
        id: told.map(|proxy| proxy.id.clone()),
        certificate_expires: told.map(|proxy| proxy.certificate_expires),
        version: told.and_then(|proxy| proxy.program.clone()),
        acknowledged: told.and_then(|proxy| proxy.acknowledged.clone()),
        newest: told.map(|proxy| proxy.newest.clone()),
    }
}

/// Enough of a configuration's version to tell it from others.
fn short(version: &str) -> &str {
    version.get(..8).unwrap_or(version)
}

fn has_ended(proxy: &ProxyState, now: Timestamp) -> bool {
    proxy.certificate_expires.is_some_and(|expires| expires <= now)
}
