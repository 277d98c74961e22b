//! The `edge` check: a request from outside of the cluster, through a Service's outside address.

use crate::{
    lab::{
        check::{Assertion, CurlShows, HeaderAssertion},
        model::WorkloadName,
        outside::Outside,
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

impl Edge {
    /// What is asked from outside: the request, and its control if that comes from there.
    pub fn requests(&self) -> impl Iterator<Item = &Outside> {
        let control = match &self.control {
            Some(Control::Outside(other)) => Some(&**other),
            Some(Control::Inside(_)) | None => None,
        };
        std::iter::once(&self.request).chain(control)
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
