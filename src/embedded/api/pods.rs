//! What can be done to pods besides reading and writing them: binding, eviction, logs.

use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Server,
    body::{self, Body},
    call::Call,
    kubelet::{ContainerRef, Kubelet, KubeletError, LogOptions},
    metadata::{self, text},
    status::{GroupResource, Status},
};
use crate::embedded::{
    objects::field_error::{self, FieldError},
    store::{Key, WriteError, revision_of},
};

impl From<KubeletError> for Status {
    fn from(error: KubeletError) -> Self {
        let message = error.to_string();
        match error {
            KubeletError::BadRequest(_) => Self::bad_request(message),
            KubeletError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "NotFound", message),
            KubeletError::Internal(_) => Self::internal(&message),
        }
    }
}

impl Server {
    /// The node, if there is one.
    pub(super) fn kubelet(&self) -> Result<&dyn Kubelet, Status> {
        let none = || Status::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "there is no node yet");
        self.0.kubelet.get().map(AsRef::as_ref).ok_or_else(none)
    }

    /// Makes sure that the node of a pod is there. (Kubernetes calls it a pod.)
    pub(super) fn check_node(&self, pod: &Value) -> Result<(), Status> {
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let found = self.store().get("nodes", &Key::new("", node));
        found.map(drop).ok_or_else(|| Status::not_found(GroupResource { group: "", resource: "pods" }, node))
    }

    /// Gives the pod in the path to a node.
    pub(super) fn bind_pod(&self, call: &Call) -> Result<Response<Body>, Status> {
        let binding = body::parse_kind(&call.headers, &call.body, "Binding", "core")?;
        if text(&binding, "name") != call.name() {
            return Err(Status::bad_request("name in URL does not match name in Binding object"));
        }
        let node = node_of(&binding)?;
        let dry_run = call.is_dry_run()?;
        let conflict = |why: &str| {
            let resource = GroupResource { group: "", resource: "pods/binding" };
            Status::conflict(resource, call.name(), why)
        };
        loop {
            let stored = self.store().get("pods", &call.key()).ok_or_else(|| call.not_found())?;
            let meant = text(&binding, "uid");
            let uid = text(&stored, "uid");
            if !meant.is_empty() && meant != uid {
                return Err(conflict(&format!(
                    "Precondition failed: UID in precondition: {meant}, UID in object meta: {uid}"
                )));
            }
            if metadata::is_terminating(&stored) {
                return Err(conflict(&format!("pod {} is being deleted, cannot be assigned to a host", call.name())));
            }
            if let Some(node) = stored["spec"]["nodeName"].as_str().filter(|name| !name.is_empty()) {
                return Err(conflict(&format!("pod {} is already assigned to node {node:?}", call.name())));
            }
            let mut pod = stored.as_ref().clone();
            pod["spec"]["nodeName"] = node.into();
            for (key, value) in binding["metadata"]["annotations"].as_object().into_iter().flatten() {
                pod["metadata"]["annotations"][key] = value.clone();
            }
            set_condition(&mut pod, "PodScheduled");
            if dry_run {
                return Ok(body::json(StatusCode::CREATED, &success(StatusCode::CREATED)));
            }
            match self.store().update("pods", call.key(), revision_of(&stored), pod) {
                Ok(_) => return Ok(body::json(StatusCode::CREATED, &success(StatusCode::CREATED))),
                Err(WriteError::Missing) => return Err(call.not_found()),
                Err(_) => {}
            }
        }
    }

    /// Reads the log of a container of the pod in the path.
    pub(super) async fn pod_log(&self, call: &Call) -> Result<Response<Body>, Status> {
        let options = log_options(call)?;
        let pod = self.store().get("pods", &call.key()).ok_or_else(|| call.not_found())?;
        let container = call.container(&pod)?;
        if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
            return Ok(body::nothing());
        }
        self.check_node(&pod)?;
        let log = self.kubelet()?.log(&container, options).await?;
        let stopped = self.stopped();
        let log = futures::StreamExt::map(log, |chunk| chunk.map_err(body::BoxError::from));
        let log = futures::StreamExt::take_until(log, async move { stopped.cancelled().await });
        Ok(body::stream("text/plain", log))
    }
}

fn success(code: StatusCode) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code.as_u16()})
}

/// Sets a condition of a pod to true.
fn set_condition(pod: &mut Value, kind: &str) {
    let condition =
        json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": metadata::now()});
    let conditions = &mut pod["status"]["conditions"];
    let mut list = conditions.as_array().cloned().unwrap_or_default();
    list.retain(|other| other["type"] != kind);
    list.push(condition);
    *conditions = list.into();
}

/// The node that a pod is given to.
fn node_of(binding: &Value) -> Result<&str, Status> {
    let target = |field: &str| binding["target"][field].as_str().unwrap_or_default();
    let (kind, name) = (target("kind"), target("name"));
    let mut errors = Vec::new();
    if !matches!(kind, "" | "Node") {
        errors.push(FieldError::not_supported("target.kind", kind, ["Node", "<empty>"]));
    }
    if name.is_empty() {
        errors.push(FieldError::required("target.name", ""));
    }
    if errors.is_empty() {
        return Ok(name);
    }
    // Kubernetes takes this for its own fault.
    Err(Status::new(StatusCode::INTERNAL_SERVER_ERROR, "", field_error::summary(&errors)))
}

fn log_options(call: &Call) -> Result<LogOptions, Status> {
    let query = &call.query;
    let (tail_lines, limit_bytes) = (query.number("tailLines")?, query.number("limitBytes")?);
    let since_seconds = query.number("sinceSeconds")?;
    let since_time = query.value("sinceTime").map(since).transpose()?;

    let mut errors = Vec::new();
    if let Some(lines) = tail_lines.filter(|&lines| lines < 0) {
        errors.push(FieldError::invalid("tailLines", lines, "must be greater than or equal to 0"));
    }
    if let Some(bytes) = limit_bytes.filter(|&bytes| bytes < 1) {
        errors.push(FieldError::invalid("limitBytes", bytes, "must be greater than 0"));
    }
    match since_seconds {
        Some(_) if since_time.is_some() => {
            let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(FieldError::forbidden("[]", detail));
        }
        Some(seconds) if seconds < 1 => {
            errors.push(FieldError::invalid("sinceSeconds", seconds, "must be greater than 0"));
        }
        _ => {}
    }
    if !errors.is_empty() {
        return Err(Status::invalid("", "PodLogOptions", call.name(), &errors));
    }
    let seconds_ago = since_seconds.map(|seconds| Timestamp::now() - SignedDuration::from_secs(seconds));
    Ok(LogOptions {
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        since: since_time.or(seconds_ago),
        tail_lines: tail_lines.and_then(|lines| usize::try_from(lines).ok()),
        limit_bytes: limit_bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        timestamps: query.flag("timestamps"),
    })
}

/// Reads a time, and complains like Go.
fn since(text: &str) -> Result<Timestamp, Status> {
    text.parse().map_err(|_| {
        Status::bad_request(format!(
            "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
        ))
    })
}

impl Call {
    /// The container that a request means; a pod with one container needs no name for it.
    pub(super) fn container(&self, pod: &Value) -> Result<ContainerRef, Status> {
        let names = |list: &str| -> Vec<String> {
            let containers = pod["spec"][list].as_array().into_iter().flatten();
            containers.filter_map(|container| container["name"].as_str().map(str::to_owned)).collect()
        };
        let (containers, inits) = (names("containers"), names("initContainers"));
        let container = match (self.query.value("container"), containers.as_slice()) {
            (Some(name), _) if containers.iter().chain(&inits).any(|known| known == name) => name.to_owned(),
            (Some(name), _) => {
                let message = format!("container {name} is not valid for pod {}", self.name());
                return Err(Status::bad_request(message));
            }
            (None, [only]) if inits.is_empty() => only.clone(),
            (None, _) => {
                let mut message = format!(
                    "a container name must be specified for pod {}, choose one of: [{}]",
                    self.name(),
                    containers.join(" ")
                );
                if !inits.is_empty() {
                    message.push_str(&format!(" or one of the init containers: [{}]", inits.join(" ")));
                }
                return Err(Status::bad_request(message));
            }
        };
        Ok(ContainerRef {
            namespace: text(pod, "namespace").to_owned(),
            pod: self.name().to_owned(),
            uid: text(pod, "uid").to_owned(),
            container,
        })
    }
}
