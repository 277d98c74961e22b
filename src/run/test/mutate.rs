//! Tries the mutants of a step's policies on the cluster where the step is solved, one after the other.
//!
//! Policies are declarations: a mutant in the place of the policy makes the state that a wrong solution would have made.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::Value;

use super::{
    super::{
        act,
        context::Context,
        event::Event,
        mesh::Distribution,
        result::Problem,
        step::{Round, in_turn},
    },
    mutant::{Mutant, mutants},
};
use crate::{
    cluster::{ClusterError, ObjectRef, mesh_status::POLICIES},
    lab::{action::Action, check::Check, model::Step, position::Located},
    probe::judge::Outcome,
    render::object::Object,
};

/// A change to a policy of a step, and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mutation {
    /// The policy.
    pub object: ObjectRef,
    /// What was other about it.
    pub change: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a mutant.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// A check was red; its title.
    Noticed(String),
    /// The cluster did not take it; why.
    Refused(String),
    /// No check noticed it.
    Survived {
        /// Whether every proxy is configured as before, so that no traffic could tell.
        alike: bool,
    },
}

/// A policy in its right form, and whether the step makes it or takes it away.
struct Subject {
    right: DynamicObject,
    reference: ObjectRef,
    taken_away: bool,
}

/// By pod, the configuration that its proxy works with.
type Versions = BTreeMap<String, String>;

impl Context<'_> {
    /// Tries all mutants of a step that is solved, and leaves it solved.
    pub(super) async fn mutate(&self, index: usize, step: &Step, mutations: &mut Vec<Mutation>) -> Result<(), Problem> {
        // What a loop keeps is of the right solution.
        let _rest = self.loops.rest().await;
        for subject in self.subjects(index, step)? {
            let mutants = match subject.taken_away {
                true => vec![Mutant { change: "not deleted".to_owned(), object: Some(value(&subject.right)) }],
                false => mutants(&value(&subject.right)),
            };
            let solved = self.versions().await?;
            for mutant in mutants {
                let text = format!("{} {}", subject.reference, mutant.change);
                self.events.emit(Event::Acting { step: index, action: text });
                let fate = self.try_out(&subject, &mutant, &solved, (index, step)).await?;
                mutations.push(Mutation { object: subject.reference.clone(), change: mutant.change, fate });
            }
            self.restore(&subject).await?;
        }
        Ok(())
    }

    /// The policies that a step applies or deletes, in their last form.
    fn subjects(&self, index: usize, step: &Step) -> Result<Vec<Subject>, Problem> {
        let mut subjects: Vec<Subject> = Vec::new();
        for action in &step.solve {
            let found: Vec<(&Object, bool)> = match &action.value {
                Action::Apply(apply) => apply.objects.iter().map(|object| (object, false)).collect(),
                Action::Delete(target) => self
                    .applied_before(index, &act::reference(target))
                    .map(|object| (object, true))
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            };
            for (object, taken_away) in found.into_iter().filter(|(object, _)| is_policy(object)) {
                let reference = act::reference_of(object);
                subjects.retain(|known| known.reference != reference);
                subjects.push(Subject { right: act::dynamic(object)?, reference, taken_away });
            }
        }
        Ok(subjects)
    }

    /// The last form in which an object was applied before a step.
    fn applied_before(&self, index: usize, target: &ObjectRef) -> Option<&Object> {
        let earlier = self.lab.steps.iter().take(index).rev().flat_map(|step| step.solve.iter().rev());
        let actions = earlier.chain(self.lab.setup.iter().rev());
        let mut objects = actions.flat_map(|action| action.objects().iter().rev());
        objects.find(|object| act::reference_of(object) == *target)
    }

    /// Puts a mutant into the place of its policy, or of the mutant before it, and asks.
    async fn try_out(
        &self,
        subject: &Subject,
        mutant: &Mutant,
        solved: &Versions,
        (index, step): (usize, &Step),
    ) -> Result<Fate, Problem> {
        let patience = self.patience();
        match &mutant.object {
            Some(object) => match self.put(object).await {
                Err(ClusterError::Request { why, status: Some(400 | 422), .. }) => return Ok(Fate::Refused(why)),
                done => done?,
            },
            None => drop(self.cluster.delete(&subject.reference, &patience).await?),
        }
        self.until_distributed(&patience).await?;
        let alike = !solved.is_empty() && *solved == self.versions().await?;
        let noticed = self.notices(index, &step.expect, alike).await?;
        Ok(noticed.map_or(Fate::Survived { alike }, Fate::Noticed))
    }

    /// Makes the step solved again.
    async fn restore(&self, subject: &Subject) -> Result<(), Problem> {
        let patience = self.patience();
        match subject.taken_away {
            true => drop(self.cluster.delete(&subject.reference, &patience).await?),
            false => drop(self.cluster.apply(vec![subject.right.clone()], &patience).await?),
        }
        self.until_distributed(&patience).await
    }

    async fn put(&self, object: &Value) -> Result<(), ClusterError> {
        let object = serde_json::from_value(object.clone()).expect("it was an object before one field was changed");
        self.cluster.apply(vec![object], &self.patience()).await.map(drop)
    }

    /// The first check that is red. Where all proxies are configured as before, only objects can tell.
    async fn notices(
        &self,
        step: usize,
        checks: &[Located<Check>],
        alike: bool,
    ) -> Result<Option<String>, ClusterError> {
        let before = self.graph_before(checks).await;
        let round = Round { step, scene: &self.prober().scene().await?, before: before.as_ref() };
        // Objects are asked first: that is cheap.
        let (cheap, others): (Vec<_>, Vec<_>) =
            in_turn(checks).into_iter().partition(|(_, check)| matches!(check.value, Check::Resource(_)));
        for (_, check) in cheap.into_iter().chain(others.into_iter().filter(|_| !alike)) {
            if self.ask(check, round, None).await.outcome != Outcome::Pass {
                return Ok(Some(check.title().to_owned()));
            }
        }
        Ok(None)
    }

    /// What every proxy works with; nothing where proxies do not tell.
    async fn versions(&self) -> Result<Versions, ClusterError> {
        if self.mesh.distribution == Distribution::Untold {
            return Ok(Versions::new());
        }
        let published = self.cluster.published_mesh_status().await?;
        let proxies = published.into_iter().flat_map(|published| published.status.proxies);
        Ok(proxies.map(|proxy| (format!("{}/{}", proxy.namespace, proxy.pod), proxy.newest)).collect())
    }
}

fn is_policy(object: &Object) -> bool {
    let group = |api_version: &str| api_version.split('/').next().unwrap_or_default().to_owned();
    let same = |&(api_version, kind): &(&str, &str)| {
        kind == object.kind() && group(api_version) == group(object.api_version())
    };
    POLICIES.iter().any(same)
}

fn value(object: &DynamicObject) -> Value {
    serde_json::to_value(object).expect("it was read from JSON")
}
