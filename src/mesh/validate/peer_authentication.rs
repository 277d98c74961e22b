//! PeerAuthentication beyond its shape.

use serde_json::Value;

use super::{Mistake, Path, Report, Stages, names, selector};

pub(super) fn check(spec: &Value, report: &mut Report) {
    let path = Path::of(&["spec"]);
    selector::check(spec.get("selector"), &path.key("selector"), report);
    let Some(ports) = spec.get("portLevelMtls").and_then(Value::as_object) else { return };
    let path = path.key("portLevelMtls");
    if ports.is_empty() {
        report.refuse(Mistake::EmptyMap, Stages::Both, &path, "portLevelMtls must name at least one port");
    }
    let labels = spec.pointer("/selector/matchLabels").and_then(Value::as_object);
    if !ports.is_empty() && labels.is_none_or(serde_json::Map::is_empty) {
        let message = "portLevelMtls needs a selector with labels: only workload policies may name ports";
        report.refuse(Mistake::RequiresSelector, Stages::Both, &path, message);
    }
    for port in ports.keys() {
        let number = port.parse::<u64>();
        if number.as_ref().ok().copied().and_then(names::port).is_none() {
            // What is no number at all does not even reach the webhook.
            let stages = if number.is_ok() { Stages::Both } else { Stages::Schema };
            let message = format!("`{port}` is not a port: portLevelMtls takes workload ports from 1 to 65535");
            report.refuse(Mistake::BadPort, stages, &path.key(port), message);
        }
    }
}
