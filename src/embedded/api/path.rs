//! What a request asks for: its path and query, taken apart.

use std::num::{IntErrorKind, ParseIntError};

use axum::extract::Query as FormQuery;
use http::{Method, Uri};

use super::status::Status;
use crate::embedded::store::Revision;

/// A path below `/api` or `/apis` that names a resource.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResourcePath {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The namespace, if the path has one.
    pub namespace: Option<String>,
    /// The plural.
    pub resource: String,
    /// The object's name, if the path has one.
    pub name: Option<String>,
    /// The subresource, if the path has one.
    pub subresource: Option<String>,
}

/// Where a path leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Path {
    /// To a resource.
    Resource(ResourcePath),
    /// Elsewhere: discovery, health, version. Without empty segments.
    Other(Vec<String>),
}

impl Path {
    /// Takes a path apart as Kubernetes does.
    pub fn parse(path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let parsed = match segments.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => Some(("", *version, rest)),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => Some((*group, *version, rest)),
            _ => None,
        };
        let Some((group, version, rest)) = parsed else {
            return Self::Other(segments.into_iter().map(str::to_owned).collect());
        };
        let mut target = ResourcePath { group: group.to_owned(), version: version.to_owned(), ..Default::default() };
        let rest = match rest {
            // A namespace's own subresources look like resources inside it.
            ["namespaces", _, "finalize" | "status", ..] | ["namespaces"] => rest,
            ["namespaces", name] => {
                target.namespace = Some((*name).to_owned());
                rest
            }
            ["namespaces", namespace, inside @ ..] => {
                target.namespace = Some((*namespace).to_owned());
                inside
            }
            _ => rest,
        };
        let mut rest = rest.iter().map(|&segment| segment.to_owned());
        target.resource = rest.next().unwrap_or_default();
        target.name = rest.next();
        target.subresource = rest.next();
        Self::Resource(target)
    }
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// Make an object.
    Create,
    /// Remove an object.
    Delete,
    /// Remove all objects that match.
    DeleteCollection,
    /// Read an object.
    Get,
    /// Read all objects that match.
    List,
    /// Change part of an object.
    Patch,
    /// Replace an object.
    Update,
    /// Follow changes.
    Watch,
}

impl Verb {
    /// The verb of a request, if the method is one Kubernetes knows.
    pub fn of(method: &Method, target: &ResourcePath, query: &Query) -> Option<Self> {
        let named = target.name.is_some();
        Some(match *method {
            Method::GET if named => Self::Get,
            Method::GET if query.flag("watch") => Self::Watch,
            Method::GET => Self::List,
            Method::POST => Self::Create,
            Method::PUT => Self::Update,
            Method::PATCH => Self::Patch,
            Method::DELETE if named => Self::Delete,
            Method::DELETE => Self::DeleteCollection,
            _ => return None,
        })
    }

    /// The verb as rules and messages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
        }
    }
}

/// The query of a request.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query apart.
    ///
    /// # Errors
    /// If it is not form-encoded.
    pub fn parse(uri: &Uri) -> Result<Self, Status> {
        FormQuery::try_from_uri(uri)
            .map(|FormQuery(pairs)| Self(pairs))
            .map_err(|error| Status::bad_request(error.to_string()))
    }

    /// The first value of a parameter, if there is one that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some("true" | "1" | "t" | "T" | "TRUE" | "True"))
    }

    /// A number.
    ///
    /// # Errors
    /// If the parameter is something else, in the words of Go.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let number = text.parse();
        number.map(Some).map_err(|error| {
            Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {}", why_no_number(&error)))
        })
    }

    /// A resource version; 0 if there is none.
    ///
    /// # Errors
    /// If the parameter is something else. That nobody is to blame for it (500) is Kubernetes' own way.
    pub fn revision(&self, name: &str) -> Result<Revision, Status> {
        let Some(text) = self.value(name) else { return Ok(0) };
        text.parse().map_err(|error| {
            let why = why_no_number(&error);
            let message = format!("{name}: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}");
            Status::new(http::StatusCode::INTERNAL_SERVER_ERROR, "", message)
        })
    }
}

fn why_no_number(error: &ParseIntError) -> &'static str {
    match error.kind() {
        IntErrorKind::NegOverflow | IntErrorKind::PosOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> (String, Option<String>, String, Option<String>, Option<String>) {
        match Path::parse(path) {
            Path::Resource(target) => {
                (target.group, target.namespace, target.resource, target.name, target.subresource)
            }
            Path::Other(segments) => panic!("{path} leads to {segments:?}"),
        }
    }

    #[test]
    fn paths_are_taken_apart_as_kubernetes_does() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(resource("/api/v1/pods"), (String::new(), None, "pods".into(), None, None));
        assert_eq!(
            resource("/api/v1/namespaces/foo/pods/x/log"),
            (String::new(), some("foo"), "pods".into(), some("x"), some("log"))
        );
        assert_eq!(
            resource("/api/v1/namespaces/foo"),
            (String::new(), some("foo"), "namespaces".into(), some("foo"), None)
        );
        assert_eq!(
            resource("/api/v1/namespaces/foo/finalize"),
            (String::new(), None, "namespaces".into(), some("foo"), some("finalize"))
        );
        assert_eq!(
            resource("/apis/apps/v1/namespaces/foo/deployments/x/scale"),
            ("apps".into(), some("foo"), "deployments".into(), some("x"), some("scale"))
        );
        assert_eq!(Path::parse("/apis/apps/v1"), Path::Other(vec!["apis".into(), "apps".into(), "v1".into()]));
        assert_eq!(Path::parse("/healthz/"), Path::Other(vec!["healthz".into()]));
    }
}
