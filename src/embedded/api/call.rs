//! One request to a resource, with everything that is known about it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use serde_json::Value;

use super::{
    body::{self, Body, Form, View},
    path::{Query, ResourcePath, Verb},
    resource::Resource,
    status::Status,
};
use crate::embedded::{auth::User, store::Key};

/// A request that has found its resource.
#[derive(Clone)]
pub(super) struct Call {
    /// Who asks.
    pub user: User,
    /// What is asked.
    pub verb: Verb,
    /// The path, taken apart.
    pub target: ResourcePath,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// The resource.
    pub resource: Arc<Resource>,
    /// The body.
    pub body: Bytes,
    /// The connection, if it can become something else.
    pub upgrade: Option<OnUpgrade>,
    /// In which form objects are answered.
    pub form: Form,
}

impl Call {
    /// A request that the server makes of itself.
    pub fn internal(verb: Verb, resource: &Arc<Resource>) -> Self {
        let version = resource.versions.first().map(|version| version.name.clone()).unwrap_or_default();
        Self {
            user: User::system("system:apiserver"),
            verb,
            target: ResourcePath {
                group: resource.group.clone(),
                version,
                resource: resource.plural.clone(),
                ..ResourcePath::default()
            },
            query: Query::default(),
            headers: HeaderMap::new(),
            resource: Arc::clone(resource),
            body: Bytes::new(),
            upgrade: None,
            form: Form::Whole,
        }
    }

    /// The namespace that objects of the call live in; nothing for all of them, and for cluster-scoped objects.
    pub fn namespace(&self) -> Option<&str> {
        if self.resource.namespaced { self.target.namespace.as_deref() } else { None }
    }

    /// The name in the path.
    pub fn name(&self) -> &str {
        self.target.name.as_deref().unwrap_or_default()
    }

    /// The object in the path.
    pub fn key(&self) -> Key {
        Key::new(self.namespace().unwrap_or_default(), self.name())
    }

    /// The `apiVersion` of objects as the caller sees them.
    pub fn api_version(&self) -> String {
        self.resource.api_version(&self.target.version)
    }

    /// Answers with an object.
    pub fn answer(&self, code: StatusCode, object: &Value) -> Response<Body> {
        let api_version = self.api_version();
        body::json(code, &View { object, types: Some(self.types(&api_version)), form: self.form })
    }

    /// `apiVersion` and `kind` of objects as they are answered.
    pub fn types<'a>(&'a self, api_version: &'a str) -> (&'a str, &'a str) {
        self.form.types().unwrap_or((api_version, &self.resource.kind))
    }

    /// Answers that the object in the path is not there.
    pub fn not_found(&self) -> Status {
        Status::not_found(self.resource.name(), self.name())
    }

    /// Answers that the resource has no such verb: custom resources say so themselves, built-in paths just lack it.
    pub fn verb_not_supported(&self) -> Status {
        if self.resource.is_custom() {
            Status::verb_not_supported(self.resource.name(), self.verb.as_str())
        } else {
            Status::method_not_allowed()
        }
    }
}
