//! Lets the cluster know the mesh's root: every namespace by a ConfigMap, the API server by the webhooks' `caBundle`.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{StreamExt, stream};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use serde_json::json;

use crate::{
    host::{Host, Output},
    host_println,
    mesh::{
        inject::SYSTEM_NAMESPACES,
        install::{CONTROL_PLANE, MANAGED_BY},
        retry::Retry,
    },
};

/// The ConfigMap with the root, in every namespace.
pub const CONFIG_MAP: &str = "istio-ca-root-cert";
/// Its key with the root, PEM.
pub const KEY: &str = "root-cert.pem";
/// How many namespaces are written at once.
const AT_ONCE: usize = 8;

/// The root as namespaces get it.
#[derive(Clone, Debug)]
pub struct Root {
    /// The certificate, PEM.
    pub pem: String,
    /// With whom the ConfigMaps go away: the root namespace, which is the mesh's last trace.
    pub owner: OwnerReference,
}

/// Gives every namespace the root; `done` is called when all that are there at the start were asked to take it. Never
/// ends by itself.
///
/// A namespace that refuses it (a stranger's webhook may) is asked again, and keeps nobody else waiting meanwhile.
///
/// The namespaces of the cluster itself are left alone: their pods get no sidecars.
pub async fn in_namespaces(host: Arc<dyn Host>, client: kube::Client, root: Root, done: impl FnOnce()) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let mut events = watcher::watcher(namespaces, watcher::Config::default()).backoff(Retry::default()).boxed();
    let (mut written, mut missing) = (BTreeSet::new(), BTreeSet::new());
    let mut retry = Retry::default();
    let (mut listed, mut done) = (false, Some(done));
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(Event::Apply(namespace) | Event::InitApply(namespace))) => {
                    let name = namespace.name_any();
                    if wants_root(&namespace) && !written.contains(&name) {
                        missing.insert(name);
                    }
                }
                Some(Ok(Event::Delete(namespace))) => {
                    written.remove(&namespace.name_any());
                    missing.remove(&namespace.name_any());
                }
                // A namespace that was made anew while we did not look would not have it any more.
                Some(Ok(Event::Init)) => written.clear(),
                Some(Ok(Event::InitDone)) => listed = true,
                Some(Err(error)) => host_println!(host, Output::Stderr, "cannot watch namespaces: {error}"),
                None => return,
            },
            () = retry.wait(), if listed && !missing.is_empty() => {}
        }
        if !listed {
            continue;
        }
        write_all(&*host, &client, &root, &mut missing, &mut written).await;
        if missing.is_empty() {
            retry = Retry::default();
        }
        if let Some(done) = done.take() {
            done();
        }
    }
}

/// Writes the root to all of `missing`, which is left with those that failed.
async fn write_all(
    host: &dyn Host,
    client: &kube::Client,
    root: &Root,
    missing: &mut BTreeSet<String>,
    written: &mut BTreeSet<String>,
) {
    let writes = std::mem::take(missing).into_iter().map(|namespace| async move {
        let result = write(client, &namespace, root).await;
        (namespace, result)
    });
    let mut results = stream::iter(writes).buffer_unordered(AT_ONCE);
    while let Some((namespace, result)) = results.next().await {
        match result {
            Ok(()) => written.insert(namespace),
            // It is gone, or going.
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => false,
            Err(error) => {
                host_println!(host, Output::Stderr, "cannot write ConfigMap {namespace}/{CONFIG_MAP}: {error}");
                missing.insert(namespace)
            }
        };
    }
}

fn wants_root(namespace: &Namespace) -> bool {
    namespace.metadata.deletion_timestamp.is_none() && !SYSTEM_NAMESPACES.contains(&namespace.name_any().as_str())
}

async fn write(client: &kube::Client, namespace: &str, root: &Root) -> kube::Result<()> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": CONFIG_MAP,
            "labels": { MANAGED_BY.0: MANAGED_BY.1, "istio.io/config": "true" },
            "ownerReferences": [root.owner],
        },
        "data": { KEY: root.pem },
    });
    api.patch(CONFIG_MAP, &PatchParams::apply(CONTROL_PLANE).force(), &Patch::Apply(map)).await.map(|_| ())
}

/// Tells the API server by which root it knows the webhooks of one kind of configuration; `done` is called once it does.
/// Never ends by itself.
pub async fn in_webhook(
    host: Arc<dyn Host>,
    client: kube::Client,
    kind: &'static str,
    root: String,
    done: impl FnOnce(),
) {
    let api: Api<DynamicObject> = Api::all_with(client, &webhook_resource(kind));
    let ours = watcher::Config::default().fields(&format!("metadata.name={CONTROL_PLANE}"));
    let mut events = watcher::watcher(api.clone(), ours).backoff(Retry::default()).boxed();
    let mut done = Some(done);
    while let Some(event) = events.next().await {
        let configuration = match event {
            Ok(Event::Apply(configuration) | Event::InitApply(configuration)) => configuration,
            Ok(_) => continue,
            Err(error) => {
                host_println!(host, Output::Stderr, "cannot watch the {kind}: {error}");
                continue;
            }
        };
        let mut retry = Retry::default();
        while let Err(error) = trust(&api, kind, &configuration, &root).await {
            host_println!(host, Output::Stderr, "cannot write the caBundle of the {kind}: {error}");
            retry.wait().await;
        }
        if let Some(done) = done.take() {
            done();
        }
    }
}

/// The type of a webhook configuration.
pub fn webhook_resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind))
}

/// The roots by which the API server knows the webhooks of a configuration; none where it has not been told yet.
pub fn bundles(configuration: &DynamicObject) -> impl Iterator<Item = Option<&str>> {
    let webhooks = configuration.data.get("webhooks").and_then(serde_json::Value::as_array).into_iter().flatten();
    webhooks.map(|webhook| webhook.pointer("/clientConfig/caBundle")?.as_str().filter(|bundle| !bundle.is_empty()))
}

async fn trust(api: &Api<DynamicObject>, kind: &str, configuration: &DynamicObject, root: &str) -> kube::Result<()> {
    let bundle = STANDARD.encode(root);
    if bundles(configuration).all(|known| known == Some(&bundle)) {
        return Ok(());
    }
    let webhooks = configuration.data.get("webhooks").and_then(serde_json::Value::as_array).into_iter().flatten();
    let trusting = webhooks.map(|webhook| json!({ "name": webhook["name"], "clientConfig": { "caBundle": bundle } }));
    let patch = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": { "name": CONTROL_PLANE },
        "webhooks": trusting.collect::<Vec<_>>(),
    });
    let name = configuration.name_any();
    match api.patch(&name, &PatchParams::apply(CONTROL_PLANE).force(), &Patch::Apply(patch)).await {
        // It was deleted meanwhile; if it comes back we shall see that.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(|_| ()),
    }
}
