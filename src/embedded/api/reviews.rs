//! Questions that are asked by creating an object: who is this, and may they?

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Server,
    body::{self, Body},
    call::Call,
    rbac::Action,
    status::Status,
    tokens::user_info,
};
use crate::embedded::{auth::User, objects::field_error::FieldError};

impl Server {
    /// Answers a review; nothing is stored.
    pub(super) fn review(&self, call: &Call) -> Result<Response<Body>, Status> {
        let mut warnings = Vec::new();
        let sent = body::parse(&call.headers, &call.body)?;
        let mut review = call.canonical(sent, &mut warnings)?;
        if review["metadata"].is_null() {
            review["metadata"] = json!({});
        }
        let answer = match call.resource.kind.as_str() {
            "SelfSubjectReview" => {
                review["metadata"]["creationTimestamp"] = super::metadata::now().into();
                review["status"] = json!({"userInfo": user_info(&call.user)});
                review
            }
            "TokenReview" => {
                if review["spec"]["token"].as_str().is_none_or(str::is_empty) {
                    return Err(Status::bad_request("token is required for TokenReview in authentication"));
                }
                self.review_token(review)
            }
            "SelfSubjectAccessReview" => self.review_access(call, review, &call.user)?,
            _ => {
                let user = user_of(&review["spec"]);
                if user.name.is_empty() && user.groups.is_empty() {
                    let detail = "at least one of user or group must be specified";
                    let error = FieldError::invalid("spec.user", "", detail);
                    return Err(Status::invalid(&call.resource.group, &call.resource.kind, "", &[error]));
                }
                self.review_access(call, review, &user)?
            }
        };
        Ok(call.answer_with(StatusCode::CREATED, &answer, &warnings))
    }

    fn review_access(&self, call: &Call, mut review: Value, user: &User) -> Result<Value, Status> {
        let spec = &review["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        if resource.is_object() == path.is_object() {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            let error = FieldError::invalid("spec.resourceAttributes", resource.clone(), detail);
            return Err(Status::invalid(&call.resource.group, &call.resource.kind, "", &[error]));
        }
        let field = |name: &str| text(if resource.is_object() { &resource[name] } else { &path[name] });
        let (verb, name, namespace) = (field("verb"), field("name"), field("namespace"));
        let (group, plural, subresource, path) =
            (field("group"), field("resource"), field("subresource"), field("path"));
        let action = if resource.is_object() {
            Action::Resource {
                verb: &verb,
                group: &group,
                resource: &plural,
                subresource: &subresource,
                namespace: &namespace,
                name: &name,
            }
        } else {
            Action::Path { verb: &verb, path: &path }
        };
        review["status"] = match self.decide(user, action) {
            Some(reason) if reason.is_empty() => json!({"allowed": true}),
            Some(reason) => json!({"allowed": true, "reason": reason}),
            None => json!({"allowed": false}),
        };
        Ok(review)
    }
}

fn user_of(spec: &Value) -> User {
    let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: groups.map(str::to_owned).collect(),
        ..User::default()
    }
}
