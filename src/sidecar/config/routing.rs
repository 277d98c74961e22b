//! Where requests go that do not simply go to the Service they name: routes, and the listeners of a gateway.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::CertificateFiles;

/// All that VirtualServices and Gateways say to one proxy.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    /// What happens to the application's own requests, by the host they are for; what is not named goes to the Service
    /// of that name.
    #[serde(default)]
    pub hosts: Vec<VirtualHost>,
    /// Where a gateway listens.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The certificates that listeners and clients name.
    #[serde(default)]
    pub credentials: BTreeMap<String, Credential>,
}

impl Routing {
    /// Whether nobody says anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All places that anything is sent to.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let plain = self.listeners.iter().flat_map(|listener| listener.http.iter().flatten());
        let servers = || self.listeners.iter().flat_map(|listener| &listener.tls);
        let inside = servers().flat_map(|server| match &server.action {
            TlsAction::Terminate(termination) => &termination.http[..],
            TlsAction::AutoPassthrough | TlsAction::Passthrough(_) => &[],
        });
        let routes = self.hosts.iter().chain(plain).chain(inside).flat_map(|host| &host.routes);
        let forwards = routes.flat_map(|route| match &route.action {
            RouteAction::Forward(forward) => &forward.destinations[..],
            RouteAction::Redirect(_) => &[],
        });
        let by_name = servers().flat_map(|server| match &server.action {
            TlsAction::Passthrough(routes) => &routes[..],
            TlsAction::AutoPassthrough | TlsAction::Terminate(_) => &[],
        });
        forwards.chain(by_name.flat_map(|route| &route.destinations)).map(|weighted| &weighted.destination)
    }
}

/// A certificate with its key, and those it may be told by, as PEM; each may be missing.
#[derive(Clone, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// The chain, leaf first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The key of its leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The roots that verify the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<String>,
}

impl fmt::Debug for Credential {
    /// Shows what there is, and nothing that is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("certificate", &self.certificate)
            .field("key", &self.key.as_ref().map(|_| "..."))
            .field("roots", &self.roots)
            .finish()
    }
}

/// What happens to requests for some hosts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualHost {
    /// Names; each exact, `*`, or `*` and what a name ends with.
    pub hosts: Vec<String>,
    /// Whether all are sent to HTTPS.
    #[serde(default)]
    pub https_redirect: bool,
    /// The first that fits holds; a request that none fits is answered with 404.
    pub routes: Vec<HttpRoute>,
}

/// One way for requests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRoute {
    /// Which requests: those that fit one of these, or all if there is none.
    pub matches: Vec<RequestMatch>,
    /// What happens to them.
    pub action: RouteAction,
}

/// Picks requests; all that it asks for must be so.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestMatch {
    /// The path.
    pub uri: Option<TextMatch>,
    /// Whether the path may differ in case.
    pub ignore_uri_case: bool,
    /// The method.
    pub method: Option<TextMatch>,
    /// `http` or `https`.
    pub scheme: Option<TextMatch>,
    /// The host, with its port if it has one.
    pub authority: Option<TextMatch>,
    /// Headers that must be there, by name in lower case.
    pub headers: BTreeMap<String, TextMatch>,
    /// Headers that must not be there like this.
    pub without_headers: BTreeMap<String, TextMatch>,
    /// Parameters of the query.
    pub query: BTreeMap<String, TextMatch>,
    /// The port that was dialled.
    pub port: Option<u16>,
}

/// What a text must be like.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TextMatch {
    /// Just this.
    Exact(String),
    /// Begin with this.
    Prefix(String),
    /// Anything, if only it is there.
    Present,
    /// Fit this regular expression as a whole.
    Regex(String),
}

/// What happens to a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteAction {
    /// It goes to an upstream.
    Forward(Forward),
    /// The client is told to go elsewhere.
    Redirect(Redirect),
}

/// Where requests go, and how long anybody waits for the answer.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Forward {
    /// Who gets them, each its share.
    pub destinations: Vec<Weighted>,
    /// How long until a response begins; for ever if absent.
    pub timeout: Option<Duration>,
    /// How often, and for how long each time, it is tried; the default if absent.
    pub retries: Option<Retries>,
    /// What the upstream is told instead of what the client asked for.
    pub rewrite: Option<Rewrite>,
}

/// A destination and its share of the requests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Weighted {
    /// Where to.
    pub destination: Destination,
    /// In relation to the others'.
    pub weight: u32,
}

/// A Service port, or a part of it.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// The full host name.
    pub host: String,
    /// The Service port; the one that was dialled if absent.
    pub port: Option<u16>,
    /// The subset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
}

/// How requests are tried again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retries {
    /// How often after the first time.
    pub attempts: u32,
    /// Whether connections that could not be made are a reason.
    pub on_connect_failure: bool,
    /// How long one try may take.
    pub per_try_timeout: Option<Duration>,
}

/// What the upstream is told instead of what the client asked for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rewrite {
    /// In place of the part of the path that was matched: of the prefix, or of all.
    pub uri: Option<String>,
    /// In place of the host.
    pub authority: Option<String>,
}

/// Where the client is told to go; what is absent stays as it was asked for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// The path, or the part of it that was matched by prefix.
    pub uri: Option<String>,
    /// The host.
    pub authority: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// The status.
    pub code: u16,
}

/// Where a gateway listens, and for what.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// The port of the gateway's pod.
    pub port: u16,
    /// The port that clients dial, the Gateway's own word for it.
    pub number: u16,
    /// What happens to plaintext requests; none are taken if absent.
    pub http: Option<Vec<VirtualHost>>,
    /// What happens to TLS, by the server name that the client sends.
    pub tls: Vec<TlsServer>,
}

/// What happens to TLS for some names.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsServer {
    /// Names, as in [`VirtualHost::hosts`].
    pub hosts: Vec<String>,
    /// What is done.
    pub action: TlsAction,
}

/// What a gateway does with a TLS connection.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsAction {
    /// It goes on, unopened, to the destination that its server name holds.
    AutoPassthrough,
    /// It goes on, unopened, to where one of these says.
    Passthrough(Vec<SniRoute>),
    /// It ends here.
    Terminate(Termination),
}

/// One way for TLS connections.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SniRoute {
    /// Server names, as in [`VirtualHost::hosts`].
    pub hosts: Vec<String>,
    /// Who gets them.
    pub destinations: Vec<Weighted>,
}

/// How TLS ends at a gateway.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Termination {
    /// Who the gateway is.
    pub certificate: ServerCertificate,
    /// Who its clients must be.
    pub clients: Clients,
    /// Names of which one must be in a client's certificate; any if empty.
    #[serde(default)]
    pub client_names: Vec<String>,
    /// What happens to the requests inside.
    pub http: Vec<VirtualHost>,
}

/// Where a gateway has its certificate from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ServerCertificate {
    /// From the credential of this name.
    Credential(String),
    /// From files.
    Files {
        /// Chain and key.
        own: CertificateFiles,
        /// Roots that verify clients.
        roots: Option<String>,
    },
    /// From the mesh.
    Workload,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Clients {
    /// They are not asked.
    Anonymous,
    /// They are asked, and may have none.
    Optional,
    /// They must.
    Required,
}

/// Whether a pattern (exact, `*`, or `*` and what a name ends with) is for a name, whatever the case.
pub fn host_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => {
            name.len() >= suffix.len()
                && name.as_bytes()[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}
