//! What every namespace has: the service account `default`, and the ConfigMap with the API server's root certificate.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{
    Api,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Shared, queue::Outcome};

/// The name of the account.
pub(super) const DEFAULT_ACCOUNT: &str = "default";

/// The name of the ConfigMap and of its key.
pub(super) const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";
const ROOT_CERTIFICATE_KEY: &str = "ca.crt";

/// Gives a namespace its account.
pub(super) async fn reconcile_account(shared: Arc<Shared>, namespace: String) -> Outcome {
    if !is_active(&shared, &namespace) || shared.informers.service_accounts.get(&namespace, DEFAULT_ACCOUNT).is_some() {
        return Ok(None);
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(shared.client.clone(), &namespace);
    let metadata = ObjectMeta { name: Some(DEFAULT_ACCOUNT.to_owned()), ..ObjectMeta::default() };
    let account = ServiceAccount { metadata, ..ServiceAccount::default() };
    match accounts.create(&PostParams::default(), &account).await {
        Ok(account) => shared.informers.service_accounts.observe(&account),
        Err(error) => tolerate(error)?,
    }
    Ok(None)
}

/// Gives a namespace the root certificate.
pub(super) async fn reconcile_certificate(shared: Arc<Shared>, namespace: String) -> Outcome {
    if !is_active(&shared, &namespace) {
        return Ok(None);
    }
    let maps: Api<ConfigMap> = Api::namespaced(shared.client.clone(), &namespace);
    let data = json!({ROOT_CERTIFICATE_KEY: shared.root_certificate});
    let present = shared.informers.config_maps.get(&namespace, ROOT_CERTIFICATE);
    let written = match present {
        Some(map) if json!(map.data) == data => return Ok(None),
        Some(_) => {
            let patch = Patch::Merge(json!({"data": data}));
            maps.patch(ROOT_CERTIFICATE, &PatchParams::default(), &patch).await
        }
        None => {
            let map = json!({"metadata": {"name": ROOT_CERTIFICATE}, "data": data});
            let map = serde_json::from_value(map).map_err(kube::Error::SerdeError)?;
            maps.create(&PostParams::default(), &map).await
        }
    };
    match written {
        Ok(map) => shared.informers.config_maps.observe(&map),
        Err(error) => tolerate(error)?,
    }
    Ok(None)
}

fn is_active(shared: &Shared, namespace: &str) -> bool {
    let namespace = shared.informers.namespaces.get("", namespace);
    namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none())
}

/// Somebody else was faster, or the namespace is about to go: both are fine.
fn tolerate(error: kube::Error) -> kube::Result<()> {
    match error {
        kube::Error::Api(status) if matches!(status.code, 403 | 404 | 409) => Ok(()),
        error => Err(error),
    }
}
