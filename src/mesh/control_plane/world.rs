//! Watches everything the configuration of sidecars is made of, and publishes each state of it.

mod objects;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use tokio::sync::watch;

use self::objects::Objects;
use crate::{
    host::{Host, Output},
    host_println,
    mesh::{
        config::proxy_config,
        distribute::{Configure, Distributor, Generation, Pod, PodName, ResourceRef},
        policy::Index,
        registry::Registry,
        resources::Metadata,
        retry::Retry,
        snapshot::Settings,
    },
    sidecar::config::ProxyConfig,
};

/// Group, version, kind and plural of what is watched.
const KINDS: [(&str, &str, &str, &str); 9] = [
    ("", "v1", "Pod", "pods"),
    ("", "v1", "Secret", "secrets"),
    ("", "v1", "Service", "services"),
    ("authentication.istio.io", "v1alpha1", "MeshPolicy", "meshpolicies"),
    ("authentication.istio.io", "v1alpha1", "Policy", "policies"),
    ("networking.istio.io", "v1", "DestinationRule", "destinationrules"),
    ("networking.istio.io", "v1", "Gateway", "gateways"),
    ("networking.istio.io", "v1", "VirtualService", "virtualservices"),
    ("security.istio.io", "v1", "PeerAuthentication", "peerauthentications"),
];
/// Changes that come this close together are published together.
const QUIET: Duration = Duration::from_millis(3);
/// No change waits longer than this for others.
const LONGEST_DELAY: Duration = Duration::from_millis(30);

/// An event of one of the [`KINDS`], by its place there.
type Event = (usize, Result<watcher::Event<DynamicObject>, watcher::Error>);

/// Publishes each state of the cluster to `distributor` and `newest`; `synced` is called after the first. Never ends by itself.
pub async fn follow(
    host: Arc<dyn Host>,
    client: kube::Client,
    settings: Settings,
    distributor: Arc<Distributor>,
    newest: watch::Sender<Arc<Index>>,
    synced: impl FnOnce(),
) {
    let everywhere = may_see_all_secrets(&client).await;
    let mut events = events(&client, (!everywhere).then_some(settings.root_namespace.as_str()));
    let mut objects = Objects::new(KINDS.len());
    let mut synced = Some(synced);
    let mut complaints = BTreeSet::new();
    while let Some(event) = events.next().await {
        let mut changed = take(&*host, &mut objects, event);
        let deadline = tokio::time::Instant::now() + LONGEST_DELAY;
        loop {
            let quiet = (tokio::time::Instant::now() + QUIET).min(deadline);
            let Ok(Some(event)) = tokio::time::timeout_at(quiet, events.next()).await else { break };
            changed |= take(&*host, &mut objects, event);
        }
        if changed && objects.are_complete() {
            let index = Arc::new(read(&*host, &objects, &settings, &mut complaints));
            newest.send_replace(index.clone());
            distributor.publish(generation(index, &objects, &settings));
            if let Some(synced) = synced.take() {
                synced();
            }
        }
    }
}

/// Whether somebody has given us the right to the secrets of all namespaces; by itself the mesh does not ask for it.
async fn may_see_all_secrets(client: &kube::Client) -> bool {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let may = async |verb: &str| {
        let (resource, verb) = (Some("secrets".to_owned()), Some(verb.to_owned()));
        let attributes = ResourceAttributes { resource, verb, ..ResourceAttributes::default() };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let answer = reviews.create(&PostParams::default(), &review).await;
        answer.is_ok_and(|answer| answer.status.is_some_and(|status| status.allowed))
    };
    may("list").await && may("watch").await
}

/// Follows all kinds; secrets in `secrets` only, if that is given.
fn events(client: &kube::Client, secrets: Option<&str>) -> BoxStream<'static, Event> {
    let streams = KINDS.iter().enumerate().map(|(place, kind)| {
        let api: Api<DynamicObject> = match secrets.filter(|_| place == SECRET) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource(kind)),
            None => Api::all_with(client.clone(), &resource(kind)),
        };
        let events = watcher(api, watcher::Config::default()).backoff(Retry::default());
        events.map(move |event| (place, event)).boxed()
    });
    futures::stream::select_all(streams).boxed()
}

fn resource(&(group, version, kind, plural): &(&str, &str, &str, &str)) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Takes an event in; answers whether it changed anything.
fn take(host: &dyn Host, objects: &mut Objects, (place, event): Event) -> bool {
    match event {
        Ok(event) => objects.take(place, &resource(&KINDS[place]), event),
        Err(error) => {
            if !is_expired(&error) {
                host_println!(host, Output::Stderr, "cannot watch {}: {error}", KINDS[place].3);
            }
            false
        }
    }
}

/// Whether the watch just has to begin anew: the API server does not know any more, or not yet, where it was.
fn is_expired(error: &watcher::Error) -> bool {
    const GONE: u16 = 410;
    match error {
        watcher::Error::WatchError(status) => status.code == GONE,
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == GONE,
        _ => false,
    }
}

/// Reads all objects as one state of the mesh. What cannot be read is left out, and said once.
fn read(host: &dyn Host, objects: &Objects, settings: &Settings, complaints: &mut BTreeSet<String>) -> Index {
    let mut registry = Registry::live(settings.clone());
    let mut unreadable = BTreeSet::new();
    for object in objects.iter() {
        if let Err(error) = registry.add(object, None) {
            unreadable.insert(error.to_string());
        }
    }
    for complaint in unreadable.difference(complaints) {
        host_println!(host, Output::Stderr, "left out: {complaint}");
    }
    *complaints = unreadable;
    Index::new(registry.finish())
}

fn generation(index: Arc<Index>, objects: &Objects, settings: &Settings) -> Generation {
    let root_namespace = &settings.root_namespace;
    let credentials = index.snapshot().named_credentials(root_namespace).map(|(name, found)| ResourceRef {
        kind: "Secret".to_owned(),
        namespace: Some(root_namespace.clone()),
        name: name.to_owned(),
        uid: found.uid.clone(),
        generation: 0,
        version: Some(found.version.clone()),
    });
    Generation {
        resources: index.snapshot().resources().map(reference).chain(credentials).collect(),
        pods: pods(&index, objects),
        configure: Arc::new(Mesh(index)),
    }
}

fn pods(index: &Index, objects: &Objects) -> std::collections::BTreeMap<PodName, Pod> {
    let workloads = index.workloads().map(|id| index.workload(id)).filter(|workload| workload.sidecar);
    let known = workloads.map(|workload| {
        let name = PodName { namespace: workload.namespace.clone(), name: workload.name.clone() };
        let id = index.settings().identity(&workload.namespace, &workload.service_account);
        let live = !objects.is_going_away(POD, &workload.namespace, &workload.name);
        (name, Pod { id, live, workload: workload.controller.clone() })
    });
    known.collect()
}

/// The places of pods and secrets among the [`KINDS`].
const POD: usize = 0;
const SECRET: usize = 1;

fn reference(metadata: &Metadata) -> ResourceRef {
    ResourceRef {
        kind: metadata.kind.to_string(),
        namespace: metadata.kind.namespaced().then(|| metadata.namespace.clone()),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        generation: metadata.generation,
        version: None,
    }
}

/// One state of the mesh, resolved when it is asked.
struct Mesh(Arc<Index>);

impl Configure for Mesh {
    fn configuration(&self, pod: &PodName) -> Option<ProxyConfig> {
        let workload = self.0.find_workload(&pod.namespace, &pod.name)?;
        Some(proxy_config(&self.0, workload))
    }
}
