//! What every part of a run needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    Options,
    event::{Event, Events},
    mesh::{Chosen, Distribution},
};
use crate::{
    cluster::{Cluster, Patience, Target, mesh_status::ROOT_NAMESPACE},
    lab::model::Lab,
    mesh::ca::CertificateAuthority,
    probe::ask::Prober,
};

/// A lab on its cluster.
pub struct Context<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The cluster, with what the run has created on it.
    pub cluster: Cluster,
    /// Where events go.
    pub events: Events,
    /// The mesh.
    pub mesh: Chosen,
    /// How long each part may wait.
    pub deadline: Duration,
    /// Who signs the lab's own certificates, by name; each is made when its first certificate is.
    pub authorities: Mutex<BTreeMap<String, Arc<CertificateAuthority>>>,
    /// Which cluster was asked for, as hints name it.
    pub target: Target,
}

impl<'a> Context<'a> {
    /// A lab that has not begun.
    pub fn new(lab: &'a Lab, cluster: Cluster, mesh: Chosen, options: &Options, events: Events) -> Self {
        let (target, deadline) = (options.target.clone(), options.deadline);
        Self { lab, cluster, events, mesh, deadline, authorities: Mutex::default(), target }
    }
}

impl Context<'_> {
    /// A wait that begins now and tells what is missing.
    pub fn patience(&self) -> Patience {
        let events = self.events.clone();
        Patience::telling(self.deadline, move |text| events.emit(Event::Waiting { text: text.to_owned() }))
    }

    /// Somebody to ask the lab's questions.
    pub fn prober(&self) -> Prober<'_> {
        Prober {
            cluster: &self.cluster,
            workloads: &self.lab.workloads,
            trust_domain: &self.mesh.trust_domain,
            witnessed: self.mesh.distribution == Distribution::Acknowledged,
        }
    }

    /// The namespaces whose proxies the lab is about: its participants', and the gateway's if it asks for one.
    pub fn proxied(&self) -> BTreeSet<String> {
        let gateway = self.lab.metadata.mesh.gateway.then(|| ROOT_NAMESPACE.to_owned());
        self.namespaces().into_iter().chain(gateway).collect()
    }

    /// The namespaces in which the lab's participants live.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.lab.workloads.values().map(|workload| workload.namespace.clone()).collect()
    }
}
