//! Events: what `kubectl describe` shows at its end. Written in the background; a repeated event is counted.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

use super::node::NODE_NAME;

/// How many different events are remembered for counting.
const REMEMBERED: usize = 4096;

/// Whether something went as planned.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
struct Occurrence {
    about: ObjectReference,
    component: &'static str,
    severity: Severity,
    reason: &'static str,
    message: String,
}

/// Writes events on behalf of one component. Events about objects that are gone are lost, as in any cluster.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    component: &'static str,
    sender: UnboundedSender<Occurrence>,
}

impl Recorder {
    /// Starts the writer, which lives as long as the returned handle.
    pub(crate) fn start(client: Client) -> (Self, AbortOnDropHandle<()>) {
        let (sender, receiver) = unbounded_channel();
        let writer = AbortOnDropHandle::new(tokio::spawn(write(client, receiver)));
        (Self { component: "kubelet", sender }, writer)
    }

    /// The same writer for another component.
    pub(crate) fn of(&self, component: &'static str) -> Self {
        Self { component, sender: self.sender.clone() }
    }

    /// Tells that something went as planned.
    pub(crate) fn normal<K>(&self, about: &K, reason: &'static str, message: impl Into<String>)
    where
        K: Resource<DynamicType = ()>,
    {
        self.record(reference(about), Severity::Normal, reason, message.into());
    }

    /// Tells that something went wrong.
    pub(crate) fn warning<K>(&self, about: &K, reason: &'static str, message: impl Into<String>)
    where
        K: Resource<DynamicType = ()>,
    {
        self.record(reference(about), Severity::Warning, reason, message.into());
    }

    /// Writes an event about one container of a pod.
    pub(crate) fn container(
        &self,
        (pod, field): (&Pod, &str),
        severity: Severity,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let about = ObjectReference { field_path: Some(field.to_owned()), ..reference(pod) };
        self.record(about, severity, reason, message.into());
    }

    fn record(&self, about: ObjectReference, severity: Severity, reason: &'static str, message: String) {
        let occurrence = Occurrence { about, component: self.component, severity, reason, message };
        // Without a writer the cluster is shutting down, and nobody reads events any more.
        let _ = self.sender.send(occurrence);
    }
}

fn reference<K: Resource<DynamicType = ()>>(object: &K) -> ObjectReference {
    let metadata = object.meta();
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        resource_version: metadata.resource_version.clone(),
        uid: metadata.uid.clone(),
        field_path: None,
    }
}

/// What makes two events the same.
type Same = (Option<String>, Option<String>, &'static str, String);

async fn write(client: Client, mut occurrences: UnboundedReceiver<Occurrence>) {
    let mut known: HashMap<Same, (String, i32)> = HashMap::new();
    while let Some(occurrence) = occurrences.recv().await {
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let about = &occurrence.about;
        let same = (about.uid.clone(), about.field_path.clone(), occurrence.reason, occurrence.message.clone());
        let events: Api<Event> = Api::namespaced(client.clone(), about.namespace.as_deref().unwrap_or("default"));
        let written = match known.get_mut(&same) {
            Some((name, count)) => {
                *count += 1;
                let patch = json!({"count": *count, "lastTimestamp": Time(Timestamp::now())});
                events.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
            }
            None => events.create(&PostParams::default(), &first(&occurrence)).await,
        };
        match written {
            Ok(event) => {
                known.entry(same).or_insert_with(|| (event.name_any(), 1));
            }
            Err(error) => tracing::debug!(%error, reason = occurrence.reason, "event lost"),
        }
    }
}

fn first(occurrence: &Occurrence) -> Event {
    let now = Time(Timestamp::now());
    let name = occurrence.about.name.as_deref().unwrap_or_default();
    let unique = uuid::Uuid::new_v4().simple().to_string();
    Event {
        count: Some(1),
        first_timestamp: Some(now.clone()),
        involved_object: occurrence.about.clone(),
        last_timestamp: Some(now),
        message: Some(occurrence.message.clone()),
        metadata: ObjectMeta {
            name: Some(format!("{name}.{}", &unique[..16])),
            namespace: occurrence.about.namespace.clone(),
            ..ObjectMeta::default()
        },
        reason: Some(occurrence.reason.to_owned()),
        reporting_component: Some(occurrence.component.to_owned()),
        reporting_instance: Some(NODE_NAME.to_owned()),
        source: Some(EventSource {
            component: Some(occurrence.component.to_owned()),
            host: Some(NODE_NAME.to_owned()),
        }),
        type_: Some(format!("{:?}", occurrence.severity)),
        ..Event::default()
    }
}
