//! What must be seen in a cluster: declared, so that the guide can show it and the runner can grade it.

pub mod certificate;
pub mod edge;
pub mod wire;

use std::collections::BTreeMap;

use crate::{
    lab::{model::WorkloadName, position::Located},
    probe::verdict::Expected,
};

/// One question with its right answer. Each is written as a mapping with one key, the check's kind.
#[derive(Clone, Debug)]
pub enum Check {
    /// `certificate`: what a server, or a sidecar, presents.
    Certificate(certificate::Certificate),
    /// `edge`: one request from outside of the cluster.
    Edge(Box<edge::Edge>),
    /// `http`: one request, its verdict, its answer.
    Http(Box<Http>),
    /// `logs`: a line in a container's log.
    Logs(Logs),
    /// `matrix`: who reaches whom, and over what.
    Matrix(Matrix),
    /// `resource`: an object of Kubernetes is there, has these fields, or is not there.
    Resource(Resource),
    /// `wire`: what somebody between two pods sees.
    Wire(Box<wire::Wire>),
}

impl Check {
    /// The key under which a lab file has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "certificate",
            Self::Edge(_) => "edge",
            Self::Http(_) => "http",
            Self::Logs(_) => "logs",
            Self::Matrix(_) => "matrix",
            Self::Resource(_) => "resource",
            Self::Wire(_) => "wire",
        }
    }

    /// One line that tells a trainee what is checked.
    pub fn title(&self) -> &str {
        match self {
            Self::Certificate(check) => &check.title,
            Self::Edge(check) => &check.title,
            Self::Http(check) => &check.title,
            Self::Logs(check) => &check.title,
            Self::Matrix(check) => &check.title,
            Self::Resource(check) => &check.title,
            Self::Wire(check) => &check.title,
        }
    }
}

/// All pairs of callers and servers.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// One line for people.
    pub title: String,
    /// The path that is asked for, with `/`.
    pub path: String,
    /// The columns.
    pub to: Vec<Located<WorkloadName>>,
    /// The rows; each has a cell per column.
    pub rows: Vec<Row>,
    /// What curl shows where a verdict is expected, by verdict.
    pub shows: Vec<(Located<Expected>, CurlShows)>,
}

impl Matrix {
    /// What curl must show for this verdict, besides the verdict itself.
    pub fn shows(&self, expected: &Expected) -> Option<&CurlShows> {
        self.shows.iter().find(|(verdict, _)| verdict.value == *expected).map(|(_, shows)| shows)
    }
}

/// What one caller sees.
#[derive(Clone, Debug)]
pub struct Row {
    /// Who asks.
    pub from: Located<WorkloadName>,
    /// What is expected, per column.
    pub cells: Vec<Located<Expected>>,
}

/// What a person sees who runs curl.
#[derive(Clone, Debug, Default)]
pub struct CurlShows {
    /// curl's exit code.
    pub exit: Option<u8>,
    /// What `%{http_code}` prints; 0 for `000`.
    pub status: Option<u16>,
    /// What stands on standard error.
    pub message: Option<String>,
}

impl CurlShows {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.exit.is_none() && self.status.is_none() && self.message.is_none()
    }
}

/// One request with curl.
#[derive(Clone, Debug)]
pub struct Http {
    /// One line for people.
    pub title: String,
    /// Who asks.
    pub from: Located<WorkloadName>,
    /// In which container; the asking workload's own by default.
    pub container: String,
    /// Whom it asks, if that is a workload of the lab: its sidecar's evidence then confirms the verdict.
    pub to: Option<Located<WorkloadName>>,
    /// The URL.
    pub url: String,
    /// `GET`, ...
    pub method: String,
    /// Request headers.
    pub headers: BTreeMap<String, String>,
    /// The request's body.
    pub data: Option<String>,
    /// What must be seen, if that matters.
    pub verdict: Option<Located<Expected>>,
    /// Who must get an answer to the same request, to prove that a blocked one is blocked for its reason.
    pub control: Option<Located<WorkloadName>>,
    /// What curl shows.
    pub shows: CurlShows,
    /// What holds for the answer's headers.
    pub response: Vec<HeaderAssertion>,
    /// What holds for the answer's body.
    pub body: Vec<Assertion>,
}

/// Lines in a container's log.
#[derive(Clone, Debug)]
pub struct Logs {
    /// One line for people.
    pub title: String,
    /// Whose pods.
    pub workload: Located<WorkloadName>,
    /// Which container; the workload's own by default.
    pub container: String,
    /// What holds for at least one line.
    pub line: Vec<Assertion>,
}

/// Objects of Kubernetes.
#[derive(Clone, Debug)]
pub struct Resource {
    /// One line for people.
    pub title: String,
    /// `v1`; filled in for the kinds that labctl knows.
    pub api_version: String,
    /// `Pod`.
    pub kind: String,
    /// The namespace; none for a cluster-wide kind.
    pub namespace: Option<String>,
    /// Which of them.
    pub which: Which,
    /// How many there must be.
    pub count: Count,
    /// The READY column of every one: ready containers and all containers, `2/2`. Pods only.
    pub ready: Option<Ready>,
    /// What holds for every one.
    pub fields: Vec<Assertion>,
}

/// Which objects of a kind and namespace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which {
    /// All of them.
    All,
    /// The one of this name.
    Named(String),
    /// Those with these labels.
    Selected(BTreeMap<String, String>),
}

/// How many objects there must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Count {
    /// At least one (the default).
    Any,
    /// This many; 0 is written `absent: true`.
    Exactly(usize),
}

/// `ready/all` containers of a pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ready {
    /// Containers that are ready.
    pub ready: usize,
    /// Containers.
    pub all: usize,
}

impl std::fmt::Display for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ready, self.all)
    }
}

/// Something that holds for a text or for a place in a document.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// A JSON pointer (RFC 6901) into the document; the whole text if absent.
    pub json: Option<String>,
    /// What holds there.
    pub test: Located<Test>,
}

/// Something that holds for a header of an answer. One that is there several times has a list of values.
#[derive(Clone, Debug)]
pub struct HeaderAssertion {
    /// The header's name, in lower case.
    pub name: String,
    /// What holds for it.
    pub test: Located<Test>,
}

/// What may hold for a value. A list of values passes if one of them does.
#[derive(Clone, Debug)]
pub enum Test {
    /// `absent: true`: nothing is there (for a list: it is empty).
    Absent,
    /// `contains`: the text has this in it.
    Contains(String),
    /// `equals`: it is this.
    Equals(serde_json::Value),
    /// `matches`: this regular expression is found in the text.
    Matches(regex::Regex),
}
