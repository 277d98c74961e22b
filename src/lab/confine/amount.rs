//! How much a lab may ask of a cluster, and of the machine that an embedded one runs on.

use super::Beyond;
use crate::{
    lab::{action::MAX_REPLICAS, model::Lab},
    render::object::Object,
};

/// How many objects a lab may apply, the same ones again included.
const MAX_OBJECTS: u64 = 2_000;
/// How many pods all of its objects may ask for together.
const MAX_PODS: u64 = 500;
/// How many ports a Service may have.
const MAX_PORTS: u64 = 50;
/// How many Services may ask for a load balancer, each of whose ports is opened on the machine.
const MAX_BALANCERS: u64 = 20;

/// What all objects of a lab ask for together.
pub(super) fn of_lab(lab: &Lab) -> Result<(), Beyond> {
    let is_balancer = |object: &&Object| object.kind() == "Service" && object.value()["spec"]["type"] == "LoadBalancer";
    at_most(lab.objects().count() as u64, MAX_OBJECTS, "objects")?;
    at_most(lab.objects().map(pods).fold(0, u64::saturating_add), MAX_PODS, "pods")?;
    at_most(lab.objects().filter(is_balancer).count() as u64, MAX_BALANCERS, "load balancers")
}

/// What one object asks for.
pub(super) fn of_object(object: &Object) -> Result<(), Beyond> {
    at_most(pods(object), u64::from(MAX_REPLICAS), "pods of one object")?;
    let ports = object.value()["spec"]["ports"].as_array().map_or(0, Vec::len);
    at_most(ports as u64, MAX_PORTS, "ports of one Service")
}

fn at_most(number: u64, most: u64, of_what: &'static str) -> Result<(), Beyond> {
    if number <= most { Ok(()) } else { Err(Beyond::Amount { of_what, most }) }
}

/// How many pods an object makes.
fn pods(object: &Object) -> u64 {
    let spec = &object.value()["spec"];
    let number = |field: &str| spec[field].as_u64();
    match object.kind() {
        "DaemonSet" | "Pod" => 1,
        "Job" => number("parallelism").unwrap_or(1).max(number("completions").unwrap_or(1)),
        "CronJob" => {
            let job = &spec["jobTemplate"]["spec"];
            ["parallelism", "completions"].iter().filter_map(|field| job[field].as_u64()).max().unwrap_or(1)
        }
        "Deployment" | "ReplicaSet" | "StatefulSet" => number("replicas").unwrap_or(1),
        _ => 0,
    }
}
