//! Questions that are asked by creating an object: who is this, and may they?

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Server,
    body::{self, Body},
    call::Call,
    managed,
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
        managed::Writer::update(call)?.record(call, &mut review, None);
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
            "SelfSubjectRulesReview" => self.review_rules(&review, &call.user)?,
            "SelfSubjectAccessReview" => self.review_access(review, &call.user, Vec::new())?,
            _ => {
                let user = user_of(&review["spec"]);
                let mut errors = Vec::new();
                if user.name.is_empty() && user.groups.is_empty() {
                    errors.push(FieldError::invalid(
                        "spec.user",
                        "",
                        "at least one of user or group must be specified",
                    ));
                }
                self.review_access(review, &user, errors)?
            }
        };
        Ok(call.answer_with(StatusCode::CREATED, &answer, &warnings))
    }

    fn review_access(&self, mut review: Value, user: &User, mut errors: Vec<FieldError>) -> Result<Value, Status> {
        errors.splice(0..0, check_attributes(&review["spec"]));
        errors.extend(check_metadata(&review));
        if !errors.is_empty() {
            return Err(Status::invalid("authorization.k8s.io", "", "", &errors));
        }
        let spec = &review["spec"];
        let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
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

    /// Lists everything that the user may do in a namespace.
    fn review_rules(&self, review: &Value, user: &User) -> Result<Value, Status> {
        let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
        if namespace.is_empty() {
            return Err(Status::bad_request("no namespace on request"));
        }
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        for rule in self.rules_of(user, namespace) {
            let list = if rule["nonResourceURLs"].is_array() { &mut paths } else { &mut resources };
            list.push(rule);
        }
        Ok(json!({
            "kind": review["kind"], "apiVersion": review["apiVersion"], "metadata": {}, "spec": {},
            "status": {"incomplete": false, "nonResourceRules": paths, "resourceRules": resources},
        }))
    }
}

/// Complains unless one thing is asked about, and in the namespace that is asked.
fn check_attributes(spec: &Value) -> Vec<FieldError> {
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    if resource.is_object() && path.is_object() {
        let detail = "cannot be specified in combination with resourceAttributes";
        return vec![FieldError::invalid("spec.nonResourceAttributes", path.clone(), detail)];
    }
    if !resource.is_object() && !path.is_object() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        return vec![FieldError::invalid("spec.resourceAttributes", Value::Null, detail)];
    }
    Vec::new()
}

/// Complains about metadata, of which a review has none but the namespace of a local one.
fn check_metadata(review: &Value) -> Vec<FieldError> {
    let spec = &review["spec"];
    let mut errors = Vec::new();
    let none = Map::new();
    let metadata = review["metadata"].as_object().unwrap_or(&none);
    let local = review["kind"] == "LocalSubjectAccessReview";
    let is_own = |field: &str| field == "managedFields" || (local && field == "namespace");
    if metadata.iter().any(|(field, value)| !is_own(field) && !value.is_null()) {
        let detail = if local { "must be empty except for namespace" } else { "must be empty" };
        errors.push(FieldError::invalid("metadata", review["metadata"].clone(), detail));
    }
    let asked = &spec["resourceAttributes"]["namespace"];
    if local && spec["resourceAttributes"].is_object() && asked.as_str() != review["metadata"]["namespace"].as_str() {
        let detail = "must match metadata.namespace";
        errors.push(FieldError::invalid("spec.resourceAttributes.namespace", asked.clone(), detail));
    }
    if local && spec["nonResourceAttributes"].is_object() {
        let detail = "disallowed on this kind of request";
        errors.push(FieldError::invalid("spec.nonResourceAttributes", spec["nonResourceAttributes"].clone(), detail));
    }
    errors
}

fn user_of(spec: &Value) -> User {
    let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: groups.map(str::to_owned).collect(),
        ..User::default()
    }
}
