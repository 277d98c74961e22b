//! The objects that pods are made of: ConfigMaps and Secrets from live copies, tokens from the API server.

use std::{collections::HashMap, sync::Arc};

use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Pod, Secret, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, PostParams},
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::embedded::informer::{Informer, Informers, Key, Watched, key_of};

/// How long a service account token lives if the volume does not say.
pub(super) const DEFAULT_EXPIRATION: i64 = 3600;

/// Where the contents of volumes and variables come from.
#[derive(Clone)]
pub(super) struct Sources {
    client: Client,
    config_maps: Informer<ConfigMap>,
    secrets: Informer<Secret>,
    changed: watch::Receiver<Changes>,
    _forward: Arc<[AbortOnDropHandle<()>; 2]>,
}

/// When each ConfigMap and Secret changed last, counted in changes of any of them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    count: u64,
    last: HashMap<Key, u64>,
}

impl Changes {
    /// How many changes there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What has changed since there were `count` changes.
    pub(super) fn since(&self, count: u64) -> impl Iterator<Item = &Key> {
        self.last.iter().filter(move |(_, last)| **last > count).map(|(key, _)| key)
    }
}

impl Sources {
    pub(super) fn start(client: Client, informers: &Informers) -> Self {
        let (config_maps, secrets) = (informers.config_maps.clone(), informers.secrets.clone());
        let (sender, changed) = watch::channel(Changes::default());
        let forwards = [forward(&config_maps, sender.clone()), forward(&secrets, sender)];
        Self { client, config_maps, secrets, changed, _forward: Arc::new(forwards) }
    }

    pub(super) fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        self.config_maps.get(namespace, name)
    }

    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        self.secrets.get(namespace, name)
    }

    /// Tells that some ConfigMap or Secret has changed.
    pub(super) fn changes(&self) -> watch::Receiver<Changes> {
        self.changed.clone()
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

fn forward<K: Watched>(informer: &Informer<K>, sender: watch::Sender<Changes>) -> AbortOnDropHandle<()> {
    let mut changes = informer.subscribe();
    AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(change) = changes.recv().await {
            let key = key_of(&**change.object());
            sender.send_modify(|changes| {
                changes.count += 1;
                changes.last.insert(key, changes.count);
            });
        }
    }))
}
