//! A request that is made again and again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    http::Request,
    outside::{Outside, has_one_target},
    text::{Text, Verdict},
};

/// One request, made again and again through several steps: every one is answered, but for the steps in `fails`.
#[derive(JsonSchema)]
#[schemars(untagged, example = inside(), example = outside())]
pub enum Steady {
    /// A workload asks.
    Inside(InsideSteady),
    /// It is asked from outside of the cluster.
    Outside(OutsideSteady),
}

/// A loop of requests by a workload.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = Request::has_a_target, example = inside())]
pub struct InsideSteady {
    /// When it begins, and what must come of it.
    #[schemars(flatten)]
    pub course: Course,
    /// What is asked.
    #[schemars(flatten)]
    pub request: Request,
}

/// A loop of requests from outside of the cluster.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = has_one_target, example = outside())]
pub struct OutsideSteady {
    /// When it begins, and what must come of it.
    #[schemars(flatten)]
    pub course: Course,
    /// What is asked.
    #[schemars(flatten)]
    pub request: Outside,
}

/// The course of a loop.
#[derive(JsonSchema)]
pub struct Course {
    /// One line for people.
    #[schemars(example = &"Not one request fails")]
    pub title: Text,
    /// The step while whose solution is done the loop begins: this one or an earlier one.
    #[schemars(example = &"close")]
    pub since: Text,
    /// The steps in which every request fails, and how. In all others every one is answered.
    #[schemars(example = json!({"close": "reset"}))]
    pub fails: Option<BTreeMap<String, Verdict>>,
}

fn inside() -> Value {
    json!({"title": "Not one request fails", "since": "close", "from": "sleep.foo", "to": "httpbin.foo"})
}

fn outside() -> Value {
    json!({"title": "Not one visitor is turned away", "since": "close", "path": "/headers"})
}
