//! The status of a Deployment: sums over its ReplicaSets, and the conditions that `kubectl rollout status` reads.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::ResourceExt;

use super::rollout::Strategy;

/// What a condition says.
struct Verdict {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

/// The status of `deployment`, whose present template `new` has.
pub(super) fn status(
    deployment: &Deployment,
    new: Option<&ReplicaSet>,
    all: &[&ReplicaSet],
    strategy: Strategy,
    now: Timestamp,
) -> DeploymentStatus {
    let sum = |field: fn(&ReplicaSet) -> Option<i32>| all.iter().filter_map(|one| field(one)).sum::<i32>();
    let replicas = sum(|one| one.status.as_ref().map(|status| status.replicas));
    let available = sum(|one| one.status.as_ref()?.available_replicas);
    let wanted = sum(|one| one.spec.replicas);
    let mut status = DeploymentStatus {
        available_replicas: Some(available),
        collision_count: None,
        conditions: None,
        observed_generation: deployment.metadata.generation,
        ready_replicas: Some(sum(|one| one.status.as_ref()?.ready_replicas)),
        replicas: Some(replicas),
        terminating_replicas: None,
        unavailable_replicas: Some((wanted - available).max(0)),
        updated_replicas: Some(new.and_then(|new| new.status.as_ref()).map_or(0, |status| status.replicas)),
    };
    let verdicts = [availability(deployment, available, strategy), progress(deployment, new, &status, now)];
    let before = deployment.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    status.conditions = Some(verdicts.into_iter().map(|verdict| condition(verdict, before, now)).collect());
    status
}

fn desired(deployment: &Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or(1)
}

fn availability(deployment: &Deployment, available: i32, strategy: Strategy) -> Verdict {
    let unavailable = match strategy {
        Strategy::Recreate => 0,
        Strategy::Rolling { unavailable, .. } => unavailable,
    };
    let (status, reason, message) = if available >= desired(deployment) - unavailable {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    Verdict { kind: "Available", status, reason, message: message.to_owned() }
}

fn progress(deployment: &Deployment, new: Option<&ReplicaSet>, status: &DeploymentStatus, now: Timestamp) -> Verdict {
    let verdict = |status, reason, message| Verdict { kind: "Progressing", status, reason, message };
    let Some(new) = new else {
        return verdict("Unknown", "DeploymentPaused", "Deployment is paused".to_owned());
    };
    let name = new.name_any();
    if is_complete(deployment, status) {
        let text = format!("ReplicaSet \"{name}\" has successfully progressed.");
        return verdict("True", "NewReplicaSetAvailable", text);
    }
    let deadline = deployment.spec.progress_deadline_seconds.unwrap_or(600);
    let before = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let before = before.into_iter().find(|condition| condition.type_.as_deref() == Some("Progressing"));
    let moved = before.and_then(|before| before.last_update_time.as_ref()).map_or(now, |time| time.0);
    let stuck = numbers(deployment.status.as_ref()) == numbers(Some(status))
        && now.duration_since(moved) > SignedDuration::from_secs(deadline.into());
    if stuck {
        let text = format!("ReplicaSet \"{name}\" has timed out progressing.");
        return verdict("False", "ProgressDeadlineExceeded", text);
    }
    verdict("True", "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."))
}

/// Whether the rollout is over.
pub(super) fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let desired = Some(desired(deployment));
    status.updated_replicas == desired && status.replicas == desired && status.available_replicas == desired
}

fn numbers(status: Option<&DeploymentStatus>) -> [Option<i32>; 4] {
    let number = |field: fn(&DeploymentStatus) -> Option<i32>| status.and_then(field);
    [
        number(|status| status.replicas),
        number(|status| status.updated_replicas),
        number(|status| status.ready_replicas),
        number(|status| status.available_replicas),
    ]
}

fn condition(verdict: Verdict, before: &[DeploymentCondition], now: Timestamp) -> DeploymentCondition {
    let before = before.iter().find(|condition| condition.type_.as_deref() == Some(verdict.kind));
    let same_status = before.filter(|before| before.status.as_deref() == Some(verdict.status));
    let same = same_status.filter(|before| before.reason.as_deref() == Some(verdict.reason));
    let since = same_status.and_then(|before| before.last_transition_time.clone());
    let updated = same.and_then(|before| before.last_update_time.clone());
    DeploymentCondition {
        last_transition_time: Some(since.unwrap_or(Time(now))),
        last_update_time: Some(updated.unwrap_or(Time(now))),
        message: Some(verdict.message),
        reason: Some(verdict.reason.to_owned()),
        status: Some(verdict.status.to_owned()),
        type_: Some(verdict.kind.to_owned()),
    }
}
