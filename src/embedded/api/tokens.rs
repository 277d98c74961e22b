//! Tokens of service accounts: asking for one, and finding out whose one is.

use std::collections::BTreeMap;

use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest};
use serde_json::{Value, json};

use super::{
    Server,
    body::{self, Body},
    call::Call,
    metadata::{self, text},
    status::{GroupResource, Status},
};
use crate::embedded::{
    auth::{
        User, service_account_groups,
        token::{Claims, ISSUER, Reference, Subject, TokenError},
    },
    objects::field_error::FieldError,
    store::Key,
};

/// How long a token lives unless the caller says otherwise, in seconds.
const DEFAULT_LIFE: i64 = 3600;
/// The shortest life of a token, in seconds.
const SHORTEST_LIFE: i64 = 600;
/// The longest, in seconds.
const LONGEST_LIFE: i64 = 1 << 32;

impl Server {
    /// Issues a token for the service account in the path.
    pub(super) fn request_token(&self, call: &Call) -> Result<Response<Body>, Status> {
        let sent = body::parse_kind(&call.headers, &call.body, "TokenRequest", "authentication")?;
        let request: TokenRequest = serde_json::from_value(typed(sent, "authentication.k8s.io/v1", "TokenRequest"))
            .map_err(|error| Status::bad_request(error.to_string()))?;
        let spec = request.spec.unwrap_or_default();
        for (field, given, own) in [
            ("name", request.metadata.name.as_deref(), call.name()),
            ("namespace", request.metadata.namespace.as_deref(), call.namespace().unwrap_or_default()),
        ] {
            if let Some(given) = given.filter(|given| *given != own) {
                let detail = format!("must match the service account {field} if specified");
                let error = FieldError::invalid(format!("metadata.{field}"), given, detail);
                return Err(Status::invalid("authentication.k8s.io", "TokenRequest", call.name(), &[error]));
            }
        }
        let account = self.store().get("serviceaccounts", &call.key()).ok_or_else(|| call.not_found())?;
        let life = spec.expiration_seconds.unwrap_or(DEFAULT_LIFE);
        check_life(life)?;
        let audiences = spec.audiences.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![ISSUER.to_owned()]);
        let namespace = text(&account, "namespace");
        let mut subject = Subject {
            namespace: namespace.to_owned(),
            node: None,
            pod: None,
            secret: None,
            serviceaccount: reference(&account),
        };
        if let Some(bound) = &spec.bound_object_ref {
            self.bind_token(call, bound, &mut subject)?;
        }
        let now = Timestamp::now();
        let end = now + SignedDuration::from_secs(life);
        let claims = Claims {
            aud: audiences.clone(),
            exp: end.as_second(),
            iat: now.as_second(),
            iss: ISSUER.to_owned(),
            jti: uuid::Uuid::new_v4().to_string(),
            kubernetes: subject,
            nbf: now.as_second(),
            sub: format!("system:serviceaccount:{namespace}:{}", call.name()),
        };
        let token = self.token_key().sign(&claims).map_err(|error| Status::internal(&error.to_string()))?;
        let answer = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": call.name(), "namespace": namespace, "creationTimestamp": metadata::now(),
            },
            "spec": {
                "audiences": audiences,
                "expirationSeconds": life,
                "boundObjectRef": spec.bound_object_ref,
            },
            "status": {"token": token, "expirationTimestamp": metadata::time_text(end)},
        });
        Ok(body::json(StatusCode::CREATED, &answer))
    }

    /// Binds a token to a pod or a secret that is there and belongs to the account.
    fn bind_token(&self, call: &Call, bound: &BoundObjectReference, subject: &mut Subject) -> Result<(), Status> {
        let (kind, name) = (bound.kind.as_deref().unwrap_or_default(), bound.name.as_deref().unwrap_or_default());
        let table = match kind {
            "Pod" => "pods",
            "Secret" => "secrets",
            other => {
                let version = bound.api_version.as_deref().unwrap_or_default();
                let version = if version.contains('/') { version.to_owned() } else { format!("/{version}") };
                let message = format!("cannot bind token to object of type {version}, Kind={other}");
                return Err(Status::bad_request(message));
            }
        };
        let resource = GroupResource { group: "", resource: table };
        let object = self.store().get(table, &Key::new(&subject.namespace, name));
        let object = object.ok_or_else(|| Status::not_found(resource, name))?;
        if let Some(meant) = bound.uid.as_deref().filter(|meant| *meant != text(&object, "uid")) {
            let why = format!(
                "the UID in the bound object reference ({meant}) does not match the UID in record. The object might have \
                 been deleted and then recreated"
            );
            return Err(Status::conflict(resource, name, &why));
        }
        if kind == "Secret" {
            subject.secret = Some(reference(&object));
            return Ok(());
        }
        if object["spec"]["serviceAccountName"] != call.name() {
            let detail = format!(
                "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                call.name()
            );
            return Err(Status::bad_request(detail));
        }
        subject.pod = Some(reference(&object));
        if let Some(node) = object["spec"]["nodeName"].as_str() {
            let uid = self.store().get("nodes", &Key::new("", node)).map(|node| text(&node, "uid").to_owned());
            subject.node = Some(Reference { name: node.to_owned(), uid });
        }
        Ok(())
    }

    /// Finds out whose a token is, for one of `audiences`; also says for which of them it is good.
    pub(super) fn token_user(&self, token: &str, audiences: &[String]) -> Result<(User, Vec<String>), TokenError> {
        let claims = self.token_key().verify(token, audiences, Timestamp::now().as_second())?;
        let subject = &claims.kubernetes;
        let stands = |table: &str, reference: &Reference| {
            let object = self.store().get(table, &Key::new(&subject.namespace, &reference.name));
            object.filter(|object| reference.uid.as_deref().is_none_or(|uid| uid == text(object, "uid")))
        };
        let account = stands("serviceaccounts", &subject.serviceaccount).ok_or(TokenError::Invalidated)?;
        for (table, bound) in [("pods", &subject.pod), ("secrets", &subject.secret)] {
            if let Some(bound) = bound {
                stands(table, bound).ok_or(TokenError::Invalidated)?;
            }
        }
        let user = User {
            uid: Some(text(&account, "uid").to_owned()),
            extra: extra(&claims),
            ..User::new(&claims.sub, &service_account_groups(&subject.namespace).each_ref().map(String::as_str))
        };
        let good = claims.aud.into_iter().filter(|audience| audiences.contains(audience)).collect();
        Ok((user, good))
    }

    /// Finds out who sends a bearer token.
    pub fn authenticate(&self, token: &str) -> Option<User> {
        self.token_user(token, &[ISSUER.to_owned()]).ok().map(|(user, _)| user)
    }

    /// Answers a `TokenReview`.
    pub(super) fn review_token(&self, mut review: Value) -> Value {
        let asked: Vec<String> = review["spec"]["audiences"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|audience| audience.as_str().map(str::to_owned))
            .collect();
        let audiences = if asked.is_empty() { vec![ISSUER.to_owned()] } else { asked };
        let token = review["spec"]["token"].as_str().unwrap_or_default();
        review["status"] = match self.token_user(token, &audiences) {
            Ok((user, good)) => json!({"authenticated": true, "user": user_info(&user), "audiences": good}),
            Err(TokenError::Invalid) => json!({"user": {}, "error": "[invalid bearer token]"}),
            Err(error) => json!({"user": {}, "error": format!("[invalid bearer token, {error}]")}),
        };
        review
    }
}

fn check_life(life: i64) -> Result<(), Status> {
    let complain = |detail: &str| {
        let error = FieldError::invalid("spec.expirationSeconds", life, detail);
        Err(Status::invalid("authentication.k8s.io", "TokenRequest", "", &[error]))
    };
    match life {
        ..SHORTEST_LIFE => complain("may not specify a duration less than 10 minutes"),
        _ if life > LONGEST_LIFE => complain("may not specify a duration larger than 2^32 seconds"),
        _ => Ok(()),
    }
}

/// An object with the type that its place in the path implies.
fn typed(mut object: Value, api_version: &str, kind: &str) -> Value {
    if object.is_object() {
        for (field, value) in [("apiVersion", api_version), ("kind", kind)] {
            if object[field].as_str().is_none_or(str::is_empty) {
                object[field] = value.into();
            }
        }
    }
    object
}

fn reference(object: &Value) -> Reference {
    Reference { name: text(object, "name").to_owned(), uid: Some(text(object, "uid").to_owned()) }
}

/// What a token says beyond the account.
fn extra(claims: &Claims) -> BTreeMap<String, Vec<String>> {
    let mut extra = BTreeMap::new();
    let mut add = |key: &str, value: &str| {
        extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
    };
    add("credential-id", &format!("JTI={}", claims.jti));
    for (kind, bound) in [("node", &claims.kubernetes.node), ("pod", &claims.kubernetes.pod)] {
        if let Some(bound) = bound {
            add(&format!("{kind}-name"), &bound.name);
            add(&format!("{kind}-uid"), bound.uid.as_deref().unwrap_or_default());
        }
    }
    extra
}

/// A user as reviews show it.
pub(super) fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if let Some(uid) = &user.uid {
        info["uid"] = uid.as_str().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
