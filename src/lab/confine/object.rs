//! What an object in the right place may still not say.

use serde_json::Value;

use super::{Beyond, Bounds, Thing, pod};
use crate::{mesh::install::ROOT_NAMESPACE, render::object::Object};

/// What reaches out of a pod.
const OF_PODS: &str = "remove it: a lab's pods have nothing of the machine that they run on";

impl Bounds<'_> {
    /// Fields by which an object would reach out of its namespace, or a pod out of itself.
    pub(super) fn reaches_out(&self, object: &Object) -> Result<(), Beyond> {
        let (field, hint) = match object.kind() {
            "Gateway" => (self.foreign_credential(object), "make it with the action `certificate`"),
            "Service" => (external_address(object), "remove it: a Service takes no address from others"),
            "VirtualService" => (
                self.foreign_route(object),
                "it may route to the lab's own Services, at the lab's own gateways, and with `exportTo: [\".\"]` for the \
                 pods of its namespace",
            ),
            _ => (pod::host_field(object), OF_PODS),
        };
        let what = format!("{} `{}`", object.kind(), object.name());
        field.map_or(Ok(()), |field| Err(Beyond::Field { what, field, hint }))
    }

    /// A gateway reads the certificates of all teams, from one namespace.
    fn foreign_credential(&self, object: &Object) -> Option<String> {
        let servers = object.value().pointer("/spec/servers").and_then(Value::as_array)?;
        let own = |name| self.made.contains(&Thing::new("v1", "Secret", Some(ROOT_NAMESPACE), Some(name)));
        let foreign = servers.iter().position(|server| {
            server.pointer("/tls/credentialName").and_then(Value::as_str).is_some_and(|name| !own(name))
        });
        foreign.map(|index| format!("spec.servers[{index}].tls.credentialName"))
    }

    /// Routes of the mesh hold for callers in every namespace, unless they are not exported.
    fn foreign_route(&self, object: &Object) -> Option<String> {
        let namespace = object.namespace().unwrap_or_default();
        let gateways = texts(object, "/spec/gateways");
        let foreign = gateways.iter().position(|gateway| {
            gateway.split_once('/').is_some_and(|(namespace, _)| !self.namespaces.contains(namespace))
        });
        if let Some(index) = foreign {
            return Some(format!("spec.gateways[{index}]"));
        }
        let in_mesh = gateways.is_empty() || gateways.contains(&"mesh");
        if !in_mesh || texts(object, "/spec/exportTo") == ["."] {
            return None;
        }
        let hosts = texts(object, "/spec/hosts");
        let foreign = hosts.iter().position(|host| !self.is_own_service(host, namespace))?;
        Some(format!("spec.hosts[{foreign}]"))
    }

    /// `web`, `web.shop` or `web.shop.svc.cluster.local`, as named in `namespace`.
    fn is_own_service(&self, host: &str, namespace: &str) -> bool {
        let parts: Vec<&str> = host.split('.').collect();
        let of = match parts[..] {
            [service] if service != "*" => namespace,
            [_, of] | [_, of, "svc", ..] => of,
            _ => return false,
        };
        self.namespaces.contains(of)
    }
}

/// Whoever may set them can take the place of any address.
fn external_address(object: &Object) -> Option<String> {
    object.value().pointer("/spec/externalIPs").filter(|value| pod::says(value)).map(|_| "spec.externalIPs".to_owned())
}

fn texts<'a>(object: &'a Object, pointer: &str) -> Vec<&'a str> {
    let list = object.value().pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}
