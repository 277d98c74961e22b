//! What DestinationRules call by `credentialName`: Secrets of the pod's namespace, read by the pod's own account.
//!
//! The control plane sees none of them. Who may read a Secret is decided by the API server, as for everybody else.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, watch_object},
    },
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    host::{Host, Output},
    host_println,
    mesh::{
        control_plane::api_client::{self, ApiClientError},
        registry,
        retry::Retry,
        snapshot::{credential_secrets, joined},
    },
    sidecar::config::{ProxyConfig, routing::Credential},
};

/// How long a configuration waits for its credentials; then it goes into effect without.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of Secrets by name; nothing of one that is not there, or that may not be read.
type Found = BTreeMap<String, Option<Credential>>;

/// The Secrets that a sidecar's configuration names.
pub(super) struct Credentials {
    host: Arc<dyn Host>,
    found: watch::Sender<Found>,
    followed: Mutex<BTreeMap<String, AbortOnDropHandle<()>>>,
}

impl Credentials {
    pub(super) fn new(host: Arc<dyn Host>) -> Self {
        Self { host, found: watch::Sender::default(), followed: Mutex::default() }
    }

    /// The configuration with the credentials that it names, as far as they can be had.
    pub(super) async fn complete(&self, config: ProxyConfig) -> ProxyConfig {
        let secrets: BTreeSet<String> = names(&config).into_iter().flat_map(credential_secrets).collect();
        if let Err(error) = self.follow(&secrets) {
            host_println!(self.host, Output::Stderr, "sidecar: cannot read the Secrets that rules name: {error}");
            return config;
        }
        let mut found = self.found.subscribe();
        let all = found.wait_for(|found| secrets.iter().all(|name| found.contains_key(name)));
        // What comes later is put in later.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        self.filled(config)
    }

    /// Renews the credentials in `configs` whenever one of them changes.
    pub(super) async fn keep_current(&self, configs: &watch::Sender<Arc<ProxyConfig>>) -> Infallible {
        let mut found = self.found.subscribe();
        loop {
            configs.send_if_modified(|config| {
                let filled = self.filled(ProxyConfig::clone(config));
                let changed = filled.routing.credentials != config.routing.credentials;
                if changed {
                    *config = Arc::new(filled);
                }
                changed
            });
            // The sender is ours, so it is there.
            let _ = found.changed().await;
        }
    }

    fn filled(&self, mut config: ProxyConfig) -> ProxyConfig {
        let found = self.found.borrow();
        let secret = |name: &String| found.get(name)?.as_ref();
        let credentials = names(&config).into_iter().filter_map(|name| {
            let [own, roots] = credential_secrets(name);
            Some((name.to_owned(), joined(secret(&own), secret(&roots))?))
        });
        config.routing.credentials = credentials.collect();
        config
    }

    /// Follows these Secrets and no others.
    fn follow(&self, secrets: &BTreeSet<String>) -> Result<(), ApiClientError> {
        let mut followed = self.followed.lock().expect("nobody panics while holding it");
        followed.retain(|name, _| secrets.contains(name));
        self.found.send_modify(|found| found.retain(|name, _| secrets.contains(name)));
        let fresh: Vec<&String> = secrets.iter().filter(|name| !followed.contains_key(*name)).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let client = api_client::client(&self.host)?;
        for name in fresh {
            let follow = follow(self.host.clone(), client.clone(), name.clone(), self.found.clone());
            followed.insert(name.clone(), AbortOnDropHandle::new(tokio::spawn(follow)));
        }
        Ok(())
    }
}

/// Tells `found` each state of a Secret. Never ends by itself.
async fn follow(host: Arc<dyn Host>, client: kube::Client, name: String, found: watch::Sender<Found>) {
    let namespace = client.default_namespace().to_owned();
    let api: Api<Secret> = Api::namespaced(client, &namespace);
    let mut states = watch_object(api, &name).backoff(Retry::default()).boxed();
    let mut complaint = String::new();
    while let Some(state) = states.next().await {
        let state = state.unwrap_or_else(|error| {
            let error =
                format!("cannot read Secret {namespace}/{name}, which a DestinationRule may mean: {}", why(&error));
            if error != complaint {
                host_println!(host, Output::Stderr, "sidecar: {error}");
                complaint = error;
            }
            None
        });
        let credential = state.map(|secret| {
            let object = serde_json::to_value(secret).expect("it was read from JSON");
            registry::secret(&object).credential
        });
        found.send_if_modified(|found| found.insert(name.clone(), credential.clone()) != Some(credential));
    }
}

/// What the API server says, or what came between.
fn why(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.message.clone(),
        other => other.to_string(),
    }
}

/// The credentials that a configuration's rules name.
fn names(config: &ProxyConfig) -> BTreeSet<&str> {
    config.outbound.iter().filter_map(|port| port.tls.credential_name()).collect()
}
