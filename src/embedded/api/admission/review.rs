//! The question to a webhook and its answer: `AdmissionReview` of `admission.k8s.io/v1`.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    super::{metadata::text, status::Status, tokens::user_info},
    Operation,
    rules::Equivalent,
    webhook::{Stage, Subject},
};

/// What a webhook answered.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub patch: Option<Value>,
    pub warnings: Vec<String>,
}

/// Why a webhook has not given a verdict, or which one.
pub(super) enum Refusal {
    /// It said no.
    Denied(Box<Status>),
    /// It could not be asked, or its answer makes no sense.
    Failed(String),
}

/// A question.
pub(super) struct Review {
    uid: String,
    /// As it is sent.
    pub body: Value,
}

impl Review {
    /// Asks about `subject` in the version that the webhook knows.
    pub fn new(subject: Subject<'_>, equivalent: &Equivalent) -> Self {
        let Subject { call, operation, object, before } = subject;
        let uid = uuid::Uuid::new_v4().to_string();
        let (group, kind, plural) = (&call.resource.group, &call.resource.kind, &call.resource.plural);
        let of_kind = |version: &str| json!({"group": group, "version": version, "kind": kind});
        let of_resource = |version: &str| json!({"group": group, "version": version, "resource": plural});
        let (asked, shown) = (call.target.version.as_str(), equivalent.version.as_str());
        let in_version = |object: &Value| {
            let mut object = object.clone();
            if object.is_object() {
                object["apiVersion"] = call.resource.api_version(shown).into();
                object["kind"] = kind.as_str().into();
            }
            object
        };
        let mut request = json!({
            "uid": uid,
            "kind": of_kind(shown), "resource": of_resource(shown),
            "requestKind": of_kind(asked), "requestResource": of_resource(asked),
            "name": text(if object.is_null() { before.unwrap_or(object) } else { object }, "name"),
            "operation": operation.as_str(),
            "userInfo": user_info(&call.user),
            "object": in_version(object),
            "oldObject": before.map(in_version),
            "dryRun": call.is_dry_run().unwrap_or(false),
            "options": options(subject),
        });
        if let Some(namespace) = call.namespace() {
            request["namespace"] = namespace.into();
        }
        if call.resource.table == "namespaces" {
            request["namespace"] = request["name"].clone();
        }
        if let Some(part) = &call.target.subresource {
            request["subResource"] = part.as_str().into();
            request["requestSubResource"] = part.as_str().into();
        }
        let body = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request});
        Self { uid, body }
    }

    /// Reads the answer of the webhook called `name`.
    pub fn verdict(&self, name: &str, answer: &Value, stage: Stage) -> Result<Verdict, Refusal> {
        let invalid = |why: &str| Refusal::Failed(format!("received invalid webhook response: {why}"));
        let found = |field: &str| answer[field].as_str().unwrap_or_default();
        let known = matches!(found("apiVersion"), "admission.k8s.io/v1" | "admission.k8s.io/v1beta1");
        if !known || found("kind") != "AdmissionReview" {
            return Err(Refusal::Failed(format!(
                "failed to call webhook: no kind {:?} is registered for version {:?} in scheme \
                 \"k8s.io/apiserver/pkg/util/webhook/client.go:71\"",
                found("kind"),
                found("apiVersion"),
            )));
        }
        if found("apiVersion") != "admission.k8s.io/v1" {
            return Err(invalid(&format!(
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {}, Kind=AdmissionReview",
                found("apiVersion"),
            )));
        }
        let response = &answer["response"];
        if !response.is_object() {
            return Err(invalid("webhook response was absent"));
        }
        let uid = response["uid"].as_str().unwrap_or_default();
        if uid != self.uid {
            return Err(invalid(&format!("expected response.uid={:?}, got {uid:?}", self.uid)));
        }
        let patch = match stage {
            Stage::Mutating => patch(response, &invalid)?,
            Stage::Validating => {
                for field in ["patch", "patchType"] {
                    if response[field].as_str().is_some_and(|text| !text.is_empty()) {
                        return Err(invalid(&format!("validating webhook may not return response.{field}")));
                    }
                }
                None
            }
        };
        if response["allowed"] != true {
            return Err(Refusal::Denied(Box::new(denial(name, &response["status"]))));
        }
        let warnings = response["warnings"].as_array().into_iter().flatten();
        Ok(Verdict { patch, warnings: warnings.filter_map(|warning| warning.as_str().map(str::to_owned)).collect() })
    }
}

/// How the caller wants it done.
fn options(subject: Subject<'_>) -> Value {
    let kind = match subject.operation {
        Operation::Create => "CreateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Update => "UpdateOptions",
    };
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if let Some(manager) = subject.call.query.value("fieldManager").filter(|_| subject.operation != Operation::Delete) {
        options["fieldManager"] = manager.into();
    }
    let dry_run = subject.call.dry_run();
    if !dry_run.is_empty() {
        options["dryRun"] = dry_run.into();
    }
    options
}

fn patch(response: &Value, invalid: &dyn Fn(&str) -> Refusal) -> Result<Option<Value>, Refusal> {
    let (patch, kind) = (response["patch"].as_str().unwrap_or_default(), response["patchType"].as_str());
    match (patch, kind) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err(invalid("webhook returned response.patchType but not response.patch")),
        (_, None) => Err(invalid("webhook returned response.patch but not response.patchType")),
        (patch, Some("JSONPatch")) => {
            let bytes = STANDARD.decode(patch).map_err(|error| Refusal::Failed(error.to_string()))?;
            serde_json::from_slice(&bytes).map(Some).map_err(|error| Refusal::Failed(error.to_string()))
        }
        (_, Some(other)) => Err(Refusal::Failed(format!("unsupported patch type {other:?}"))),
    }
}

/// A refusal in the webhook's name, with its own code, reason and details.
fn denial(name: &str, result: &Value) -> Status {
    let given = |field: &str| result[field].as_str().filter(|text| !text.is_empty());
    let message = match given("message").or_else(|| given("reason")) {
        Some(said) => format!("admission webhook {name:?} denied the request: {said}"),
        None => format!("admission webhook {name:?} denied the request without explanation"),
    };
    let code = result["code"].as_u64().and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let code = code.filter(|code| code.as_u16() >= 400).unwrap_or(StatusCode::BAD_REQUEST);
    let reason: Cow<'static, str> = given("reason").map_or("".into(), |reason| reason.to_owned().into());
    let details = result.get("details").filter(|details| details.is_object()).cloned();
    Status { details, ..Status::new(code, reason, message) }
}
