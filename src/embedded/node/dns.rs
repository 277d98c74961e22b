//! The cluster's DNS as a pod sees it: `/etc/hosts` first, then Kubernetes names through the search domains.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use super::network::{Record, ServiceTable};

/// The domain of the cluster.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// From how many dots on a name is tried as it stands before the search domains (`ndots` of `resolv.conf`).
const NDOTS: usize = 5;

/// How many names in a row may lead to another name (`type: ExternalName`).
const MAX_ALIASES: usize = 8;

/// What a resolver knows about its own pod.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// The pod's namespace, where its search starts.
    pub namespace: String,
    /// The pod's host name.
    pub hostname: String,
    /// The pod's address.
    pub address: Ipv4Addr,
}

impl Resolver {
    /// Resolves `name` with the Services of `table`.
    ///
    /// # Errors
    /// `NotFound` if there is no such name, or no address behind it.
    pub fn resolve(&self, table: &ServiceTable, name: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        let name = name.to_ascii_lowercase();
        let addresses = match self.hosts_file(&name) {
            Some(address) => vec![address],
            None => self.search(table, &name),
        };
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no address for `{name}`")));
        }
        Ok(addresses.into_iter().map(IpAddr::V4).collect())
    }

    fn hosts_file(&self, name: &str) -> Option<Ipv4Addr> {
        match name {
            "localhost" => Some(Ipv4Addr::LOCALHOST),
            name if name == self.hostname => Some(self.address),
            _ => None,
        }
    }

    fn search(&self, table: &ServiceTable, name: &str) -> Vec<Ipv4Addr> {
        if let Some(absolute) = name.strip_suffix('.') {
            return lookup(table, absolute, 0).unwrap_or_default();
        }
        let domains = [
            format!("{}.svc.{CLUSTER_DOMAIN}", self.namespace),
            format!("svc.{CLUSTER_DOMAIN}"),
            CLUSTER_DOMAIN.to_owned(),
        ];
        let searched = domains.iter().map(|domain| format!("{name}.{domain}"));
        let absolute = std::iter::once(name.to_owned());
        let mut candidates: Vec<String> = searched.chain(absolute).collect();
        if name.matches('.').count() >= NDOTS {
            candidates.rotate_right(1);
        }
        // An empty answer (the name exists, but has no address) does not end the search.
        candidates.iter().filter_map(|name| lookup(table, name, 0)).find(|found| !found.is_empty()).unwrap_or_default()
    }
}

/// The addresses of an absolute name; `None` if there is no such name.
fn lookup(table: &ServiceTable, name: &str, aliases: usize) -> Option<Vec<Ipv4Addr>> {
    let inside = name.strip_suffix(CLUSTER_DOMAIN)?.strip_suffix('.')?;
    let labels: Vec<&str> = inside.split('.').collect();
    match labels[..] {
        [service, namespace, "svc"] => match record(table, service, namespace)? {
            Record::Cluster(address) => Some(vec![*address]),
            Record::Headless(pods) => Some(pods.iter().map(|&(address, _)| address).collect()),
            Record::External(name) if aliases < MAX_ALIASES => lookup(table, name.trim_end_matches('.'), aliases + 1),
            Record::External(_) => None,
        },
        [host, service, namespace, "svc"] => match record(table, service, namespace)? {
            Record::Headless(pods) => {
                let own = |(_, name): &&(Ipv4Addr, Option<String>)| name.as_deref() == Some(host);
                let found: Vec<_> = pods.iter().filter(own).map(|&(address, _)| address).collect();
                (!found.is_empty()).then_some(found)
            }
            _ => None,
        },
        [dashed, _, "pod"] => Some(vec![dashed.replace('-', ".").parse().ok()?]),
        _ => None,
    }
}

fn record<'a>(table: &'a ServiceTable, service: &str, namespace: &str) -> Option<&'a Record> {
    table.names.get(&(namespace.to_owned(), service.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 4, 2);
    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 9);

    fn table() -> ServiceTable {
        let name = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        let names = HashMap::from([
            (name("foo", "httpbin"), Record::Cluster(VIP)),
            (name("foo", "db"), Record::Headless(vec![(POD, Some("db-0".to_owned()))])),
            (name("foo", "empty"), Record::Headless(Vec::new())),
            (name("bar", "alias"), Record::External("httpbin.foo.svc.cluster.local".to_owned())),
            (name("bar", "away"), Record::External("example.com".to_owned())),
            (name("bar", "loop"), Record::External("loop.bar.svc.cluster.local".to_owned())),
        ]);
        ServiceTable { names, virtuals: HashMap::new() }
    }

    #[test]
    fn names_as_a_pod_of_foo_sees_them() {
        let resolver = Resolver {
            namespace: "foo".to_owned(),
            hostname: "sleep-1".to_owned(),
            address: Ipv4Addr::new(10, 244, 0, 3),
        };
        let cases: &[(&str, Option<Ipv4Addr>)] = &[
            ("httpbin", Some(VIP)),
            ("HTTPBIN.foo", Some(VIP)),
            ("httpbin.foo.svc", Some(VIP)),
            ("httpbin.foo.svc.cluster.local", Some(VIP)),
            ("httpbin.foo.svc.cluster.local.", Some(VIP)),
            ("httpbin.", None),
            ("httpbin.bar", None),
            ("alias", None),
            ("alias.bar", Some(VIP)),
            ("away.bar", None),
            ("loop.bar", None),
            ("db", Some(POD)),
            ("db-0.db", Some(POD)),
            ("db-1.db", None),
            ("empty", None),
            ("10-244-0-9.foo.pod", Some(POD)),
            ("localhost", Some(Ipv4Addr::LOCALHOST)),
            ("sleep-1", Some(resolver.address)),
            ("10.1.2.3", Some(Ipv4Addr::new(10, 1, 2, 3))),
            ("example.com", None),
        ];
        for &(name, expected) in cases {
            let found = resolver.resolve(&table(), name);
            match expected {
                Some(address) => assert_eq!(found.unwrap(), [IpAddr::V4(address)], "{name}"),
                None => assert_eq!(found.unwrap_err().kind(), io::ErrorKind::NotFound, "{name}"),
            }
        }
    }
}
