//! Every pod runs as a service account, and finds a token of it in its containers.

use serde_json::{Value, json};

use super::super::{Server, call::Call, metadata::text, names, status::Status};
use crate::embedded::store::Key;

/// Where containers find the token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How the volume's name begins; the rest is random, so that it clashes with no other.
const VOLUME: &str = "kube-api-access-";
/// A token of this life is renewed after an hour by its readers, in seconds.
const TOKEN_LIFE: i64 = 3607;

impl Server {
    /// Gives a new pod its account, and its containers the token.
    pub(super) fn admit_service_account(&self, call: &Call, pod: &mut Value) -> Result<(), Status> {
        let spec = &mut pod["spec"];
        let name = spec["serviceAccountName"].as_str().filter(|name| !name.is_empty()).unwrap_or("default").to_owned();
        spec["serviceAccountName"] = name.as_str().into();
        spec["serviceAccount"] = name.as_str().into();
        let namespace = call.namespace().unwrap_or_default();
        let account = self.store().get("serviceaccounts", &Key::new(namespace, &name)).ok_or_else(|| {
            let why = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
            Status::forbidden(call.resource.name(), text(pod, "name"), &why)
        })?;
        let spec = &mut pod["spec"];
        let wants = [&spec["automountServiceAccountToken"], &account["automountServiceAccountToken"]];
        if wants.into_iter().find_map(Value::as_bool).unwrap_or(true) {
            mount_token(spec);
        }
        if spec["imagePullSecrets"].is_null() && account["imagePullSecrets"].is_array() {
            spec["imagePullSecrets"] = account["imagePullSecrets"].clone();
        }
        Ok(())
    }
}

fn mount_token(spec: &mut Value) {
    let known = spec["volumes"].as_array().into_iter().flatten();
    let known = known.filter_map(|volume| volume["name"].as_str()).find(|name| name.starts_with(VOLUME));
    let known = known.map(str::to_owned);
    let volume = known.clone().unwrap_or_else(|| names::generate(VOLUME));
    let mut mounted = false;
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mut mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
            if mounts.iter().all(|mount| mount["mountPath"] != MOUNT_PATH) {
                mounts.push(json!({"name": volume, "readOnly": true, "mountPath": MOUNT_PATH}));
                container["volumeMounts"] = mounts.into();
                mounted = true;
            }
        }
    }
    if mounted && known.is_none() {
        let mut volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
        volumes.push(token_volume(&volume));
        spec["volumes"] = volumes.into();
    }
}

fn token_volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_LIFE, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
                ]}},
            ],
        },
    })
}
