//! The status of a pod as Kubernetes shows it: phase, conditions, container statuses. Pure.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        ContainerState as State, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
        ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{
    network::NODE_ADDRESS,
    state::{Activity, ContainerState, Ended, PodState, Role},
};

/// Conditions that the kubelet writes; all others belong to somebody else.
const OWN_CONDITIONS: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// Whether a condition is the kubelet's to write.
pub(super) fn is_own(condition: &str) -> bool {
    OWN_CONDITIONS.contains(&condition)
}

/// The status of `pod` in `state`.
pub(super) fn pod_status(pod: &Pod, state: &PodState, now: Timestamp) -> PodStatus {
    let phase = phase(pod, state);
    let (inits, apps): (Vec<_>, Vec<_>) = state.containers.iter().partition(|one| one.role != Role::App);
    let statuses = |containers: &[&ContainerState]| -> Option<Vec<ContainerStatus>> {
        let statuses: Vec<_> = containers.iter().map(|container| container_status(container)).collect();
        (!statuses.is_empty()).then_some(statuses)
    };
    let ip = state.address.map(|address| address.to_string());
    PodStatus {
        conditions: Some(conditions(pod, state, phase, now)),
        container_statuses: statuses(&apps),
        host_ip: Some(NODE_ADDRESS.to_string()),
        host_ips: Some(vec![HostIP { ip: NODE_ADDRESS.to_string() }]),
        init_container_statuses: statuses(&inits),
        phase: Some(phase.to_owned()),
        pod_ip: ip.clone(),
        pod_ips: ip.map(|ip| vec![PodIP { ip }]),
        start_time: state.started_at.map(Time),
        ..PodStatus::default()
    }
}

/// Whether a container that ended with `exit_code` starts again.
pub(super) fn restarts(pod: &Pod, role: Role, exit_code: i32) -> bool {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
    match (role, policy) {
        (Role::Sidecar, _) | (Role::App, "Always") => true,
        (_, "Never") => false,
        _ => exit_code != 0,
    }
}

fn phase(pod: &Pod, state: &PodState) -> &'static str {
    let of = |role: Role| state.containers.iter().filter(move |container| container.role == role);
    let done = |container: &ContainerState| match &container.activity {
        Activity::Terminated(ended) => {
            pod.metadata.deletion_timestamp.is_some() || !restarts(pod, container.role, ended.exit_code)
        }
        Activity::Running { .. } | Activity::Waiting { .. } => false,
    };
    if of(Role::Init).any(|container| done(container) && !container.succeeded()) {
        return "Failed";
    }
    if !of(Role::Init).all(ContainerState::succeeded) {
        return "Pending";
    }
    if of(Role::App).all(done) {
        return if of(Role::App).all(ContainerState::succeeded) { "Succeeded" } else { "Failed" };
    }
    let begun = |container: &ContainerState| {
        container.last.is_some() || !matches!(container.activity, Activity::Waiting { .. })
    };
    if of(Role::App).all(begun) { "Running" } else { "Pending" }
}

fn container_status(container: &ContainerState) -> ContainerStatus {
    let ready = match (container.role, &container.activity) {
        (Role::Init, _) => container.succeeded(),
        (_, Activity::Running { .. }) => container.ready,
        _ => false,
    };
    ContainerStatus {
        container_id: container.id.clone(),
        image: container.image.clone(),
        image_id: if container.id.is_some() { container.image.clone() } else { String::new() },
        last_state: Some(State { terminated: container.last.as_ref().map(terminated), ..State::default() }),
        name: container.name.clone(),
        ready,
        restart_count: container.restarts,
        started: Some(container.started && matches!(container.activity, Activity::Running { .. })),
        state: Some(activity(&container.activity)),
        ..ContainerStatus::default()
    }
}

fn activity(activity: &Activity) -> State {
    match activity {
        Activity::Running { since } => {
            State { running: Some(ContainerStateRunning { started_at: Some(Time(*since)) }), ..State::default() }
        }
        Activity::Terminated(ended) => State { terminated: Some(terminated(ended)), ..State::default() },
        Activity::Waiting { reason, message } => {
            let waiting = ContainerStateWaiting { message: message.clone(), reason: Some((*reason).to_owned()) };
            State { waiting: Some(waiting), ..State::default() }
        }
    }
}

fn terminated(ended: &Ended) -> ContainerStateTerminated {
    ContainerStateTerminated {
        container_id: Some(ended.id.clone()),
        exit_code: ended.exit_code,
        finished_at: Some(Time(ended.finished_at)),
        message: ended.message.clone(),
        reason: Some(ended.reason.to_owned()),
        signal: None,
        started_at: ended.started_at.map(Time),
    }
}

/// A condition before it is compared with the one that is there.
struct Verdict {
    kind: &'static str,
    /// `None` if it holds; else the reason and what is missing.
    lacks: Option<(&'static str, Option<String>)>,
    /// The reason that stands even if it holds.
    reason: Option<&'static str>,
}

fn conditions(pod: &Pod, state: &PodState, phase: &'static str, now: Timestamp) -> Vec<PodCondition> {
    let existing = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = ready(state, phase);
    let gates = gates(pod, existing);
    let verdicts = [
        Verdict { kind: OWN_CONDITIONS[0], lacks: state.address.is_none().then_some(("", None)), reason: None },
        Verdict { kind: OWN_CONDITIONS[1], lacks: initialized(state), reason: completed(phase) },
        Verdict { kind: OWN_CONDITIONS[2], lacks: ready.clone().or(gates), reason: None },
        Verdict { kind: OWN_CONDITIONS[3], lacks: ready, reason: None },
        Verdict { kind: OWN_CONDITIONS[4], lacks: None, reason: None },
    ];
    let own = verdicts.into_iter().map(|verdict| condition(verdict, existing, now));
    let foreign = existing.iter().filter(|other| !is_own(&other.type_));
    own.chain(foreign.cloned()).collect()
}

fn condition(verdict: Verdict, existing: &[PodCondition], now: Timestamp) -> PodCondition {
    let holds = verdict.lacks.is_none();
    let status = if holds { "True" } else { "False" };
    let (reason, message) = match verdict.lacks {
        Some((reason, message)) => (Some(reason.to_owned()).filter(|reason| !reason.is_empty()), message),
        None => (verdict.reason.map(str::to_owned), None),
    };
    let before = existing.iter().find(|other| other.type_ == verdict.kind && other.status == status);
    let since = before.and_then(|before| before.last_transition_time.clone());
    PodCondition {
        last_transition_time: Some(since.unwrap_or(Time(now))),
        message,
        reason,
        status: status.to_owned(),
        type_: verdict.kind.to_owned(),
        ..PodCondition::default()
    }
}

type Lack = Option<(&'static str, Option<String>)>;

fn completed(phase: &str) -> Option<&'static str> {
    (phase == "Succeeded").then_some("PodCompleted")
}

fn initialized(state: &PodState) -> Lack {
    let incomplete = |one: &ContainerState| match one.role {
        Role::App => false,
        Role::Init => !one.succeeded(),
        Role::Sidecar => !one.started,
    };
    lacking(state, incomplete, "ContainersNotInitialized", "containers with incomplete status")
}

fn ready(state: &PodState, phase: &str) -> Lack {
    match phase {
        "Succeeded" => Some(("PodCompleted", None)),
        "Failed" => Some(("PodFailed", None)),
        _ => {
            let unready = |one: &ContainerState| {
                one.role != Role::Init && !(one.ready && matches!(one.activity, Activity::Running { .. }))
            };
            lacking(state, unready, "ContainersNotReady", "containers with unready status")
        }
    }
}

fn lacking(state: &PodState, lacks: impl Fn(&ContainerState) -> bool, reason: &'static str, text: &str) -> Lack {
    let names: Vec<&str> = state.containers.iter().filter(|one| lacks(one)).map(|one| one.name.as_str()).collect();
    (!names.is_empty()).then(|| (reason, Some(format!("{text}: [{}]", names.join(" ")))))
}

fn gates(pod: &Pod, existing: &[PodCondition]) -> Lack {
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let open = |kind: &str| existing.iter().any(|other| other.type_ == kind && other.status == "True");
    let closed: Vec<String> = gates
        .filter(|gate| !open(&gate.condition_type))
        .map(|gate| {
            format!("corresponding condition of pod readiness gate \"{}\" does not exist.", gate.condition_type)
        })
        .collect();
    (!closed.is_empty()).then(|| ("ReadinessGatesNotReady", Some(closed.join(", "))))
}
