//! The Node object.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::apis::meta::v1::Time};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    NODE_NAME,
    network::{NODE_ADDRESS, POD_CIDR},
};

/// The labels of the node.
pub(super) fn node_labels() -> BTreeMap<String, String> {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86_64" => "amd64",
        other => other,
    };
    let labels = [
        ("kubernetes.io/arch", architecture),
        ("kubernetes.io/hostname", NODE_NAME),
        ("kubernetes.io/os", "linux"),
        ("node-role.kubernetes.io/control-plane", ""),
    ];
    labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Registers the node as ready. It stays so: it can't be away while its API server is there.
pub(super) async fn register(client: &Client) -> kube::Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE_NAME, "labels": node_labels()},
        "spec": {"podCIDR": POD_CIDR, "podCIDRs": [POD_CIDR], "providerID": format!("labctl://{NODE_NAME}")},
    });
    let node = serde_json::from_value(node).map_err(kube::Error::SerdeError)?;
    nodes.create(&PostParams::default(), &node).await?;
    let patch = json!({"status": status()});
    nodes.patch_status(NODE_NAME, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

fn status() -> Value {
    let now = Time(Timestamp::now());
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).to_string();
    let resources = json!({"cpu": processors, "pods": "250"});
    json!({
        "addresses": [
            {"type": "InternalIP", "address": NODE_ADDRESS.to_string()},
            {"type": "Hostname", "address": NODE_NAME},
        ],
        "allocatable": resources,
        "capacity": resources,
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "nodeInfo": {
            "architecture": node_labels()["kubernetes.io/arch"], "operatingSystem": "linux",
            "osImage": format!("labctl {}", env!("CARGO_PKG_VERSION")), "bootID": "", "kernelVersion": "",
            "containerRuntimeVersion": format!("labctl://{}", env!("CARGO_PKG_VERSION")),
            "kubeletVersion": "v1.37.0", "kubeProxyVersion": "v1.37.0", "machineID": "", "systemUUID": "",
        },
    })
}
