//! What an object in the right place may still not say.

use serde_json::Value;

use super::{Beyond, Bounds, Thing, pod};
use crate::{
    mesh::install::ROOT_NAMESPACE,
    render::object::{Object, is_label},
};

/// What a server of a Gateway may say of its TLS, beside the name of a certificate that the lab has made.
const OF_GATEWAYS: &[&str] =
    &["cipherSuites", "httpsRedirect", "maxProtocolVersion", "minProtocolVersion", "mode", "subjectAltNames"];
/// What reaches out of a pod.
const OF_PODS: &str = "remove it: a lab's pods have nothing of the machine that they run on";

impl Bounds<'_> {
    /// Fields by which an object would reach out of its namespace, or a pod out of itself.
    pub(super) fn reaches_out(&self, object: &Object) -> Result<(), Beyond> {
        let (field, hint) = match object.kind() {
            "DestinationRule" => (foreign_client(object), "for the whole mesh a lab may say ISTIO_MUTUAL or DISABLE"),
            "Gateway" => {
                (self.foreign_credential(object), "make it with the action `certificate`, as `credentialName`")
            }
            "PersistentVolumeClaim" => (claimed(object), OF_PODS),
            "Role" => {
                (writes_services(object), "grant `get`, `list` and `watch`: a Service's address is asked from outside")
            }
            "RoleBinding" => (cluster_role(object), "bind a Role of the lab's own"),
            "Service" => (outer_address(object), "remove it: a Service takes no address from others"),
            "VirtualService" => (
                self.foreign_route(object),
                "it may route to the lab's own Services, at the lab's own gateways, and with `exportTo: [\".\"]` for the \
                 pods of its namespace; their names end with `.svc` or `.svc.cluster.local`",
            ),
            _ => (pod::host_field(object), OF_PODS),
        };
        let what = format!("{} `{}`", object.kind(), object.name());
        field.map_or(Ok(()), |field| Err(Beyond::Field { what, field, hint }))
    }

    /// A gateway reads the certificates of all teams, from one namespace.
    fn foreign_credential(&self, object: &Object) -> Option<String> {
        let own = |name| self.made.contains(&Thing::new("v1", "Secret", Some(ROOT_NAMESPACE), Some(name)));
        let servers = object.value()["spec"]["servers"].as_array()?.iter().enumerate();
        let mut settings = servers.flat_map(|(index, server)| {
            server["tls"].as_object().into_iter().flatten().map(move |setting| (index, setting))
        });
        let (index, (field, _)) = settings.find(|(_, (field, value))| match field.as_str() {
            "credentialName" => value.as_str().is_some_and(|name| !own(name)),
            field => !OF_GATEWAYS.contains(&field),
        })?;
        Some(format!("spec.servers[{index}].tls.{}", field.escape_debug()))
    }

    /// Routes of the mesh hold for callers in every namespace, unless they are not exported; and they lead wherever they say.
    fn foreign_route(&self, object: &Object) -> Option<String> {
        let namespace = object.namespace().unwrap_or_default();
        let spec = &object.value()["spec"];
        if let Some(field) = self.foreign_target(spec, namespace) {
            return Some(field);
        }
        let gateways = texts(&spec["gateways"]);
        let foreign = gateways.iter().position(|gateway| {
            gateway.split_once('/').is_some_and(|(namespace, _)| !self.namespaces.contains(namespace))
        });
        if let Some(index) = foreign {
            return Some(format!("spec.gateways[{index}]"));
        }
        let in_mesh = gateways.is_empty() || gateways.contains(&"mesh");
        if !in_mesh || texts(&spec["exportTo"]) == ["."] {
            return None;
        }
        let hosts = texts(&spec["hosts"]);
        let foreign = hosts.iter().position(|host| !self.is_own_service(host, namespace))?;
        Some(format!("spec.hosts[{foreign}]"))
    }

    /// Where a route, a mirror or a delegate leads to a Service that is not the lab's.
    fn foreign_target(&self, spec: &Value, namespace: &str) -> Option<String> {
        first_field("spec", spec, &|field, value| match field {
            "delegate" => value["namespace"].as_str().is_some_and(|of| !self.namespaces.contains(of)),
            "destination" | "mirror" => {
                value["host"].as_str().is_some_and(|host| !self.is_own_service(host, namespace))
            }
            _ => false,
        })
    }

    /// `web`, or `web.shop.svc.cluster.local`, as named in `namespace`. What is named `web.shop` could be a name of the world.
    fn is_own_service(&self, host: &str, namespace: &str) -> bool {
        let parts: Vec<&str> = host.split('.').collect();
        let of = match parts[..] {
            [_] => namespace,
            [_, of, "svc"] | [_, of, "svc", "cluster", "local"] => of,
            _ => return false,
        };
        is_label(parts[0]) && self.namespaces.contains(of)
    }
}

/// Whoever may write a Service, or its status, says where requests from outside go.
fn writes_services(object: &Object) -> Option<String> {
    let rules = object.value()["rules"].as_array()?;
    let is_service = |resource: &&str| matches!(resource.split('/').next(), Some("*" | "services"));
    let writes = |verb: &&str| !["get", "list", "watch"].contains(verb);
    let found = rules
        .iter()
        .position(|rule| texts(&rule["resources"]).iter().any(is_service) && texts(&rule["verbs"]).iter().any(writes));
    found.map(|index| format!("rules[{index}]"))
}

/// What is granted elsewhere.
fn cluster_role(object: &Object) -> Option<String> {
    (object.value()["roleRef"]["kind"] != "Role").then(|| "roleRef.kind".to_owned())
}

/// Whoever may set them can take the place of any address.
fn outer_address(object: &Object) -> Option<String> {
    let spec = &object.value()["spec"];
    let field = ["externalIPs", "externalName", "loadBalancerClass", "loadBalancerIP"];
    let named = field.into_iter().find(|field| pod::says(&spec[field]));
    named.or_else(|| (spec["type"] == "ExternalName").then_some("type")).map(|field| format!("spec.{field}"))
}

/// A volume of somebody's own choice.
fn claimed(object: &Object) -> Option<String> {
    pod::says(&object.value()["spec"]["volumeName"]).then(|| "spec.volumeName".to_owned())
}

/// For all clients a rule may ask for mutual TLS, or for none; not for less of a proof.
fn foreign_client(object: &Object) -> Option<String> {
    if object.namespace() != Some(ROOT_NAMESPACE) {
        return None;
    }
    first_field("spec", &object.value()["spec"], &|field, value| {
        field == "tls" && value["mode"] != "ISTIO_MUTUAL" && value["mode"] != "DISABLE"
    })
}

/// The first field below `path` for whose name and value `test` holds, as it is written: `spec.http[0].mirror`.
fn first_field(path: &str, value: &Value, test: &impl Fn(&str, &Value) -> bool) -> Option<String> {
    match value {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| first_field(&format!("{path}[{index}]"), item, test))
        }
        Value::Object(fields) => fields.iter().find_map(|(field, value)| {
            let path = format!("{path}.{}", field.escape_debug());
            if test(field, value) { Some(path) } else { first_field(&path, value, test) }
        }),
        _ => None,
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
