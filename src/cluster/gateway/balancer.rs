//! The address that a load balancer gives a Service.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::ResourceExt;

use super::{EdgeAddress, ports};
use crate::embedded::node::load_balancer::PORTS_ANNOTATION;

/// Whether the Service asks for a load balancer.
pub(super) fn is_balancer(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"))
}

/// Whether a load balancer has its address, and all of its ports if these are others than the Service's.
pub(super) fn is_complete(service: &Service) -> bool {
    let told = service.annotations().get(PORTS_ANNOTATION);
    let known = |port: &ServicePort| told.is_none_or(|told| mapped(told).any(|(from, _)| from == port.port));
    host(service).is_some() && ports(service).all(known)
}

/// Where a load balancer is, if the Service has one that is there.
pub(super) fn balanced(service: &Service) -> Option<BTreeMap<u16, EdgeAddress>> {
    let host = host(service)?;
    let told: BTreeMap<i32, u16> =
        service.annotations().get(PORTS_ANNOTATION).map(|text| mapped(text).collect()).unwrap_or_default();
    let address = |port: &ServicePort| {
        let number = u16::try_from(port.port).ok()?;
        let port = told.get(&port.port).copied().unwrap_or(number);
        Some((number, EdgeAddress { host: host.clone(), port }))
    };
    Some(ports(service).filter_map(address).collect())
}

fn host(service: &Service) -> Option<String> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?.first()?;
    let host = ingress.ip.clone().or_else(|| ingress.hostname.clone())?;
    (!host.is_empty() && !host.parse().is_ok_and(is_nowhere)).then_some(host)
}

/// Whether an address is no load balancer's, whatever a status says: a link's, such as that of a cloud's metadata, or none.
fn is_nowhere(address: IpAddr) -> bool {
    address.is_unspecified()
        || match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

/// The ports of an annotation, `80:41234,443:41235`.
fn mapped(text: &str) -> impl Iterator<Item = (i32, u16)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.filter_map(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(annotation: Option<&str>, ingress: &serde_json::Value) -> Service {
        let annotations = annotation.map(|text| json!({ PORTS_ANNOTATION: text }));
        let service = json!({
            "metadata": { "name": "edge", "annotations": annotations },
            "spec": { "type": "LoadBalancer", "ports": [{ "port": 80 }, { "port": 443 }, { "port": 53, "protocol": "UDP" }] },
            "status": { "loadBalancer": { "ingress": ingress } },
        });
        serde_json::from_value(service).unwrap()
    }

    fn shown(service: &Service) -> Option<String> {
        let addresses = balanced(service)?;
        Some(addresses.iter().map(|(port, address)| format!("{port} {address}")).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn addresses_are_those_of_the_load_balancer() {
        let cloud = service(None, &json!([{ "hostname": "lb.example.com" }]));
        assert_eq!(shown(&cloud).as_deref(), Some("80 lb.example.com:80, 443 lb.example.com:443"));
        let six = service(None, &json!([{ "ip": "2001:db8::1" }]));
        assert_eq!(shown(&six).as_deref(), Some("80 [2001:db8::1]:80, 443 [2001:db8::1]:443"));
        let embedded = service(Some("80:41234,443:41235"), &json!([{ "ip": "127.0.0.1" }]));
        assert_eq!(shown(&embedded).as_deref(), Some("80 127.0.0.1:41234, 443 127.0.0.1:41235"));
        assert_eq!(shown(&service(None, &json!([]))), None);
        for nowhere in ["169.254.169.254", "fe80::1", "0.0.0.0", ""] {
            assert_eq!(shown(&service(None, &json!([{ "ip": nowhere }]))), None);
        }
    }

    #[test]
    fn half_an_address_is_waited_for() {
        let address = json!([{ "ip": "127.0.0.1" }]);
        assert!(!is_complete(&service(Some("80:1,443:2"), &json!([]))));
        assert!(!is_complete(&service(Some("80:1"), &address)));
        assert!(is_complete(&service(Some("80:1,443:2"), &address)));
        assert!(is_complete(&service(None, &address)));
    }
}
