//! Publishes what has reached the proxies, for whoever has to wait for that, and how the control plane is itself.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    host::{Host, Output},
    host_println,
    mesh::{
        distribute::Status,
        install::{CONTROL_PLANE, MANAGED_BY, ROOT_NAMESPACE},
        retry::Retry,
    },
};

/// The ConfigMap, in the root namespace.
pub const CONFIG_MAP: &str = "labctl-mesh-status";
/// Its key with what is [`Published`], as JSON.
pub const KEY: &str = "status.json";

/// What the ConfigMap says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// What has reached the proxies.
    #[serde(flatten)]
    pub status: Status,
    /// Who wrote this.
    pub control_plane: ControlPlaneStatus,
}

/// How the control plane is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneStatus {
    /// The version of its program.
    pub program: String,
    /// The mesh's trust domain.
    pub trust_domain: String,
    /// When the mesh's root certificate ends.
    pub root_expires: Timestamp,
    /// When the certificate ends that it shows to sidecars, and as a webhook to the API server; it is renewed before.
    pub certificate_expires: Timestamp,
}

/// Writes each status; what comes while one is being written is written once. Ends when nobody can change it any more.
pub async fn publish(
    host: Arc<dyn Host>,
    client: kube::Client,
    mut status: watch::Receiver<Status>,
    mut own: watch::Receiver<ControlPlaneStatus>,
) {
    let api: Api<ConfigMap> = Api::namespaced(client, ROOT_NAMESPACE);
    let mut retry = Retry::default();
    loop {
        let newest =
            Published { status: status.borrow_and_update().clone(), control_plane: own.borrow_and_update().clone() };
        if let Err(error) = write(&api, &newest).await {
            host_println!(host, Output::Stderr, "cannot write ConfigMap {ROOT_NAMESPACE}/{CONFIG_MAP}: {error}");
            retry.wait().await;
            continue;
        }
        retry = Retry::default();
        let changed = tokio::select! {
            changed = status.changed() => changed,
            changed = own.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

async fn write(api: &Api<ConfigMap>, status: &Published) -> kube::Result<()> {
    let text = serde_json::to_string(status).expect("plain data is JSON");
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": CONFIG_MAP, "labels": { MANAGED_BY.0: MANAGED_BY.1 } },
        "data": { KEY: text },
    });
    api.patch(CONFIG_MAP, &PatchParams::apply(CONTROL_PLANE).force(), &Patch::Apply(map)).await.map(|_| ())
}
