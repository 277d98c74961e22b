//! Doing what a lab declares: one line for each verb.

use std::time::Duration;

use kube::core::DynamicObject;
use tokio::time::Instant;

use super::{context::Context, result::Problem};
use crate::{
    cluster::{ClusterError, ObjectRef, Patience},
    lab::{
        action::{Action, Apply, Exec, Mark, Reference, Refused},
        plain,
        position::Located,
    },
    probe::{
        edge,
        scene::{self, Scene},
    },
    render::object::Object,
};

/// How long a program, or a request, may end otherwise than it should: a node learns where a Service leads a while after its pods are
/// ready, and nobody tells when.
pub(super) const SETTLING: Duration = Duration::from_secs(5);
/// The pause before it is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

impl Context<'_> {
    /// Does one action, or several that apply: their objects are applied as one batch, each kind in its turn.
    ///
    /// # Errors
    /// What the cluster refused, or did not do in time.
    pub async fn act_together(&self, actions: &[Located<Action>], patience: &Patience) -> Result<(), Problem> {
        if let [action] = actions {
            return self.act(action, patience).await;
        }
        let objects = actions.iter().flat_map(|action| action.objects()).map(dynamic);
        self.cluster.apply(objects.collect::<Result<_, _>>()?, patience).await?;
        Ok(())
    }

    /// Does one action.
    ///
    /// # Errors
    /// What the cluster refused, or did not do in time.
    pub async fn act(&self, action: &Action, patience: &Patience) -> Result<(), Problem> {
        let cluster = &self.cluster;
        match action {
            Action::Annotate(mark) => cluster.annotate(&reference(&mark.target), &mark.values).await.map(drop)?,
            Action::Apply(apply) => cluster.apply(objects(apply)?, patience).await.map(drop)?,
            Action::Certificate(certificate) => self.certify(certificate, patience).await?,
            Action::Delete(target) => self.delete(target, patience).await?,
            Action::Edge(request) => self.ask_from_outside(request).await?,
            Action::Exec(exec) => self.exec(exec, patience).await?,
            Action::Label(mark) => cluster.label(&reference(&mark.target), &mark.values).await.map(drop)?,
            Action::Refused(refused) => self.refused(refused, patience).await?,
            Action::Restart(target) => cluster.restart(&reference(target)).await.map(drop)?,
            Action::Scale(scale) => cluster.scale(&reference(&scale.target), scale.replicas).await.map(drop)?,
        }
        Ok(())
    }

    async fn delete(&self, target: &Reference, patience: &Patience) -> Result<(), ClusterError> {
        let target = reference(target);
        let was_there = self.cluster.delete(&target, patience).await?;
        if was_there { Ok(()) } else { Err(ClusterError::absent(format!("delete {target}"))) }
    }

    /// Tries what must be refused. If it is accepted after all, it is cleaned up like anything that a step applies.
    async fn refused(&self, refused: &Refused, patience: &Patience) -> Result<(), Problem> {
        let (what, because) = (several(&refused.apply.objects), &refused.because);
        let said = match self.cluster.apply(objects(&refused.apply)?, patience).await {
            Ok(_) => return Err(Problem::new(format!("{what} was accepted, and should have been refused: {because}"))),
            Err(lost @ ClusterError::Lost { .. }) => return Err(lost.into()),
            Err(error) => error.to_string(),
        };
        if said.contains(because.as_str()) {
            return Ok(());
        }
        Err(Problem::new(format!("{what} was refused for another reason than `{because}`: {said}")))
    }

    async fn exec(&self, exec: &Exec, patience: &Patience) -> Result<(), Problem> {
        let scene = Scene::look(&self.cluster, &self.mesh.trust_domain, [self.lab.workload(&exec.workload)]).await?;
        let pod = scene.caller(&exec.workload).map_err(Problem::new)?;
        let container = scene::container(pod, &exec.container);
        let settled = Instant::now() + SETTLING;
        let executed = loop {
            let executed = self.cluster.exec(&container, &exec.command, patience.left()).await?;
            if executed.code == exec.exit {
                return Ok(());
            }
            if Instant::now() >= settled {
                break executed;
            }
            tokio::time::sleep(PAUSE).await;
        };
        let said = executed.stderr.lines().last().unwrap_or("it said nothing on standard error");
        let said = plain::printable(said);
        let command = exec.command.join(" ");
        let (code, expected) = (executed.code, exec.exit);
        Err(Problem::new(format!("`{command}` in {container} ended with {code}, expected {expected}: {said}")))
    }
}

/// Whether two neighbours can be applied as one batch.
pub fn both_apply(left: &Action, right: &Action) -> bool {
    matches!((left, right), (Action::Apply(_), Action::Apply(_)))
}

/// Whether pods come, go or are replaced by an action.
pub fn changes_pods(action: &Action) -> bool {
    match action {
        Action::Apply(apply) => apply.objects.iter().any(|object| matches!(object.kind(), "Deployment" | "Pod")),
        Action::Restart(_) | Action::Scale(_) => true,
        Action::Annotate(_)
        | Action::Certificate(_)
        | Action::Delete(_)
        | Action::Edge(_)
        | Action::Exec(_)
        | Action::Label(_)
        | Action::Refused(_) => false,
    }
}

/// What is done, in one line.
pub fn told(action: &Action) -> String {
    let marks = |mark: &Mark| {
        let values = mark.values.iter().map(|(key, value)| match value {
            Some(value) => format!("{key}={value}"),
            None => format!("{key}-"),
        });
        format!("{} {}", reference(&mark.target), values.collect::<Vec<_>>().join(" "))
    };
    let what = match action {
        Action::Annotate(mark) | Action::Label(mark) => marks(mark),
        Action::Apply(apply) => several(&apply.objects),
        Action::Certificate(certificate) => {
            format!("Secret {}/{} for {}", certificate.namespace, certificate.secret, certificate.hosts.join(", "))
        }
        Action::Delete(target) | Action::Restart(target) => reference(target).to_string(),
        Action::Edge(request) => edge::subject(request),
        Action::Exec(exec) => format!("`{}` in {}", exec.command.join(" "), exec.workload.value),
        Action::Refused(refused) => several(&refused.apply.objects),
        Action::Scale(scale) => format!("{} to {}", reference(&scale.target), scale.replicas),
    };
    format!("{} {what}", action.verb())
}

fn several(objects: &[Object]) -> String {
    match objects {
        [only] => reference_of(only).to_string(),
        [first, rest @ ..] => format!("{} and {} more", reference_of(first), rest.len()),
        [] => "nothing".to_owned(),
    }
}

/// What a lab names, as the cluster names it.
pub(super) fn reference(reference: &Reference) -> ObjectRef {
    ObjectRef {
        api_version: reference.api_version.clone(),
        kind: reference.kind.clone(),
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
    }
}

/// The name of a rendered object.
pub(super) fn reference_of(object: &Object) -> ObjectRef {
    ObjectRef {
        api_version: object.api_version().to_owned(),
        kind: object.kind().to_owned(),
        namespace: object.namespace().map(str::to_owned),
        name: object.name().to_owned(),
    }
}

fn objects(apply: &Apply) -> Result<Vec<DynamicObject>, Problem> {
    apply.objects.iter().map(dynamic).collect()
}

/// A rendered object as the client takes it.
pub fn dynamic(object: &Object) -> Result<DynamicObject, Problem> {
    serde_json::from_value(object.value().clone())
        .map_err(|error| Problem::new(format!("{} is no Kubernetes object: {error}", reference_of(object))))
}
