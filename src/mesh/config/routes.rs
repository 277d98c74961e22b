//! What VirtualServices say to one proxy: where its requests go.

use std::time::Duration;

use crate::{
    mesh::{
        policy::{Index, full_host},
        resources::{self, HttpMatch, HttpRetry, HttpRoute, Metadata, Resource, StringMatch, VirtualService},
        snapshot::{Workload, contains},
    },
    sidecar::config::routing::{
        Destination, Forward, HttpRoute as Route, Redirect, RequestMatch, Retries, Rewrite, RouteAction, TextMatch,
        VirtualHost, Weighted,
    },
};

/// The name that stands for all sidecars among the gateways of a VirtualService.
const MESH: &str = "mesh";

/// Whose requests are routed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) index: &'a Index,
    /// The proxy's workload.
    pub(super) proxy: &'a Workload,
    /// The Gateway they come through; none in a sidecar.
    pub(super) gateway: Option<&'a Metadata>,
}

impl<'a> Place<'a> {
    /// The VirtualServices that are attached here, oldest first.
    pub(super) fn virtual_services(&self) -> Vec<&'a Resource<VirtualService>> {
        let all = self.index.snapshot().virtual_services.iter();
        let mut attached: Vec<_> = all
            .filter(|resource| {
                is_exported(&resource.spec.export_to, &resource.metadata.namespace, &self.proxy.namespace)
                    && self.is_among(&resource.spec.gateways, &resource.metadata)
            })
            .collect();
        attached.sort_by(|a, b| a.metadata.by_age(&b.metadata));
        attached
    }

    /// Whether gateways that `owner` names are this one; nobody named means all sidecars.
    fn is_among(&self, gateways: &[String], owner: &Metadata) -> bool {
        let Some(gateway) = self.gateway else {
            return gateways.is_empty() || gateways.iter().any(|name| name == MESH);
        };
        gateways.iter().any(|named| {
            let (namespace, name) = named.split_once('/').unwrap_or((&owner.namespace, named));
            *namespace == gateway.namespace && name == gateway.name
        })
    }

    /// The routes of a VirtualService, as far as they are for this place.
    pub(super) fn routes(&self, resource: &Resource<VirtualService>) -> Vec<Route> {
        let owner = &resource.metadata;
        resource.spec.http.iter().filter_map(|route| self.route(route, owner)).collect()
    }

    fn route(&self, route: &HttpRoute, owner: &Metadata) -> Option<Route> {
        let mine = route.matches.iter().filter(|wanted| self.is_source(wanted, owner));
        let matches: Vec<RequestMatch> = mine.map(request_match).collect();
        if matches.is_empty() && !route.matches.is_empty() {
            return None;
        }
        let action = match &route.redirect {
            Some(redirect) => RouteAction::Redirect(Redirect {
                uri: redirect.uri.clone(),
                authority: redirect.authority.clone(),
                port: redirect.port.and_then(|port| u16::try_from(port).ok()),
                scheme: redirect.scheme.clone(),
                code: redirect.redirect_code.and_then(|code| u16::try_from(code).ok()).unwrap_or(301),
            }),
            None => RouteAction::Forward(Forward {
                destinations: self.destinations(&route.route, owner),
                timeout: duration(route.timeout.as_deref()),
                retries: route.retries.as_ref().map(retries),
                rewrite: route
                    .rewrite
                    .as_ref()
                    .map(|rewrite| Rewrite { uri: rewrite.uri.clone(), authority: rewrite.authority.clone() }),
            }),
        };
        Some(Route { matches, action })
    }

    /// Whether requests from here can fit a match at all.
    fn is_source(&self, wanted: &HttpMatch, owner: &Metadata) -> bool {
        (wanted.gateways.is_empty() || self.is_among(&wanted.gateways, owner))
            && contains(&self.proxy.labels, &wanted.source_labels)
            && wanted.source_namespace.as_ref().is_none_or(|namespace| *namespace == self.proxy.namespace)
    }

    /// Where a route leads; a share that is not given is nothing beside others.
    pub(super) fn destinations(&self, route: &[resources::RouteDestination], owner: &Metadata) -> Vec<Weighted> {
        let weight = |wanted: Option<i32>| u32::try_from(wanted.unwrap_or_default()).unwrap_or_default();
        let alone = route.iter().all(|entry| weight(entry.weight) == 0);
        let weighted = route.iter().map(|entry| Weighted {
            destination: self.destination(&entry.destination, owner),
            weight: if alone { 1 } else { weight(entry.weight) },
        });
        weighted.collect()
    }

    fn destination(&self, wanted: &resources::Destination, owner: &Metadata) -> Destination {
        let named = wanted.port.and_then(|port| u16::try_from(port.number).ok());
        let host = full_host(&wanted.host, &owner.namespace, &self.index.settings().cluster_domain);
        let service = self.index.find_service(&owner.namespace, &host).map(|service| self.index.service(service));
        let (host, only) = match service {
            Some(service) => {
                (service.host.clone(), if let [port] = &service.ports[..] { Some(port.port) } else { None })
            }
            None => (host, None),
        };
        Destination { host, port: named.or(only), subset: wanted.subset.clone().filter(|name| !name.is_empty()) }
    }
}

/// What VirtualServices say to a sidecar. Of two for the same host the older one counts, alone.
pub(super) fn of_sidecar(index: &Index, proxy: &Workload) -> Vec<VirtualHost> {
    let place = Place { index, proxy, gateway: None };
    let mut hosts: Vec<VirtualHost> = Vec::new();
    for resource in place.virtual_services().into_iter().filter(|resource| !resource.spec.http.is_empty()) {
        let domain = &index.settings().cluster_domain;
        let named = resource.spec.hosts.iter().map(|host| full_host(host, &resource.metadata.namespace, domain));
        let free: Vec<String> = named.filter(|host| !hosts.iter().any(|known| known.hosts.contains(host))).collect();
        if !free.is_empty() {
            hosts.push(VirtualHost { hosts: free, https_redirect: false, routes: place.routes(resource) });
        }
    }
    hosts
}

/// Whether what `owner` has is seen in `namespace`.
fn is_exported(export_to: &[String], owner: &str, namespace: &str) -> bool {
    export_to.is_empty()
        || export_to.iter().any(|to| match to.as_str() {
            "*" => true,
            "." => owner == namespace,
            named => named == namespace,
        })
}

fn request_match(wanted: &HttpMatch) -> RequestMatch {
    let texts = |texts: &std::collections::BTreeMap<String, StringMatch>| {
        texts.iter().map(|(name, wanted)| (name.to_ascii_lowercase(), text_match(wanted))).collect()
    };
    RequestMatch {
        uri: wanted.uri.as_ref().map(text_match),
        ignore_uri_case: wanted.ignore_uri_case,
        method: wanted.method.as_ref().map(text_match),
        scheme: wanted.scheme.as_ref().map(text_match),
        authority: wanted.authority.as_ref().map(text_match),
        headers: texts(&wanted.headers),
        without_headers: texts(&wanted.without_headers),
        query: wanted.query_params.iter().map(|(name, wanted)| (name.clone(), text_match(wanted))).collect(),
        port: wanted.port.and_then(|port| u16::try_from(port).ok()),
    }
}

fn text_match(wanted: &StringMatch) -> TextMatch {
    match wanted {
        StringMatch { exact: Some(text), .. } => TextMatch::Exact(text.clone()),
        StringMatch { prefix: Some(text), .. } => TextMatch::Prefix(text.clone()),
        StringMatch { regex: Some(text), .. } => TextMatch::Regex(text.clone()),
        StringMatch { exact: None, prefix: None, regex: None } => TextMatch::Present,
    }
}

fn retries(wanted: &HttpRetry) -> Retries {
    // In these Envoy counts connections that could not be made.
    const REASONS: [&str; 3] = ["connect-failure", "5xx", "gateway-error"];
    let mut reasons = wanted.retry_on.iter().flat_map(|text| text.split(',')).map(str::trim).peekable();
    Retries {
        attempts: u32::try_from(wanted.attempts).unwrap_or_default(),
        on_connect_failure: reasons.peek().is_none() || reasons.any(|reason| REASONS.contains(&reason)),
        per_try_timeout: duration(wanted.per_try_timeout.as_deref()),
    }
}

/// A duration as Istio writes it; none if it is absent, 0 or makes no sense.
fn duration(text: Option<&str>) -> Option<Duration> {
    let parsed = text?.parse::<jiff::SignedDuration>().ok()?;
    Duration::try_from(parsed).ok().filter(|duration| !duration.is_zero())
}
