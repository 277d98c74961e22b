//! The API server's refusals, in Kubernetes' own words: an HTTP status code and a `Status` object.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::embedded::objects::field_error::{self, FieldError};

/// A group and a plural, as messages name a kind of resource: `pods`, `deployments.apps`.
#[derive(Clone, Copy, Debug)]
pub struct GroupResource<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The plural, or the kind where Kubernetes itself puts it there.
    pub resource: &'a str,
}

impl std::fmt::Display for GroupResource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.resource)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// An answer other than success.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// The HTTP status code.
    pub code: StatusCode,
    /// Kubernetes' word for the kind of failure; empty if it has none.
    pub reason: Cow<'static, str>,
    /// What a person reads.
    pub message: String,
    /// What a program reads.
    pub details: Option<Value>,
}

impl Status {
    /// A failure without details.
    pub fn new(code: StatusCode, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: None }
    }

    fn with(mut self, resource: GroupResource<'_>, name: &str, causes: &[Value]) -> Self {
        let mut details = Map::new();
        for (key, value) in [("name", name), ("group", resource.group), ("kind", resource.resource)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), value.into());
            }
        }
        if !causes.is_empty() {
            details.insert("causes".to_owned(), causes.into());
        }
        self.details = Some(Value::Object(details));
        self
    }

    /// The object is not there.
    pub fn not_found(resource: GroupResource<'_>, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", format!("{resource} {name:?} not found")).with(resource, name, &[])
    }

    /// The path leads nowhere.
    pub fn no_such_resource() -> Self {
        Self {
            details: Some(json!({})),
            ..Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
        }
    }

    /// The path is there, but not with this method.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self { details: Some(json!({})), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message) }
    }

    /// The resource has no such verb.
    pub fn verb_not_supported(resource: GroupResource<'_>, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind {:?}", resource.to_string());
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).with(resource, "", &[])
    }

    /// An object of that name is there.
    pub fn already_exists(resource: GroupResource<'_>, name: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "AlreadyExists", format!("{resource} {name:?} already exists")).with(
            resource,
            name,
            &[],
        )
    }

    /// The object changed since the caller read it, or is not the one the caller meant.
    pub fn conflict(resource: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).with(resource, name, &[])
    }

    /// The write came too late: the object has another revision by now.
    pub fn modified(resource: GroupResource<'_>, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// Fields belong to other managers.
    pub fn apply_conflict(message: String, causes: &[Value]) -> Self {
        Self { details: Some(json!({"causes": causes})), ..Self::new(StatusCode::CONFLICT, "Conflict", message) }
    }

    /// The user may not do that.
    pub fn forbidden(resource: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = match (resource.resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource} is forbidden: {why}"),
            (false, false) => format!("{resource} {name:?} is forbidden: {why}"),
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).with(resource, name, &[])
    }

    /// The namespace is going away.
    pub fn namespace_terminating(resource: GroupResource<'_>, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let cause = json!({
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        });
        Self::forbidden(resource, name, &why).with(resource, name, &[cause])
    }

    /// The object breaks rules of its kind.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let resource = GroupResource { group, resource: kind };
        let causes: Vec<Value> = errors.iter().map(FieldError::cause).collect();
        let message = format!("{resource} {name:?} is invalid: {}", field_error::summary(errors));
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with(resource, name, &causes)
    }

    /// A replacement does not say which revision it replaces, and its kind insists. (Go prints the missing number so.)
    pub fn unversioned(resource: GroupResource<'_>, name: &str) -> Self {
        let (field, message) = ("metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update");
        let cause = json!({"reason": "FieldValueInvalid", "message": message, "field": field});
        let message = format!("{resource} {name:?} is invalid: {field}: {message}");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).with(resource, name, &[cause])
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// The request is well formed, but cannot be applied.
    pub fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self { details: Some(json!({})), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message) }
    }

    /// Nobody knows who asks.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// The past that was asked for is forgotten.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// None of the formats the caller accepts is spoken here.
    pub fn not_acceptable() -> Self {
        let message = "406: Not Acceptable";
        Self { details: Some(json!({})), ..Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message) }
    }

    /// The format is spoken here, but not this form of objects.
    pub fn no_such_form() -> Self {
        let message = "only the following media types are accepted: application/json, application/yaml, \
                       application/vnd.kubernetes.protobuf";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// Patches are not written in that format.
    pub fn unknown_patch() -> Self {
        let message = "415: Unsupported Media Type";
        let status = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
        Self { details: Some(json!({})), ..status }
    }

    /// The format is spoken here, but not in streams.
    pub fn no_such_stream() -> Self {
        let message = "only the following media types are accepted: application/json;stream=watch, \
                       application/vnd.kubernetes.protobuf;stream=watch";
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// Only the newer description of the API is there.
    pub fn no_openapi_v2() -> Self {
        let message = "this server describes its API as OpenAPI v3 only: see /openapi/v3";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// The body is in a format that is not spoken here.
    pub fn unsupported_media_type(known: &str) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {known}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The body is in a format that this path does not know at all.
    pub fn unknown_media_type() -> Self {
        let message = "415: Unsupported Media Type";
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self { details: Some(json!({})), ..Self::new(code, "UnsupportedMediaType", message) }
    }

    /// Something inside failed.
    pub fn internal(message: &str) -> Self {
        let mut status = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            format!("Internal error occurred: {message}"),
        );
        status.details = Some(json!({"causes": [{"message": message}]}));
        status
    }

    /// A real Kubernetes has this; this one does not.
    pub fn not_implemented(what: &str) -> Self {
        let message = format!("the embedded cluster does not implement {what}");
        Self::new(StatusCode::NOT_IMPLEMENTED, "", message)
    }

    /// The `Status` object.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            body["reason"] = self.reason.as_ref().into();
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }
}
