//! Where a kubeconfig leads, and whether that looks like a cluster of one's own machine.

use std::{
    fmt,
    net::{IpAddr, ToSocketAddrs},
    path::Path,
};

use kube::config::{Cluster, Kubeconfig};

use super::ClusterError;

/// How the contexts of clusters on one's own machine are called; one that ends in `-` begins names.
const LOCAL_CONTEXTS: [&str; 9] = [
    "colima",
    "colima-",
    "docker-desktop",
    "k3d-",
    "kind-",
    "minikube",
    "orbstack",
    "rancher-desktop",
    "docker-for-desktop",
];
/// The zones in which container engines name the machine itself.
const LOCAL_ZONES: [&str; 2] = [".docker.internal", ".orb.local"];

/// The cluster that a context names, and as whom it is used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Destination {
    /// The context's name.
    pub context: String,
    /// The API server's URL.
    pub server: String,
    /// The name of the user's entry; absent if the context has none.
    pub user: Option<String>,
    /// Whether requests go there through a proxy.
    proxied: bool,
}

impl Destination {
    /// Reads where `context`, or the current one, of a kubeconfig leads.
    ///
    /// # Errors
    /// [`ClusterError::Connect`] if the file cannot be read or has no such context.
    pub fn read(file: Option<&Path>, context: Option<&str>) -> Result<Self, ClusterError> {
        let kubeconfig = super::connect::read(file)?;
        Self::of(&kubeconfig, context).ok_or_else(|| ClusterError::Connect("the kubeconfig has no such context".into()))
    }

    /// Where `context`, or the current one, of a kubeconfig leads; `None` if it leads nowhere.
    pub fn of(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<Self> {
        let name = context.or(kubeconfig.current_context.as_deref())?;
        let found = kubeconfig.contexts.iter().find(|context| context.name == name)?.context.as_ref()?;
        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == found.cluster)?.cluster.as_ref()?;
        Some(Self {
            context: name.to_owned(),
            server: cluster.server.clone()?,
            user: found.user.clone().filter(|user| !user.is_empty()),
            proxied: proxied(cluster),
        })
    }

    /// Whether this is a cluster on this machine, as far as its address tells.
    ///
    /// A loopback address is one. A private address is one only if the context is called as the tools that make such
    /// clusters call theirs. A context's name alone is no reason to trust a server.
    pub fn looks_local(&self) -> bool {
        let Some(host) = self.server.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
            return false;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if self.proxied {
            return false;
        }
        match host.parse() {
            Ok(address) => is_here(address) || (self.is_called_local() && is_private(address)),
            Err(_) if host == "localhost" || host.ends_with(".localhost") => true,
            Err(_) => self.is_called_local() && is_engine_name(&host),
        }
    }

    fn is_called_local(&self) -> bool {
        LOCAL_CONTEXTS.iter().any(|name| match name.strip_suffix('-') {
            Some(_) => self.context.starts_with(name),
            None => self.context == *name,
        })
    }
}

/// `kind-lab (https://127.0.0.1:6443)`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.context, self.server)
    }
}

fn proxied(cluster: &Cluster) -> bool {
    cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty())
}

/// An address that never leaves this machine.
fn is_here(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

/// An address that container engines and virtual machines take for their networks.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            (first == 172 && (16..32).contains(&second)) || (first == 192 && second == 168)
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

/// Whether a container engine's name for the machine really leads to it.
fn is_engine_name(host: &str) -> bool {
    let resolved = || (host, 0).to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
    LOCAL_ZONES.iter().any(|zone| host.ends_with(zone)) && {
        let addresses = resolved();
        !addresses.is_empty() && addresses.iter().all(|address| is_here(address.ip()) || is_private(address.ip()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(context: &str, server: &str) -> bool {
        let server = server.to_owned();
        Destination { context: context.to_owned(), server, user: None, proxied: false }.looks_local()
    }

    #[test]
    fn loopback_addresses_are_local_whatever_the_context() {
        for server in ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:6443", "https://0.0.0.0:40001"] {
            assert!(local("production", server), "{server}");
        }
        for server in ["https://localhost.example.org", "https://[::ffff:8.8.8.8]:6443", "not a URL", ""] {
            assert!(!local("production", server), "{server}");
        }
    }

    #[test]
    fn a_name_that_sounds_local_needs_an_address_that_is() {
        for context in ["kind-lab", "minikube", "k3d-one", "docker-desktop", "rancher-desktop", "colima", "orbstack"] {
            assert!(local(context, "https://192.168.49.2:8443"), "{context}");
            assert!(local(context, "https://172.18.0.2:6443"), "{context}");
            assert!(!local(context, "https://203.0.113.7:6443"), "{context}");
            assert!(!local(context, "https://10.0.0.1:6443"), "{context}");
            assert!(!local(context, "https://api.example.org"), "{context}");
        }
        for context in ["kind", "kinda-production", "minikube-2", "lab"] {
            assert!(!local(context, "https://192.168.49.2:8443"), "{context}");
        }
    }

    #[test]
    fn behind_a_proxy_no_address_says_anything() {
        let kubeconfig: Kubeconfig = serde_yaml::from_str(
            "
            current-context: kind-lab
            contexts: [{name: kind-lab, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: 'https://127.0.0.1:6443', proxy-url: 'http://proxy.example.org'}}]
            ",
        )
        .unwrap();
        let destination = Destination::of(&kubeconfig, None).unwrap();
        assert!(!destination.looks_local());
        assert_eq!(destination.to_string(), "kind-lab (https://127.0.0.1:6443)");
        assert_eq!(destination.user.as_deref(), Some("u"));
        assert_eq!(Destination::of(&kubeconfig, Some("other")), None);
    }
}
