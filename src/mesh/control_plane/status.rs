//! Publishes what has reached the proxies, for whoever has to wait for that.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
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
/// Its key with the [`Status`] as JSON.
pub const KEY: &str = "status.json";

/// Writes each status; what comes while one is being written is written once. Ends when nobody can change it any more.
pub async fn publish(host: Arc<dyn Host>, client: kube::Client, mut status: watch::Receiver<Status>) {
    let api: Api<ConfigMap> = Api::namespaced(client, ROOT_NAMESPACE);
    let mut retry = Retry::default();
    loop {
        let newest = status.borrow_and_update().clone();
        if let Err(error) = write(&api, &newest).await {
            host_println!(host, Output::Stderr, "cannot write ConfigMap {ROOT_NAMESPACE}/{CONFIG_MAP}: {error}");
            retry.wait().await;
            continue;
        }
        retry = Retry::default();
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn write(api: &Api<ConfigMap>, status: &Status) -> kube::Result<()> {
    let text = serde_json::to_string(status).expect("plain data is JSON");
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": CONFIG_MAP, "labels": { MANAGED_BY.0: MANAGED_BY.1 } },
        "data": { KEY: text },
    });
    api.patch(CONFIG_MAP, &PatchParams::apply(CONTROL_PLANE).force(), &Patch::Apply(map)).await.map(|_| ())
}
