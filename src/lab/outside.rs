//! Requests from outside of the cluster, through a Service's outside address.

use std::{collections::BTreeMap, fmt};

use crate::mesh::install::{INGRESS_GATEWAY, ROOT_NAMESPACE};

/// One request with curl, from this machine.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Whose outside address is asked.
    pub service: NamespacedName,
    /// For whom, and at which port of the Service.
    pub target: Target,
    /// `GET`, ...
    pub method: String,
    /// Request headers.
    pub headers: BTreeMap<String, String>,
    /// The request's body.
    pub data: Option<String>,
    /// The Secret whose `ca.crt` is believed. Without one nobody is.
    pub cacert: Option<NamespacedName>,
    /// The Secret with the client's certificate (`tls.crt`) and key (`tls.key`).
    pub cert: Option<NamespacedName>,
}

impl Outside {
    /// The variable that stands for the address, as `host:port`: `GATEWAY_URL`, `SECURE_GATEWAY_URL` with TLS,
    /// `FRONTEND_EXTERNAL_URL` for another Service, `GATEWAY_8080_URL` for a port that is not the scheme's own.
    pub fn variable(&self) -> String {
        let (https, port) = (self.target.is_https(), self.target.port());
        let name = match self.service.is_gateway() {
            true => "GATEWAY".to_owned(),
            false => self.service.name.to_uppercase().replace(['-', '.'], "_"),
        };
        let port = if port == self.target.usual_port() { String::new() } else { format!("_{port}") };
        format!("{}{name}{port}_URL", if https { "SECURE_" } else { "" })
    }
}

/// What a request from outside is for.
#[derive(Clone, Debug)]
pub enum Target {
    /// A path at port 80 of the address itself, as in `http://$GATEWAY_URL/path`.
    Path(String),
    /// A URL whose host need not exist: connections go to the Service's address all the same.
    Url(http::Uri),
}

impl Target {
    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        matches!(self, Self::Url(url) if url.scheme_str() == Some("https"))
    }

    /// The port of the Service.
    pub fn port(&self) -> u16 {
        match self {
            Self::Path(_) => 80,
            Self::Url(url) => url.port_u16().unwrap_or(self.usual_port()),
        }
    }

    /// The port that need not be said.
    fn usual_port(&self) -> u16 {
        if self.is_https() { 443 } else { 80 }
    }

    /// The path and the query.
    pub fn path(&self) -> &str {
        match self {
            Self::Path(path) => path,
            Self::Url(url) => url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
        }
    }
}

/// An object whose kind is known, written `namespace/name`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamespacedName {
    /// Where it is.
    pub namespace: String,
    /// What it is called.
    pub name: String,
}

impl NamespacedName {
    /// The mesh's gateway.
    pub fn gateway() -> Self {
        Self { namespace: ROOT_NAMESPACE.to_owned(), name: INGRESS_GATEWAY.to_owned() }
    }

    fn is_gateway(&self) -> bool {
        *self == Self::gateway()
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_a_variable_of_its_own() {
        let variable = |service: NamespacedName, url: &str| {
            let target = Target::Url(url.parse().unwrap());
            let headers = BTreeMap::new();
            Outside { service, target, method: "GET".to_owned(), headers, data: None, cacert: None, cert: None }
                .variable()
        };
        let shop = || NamespacedName { namespace: "shop".to_owned(), name: "frontend-external".to_owned() };
        assert_eq!(variable(NamespacedName::gateway(), "http://a/"), "GATEWAY_URL");
        assert_eq!(variable(NamespacedName::gateway(), "https://a:443/"), "SECURE_GATEWAY_URL");
        assert_eq!(variable(NamespacedName::gateway(), "http://a:8080/"), "GATEWAY_8080_URL");
        assert_eq!(variable(shop(), "http://a/"), "FRONTEND_EXTERNAL_URL");
    }
}
