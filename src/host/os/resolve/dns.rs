//! A resolver of its own: `/etc/hosts` first, then the name servers of `/etc/resolv.conf`.
//!
//! Both files are read for every look-up and nothing is cached, as in glibc: programs ask when they connect, which is
//! rare, and a pod's files may change below them.

use std::{
    fs,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    str::FromStr as _,
    time::Duration,
};

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::Query,
        rr::{Name, RecordType},
    },
};

use super::search::candidates;

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No name server answered, or it could not.
    #[error("the name server {servers} cannot tell the address of `{name}`: {why}")]
    Failed {
        /// The name asked for.
        name: String,
        /// The name servers that were asked.
        servers: String,
        /// What happened.
        why: String,
        /// What kind of failure that is.
        kind: ErrorKind,
    },
    /// Nobody can be asked.
    #[error("no name server to ask for `{0}`: {RESOLV_CONF} names none")]
    NoServer(String),
    /// The name does not exist, or has no address.
    #[error("no address for `{0}`")]
    NotFound(String),
}

impl From<ResolveError> for io::Error {
    fn from(error: ResolveError) -> Self {
        let kind = match &error {
            ResolveError::Failed { kind, .. } => *kind,
            ResolveError::NoServer(_) => ErrorKind::Other,
            ResolveError::NotFound(_) => ErrorKind::NotFound,
        };
        Self::new(kind, error)
    }
}

/// What a machine knows about names: its hosts file, and whom it asks about the rest.
#[derive(Debug)]
pub struct Names {
    hosts: Hosts,
    config: resolv_conf::Config,
    port: u16,
}

impl Names {
    /// Reads the files of this machine. A file that is not there is an empty one.
    ///
    /// # Errors
    /// If a file is there, but cannot be read.
    pub fn of_this_machine() -> io::Result<Self> {
        Self::new(&contents(HOSTS.as_ref())?, &contents(RESOLV_CONF.as_ref())?)
    }

    /// What these two files say. A line that makes no sense is left out, as the C library does.
    ///
    /// # Errors
    /// If the hosts file is not text.
    pub fn new(hosts: &[u8], resolv_conf: &[u8]) -> io::Result<Self> {
        const DNS: u16 = 53;
        let (config, _) = resolv_conf::Config::parse_with_errors(resolv_conf);
        let mut names = Self { hosts: Hosts::default(), config, port: DNS };
        names.hosts.read_hosts_conf(hosts)?;
        Ok(names)
    }

    /// Asks name servers at another port than that of DNS.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The addresses of `name`, IPv4 first: at least one.
    ///
    /// # Errors
    /// [`ResolveError::NotFound`] only if every answer was that there is none.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if let Some(known) = self.known(name) {
            return Ok(known);
        }
        // The C library would ask this machine, which in a container is nobody.
        if self.config.nameservers.is_empty() {
            return Err(ResolveError::NoServer(name.to_owned()));
        }
        let resolver = self.resolver().map_err(|error| self.failed(name, &error))?;
        let search = self.config.get_last_search_or_domain().map(String::as_str);
        let search: Vec<&str> = search.filter(|domain| *domain != "--").collect();
        let mut failure = None;
        for candidate in candidates(name, &search, self.config.ndots as usize) {
            // A name that DNS cannot even be asked for does not exist.
            let Ok(candidate) = Name::from_str(&candidate) else { continue };
            match lookup(&resolver, candidate).await {
                Ok(addresses) if addresses.is_empty() => {}
                Ok(addresses) => return Ok(addresses),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        // An answer that did not come might have been an address.
        Err(failure.map_or_else(|| ResolveError::NotFound(name.to_owned()), |error| self.failed(name, &error)))
    }

    /// What needs no name server: an address, a name of the hosts file, the machine itself (RFC 6761, section 6.3).
    fn known(&self, name: &str) -> Option<Vec<IpAddr>> {
        if let Ok(address) = name.parse() {
            return Some(vec![address]);
        }
        let lower = name.trim_end_matches('.').to_ascii_lowercase();
        let parsed = Name::from_str(&lower).ok()?;
        let in_file = |kind| self.hosts.lookup_static_host(&Query::query(parsed.clone(), kind));
        let found: Vec<IpAddr> = [in_file(RecordType::A), in_file(RecordType::AAAA)]
            .iter()
            .flatten()
            .flat_map(|found| found.answers().iter().filter_map(|record| record.data.ip_addr()))
            .collect();
        if !found.is_empty() {
            return Some(found);
        }
        (lower == "localhost" || lower.ends_with(".localhost"))
            .then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
    }

    fn servers(&self) -> impl Iterator<Item = IpAddr> {
        self.config.nameservers.iter().map(IpAddr::from)
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let servers = self.servers().map(|address| {
            let mut server = NameServerConfig::udp_and_tcp(address);
            for connection in &mut server.connections {
                connection.port = self.port;
            }
            server
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        self.set(builder.options_mut());
        builder.build()
    }

    fn set(&self, options: &mut ResolverOpts) {
        options.attempts = self.config.attempts as usize;
        options.cache_size = 0;
        options.edns0 = self.config.edns0;
        options.server_ordering_strategy = if self.config.rotate {
            ServerOrderingStrategy::RoundRobin
        } else {
            ServerOrderingStrategy::UserProvidedOrder
        };
        options.timeout = Duration::from_secs(self.config.timeout.into());
        options.use_hosts_file = ResolveHosts::Never;
    }

    fn failed(&self, name: &str, error: &NetError) -> ResolveError {
        let servers: Vec<String> = self.servers().map(|address| address.to_string()).collect();
        let (kind, why) = match error {
            NetError::Timeout => (ErrorKind::TimedOut, "it does not answer".to_owned()),
            NetError::Io(error) => (error.kind(), error.to_string()),
            NetError::Dns(DnsError::ResponseCode(code)) => (ErrorKind::Other, format!("it answers {code:?}")),
            other => (ErrorKind::Other, other.to_string()),
        };
        ResolveError::Failed { name: name.to_owned(), servers: servers.join(", "), why, kind }
    }
}

/// The addresses of an absolute name; none if every answer was that there are none.
async fn lookup(resolver: &TokioResolver, name: Name) -> Result<Vec<IpAddr>, NetError> {
    let (v4, v6) =
        tokio::join!(one_kind(resolver, name.clone(), RecordType::A), one_kind(resolver, name, RecordType::AAAA));
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => Ok([v4, v6].concat()),
        (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Ok(found),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

async fn one_kind(resolver: &TokioResolver, name: Name, kind: RecordType) -> Result<Vec<IpAddr>, NetError> {
    match resolver.lookup(name, kind).await {
        Ok(found) => Ok(found.answers().iter().filter_map(|record| record.data.ip_addr()).collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn contents(file: &Path) -> io::Result<Vec<u8>> {
    match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
