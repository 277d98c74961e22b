//! The objects that pods are made of: ConfigMaps and Secrets from live copies, tokens from the API server.

use std::sync::Arc;

use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Pod, Secret, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::embedded::informer::{Change, Informer, Informers, key_of};

/// How long a service account token lives if the volume does not say.
pub(super) const DEFAULT_EXPIRATION: i64 = 3600;

/// Where the contents of volumes and variables come from.
#[derive(Clone)]
pub(super) struct Sources {
    client: Client,
    config_maps: Informer<ConfigMap>,
    secrets: Informer<Secret>,
}

impl Sources {
    pub(super) fn start(client: Client, informers: &Informers) -> Self {
        let (config_maps, secrets) = (informers.config_maps.clone(), informers.secrets.clone());
        Self { client, config_maps, secrets }
    }

    pub(super) fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        self.config_maps.get(namespace, name)
    }

    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        self.secrets.get(namespace, name)
    }

    /// The changes of ConfigMaps and Secrets from now on. To be read, or dropped: they add up.
    pub(super) fn changes(&self) -> Changes {
        Changes { config_maps: self.config_maps.changes(), secrets: self.secrets.changes() }
    }

    /// Asks for a token of the pod's service account, bound to the pod.
    pub(super) async fn token(&self, pod: &Pod, audience: Option<&str>, seconds: i64) -> kube::Result<String> {
        let namespace = pod.namespace().unwrap_or_default();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &namespace);
        let bound = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
        };
        let spec = TokenRequestSpec {
            audiences: audience.map(|audience| vec![audience.to_owned()]),
            bound_object_ref: Some(bound),
            expiration_seconds: Some(seconds),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest { metadata: ObjectMeta::default(), spec: Some(spec), status: None };
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await?;
        Ok(answer.status.and_then(|status| status.token).unwrap_or_default())
    }
}

/// Changes of ConfigMaps and Secrets.
pub(super) struct Changes {
    config_maps: UnboundedReceiver<Change<ConfigMap>>,
    secrets: UnboundedReceiver<Change<Secret>>,
}

impl Changes {
    /// Waits until one that `matters` changes.
    pub(super) async fn next(&mut self, matters: impl Fn(&str, &str) -> bool) {
        loop {
            let (namespace, name) = tokio::select! {
                Some(change) = self.config_maps.recv() => key_of(&**change.object()),
                Some(change) = self.secrets.recv() => key_of(&**change.object()),
                else => return std::future::pending().await,
            };
            if matters(&namespace, &name) {
                return;
            }
        }
    }
}
