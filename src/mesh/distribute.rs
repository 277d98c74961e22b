//! Who must know what, who has been told, and what has therefore reached everybody.
//!
//! The control plane publishes one generation after the other; each proxy asks for what is newer than what it has,
//! and acknowledges that by asking. Nothing here knows how proxies ask or what their configuration says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::identity::SpiffeId;
use crate::sidecar::config::ProxyConfig;

/// Names a pod, written `namespace/name`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PodName {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The text does not name a pod.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a pod (namespace/name)")]
pub struct NotAPodName(pub String);

impl FromStr for PodName {
    type Err = NotAPodName;

    fn from_str(text: &str) -> Result<Self, NotAPodName> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(NotAPodName(text.to_owned())),
        }
    }
}

/// One state of one mesh resource.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ResourceRef {
    /// Its kind.
    pub kind: String,
    /// Its namespace, unless it is cluster-wide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The generation of its spec; 0 if its kind has none.
    pub generation: i64,
    /// The version of the object, if its kind has no generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What has reached the proxies, as the control plane publishes it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    /// The mesh resources that are in effect at every live proxy.
    pub resources: Vec<ResourceRef>,
    /// The live proxies.
    pub proxies: Vec<ProxyStatus>,
}

/// One live proxy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyStatus {
    /// Its pod.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// Who it proved to be.
    pub id: String,
    /// The version it works with; none until it has its first.
    pub acknowledged: Option<String>,
    /// The version it should work with.
    pub newest: String,
    /// When the certificate it showed ends.
    pub certificate_expires: Timestamp,
    /// The version of its program, if it told.
    pub program: Option<String>,
}

impl ProxyStatus {
    /// Whether it works with the newest configuration.
    pub fn is_synced(&self) -> bool {
        self.acknowledged.as_ref() == Some(&self.newest)
    }
}

/// What the control plane knows of one pod with a proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pod {
    /// Who its proxy must prove to be.
    pub id: SpiffeId,
    /// Whether it still counts; a pod that is going away does not have to acknowledge anything any more.
    pub live: bool,
    /// The name of what made it.
    pub workload: String,
}

/// Computes configurations from one state of the mesh.
pub trait Configure: Send + Sync {
    /// The configuration of this pod's proxy. Equal contents have equal versions, different ones different versions.
    fn configuration(&self, pod: &PodName) -> Option<ProxyConfig>;
}

/// One state of the mesh.
#[derive(Clone)]
pub struct Generation {
    /// The mesh resources it was computed from.
    pub resources: Vec<ResourceRef>,
    /// The pods that have a proxy.
    pub pods: BTreeMap<PodName, Pod>,
    /// How proxies are to be configured.
    pub configure: Arc<dyn Configure>,
}

/// A configuration as it travels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Configuration {
    /// Its name, which changes with what it says.
    pub version: String,
    /// A [`ProxyConfig`] as JSON.
    pub body: Bytes,
}

impl From<ProxyConfig> for Configuration {
    fn from(config: ProxyConfig) -> Self {
        let body = serde_json::to_vec(&config).expect("plain data with text keys is JSON");
        Self { version: config.version, body: body.into() }
    }
}

/// A question of a proxy.
#[derive(Clone, Debug)]
pub struct Question {
    /// For which pod it asks.
    pub pod: PodName,
    /// Who it proved to be.
    pub id: SpiffeId,
    /// When the certificate by which it proved that ends.
    pub certificate_expires: Timestamp,
    /// The version it works with, if it has one.
    pub acknowledged: Option<String>,
    /// The version of its program, if it tells.
    pub program: Option<String>,
}

/// Why a question is refused: the pod has another identity than the one who asks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{asked} may not have the configuration of pod {pod}")]
pub struct NotYours {
    /// Who asked.
    pub asked: Box<SpiffeId>,
    /// For which pod.
    pub pod: PodName,
}

/// Keeps the newest generation and what each proxy has acknowledged.
pub struct Distributor {
    state: Mutex<State>,
    published: watch::Sender<u64>,
    status: watch::Sender<Status>,
}

#[derive(Default)]
struct State {
    generation: Option<Generation>,
    proxies: BTreeMap<PodName, Proxy>,
    settled: Vec<ResourceRef>,
    questions: u64,
}

struct Proxy {
    /// The question that said what is known of it. An older one, on a connection that is lost already, says nothing.
    question: u64,
    configuration: Configuration,
    acknowledged: Option<String>,
    id: SpiffeId,
    certificate_expires: Timestamp,
    program: Option<String>,
    live: bool,
}

impl Default for Distributor {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            published: watch::Sender::new(0),
            status: watch::Sender::new(Status::default()),
        }
    }
}

impl Distributor {
    /// Replaces the state of the mesh; proxies whose configuration does not change are not disturbed.
    pub fn publish(&self, generation: Generation) {
        let mut state = self.state();
        state.proxies.retain(|pod, proxy| {
            let Some(known) = generation.pods.get(pod) else { return false };
            proxy.live = known.live;
            if let Some(config) = generation.configure.configuration(pod)
                && config.version != proxy.configuration.version
            {
                proxy.configuration = config.into();
            }
            true
        });
        state.generation = Some(generation);
        self.report(&mut state);
        drop(state);
        self.published.send_modify(|count| *count += 1);
    }

    /// Waits until there is a configuration other than the one that `question` acknowledges.
    ///
    /// A pod that is not known yet is waited for: its proxy may be faster than the news of it. Dropping the future
    /// ends the question; what it acknowledged stays acknowledged.
    ///
    /// # Errors
    /// [`NotYours`] if the pod has another identity than the one who asks.
    pub async fn next(&self, question: &Question) -> Result<Configuration, NotYours> {
        let mut published = self.published.subscribe();
        let number = {
            let mut state = self.state();
            state.questions += 1;
            state.questions
        };
        loop {
            published.mark_unchanged();
            let known = self.answer(question, number)?;
            if let Some(configuration) = known.filter(|it| question.acknowledged.as_ref() != Some(&it.version)) {
                return Ok(configuration);
            }
            published.changed().await.expect("the sender is ours");
        }
    }

    /// What has reached the proxies, as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Checks that a pod has the identity of the one who speaks for it.
    ///
    /// # Errors
    /// [`NotYours`] if it has another one, or is not known.
    pub fn check_owner(&self, pod: &PodName, id: &SpiffeId) -> Result<(), NotYours> {
        let state = self.state();
        let known = state.generation.as_ref().and_then(|generation| generation.pods.get(pod));
        match known.is_some_and(|known| known.id == *id) {
            true => Ok(()),
            false => Err(NotYours { asked: Box::new(id.clone()), pod: pod.clone() }),
        }
    }

    /// The proxies that are connected and count.
    pub fn live_proxies(&self) -> BTreeSet<PodName> {
        let state = self.state();
        state.proxies.iter().filter(|(_, proxy)| proxy.live).map(|(pod, _)| pod.clone()).collect()
    }

    /// The pods that have a proxy.
    pub fn known_pods(&self) -> BTreeMap<PodName, Pod> {
        self.state().generation.as_ref().map(|generation| generation.pods.clone()).unwrap_or_default()
    }

    /// Notes what the question acknowledges; answers the pod's newest configuration, if the pod is known.
    fn answer(&self, question: &Question, number: u64) -> Result<Option<Configuration>, NotYours> {
        let mut state = self.state();
        let Some(generation) = &state.generation else { return Ok(None) };
        let Some(pod) = generation.pods.get(&question.pod) else { return Ok(None) };
        if pod.id != question.id {
            return Err(NotYours { asked: Box::new(question.id.clone()), pod: question.pod.clone() });
        }
        let configuration = match state.proxies.get(&question.pod) {
            Some(proxy) if proxy.question > number => return Ok(None),
            Some(proxy) => proxy.configuration.clone(),
            None => match generation.configure.configuration(&question.pod) {
                Some(config) => config.into(),
                None => return Ok(None),
            },
        };
        let proxy = Proxy {
            question: number,
            configuration: configuration.clone(),
            acknowledged: question.acknowledged.clone(),
            id: question.id.clone(),
            certificate_expires: question.certificate_expires,
            program: question.program.clone(),
            live: pod.live,
        };
        state.proxies.insert(question.pod.clone(), proxy);
        self.report(&mut state);
        Ok(Some(configuration))
    }

    fn report(&self, state: &mut State) {
        let State { generation, proxies, settled, .. } = state;
        let mut live = proxies.values().filter(|proxy| proxy.live);
        if let Some(generation) = generation
            && live.all(|proxy| proxy.acknowledged.as_ref() == Some(&proxy.configuration.version))
            && *settled != generation.resources
        {
            settled.clone_from(&generation.resources);
        }
        let status = Status {
            resources: settled.clone(),
            proxies: proxies.iter().filter(|(_, proxy)| proxy.live).map(|(pod, proxy)| proxy.status(pod)).collect(),
        };
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }
}

impl Proxy {
    fn status(&self, pod: &PodName) -> ProxyStatus {
        ProxyStatus {
            pod: pod.name.clone(),
            namespace: pod.namespace.clone(),
            id: self.id.to_string(),
            acknowledged: self.acknowledged.clone(),
            newest: self.configuration.version.clone(),
            certificate_expires: self.certificate_expires,
            program: self.program.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
