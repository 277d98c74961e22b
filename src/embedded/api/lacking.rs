//! What a real Kubernetes serves and this one does not: such a request is told so, instead of that nothing is there.

use super::{call::Call, path::ResourcePath, status::Status};

/// Resources by group, as of the release that this server follows.
const RESOURCES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "bindings",
            "componentstatuses",
            "limitranges",
            "persistentvolumeclaims",
            "persistentvolumes",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
        ],
    ),
    ("admissionregistration.k8s.io", &["validatingadmissionpolicies", "validatingadmissionpolicybindings"]),
    ("apiregistration.k8s.io", &["apiservices"]),
    ("apps", &["controllerrevisions", "daemonsets", "statefulsets"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("certificates.k8s.io", &["certificatesigningrequests"]),
    ("events.k8s.io", &["events"]),
    ("flowcontrol.apiserver.k8s.io", &["flowschemas", "prioritylevelconfigurations"]),
    ("networking.k8s.io", &["ingressclasses", "ingresses", "ipaddresses", "networkpolicies", "servicecidrs"]),
    ("node.k8s.io", &["runtimeclasses"]),
    ("policy", &["poddisruptionbudgets"]),
    ("resource.k8s.io", &["deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"]),
    ("scheduling.k8s.io", &["priorityclasses"]),
    ("storage.k8s.io", &["csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"]),
];

/// Parts of the resources that are served.
const PARTS: &[(&str, &[&str])] = &[
    ("nodes", &["proxy"]),
    ("pods", &["attach", "ephemeralcontainers", "portforward", "proxy", "resize"]),
    ("services", &["proxy"]),
];

/// What to say about a resource that is not served.
pub(super) fn resource(target: &ResourcePath) -> Status {
    let of_group = RESOURCES.iter().filter(|(group, _)| *group == target.group);
    if of_group.flat_map(|(_, resources)| *resources).any(|resource| *resource == target.resource) {
        let name = super::status::GroupResource { group: &target.group, resource: &target.resource };
        return Status::not_implemented(&name.to_string());
    }
    Status::no_such_resource()
}

/// What to say about a part of a resource that is not served.
pub(super) fn part(call: &Call, part: &str) -> Status {
    let resource = &call.resource;
    if resource.is_custom() {
        return call.not_found();
    }
    let core = resource.group.is_empty();
    let of_resource = PARTS.iter().filter(|(plural, _)| core && *plural == resource.plural);
    if of_resource.flat_map(|(_, parts)| *parts).any(|known| *known == part) {
        return Status::not_implemented(&format!("{}/{part}", resource.plural));
    }
    Status::no_such_resource()
}
