//! Cells of pods and nodes.

use serde_json::Value;

use super::{age, columns::or_none};

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Init containers that go on running beside the others.
fn is_sidecar(pod: &Value, name: &str) -> bool {
    list(&pod["spec"]["initContainers"])
        .any(|container| container["name"] == name && container["restartPolicy"] == "Always")
}

/// The states of what runs all the time: containers and sidecars.
fn lasting(pod: &Value) -> impl Iterator<Item = &Value> {
    let sidecars = list(&pod["status"]["initContainerStatuses"]);
    let sidecars = sidecars.filter(|status| is_sidecar(pod, text(&status["name"])));
    sidecars.chain(list(&pod["status"]["containerStatuses"]))
}

/// How many containers are ready, of how many.
pub(super) fn ready(pod: &Value) -> Value {
    let sidecars =
        list(&pod["spec"]["initContainers"]).filter(|container| container["restartPolicy"] == "Always").count();
    let all = sidecars + list(&pod["spec"]["containers"]).count();
    let ready = lasting(pod).filter(|status| status["ready"] == true && status["state"]["running"].is_object()).count();
    // A sidecar need not be ready to be running, but it must have started.
    format!("{ready}/{all}").into()
}

/// How often containers were restarted, and how long ago the last time was.
pub(super) fn restarts(pod: &Value) -> Value {
    let initializing = waiting_for(pod).is_some();
    let inits = list(&pod["status"]["initContainerStatuses"]).filter(|_| initializing);
    let statuses: Vec<&Value> = if initializing { inits.collect() } else { lasting(pod).collect() };
    let times: u64 = statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum();
    let last = statuses.iter().filter_map(|status| status["lastState"]["terminated"]["finishedAt"].as_str()).max();
    match last {
        Some(last) if times > 0 => format!("{times} ({} ago)", age::since(&last.into())).into(),
        _ => times.to_string().into(),
    }
}

/// What a pod is doing, in one word.
pub(super) fn status(pod: &Value) -> Value {
    let own = &pod["status"];
    let mut word = text(if text(&own["reason"]).is_empty() { &own["phase"] } else { &own["reason"] }).to_owned();
    let gated = |condition: &Value| condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated";
    if list(&own["conditions"]).any(gated) {
        "SchedulingGated".clone_into(&mut word);
    }
    if let Some(waiting) = waiting_for(pod) {
        word = waiting;
    } else {
        word = of_containers(pod, word);
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return if own["reason"] == "NodeLost" { "Unknown" } else { "Terminating" }.into();
    }
    word.into()
}

/// The init container that holds the pod up, and how.
fn waiting_for(pod: &Value) -> Option<String> {
    let all = list(&pod["spec"]["initContainers"]).count();
    for (index, status) in list(&pod["status"]["initContainerStatuses"]).enumerate() {
        let state = &status["state"];
        let terminated = &state["terminated"];
        let sidecar_runs = is_sidecar(pod, text(&status["name"])) && status["started"] == true;
        if terminated["exitCode"] == 0 || sidecar_runs {
            continue;
        }
        let waiting = text(&state["waiting"]["reason"]);
        return Some(if terminated.is_object() {
            format!("Init:{}", ended(terminated))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{index}/{all}")
        });
    }
    None
}

/// How a container ended.
fn ended(terminated: &Value) -> String {
    let signal = terminated["signal"].as_i64().unwrap_or_default();
    match text(&terminated["reason"]) {
        "" if signal != 0 => format!("Signal:{signal}"),
        "" => format!("ExitCode:{}", terminated["exitCode"]),
        reason => reason.to_owned(),
    }
}

fn of_containers(pod: &Value, mut word: String) -> String {
    let mut running = false;
    // The first container has the last word.
    for status in list(&pod["status"]["containerStatuses"]).collect::<Vec<_>>().into_iter().rev() {
        let state = &status["state"];
        let waiting = text(&state["waiting"]["reason"]);
        if !waiting.is_empty() {
            waiting.clone_into(&mut word);
        } else if state["terminated"].is_object() {
            word = ended(&state["terminated"]);
        } else if status["ready"] == true && state["running"].is_object() {
            running = true;
        }
    }
    if word == "Completed" && running {
        let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        let is_ready = list(&pod["status"]["conditions"]).any(ready);
        return if is_ready { "Running" } else { "NotReady" }.to_owned();
    }
    word
}

/// How many readiness gates are open.
pub(super) fn readiness_gates(pod: &Value) -> Value {
    let gates: Vec<&Value> = list(&pod["spec"]["readinessGates"]).collect();
    if gates.is_empty() {
        return "<none>".into();
    }
    let open = |gate: &&&Value| {
        list(&pod["status"]["conditions"])
            .any(|condition| condition["type"] == gate["conditionType"] && condition["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(open).count(), gates.len()).into()
}

/// Whether a node takes pods.
pub(super) fn node_status(node: &Value) -> Value {
    let ready = list(&node["status"]["conditions"]).find(|condition| condition["type"] == "Ready");
    let mut word = match ready.map(|condition| text(&condition["status"])) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        word.push_str(",SchedulingDisabled");
    }
    word.into()
}

/// What a node is for.
pub(super) fn node_roles(node: &Value) -> Value {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() { "<none>".into() } else { roles.join(",").into() }
}

/// A node's address of one type.
pub(super) fn node_address(node: &Value, kind: &str) -> Value {
    let address = list(&node["status"]["addresses"]).find(|address| address["type"] == kind);
    or_none(address.map_or(&Value::Null, |address| &address["address"]))
}

/// What a node says about itself.
pub(super) fn node_info(node: &Value, field: &str) -> Value {
    let value = text(&node["status"]["nodeInfo"][field]);
    if value.is_empty() { "<unknown>".into() } else { value.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pods_status_is_one_word() {
        let running = json!({"ready": true, "state": {"running": {}}});
        let waiting = json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}});
        let failed = json!({"state": {"terminated": {"exitCode": 3}}});
        let completed = json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
        let cases = [
            (json!({"status": {"phase": "Pending"}}), "Pending"),
            (json!({"status": {"phase": "Failed", "reason": "Evicted"}}), "Evicted"),
            (json!({"status": {"phase": "Running", "containerStatuses": [running]}}), "Running"),
            (json!({"status": {"phase": "Running", "containerStatuses": [running, waiting]}}), "CrashLoopBackOff"),
            (json!({"status": {"phase": "Failed", "containerStatuses": [failed]}}), "ExitCode:3"),
            (json!({"status": {"phase": "Succeeded", "containerStatuses": [completed]}}), "Completed"),
            (json!({"status": {"phase": "Running", "containerStatuses": [completed, running]}}), "NotReady"),
            (json!({"metadata": {"deletionTimestamp": "now"}, "status": {"phase": "Running"}}), "Terminating"),
            (
                json!({
                    "spec": {"initContainers": [{"name": "a"}, {"name": "b"}]},
                    "status": {"phase": "Pending", "initContainerStatuses": [completed, {"state": {"waiting": {}}}]},
                }),
                "Init:1/2",
            ),
            (json!({"status": {"phase": "Pending", "initContainerStatuses": [waiting]}}), "Init:CrashLoopBackOff"),
        ];
        for (pod, expected) in cases {
            assert_eq!(status(&pod), expected, "{pod}");
        }
    }
}
