//! Looking on, from where somebody may: the bundled program `tap`, run in a pod at one end of the way.
//!
//! On the embedded cluster it sees the virtual network, on a real one what the pod's sidecar sends and receives. Who may
//! look on is decided by the API server: it takes the right to run a command in the pod.

pub mod live;

use std::{collections::BTreeMap, time::Duration};

use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::Pod;

use super::scene::{self, Scene};
use crate::{
    cluster::{Cluster, ClusterError, exec::ContainerRef, mesh_status::SIDECAR, pods, session::Session},
    host::tap::{Seen, What},
    lab::model::WorkloadName,
    tap::READY,
    wire::conversation::Conversation,
};

/// How long it may take until somebody looks on, and until they have told everything.
const WITHIN: Duration = Duration::from_secs(15);

/// Where somebody looks on, and whose connections are meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// In which container.
    pub container: ContainerRef,
    /// The addresses at the other end.
    pub peers: Vec<String>,
}

/// The places from which the way from `from` to `to` is seen: the caller's sidecar if the connection passes it; else the
/// servers' sidecars; else the caller's own container, where only a virtual network has something to show.
///
/// # Errors
/// Says who has no pod.
pub fn places(scene: &Scene, from: &WorkloadName, container: &str, to: &WorkloadName) -> Result<Vec<Place>, String> {
    let caller = scene.caller(from)?;
    let servers: Vec<&Pod> = scene.ready(to).collect();
    if servers.is_empty() {
        return Err(format!("{to} has no ready pod"));
    }
    Ok(between(caller, container, &servers))
}

/// The places from which the way from a container of `caller` to `servers`, of which there are some, is seen.
pub fn between(caller: &Pod, container: &str, servers: &[&Pod]) -> Vec<Place> {
    let addresses = |pods: &[&Pod]| pods.iter().filter_map(|pod| pods::address(pod)).map(str::to_owned).collect();
    let at_caller = |container| vec![Place { container, peers: addresses(servers) }];
    if let Some(sidecar) = scene::sidecar(caller).filter(|_| container != SIDECAR) {
        return at_caller(sidecar);
    }
    let sidecars: Option<Vec<ContainerRef>> = servers.iter().map(|pod| scene::sidecar(pod)).collect();
    match sidecars {
        Some(sidecars) => {
            sidecars.into_iter().map(|container| Place { container, peers: addresses(&[caller]) }).collect()
        }
        None => at_caller(scene::container(caller, container)),
    }
}

/// Somebody who looks on.
pub struct Eavesdropper {
    at: ContainerRef,
    session: Session,
}

impl Eavesdropper {
    /// Begins to look on in one place.
    ///
    /// # Errors
    /// If nobody can look on there, with the reason.
    pub async fn begin(cluster: &Cluster, place: &Place) -> Result<Self, ClusterError> {
        let doing = format!("look on from {}", place.container);
        let command: Vec<String> = std::iter::once("tap".to_owned()).chain(place.peers.iter().cloned()).collect();
        let started = async {
            let mut session = cluster.start(&place.container, &command).await?;
            match session.line().await {
                Some(line) if line == READY => Ok(Self { at: place.container.clone(), session }),
                _ => {
                    let why =
                        session.end().await.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
                    Err(ClusterError::Request { doing: doing.clone(), why, status: None })
                }
            }
        };
        let late = || ClusterError::Late { waiting_for: doing.clone(), why: "nothing is said".to_owned() };
        tokio::time::timeout(WITHIN, started).await.unwrap_or_else(|_| Err(late()))
    }

    /// Begins to look on in all places.
    ///
    /// # Errors
    /// The first of [`Self::begin`].
    pub async fn begin_all(cluster: &Cluster, places: &[Place]) -> Result<Vec<Self>, ClusterError> {
        try_join_all(places.iter().map(|place| Self::begin(cluster, place))).await
    }

    /// What is seen next; nothing if nobody can see any more. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            // A line that is none of ours is a word of somebody else's program of the same name.
            if let Ok(seen) = serde_json::from_str(&self.session.line().await?) {
                return Some(seen);
            }
        }
    }

    /// Where they look on.
    pub fn at(&self) -> &ContainerRef {
        &self.at
    }

    /// Tells them that it is enough. What was seen before is still told by [`Self::next`], and then the end.
    pub async fn enough(&mut self) {
        self.session.say("enough").await;
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// An end that was not a good one, with its reason.
    pub async fn end(self) -> Result<(), ClusterError> {
        self.session.end().await
    }
}

/// A connection that was seen.
#[derive(Clone, Debug)]
pub struct Overheard {
    /// Who saw it.
    pub at: ContainerRef,
    /// Between whom it was.
    pub ends: String,
    /// What was said.
    pub said: Conversation,
    /// Bytes that nobody took in time.
    pub lost: u64,
}

/// Ends all, and answers the connections that they saw, in the order in which those began.
///
/// # Errors
/// If one of them did not tell everything.
pub async fn overheard(all: Vec<Eavesdropper>) -> Result<Vec<Overheard>, ClusterError> {
    let told = join_all(all.into_iter().map(|one| async {
        let doing = format!("hear what was seen in {}", one.at);
        let late = ClusterError::Late { waiting_for: doing, why: "it does not end".to_owned() };
        tokio::time::timeout(WITHIN, gather(one)).await.unwrap_or(Err(late))
    }));
    let told: Result<Vec<Vec<Overheard>>, ClusterError> = told.await.into_iter().collect();
    Ok(told?.into_iter().flatten().collect())
}

async fn gather(mut one: Eavesdropper) -> Result<Vec<Overheard>, ClusterError> {
    one.enough().await;
    let mut found: BTreeMap<u64, Overheard> = BTreeMap::new();
    while let Some(seen) = one.next().await {
        let new = || Overheard { at: one.at.clone(), ends: seen.to_string(), said: Conversation::default(), lost: 0 };
        let overheard = found.entry(seen.connection).or_insert_with(new);
        match seen.what {
            What::Bytes { direction, data } => drop(overheard.said.feed(direction, &data)),
            What::Lost { bytes } => overheard.lost += bytes,
            What::Closed | What::Opened => {}
        }
    }
    one.end().await?;
    Ok(found.into_values().collect())
}
