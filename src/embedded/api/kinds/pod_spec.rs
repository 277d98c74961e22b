//! The defaults of a pod's `spec`, in pods and in the templates of workloads.

use serde_json::{Map, Value, json};

use super::{is_unset, items_mut, set_default};
use crate::embedded::objects::quantity::Quantity;

/// Fills in the defaults of a template.
pub(super) fn default_template(template: &mut Value) {
    set_default(template, "metadata", json!({}));
    set_default(template, "spec", json!({"containers": []}));
    default(&mut template["spec"]);
}

/// Fills in what core/v1 promises of a pod.
pub(super) fn default(spec: &mut Value) {
    set_default(spec, "dnsPolicy", "ClusterFirst");
    set_default(spec, "restartPolicy", "Always");
    set_default(spec, "schedulerName", "default-scheduler");
    set_default(spec, "securityContext", json!({}));
    set_default(spec, "terminationGracePeriodSeconds", 30);
    // `serviceAccount` is the old name of the same field.
    let account = [&spec["serviceAccountName"], &spec["serviceAccount"]].into_iter().find(|name| !is_unset(name));
    if let Some(account) = account.cloned() {
        spec["serviceAccountName"] = account.clone();
        spec["serviceAccount"] = account;
    }
    for volume in items_mut(spec, "/volumes") {
        default_volume(volume);
    }
    let host_network = spec["hostNetwork"] == true;
    for list in ["/containers", "/initContainers"] {
        for container in items_mut(spec, list) {
            default_container(container);
            for port in items_mut(container, "/ports").iter_mut().filter(|_| host_network) {
                // In the host's network a port is the host's.
                let number = port["containerPort"].clone();
                set_default(port, "hostPort", number);
            }
        }
    }
}

fn default_volume(volume: &mut Value) {
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        if volume[source].is_object() {
            set_default(&mut volume[source], "defaultMode", 0o644);
        }
    }
    if let Some(fields) = volume.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        if fields.len() <= 1 {
            fields.insert("emptyDir".to_owned(), json!({}));
        }
    }
    for source in items_mut(volume, "/projected/sources") {
        if source["serviceAccountToken"].is_object() {
            set_default(&mut source["serviceAccountToken"], "expirationSeconds", 3600);
        }
        for item in items_mut(source, "/downwardAPI/items") {
            if item["fieldRef"].is_object() {
                default_field_ref(&mut item["fieldRef"]);
            }
        }
    }
}

fn default_container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    // A tag other than `latest` is taken for fixed, and so is a digest.
    let name = image.rsplit('/').next().unwrap_or_default();
    let latest = !name.contains(':') || name.ends_with(":latest");
    let policy = if latest && !name.contains('@') { "Always" } else { "IfNotPresent" };
    set_default(container, "imagePullPolicy", policy);
    set_default(container, "resources", json!({}));
    set_default(container, "terminationMessagePath", "/dev/termination-log");
    set_default(container, "terminationMessagePolicy", "File");
    for port in items_mut(container, "/ports") {
        set_default(port, "protocol", "TCP");
    }
    for variable in items_mut(container, "/env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            default_field_ref(&mut variable["valueFrom"]["fieldRef"]);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            default_probe(probe);
        }
    }
    for hook in ["/lifecycle/postStart/httpGet", "/lifecycle/preStop/httpGet"] {
        container.pointer_mut(hook).into_iter().for_each(default_http);
    }
    default_requests(container);
}

/// Amounts have one form, and a limit without a request is a request too.
fn default_requests(container: &mut Value) {
    for list in ["limits", "requests"] {
        for amount in container["resources"][list].as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let Some(quantity) = amount.as_str().and_then(Quantity::parse) {
                *amount = quantity.in_thousandths().to_string().into();
            }
        }
    }
    let Some(limits) = container["resources"]["limits"].as_object().cloned() else { return };
    for (name, limit) in limits {
        set_default(&mut container["resources"]["requests"], &name, limit);
    }
}

fn default_probe(probe: &mut Value) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        set_default(probe, field, value);
    }
    probe.get_mut("httpGet").into_iter().for_each(default_http);
    if let Some(grpc) = probe.get_mut("grpc") {
        set_default(grpc, "service", "");
    }
}

fn default_http(request: &mut Value) {
    set_default(request, "path", "/");
    set_default(request, "scheme", "HTTP");
}

fn default_field_ref(reference: &mut Value) {
    if reference.is_object() {
        set_default(reference, "apiVersion", "v1");
    }
}
