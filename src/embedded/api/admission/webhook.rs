//! Mutating webhooks: which of them have a say in a request, and what they say.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    super::{Server, call::Call, metadata::text, status::Status, tokens::user_info},
    Operation,
};
use crate::embedded::{
    objects::{patch, selector::LabelSelector},
    store::Key,
};

const TABLE: &str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";

/// What a webhook answered.
struct Verdict {
    patch: Option<Value>,
    warnings: Vec<String>,
}

/// Why a webhook has not given a verdict, or which one.
enum Refusal {
    /// It said no.
    Denied(Box<Status>),
    /// It could not be asked, or its answer makes no sense.
    Failed(String),
}

impl Server {
    /// Asks all webhooks that want to be asked, one after the other: each sees what those before it made of the object.
    pub(in crate::embedded::api) async fn ask_webhooks(
        &self,
        call: &Call,
        operation: Operation,
        mut object: Value,
        before: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        // Webhooks have no say in themselves, or a broken one could never be repaired.
        if call.resource.group == "admissionregistration.k8s.io" {
            return Ok(object);
        }
        for configuration in self.store().list(TABLE, None).0 {
            for webhook in configuration["webhooks"].as_array().into_iter().flatten() {
                if !self.is_wanted(webhook, call, operation, &object, before) {
                    continue;
                }
                let name = webhook["name"].as_str().unwrap_or_default();
                match self.ask(webhook, call, operation, &object, before).await {
                    Ok(verdict) => {
                        warnings.extend(verdict.warnings);
                        if let Some(operations) = verdict.patch {
                            object = patched(call, name, &object, &operations)?;
                        }
                    }
                    Err(Refusal::Denied(status)) => return Err(*status),
                    Err(Refusal::Failed(_)) if webhook["failurePolicy"] == "Ignore" => {}
                    Err(Refusal::Failed(why)) => {
                        return Err(Status::internal(&format!("failed calling webhook {name:?}: {why}")));
                    }
                }
            }
        }
        Ok(object)
    }

    /// Whether a webhook has a say in a request.
    fn is_wanted(
        &self,
        webhook: &Value,
        call: &Call,
        operation: Operation,
        object: &Value,
        before: Option<&Value>,
    ) -> bool {
        let rules = webhook["rules"].as_array();
        if !rules.into_iter().flatten().any(|rule| covers(rule, call, operation)) {
            return false;
        }
        let selects = |selector: &Value, labels: &Value| {
            // A selector that makes no sense was refused when it was written.
            LabelSelector::from_object(selector).is_ok_and(|selector| selector.matches(labels.get("labels")))
        };
        let namespace_matches = match (call.namespace(), call.resource.table.as_str()) {
            (Some(namespace), _) => self
                .store()
                .get("namespaces", &Key::new("", namespace))
                .is_some_and(|namespace| selects(&webhook["namespaceSelector"], &namespace["metadata"])),
            (None, "namespaces") => selects(&webhook["namespaceSelector"], &object["metadata"]),
            (None, _) => true,
        };
        let mut states = [Some(object), before].into_iter().flatten().filter(|state| !state.is_null());
        namespace_matches && states.any(|state| selects(&webhook["objectSelector"], &state["metadata"]))
    }

    async fn ask(
        &self,
        webhook: &Value,
        call: &Call,
        operation: Operation,
        object: &Value,
        before: Option<&Value>,
    ) -> Result<Verdict, Refusal> {
        let uid = uuid::Uuid::new_v4().to_string();
        let review = review(call, operation, object, before, &uid);
        let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(10);
        let asked = self.call_webhook(&webhook["clientConfig"], &review, seconds);
        let answer = match tokio::time::timeout(Duration::from_secs(seconds), asked).await {
            Ok(answer) => answer.map_err(|why| Refusal::Failed(format!("failed to call webhook: {why}")))?,
            Err(_) => return Err(Refusal::Failed("failed to call webhook: context deadline exceeded".to_owned())),
        };
        verdict(webhook["name"].as_str().unwrap_or_default(), &answer, &uid)
    }
}

/// Whether a rule covers a request.
fn covers(rule: &Value, call: &Call, operation: Operation) -> bool {
    let any = |field: &str, wanted: &[&str]| {
        let patterns = rule[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        patterns.into_iter().any(|pattern| wanted.contains(&pattern))
    };
    let resource = call.resource.plural.as_str();
    let resource_matches = match call.target.subresource.as_deref() {
        None => any("resources", &["*", "*/*", resource]),
        Some(part) => {
            let (whole, of_all, all_of) = (format!("{resource}/{part}"), format!("*/{part}"), format!("{resource}/*"));
            any("resources", &["*/*", &whole, &of_all, &all_of])
        }
    };
    let scope = if call.resource.namespaced { "Namespaced" } else { "Cluster" };
    resource_matches
        && any("operations", &["*", operation.as_str()])
        && any("apiGroups", &["*", &call.resource.group])
        && any("apiVersions", &["*", &call.target.version])
        && (rule["scope"].is_null() || rule["scope"] == "*" || rule["scope"] == scope)
}

/// The question, as `admission.k8s.io/v1` puts it.
fn review(call: &Call, operation: Operation, object: &Value, before: Option<&Value>, uid: &str) -> Value {
    let (group, version) = (&call.resource.group, &call.target.version);
    let kind = json!({"group": group, "version": version, "kind": call.resource.kind});
    let resource = json!({"group": group, "version": version, "resource": call.resource.plural});
    let options = match operation {
        Operation::Create => "CreateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Update => "UpdateOptions",
    };
    let mut request = json!({
        "uid": uid,
        "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
        "name": text(if object.is_null() { before.unwrap_or(object) } else { object }, "name"),
        "operation": operation.as_str(),
        "userInfo": user_info(&call.user),
        "object": object,
        "oldObject": before,
        "dryRun": call.is_dry_run().unwrap_or(false),
        "options": {"kind": options, "apiVersion": "meta.k8s.io/v1"},
    });
    if let Some(namespace) = call.namespace() {
        request["namespace"] = namespace.into();
    }
    if let Some(part) = &call.target.subresource {
        request["subResource"] = part.as_str().into();
        request["requestSubResource"] = part.as_str().into();
    }
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
}

fn verdict(name: &str, answer: &Value, uid: &str) -> Result<Verdict, Refusal> {
    let failed = |why: String| Refusal::Failed(why);
    if answer["kind"] != "AdmissionReview" || answer["apiVersion"] != "admission.k8s.io/v1" {
        let found = format!("{}, Kind={}", answer["apiVersion"], answer["kind"]).replace('"', "");
        return Err(failed(format!(
            "received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, \
             got {found}"
        )));
    }
    let response = &answer["response"];
    if response["uid"] != uid {
        let found = response["uid"].as_str().unwrap_or_default();
        return Err(failed(format!("received invalid webhook response: expected response.uid={uid:?}, got {found:?}")));
    }
    if response["allowed"] != true {
        return Err(Refusal::Denied(Box::new(denial(name, &response["status"]))));
    }
    let warnings = response["warnings"].as_array().into_iter().flatten();
    let warnings = warnings.filter_map(|warning| warning.as_str().map(str::to_owned)).collect();
    let patch = match response["patch"].as_str().filter(|patch| !patch.is_empty()) {
        None => None,
        Some(_) if response["patchType"] != "JSONPatch" => {
            let why = "received invalid webhook response: webhook returned response.patch but not response.patchType";
            return Err(failed(why.to_owned()));
        }
        Some(patch) => {
            let bytes = STANDARD.decode(patch).map_err(|error| failed(error.to_string()))?;
            Some(serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?)
        }
    };
    Ok(Verdict { patch, warnings })
}

/// A refusal in the webhook's name.
fn denial(name: &str, result: &Value) -> Status {
    let said = ["message", "reason"].iter().find_map(|&field| result[field].as_str().filter(|text| !text.is_empty()));
    let message = match said {
        Some(said) => format!("admission webhook {name:?} denied the request: {said}"),
        None => format!("admission webhook {name:?} denied the request without explanation"),
    };
    let code = result["code"].as_u64().and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let code = code.filter(|code| code.as_u16() >= 400).unwrap_or(StatusCode::BAD_REQUEST);
    let reason = match result["reason"].as_str() {
        Some("BadRequest") => "BadRequest",
        Some("Conflict") => "Conflict",
        Some("Forbidden") => "Forbidden",
        Some("Invalid") => "Invalid",
        Some("NotFound") => "NotFound",
        _ => "",
    };
    Status::new(code, reason, message)
}

/// The object as the webhook wants it, in its canonical form.
fn patched(call: &Call, name: &str, object: &Value, operations: &Value) -> Result<Value, Status> {
    let patched = patch::json(object, operations).map_err(|error| {
        Status::internal(&format!("webhook {name:?} answered with a patch that does not fit: {error}"))
    })?;
    // What the webhook got wrong is not for the author of the object to hear.
    call.canonical(patched, &mut Vec::new())
}
