//! Deleting objects: preconditions, grace, propagation, finalizers.

use std::sync::Arc;

use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Server,
    admission::Operation,
    body::{self, Body},
    call::Call,
    metadata::{self, text},
    path::Verb,
    read::{Selection, answer_list},
    resource::{Resource, Rules},
    status::{GroupResource, Status},
};
use crate::embedded::{
    objects::field_error::FieldError,
    store::{Key, WriteError, revision_of},
};

/// The finalizer by which the garbage collector deletes what an object owns before the object.
const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer by which the garbage collector gives up what an object owns.
const ORPHAN: &str = "orphan";
/// Namespaces that are there for ever.
const IMMORTAL: &[&str] = &["default", "kube-public", "kube-system"];

/// How to delete.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DeleteOptions {
    grace_period_seconds: Option<i64>,
    preconditions: Option<Preconditions>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    dry_run: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl DeleteOptions {
    fn of(call: &Call) -> Result<Self, Status> {
        let mut options = if call.body.is_empty() { Self::default() } else { Self::read(call)? };
        if options.grace_period_seconds.is_none() {
            options.grace_period_seconds = call.query.number("gracePeriodSeconds")?;
        }
        if options.propagation_policy.is_none() {
            options.propagation_policy = call.query.value("propagationPolicy").map(str::to_owned);
        }
        if options.dry_run.is_empty() {
            options.dry_run = call.dry_run();
        }
        if options.orphan_dependents.is_none() && call.query.value("orphanDependents").is_some() {
            options.orphan_dependents = Some(call.query.flag("orphanDependents"));
        }
        options.check()?;
        Ok(options)
    }

    /// Reads the body. A body that makes no sense is answered with 500, as Kubernetes does.
    fn read(call: &Call) -> Result<Self, Status> {
        let failed = |message: String| Status::new(StatusCode::INTERNAL_SERVER_ERROR, "", message);
        let sent = body::parse(&call.headers, &call.body).map_err(|status| match status.code {
            StatusCode::BAD_REQUEST => {
                failed(format!("couldn't get version/kind; json parse error: {}", status.message))
            }
            _ => status,
        })?;
        if !sent.is_object() {
            return Err(failed(format!("couldn't get version/kind; json parse error: {sent} is no object")));
        }
        let kind = sent["kind"].as_str().filter(|kind| !kind.is_empty()).unwrap_or("DeleteOptions");
        if kind != "DeleteOptions" {
            let version = sent["apiVersion"].as_str().unwrap_or_default();
            return Err(failed(format!(
                "no kind {kind:?} is registered for version {version:?} in scheme \
                 \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\""
            )));
        }
        serde_json::from_value(sent).map_err(|error| failed(error.to_string()))
    }

    fn check(&self) -> Result<(), Status> {
        let mut errors = Vec::new();
        if let Some(policy) = &self.propagation_policy {
            if self.orphan_dependents.is_some() {
                let detail = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid("propagationPolicy", policy.as_str(), detail));
            } else if !matches!(policy.as_str(), "Background" | "Foreground" | "Orphan") {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(FieldError::not_supported("propagationPolicy", policy.as_str(), known));
            }
        }
        if self.dry_run.iter().any(|value| value != "All") {
            errors.push(FieldError::not_supported("dryRun", self.dry_run.as_slice(), ["All"]));
        }
        if errors.is_empty() { Ok(()) } else { Err(Status::invalid("meta.k8s.io", "DeleteOptions", "", &errors)) }
    }

    fn check_preconditions(&self, call: &Call, object: &Value) -> Result<(), Status> {
        let Some(preconditions) = &self.preconditions else { return Ok(()) };
        // Kubernetes names the kind here, where it names the resource everywhere else.
        let kind = GroupResource { group: &call.resource.group, resource: &call.resource.kind };
        let conflict = |why: String| Err(Status::conflict(kind, text(object, "name"), &why));
        let (uid, version) = (text(object, "uid"), text(object, "resourceVersion"));
        match preconditions {
            Preconditions { uid: Some(meant), .. } if meant != uid => conflict(format!(
                "the UID in the precondition ({meant}) does not match the UID in record ({uid}). The object might have \
                 been deleted and then recreated"
            )),
            Preconditions { resource_version: Some(meant), .. } if meant != version => conflict(format!(
                "the ResourceVersion in the precondition ({meant}) does not match the ResourceVersion in record \
                 ({version}). The object might have been modified"
            )),
            _ => Ok(()),
        }
    }

    /// The propagation finalizer that the caller asks for; `Some(None)` asks for none of them.
    fn finalizer(&self) -> Option<Option<&'static str>> {
        match (self.propagation_policy.as_deref(), self.orphan_dependents) {
            (Some("Foreground"), _) => Some(Some(FOREGROUND)),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Some(ORPHAN)),
            (Some(_), _) | (None, Some(false)) => Some(None),
            (None, None) => None,
        }
    }
}

/// What became of a deletion.
struct Deleted {
    object: Arc<Value>,
    gone: bool,
}

impl Server {
    /// Deletes the object in the path.
    pub(super) async fn delete(&self, call: &Call) -> Result<Response<Body>, Status> {
        let options = DeleteOptions::of(call)?;
        if call.resource.kind == "Namespace" && IMMORTAL.contains(&call.name()) {
            let why = "this namespace may not be deleted";
            return Err(Status::forbidden(call.resource.name(), call.name(), why));
        }
        let stored = self.store().get(&call.resource.table, &call.key()).ok_or_else(|| call.not_found())?;
        let mut warnings = call.deprecations();
        self.admit_deletion(call, &stored, &mut warnings).await?;
        let deleted = self.delete_object(call, &call.key(), &options)?;
        let waits = !deleted.gone && options.orphan_dependents == Some(false);
        let code = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
        let shows = matches!(&call.resource.rules, Rules::Builtin(builtin) if builtin.returns_deleted);
        if !deleted.gone || shows {
            return Ok(call.answer_with(code, &deleted.object, &warnings));
        }
        let mut details = Map::new();
        details.insert("name".to_owned(), call.name().into());
        if !call.resource.group.is_empty() {
            details.insert("group".to_owned(), call.resource.group.as_str().into());
        }
        details.insert("kind".to_owned(), call.resource.plural.as_str().into());
        details.insert("uid".to_owned(), deleted.object["metadata"]["uid"].clone());
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        });
        Ok(body::json(code, &status))
    }

    /// Deletes all objects that match; answers with what they were.
    pub(super) async fn delete_collection(&self, call: &Call) -> Result<Response<Body>, Status> {
        let options = DeleteOptions::of(call)?;
        let selection = Selection::of(call)?;
        let (objects, revision) = self.store().list(&call.resource.table, call.namespace());
        let mut deleted = Vec::new();
        for object in objects.iter().filter(|object| selection.matches(object)) {
            let key = Key::new(text(object, "namespace"), text(object, "name"));
            self.admit_deletion(call, object, &mut Vec::new()).await?;
            deleted.push(object);
            match self.delete_object(call, &key, &options) {
                // Somebody else was faster, which is as good.
                Err(status) if status.code == StatusCode::NOT_FOUND => {}
                other => drop(other?),
            }
        }
        let metadata = Map::from_iter([("resourceVersion".to_owned(), revision.to_string().into())]);
        answer_list(call, metadata, deleted.into_iter().map(Arc::as_ref))
    }

    /// Deletes the pod in the path on somebody's polite request (there are no disruption budgets to ask).
    pub(super) fn evict_pod(&self, call: &Call) -> Result<Response<Body>, Status> {
        let mut eviction = body::parse_kind(&call.headers, &call.body, "Eviction", "policy")?;
        if text(&eviction, "name") != call.name() {
            return Err(Status::bad_request("name in URL does not match name in Eviction object"));
        }
        let mut options = match eviction["deleteOptions"].take() {
            Value::Null => DeleteOptions::default(),
            options => serde_json::from_value(options).map_err(|error| Status::bad_request(error.to_string()))?,
        };
        options.dry_run.extend(call.dry_run());
        options.check()?;
        self.delete_object(call, &call.key(), &options)?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201,
        });
        Ok(body::json(StatusCode::CREATED, &status))
    }

    /// Deletes all objects of a resource, on the server's own account.
    pub(super) fn delete_all(&self, resource: &Arc<Resource>) {
        let call = Call::internal(Verb::DeleteCollection, resource);
        for object in self.store().list(&resource.table, None).0 {
            let key = Key::new(text(&object, "namespace"), text(&object, "name"));
            // An object that is gone by now is what was wanted.
            _ = self.delete_object(&call, &key, &DeleteOptions::default());
        }
    }

    /// Lets the webhooks refuse a deletion.
    async fn admit_deletion(&self, call: &Call, object: &Value, warnings: &mut Vec<String>) -> Result<(), Status> {
        self.mutate(call, Operation::Delete, Value::Null, Some(object), warnings).await?;
        self.judge(call, Operation::Delete, &Value::Null, Some(object), warnings).await
    }

    fn delete_object(&self, call: &Call, key: &Key, options: &DeleteOptions) -> Result<Deleted, Status> {
        let dry_run = !options.dry_run.is_empty();
        let not_found = || Status::not_found(call.resource.name(), &key.name);
        loop {
            let stored = self.store().get(&call.resource.table, key).ok_or_else(not_found)?;
            options.check_preconditions(call, &stored)?;
            let next = marked(&stored, &call.resource.kind, options);
            let gone = !metadata::has_finalizers(&next) && grace(&next) == 0;
            let graceful = call.resource.kind == "Pod";
            if dry_run || (!gone && next == *stored) {
                return Ok(Deleted {
                    object: Arc::new(if gone && !graceful { stored.as_ref().clone() } else { next }),
                    gone,
                });
            }
            let seen = revision_of(&stored);
            let written = if gone {
                // Marks of a deletion that is over at once are shown only for kinds that may take their time.
                let shown = graceful || metadata::is_terminating(&stored);
                let last = if shown { next } else { stored.as_ref().clone() };
                self.remove(call, key, &last, seen)
            } else {
                self.store().update(&call.resource.table, key.clone(), seen, next).inspect(|object| {
                    self.after_write(call, object);
                })
            };
            match written {
                Ok(object) => return Ok(Deleted { object, gone }),
                Err(WriteError::Missing) => return Err(not_found()),
                Err(_) => {}
            }
        }
    }
}

/// An object with the marks of its deletion: time, grace, finalizers, phase.
fn marked(object: &Value, kind: &str, options: &DeleteOptions) -> Value {
    let mut next = object.clone();
    if let Some(finalizer) = options.finalizer() {
        set_propagation(&mut next["metadata"], finalizer);
    }
    let wanted = if kind == "Pod" { pod_grace(object, options.grace_period_seconds) } else { 0 };
    if metadata::is_terminating(object) {
        // A deletion can be hurried up in so many words, never slowed down.
        if options.grace_period_seconds.is_none() || wanted >= grace(object) {
            return next;
        }
    } else {
        let counts = kind != "CustomResourceDefinition";
        if let Some(generation) = next["metadata"]["generation"].as_i64().filter(|_| counts) {
            next["metadata"]["generation"] = (generation + 1).into();
        }
        if kind == "CustomResourceDefinition" {
            super::effects::mark_definition(&mut next);
            return next;
        }
        if kind == "Namespace" {
            // A namespace has no grace, only work to be done.
            next["status"]["phase"] = "Terminating".into();
            next["metadata"]["deletionTimestamp"] = metadata::now().into();
            return next;
        }
    }
    let at = Timestamp::now() + SignedDuration::from_secs(wanted);
    next["metadata"]["deletionTimestamp"] = metadata::time_text(at).into();
    next["metadata"]["deletionGracePeriodSeconds"] = wanted.into();
    next
}

fn grace(object: &Value) -> i64 {
    object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0)
}

/// How long a pod's containers have to end; nothing for a pod that does not run.
fn pod_grace(pod: &Value, asked: Option<i64>) -> i64 {
    let unscheduled = pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    if unscheduled || matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded")) {
        return 0;
    }
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64();
    // A negative grace is read as the shortest one.
    asked.or(own).map_or(30, |seconds| if seconds < 0 { 1 } else { seconds })
}

fn set_propagation(metadata: &mut Value, finalizer: Option<&str>) {
    let mut finalizers = metadata["finalizers"].as_array().cloned().unwrap_or_default();
    finalizers.retain(|name| name != FOREGROUND && name != ORPHAN);
    finalizers.extend(finalizer.map(Value::from));
    if finalizers.is_empty() {
        metadata.as_object_mut().map(|fields| fields.remove("finalizers"));
    } else {
        metadata["finalizers"] = finalizers.into();
    }
}
