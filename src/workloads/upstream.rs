//! A service that another one calls: its address from the environment, connections through the host.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use super::server::Context;
use crate::host::Host;

/// How long looking a service up and connecting to it may take.
const CONNECT: Duration = Duration::from_secs(5);

/// `HOST:PORT` of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Upstream {
    /// A name or an address.
    pub(super) name: String,
    pub(super) port: u16,
}

/// A text that is not `HOST:PORT`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not an address; write HOST:PORT")]
pub(super) struct NotAnAddress(String);

impl FromStr for Upstream {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let wrong = || NotAnAddress(text.to_owned());
        let (name, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let name = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(name);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !(name.bytes().all(is_name) || name.parse::<IpAddr>().is_ok()) {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl Upstream {
    /// Looks the name up and connects to the first of its addresses that answers.
    ///
    /// # Errors
    /// As [`Host::resolve`] and [`Host::connect`]; `TimedOut` after five seconds.
    pub(super) async fn connect(&self, host: &dyn Host) -> io::Result<TcpStream> {
        timeout(CONNECT, self.dial(host)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn dial(&self, host: &dyn Host) -> io::Result<TcpStream> {
        let addresses = match self.name.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => host.resolve(&self.name).await?,
        };
        let mut last = io::ErrorKind::NotFound.into();
        for address in addresses {
            match host.connect(SocketAddr::new(address, self.port), None).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Context {
    /// The address of a service: what the environment says, else `default`.
    pub(super) fn upstream(&self, variable: &str, default: &str) -> Result<Upstream, String> {
        let text = self.host.env(variable).unwrap_or_else(|| default.to_owned());
        text.parse().map_err(|error: NotAnAddress| format!("{variable}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parsed = |text: &str| text.parse::<Upstream>().map(|upstream| upstream.to_string());
        assert_eq!(parsed("redis-cart:6379"), Ok("redis-cart:6379".to_owned()));
        assert_eq!(parsed("[::1]:80"), Ok("[::1]:80".to_owned()));
        for wrong in ["redis-cart", ":80", "a:", "a:x", "a:65536", "http://a:80", "a b:80", ""] {
            let message = format!("`{wrong}` is not an address; write HOST:PORT");
            assert_eq!(parsed(wrong).map_err(|error| error.to_string()), Err(message));
        }
    }
}
