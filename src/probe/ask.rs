//! Asking many questions at once, and hearing both ends.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;

use super::{
    curl::{Answer, Request},
    finding::Finding,
    interpret::{self, Exchange, interpret},
    scene::{self, Scene},
    witness::{Sought, Source, witness},
};
use crate::{
    cluster::{Cluster, ClusterError, exec::ContainerRef, mesh_status::SIDECAR, pods},
    lab::model::{Workload, WorkloadName},
    sidecar::access_log::{AccessLog, Direction},
};

/// How long curl may take for one request.
pub(super) const REQUEST: Duration = Duration::from_secs(5);
/// How long its exec session may take around that.
const SESSION: Duration = Duration::from_secs(10);

/// Somebody asks somebody something.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub from: WorkloadName,
    /// In which container.
    pub container: String,
    /// Who is asked, if it is a participant.
    pub to: Option<WorkloadName>,
    /// What is asked.
    pub request: Request,
}

/// Asks questions on behalf of the participants of a lab.
pub struct Prober<'a> {
    /// The cluster they live in.
    pub cluster: &'a Cluster,
    /// The participants.
    pub workloads: &'a BTreeMap<WorkloadName, Workload>,
    /// The trust domain of the mesh.
    pub trust_domain: &'a str,
    /// Whether sidecars write what they see into a log that can be read.
    pub witnessed: bool,
}

/// A question that was asked from a pod, and what that pod saw.
struct Asked<'a> {
    question: &'a Question,
    id: String,
    caller: &'a Pod,
    answer: Result<Answer, String>,
}

impl Prober<'_> {
    /// Looks who is there.
    ///
    /// # Errors
    /// A failed request.
    pub async fn scene(&self) -> Result<Scene, ClusterError> {
        Scene::look(self.cluster, self.trust_domain, self.workloads.values()).await
    }

    /// Asks all questions at once; answers in their order.
    pub async fn ask(&self, scene: &Scene, questions: &[Question]) -> Vec<Finding> {
        let began = Instant::now();
        let asked = join_all(questions.iter().map(|question| self.ask_one(scene, question))).await;
        let (at_callers, at_servers) =
            tokio::join!(self.callers_word(&asked, began), self.servers_word(scene, &asked, began));
        let ends = at_callers.iter().zip(&at_servers);
        asked.iter().zip(ends).map(|(asked, ends)| conclude(scene, asked, ends, self.witnessed)).collect()
    }

    async fn ask_one<'a>(&self, scene: &'a Scene, question: &'a Question) -> Result<Asked<'a>, String> {
        let caller = scene.caller(&question.from)?;
        let id = uuid::Uuid::new_v4().to_string();
        let container = scene::container(caller, &question.container);
        let command = question.request.command(&id, REQUEST);
        let executed = self.cluster.exec(&container, &command, SESSION).await;
        let answer = executed.map(|executed| Answer::read(&executed)).map_err(|error| error.to_string());
        Ok(Asked { question, id, caller, answer })
    }

    /// What the callers' sidecars say about the questions for which that matters.
    async fn callers_word(&self, asked: &[Result<Asked<'_>, String>], began: Instant) -> Vec<Option<AccessLog>> {
        let mut groups: BTreeMap<ContainerRef, Vec<usize>> = BTreeMap::new();
        for (place, asked) in asked.iter().enumerate().filter(|_| self.witnessed) {
            let Ok(asked) = asked else { continue };
            if let Some(sidecar) = scene::sidecar(asked.caller).filter(|_| asked.wants().0) {
                groups.entry(sidecar).or_default().push(place);
            }
        }
        let groups = groups.into_iter().map(|(sidecar, places)| (vec![sidecar], places)).collect();
        self.words(asked, groups, Direction::Outbound, began).await
    }

    /// What the servers' sidecars say about the questions for which that matters.
    async fn servers_word(
        &self,
        scene: &Scene,
        asked: &[Result<Asked<'_>, String>],
        began: Instant,
    ) -> Vec<Option<AccessLog>> {
        let mut groups: BTreeMap<&WorkloadName, Vec<usize>> = BTreeMap::new();
        for (place, asked) in asked.iter().enumerate().filter(|_| self.witnessed) {
            let Ok(asked) = asked else { continue };
            if let Some(server) = asked.question.to.as_ref().filter(|_| asked.wants_server(scene)) {
                groups.entry(server).or_default().push(place);
            }
        }
        let sidecars = |name: &WorkloadName| scene.ready(name).filter_map(scene::sidecar).collect();
        let groups = groups.into_iter().map(|(server, places)| (sidecars(server), places)).collect();
        self.words(asked, groups, Direction::Inbound, began).await
    }

    /// Reads each group's sidecars once for all its questions.
    async fn words(
        &self,
        asked: &[Result<Asked<'_>, String>],
        groups: Vec<(Vec<ContainerRef>, Vec<usize>)>,
        direction: Direction,
        began: Instant,
    ) -> Vec<Option<AccessLog>> {
        let heard = join_all(groups.iter().map(|(sidecars, places)| async move {
            let sought: Vec<Sought> =
                places.iter().filter_map(|&place| Some(asked[place].as_ref().ok()?.sought(direction))).collect();
            witness(self.cluster, sidecars, &sought, began).await
        }));
        let mut words = vec![None; asked.len()];
        for ((_, places), heard) in groups.iter().zip(heard.await) {
            for (&place, line) in places.iter().zip(heard) {
                words[place] = line;
            }
        }
        words
    }
}

impl Asked<'_> {
    /// Whether the caller's traffic passes its own sidecar; that of the sidecar's container does not.
    fn through_sidecar(&self) -> bool {
        self.question.container != SIDECAR && scene::sidecar(self.caller).is_some()
    }

    fn wants(&self) -> (bool, bool) {
        self.answer.as_ref().map_or((false, false), |answer| interpret::wants(answer, self.through_sidecar(), true))
    }

    fn wants_server(&self, scene: &Scene) -> bool {
        let server = self.question.to.as_ref();
        self.wants().1 && server.is_some_and(|server| scene.ready(server).any(|pod| scene::sidecar(pod).is_some()))
    }

    fn sought(&self, direction: Direction) -> Sought {
        let local = self.answer.as_ref().ok().and_then(|answer| answer.local);
        let own = pods::address(self.caller).and_then(|address| address.parse().ok());
        let addresses = own.into_iter().chain(local.map(|local| local.ip())).collect();
        let source = Source::Caller { addresses, port: local.map(|local| local.port()) };
        Sought { direction, id: self.id.clone(), source }
    }
}

fn conclude(
    scene: &Scene,
    asked: &Result<Asked<'_>, String>,
    (at_caller, at_server): (&Option<AccessLog>, &Option<AccessLog>),
    witnessed: bool,
) -> Finding {
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return Finding::broken(why),
    };
    let answer = match &asked.answer {
        Ok(answer) => answer,
        Err(why) => return Finding::broken(why),
    };
    let ready: Vec<&Pod> = asked.question.to.iter().flat_map(|server| scene.ready(server)).collect();
    let server = asked.question.to.as_ref().map(|name| interpret::Server {
        name: &name.0,
        ready: ready.len(),
        has_sidecar: !ready.is_empty() && ready.iter().all(|pod| scene::sidecar(pod).is_some()),
    });
    interpret(&Exchange {
        request: &asked.question.request,
        caller: &asked.question.from.0,
        caller_has_sidecar: asked.through_sidecar(),
        server,
        answer,
        at_caller: at_caller.as_ref(),
        at_server: at_server.as_ref(),
        through_gateway: false,
        witnessed,
    })
}
