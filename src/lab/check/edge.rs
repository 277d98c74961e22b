//! The `edge` check: a request from outside of the cluster, through a Service's outside address.

use std::{collections::BTreeMap, fmt};

use crate::{
    lab::{
        check::{Assertion, CurlShows, HeaderAssertion},
        model::WorkloadName,
        position::Located,
    },
    probe::verdict::Verdict,
};

/// A request from outside, and what must come of it.
#[derive(Clone, Debug)]
pub struct Edge {
    /// One line for people.
    pub title: String,
    /// What is asked.
    pub request: Outside,
    /// What must be seen, if that matters.
    pub verdict: Option<Located<Verdict>>,
    /// Which request is answered meanwhile, to prove that a blocked one is blocked for its reason.
    pub control: Option<Control>,
    /// What curl shows.
    pub shows: CurlShows,
    /// What holds for the answer's headers.
    pub response: Vec<HeaderAssertion>,
    /// What holds for the answer's body.
    pub body: Vec<Assertion>,
}

/// One request with curl, from this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outside {
    /// Whose outside address is asked.
    pub service: NamespacedName,
    /// For whom, and at which port of the Service.
    pub target: Target,
    /// `GET`, ...
    pub method: String,
    /// Request headers.
    pub headers: BTreeMap<String, String>,
    /// The request's body.
    pub data: Option<String>,
    /// The Secret whose `ca.crt` is believed. Without one nobody is.
    pub cacert: Option<NamespacedName>,
    /// The Secret with the client's certificate (`tls.crt`) and key (`tls.key`).
    pub cert: Option<NamespacedName>,
}

/// What a request from outside is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// A path at port 80 of the address itself, as in `http://$GATEWAY_URL/path`.
    Path(String),
    /// A URL whose host need not exist: connections go to the Service's address all the same.
    Url(http::Uri),
}

impl Target {
    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        matches!(self, Self::Url(url) if url.scheme_str() == Some("https"))
    }

    /// The port of the Service.
    pub fn port(&self) -> u16 {
        match self {
            Self::Path(_) => 80,
            Self::Url(url) => url.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 }),
        }
    }

    /// The path and the query.
    pub fn path(&self) -> &str {
        match self {
            Self::Path(path) => path,
            Self::Url(url) => url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
        }
    }
}

/// The request that proves that the server is up.
#[derive(Clone, Debug)]
pub enum Control {
    /// The same request, asked by a workload inside of the cluster.
    Inside(Located<WorkloadName>),
    /// Another request from outside.
    Outside(Box<Outside>),
}

/// An object whose kind is known, written `namespace/name`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamespacedName {
    /// Where it is.
    pub namespace: String,
    /// What it is called.
    pub name: String,
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
