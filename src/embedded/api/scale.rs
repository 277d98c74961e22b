//! The scale of things that have replicas: the `scale` subresource.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Server,
    body::{self, Body, View},
    call::Call,
    custom::ScalePaths,
    managed,
    metadata::text,
    path::Verb,
    resource::Rules,
    status::Status,
};
use crate::embedded::objects::{field_error::FieldError, patch};

const API_VERSION: &str = "autoscaling/v1";

impl Server {
    /// Answers a request to the scale of the object in the path.
    pub(super) async fn scale(&self, call: &Call) -> Result<Response<Body>, Status> {
        let paths = call.scale_paths().ok_or_else(Status::no_such_resource)?;
        if call.verb == Verb::Get {
            let object = self.store().get(&call.resource.table, &call.key()).ok_or_else(|| call.not_found())?;
            return Ok(answer(&scale_of(&object, &paths)));
        }
        let sent: Value = match call.verb {
            Verb::Update => body::parse(&call.headers, &call.body)?,
            Verb::Patch => {
                serde_json::from_slice(&call.body).map_err(|error| Status::bad_request(error.to_string()))?
            }
            _ => return Err(Status::method_not_allowed()),
        };
        let whole = call.of_the_whole();
        let (writer, mut warnings) = (managed::Writer::patch(call)?, Vec::new());
        let object = self.modify(&whole, &writer, &mut warnings, |before| {
            let scale = scale_of(before, &paths);
            let wanted = match (call.verb, body::media_type(&call.headers)) {
                (Verb::Update, _) => sent.clone(),
                (_, "application/json-patch+json") => patch::json(&scale, &sent)?,
                (_, "application/merge-patch+json" | "application/strategic-merge-patch+json") => {
                    patch::merge(&scale, &sent)?
                }
                _ => {
                    return Err(Status::unsupported_media_type(
                        "application/json-patch+json, application/merge-patch+json, \
                         application/strategic-merge-patch+json",
                    ));
                }
            };
            scaled(call, before, &wanted, &paths)
        });
        Ok(answer(&scale_of(&object.await?, &paths)))
    }
}

fn answer(scale: &Value) -> Response<Body> {
    body::json(StatusCode::OK, &View::whole(scale, API_VERSION, "Scale"))
}

/// The scale of an object.
fn scale_of(object: &Value, paths: &ScalePaths) -> Value {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    let mut scale = json!({
        "kind": "Scale", "apiVersion": API_VERSION, "metadata": metadata,
        "spec": {"replicas": number(&paths.spec_replicas)},
        "status": {"replicas": number(&paths.status_replicas)},
    });
    let selector = match &paths.selector {
        Some(pointer) => object.pointer(pointer).and_then(Value::as_str).map(str::to_owned),
        None => object["spec"]["selector"].is_object().then(|| selector_text(&object["spec"]["selector"])),
    };
    if let Some(selector) = selector.filter(|text| !text.is_empty()) {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

/// The object at another scale.
fn scaled(call: &Call, before: &Value, scale: &Value, paths: &ScalePaths) -> Result<Value, Status> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let error = FieldError::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        return Err(Status::invalid("autoscaling", "Scale", call.name(), &[error]));
    }
    let mut object = before.clone();
    for field in ["uid", "resourceVersion"] {
        if !text(scale, field).is_empty() {
            object["metadata"][field] = scale["metadata"][field].clone();
        }
    }
    let mut place = &mut object;
    for name in paths.spec_replicas.split('/').filter(|name| !name.is_empty()) {
        place = &mut place[name];
    }
    *place = replicas.into();
    Ok(object)
}

/// A label selector in text form.
fn selector_text(selector: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let mut terms: Vec<String> = labels.map(|(key, value)| format!("{key}={}", text(value))).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text(&expression["key"]);
        let values: Vec<String> = expression["values"].as_array().into_iter().flatten().map(text).collect();
        let values = values.join(",");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key,
        });
    }
    terms.join(",")
}

impl Call {
    /// Where the object's scale is.
    fn scale_paths(&self) -> Option<ScalePaths> {
        match &self.resource.rules {
            Rules::Custom(custom) => custom.scale(&self.target.version).cloned(),
            Rules::Builtin(_) => Some(ScalePaths {
                spec_replicas: "/spec/replicas".to_owned(),
                status_replicas: "/status/replicas".to_owned(),
                selector: None,
            }),
        }
    }

    /// The same request to the object itself.
    fn of_the_whole(&self) -> Self {
        let mut whole = self.clone();
        whole.target.subresource = None;
        whole
    }
}
