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
    status::{GroupResource, Status},
};
use crate::embedded::objects::{field_error::FieldError, patch};

const API_VERSION: &str = "autoscaling/v1";
const JSON_PATCH: &str = "application/json-patch+json";
/// The patches that a scale takes.
const PATCHES: &[&str] = &[JSON_PATCH, "application/merge-patch+json", "application/strategic-merge-patch+json"];

impl Server {
    /// Answers a request to the scale of the object in the path.
    pub(super) async fn scale(&self, call: &Call) -> Result<Response<Body>, Status> {
        let paths = call.scale_paths().ok_or_else(Status::no_such_resource)?;
        let found = self.store().get(&call.resource.table, &call.key());
        if call.verb == Verb::Get {
            let object = found.ok_or_else(|| call.no_scale())?;
            return Ok(answer(&scale_of(&object, &paths)));
        }
        let sent: Value = match call.verb {
            Verb::Update => call.scale()?,
            Verb::Patch if PATCHES.contains(&body::media_type(&call.headers)) => {
                serde_json::from_slice(&call.body).map_err(|error| Status::bad_request(error.to_string()))?
            }
            Verb::Patch => return Err(Status::unknown_media_type()),
            _ => return Err(Status::method_not_allowed()),
        };
        found.ok_or_else(|| call.no_scale())?;
        let whole = call.of_the_whole();
        let (writer, mut warnings) = (managed::Writer::patch(call)?, Vec::new());
        let object = self.modify(&whole, &writer, &mut warnings, |before| {
            let scale = scale_of(before, &paths);
            let wanted = match (call.verb, body::media_type(&call.headers)) {
                (Verb::Update, _) => sent.clone(),
                (_, JSON_PATCH) => patch::json(&scale, &sent)?,
                _ => patch::merge(&scale, &sent)?,
            };
            scaled(call, before, &wanted, &paths)
        });
        Ok(answer(&scale_of(&object.await?, &paths)))
    }
}

fn answer(scale: &Value) -> Response<Body> {
    body::json(StatusCode::OK, &View { object: scale, types: Some((API_VERSION, "Scale")) })
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
        "spec": {},
        "status": {"replicas": number(&paths.status_replicas)},
    });
    // As in Go, no replicas are not written down.
    if number(&paths.spec_replicas) != 0 {
        scale["spec"]["replicas"] = number(&paths.spec_replicas).into();
    }
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
    if replicas < 0 && call.resource.is_custom() {
        let path = paths.spec_replicas.replace('/', ".");
        let error = FieldError::invalid(path, replicas, "should be a non-negative integer");
        return Err(Status::invalid(&call.resource.group, &call.resource.kind, call.name(), &[error]));
    }
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
        let mut values: Vec<String> = expression["values"].as_array().into_iter().flatten().map(text).collect();
        values.sort();
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
    /// The scale that was sent.
    fn scale(&self) -> Result<Value, Status> {
        let sent = body::parse_kind(&self.headers, &self.body, "Scale", "autoscaling")?;
        if sent["spec"]["replicas"].as_i64().is_none() && !sent["spec"]["replicas"].is_null() {
            let found = &sent["spec"]["replicas"];
            return Err(Status::bad_request(format!(
                "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {found} into Go struct field \
                 ScaleSpec.spec.replicas of type int32"
            )));
        }
        let name = text(&sent, "name");
        if !name.is_empty() && name != self.name() {
            let message =
                format!("the name of the object ({name}) does not match the name on the URL ({})", self.name());
            return Err(Status::bad_request(message));
        }
        Ok(sent)
    }

    /// Answers that there is nothing to scale.
    fn no_scale(&self) -> Status {
        if self.resource.is_custom() || self.verb != Verb::Get {
            return self.not_found();
        }
        let resource = format!("{}/scale", self.resource.plural);
        Status::not_found(GroupResource { group: &self.resource.group, resource: &resource }, self.name())
    }

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
