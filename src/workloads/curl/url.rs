//! URLs, as curl takes them: `http://` may be left out.

use std::fmt;

use super::failure::Failure;

/// Whether a request is made over TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The name in a URL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// `user:password`, if the URL has them.
    pub(super) user: Option<String>,
    /// A name or an address (an IPv6 address without its brackets).
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query; begins with a slash.
    pub(super) path: String,
}

impl Url {
    /// Reads a URL.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.chars().any(|c| c.is_ascii_control() || c == ' ') {
            return Err(Failure::malformed_url());
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (parse_scheme(scheme)?, rest),
            None => (Scheme::Http, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user.to_owned()), address),
            None => (None, authority),
        };
        let (host, port) = parse_address(address, scheme)?;
        Ok(Self { scheme, user, host, port, path: request_path(path) })
    }

    /// Reads the target of a redirect from here.
    pub(super) fn join(&self, location: &str) -> Result<Self, Failure> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme.name()));
        }
        let base = self.path.split('?').next().unwrap_or("/");
        let path = match location.chars().next() {
            Some('/') => location.to_owned(),
            Some('?') => format!("{base}{location}"),
            _ => format!("{}{location}", &base[..=base.rfind('/').unwrap_or(0)]),
        };
        let path = request_path(&path);
        if path.chars().any(|c| c.is_ascii_control() || c == ' ') {
            return Err(Failure::malformed_url());
        }
        Ok(Self { path, ..self.clone() })
    }

    /// Host and, unless it is the usual one, port; as the `Host` header has them.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether both are the same server, which may then see the same credentials.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}{}", self.authority(), self.path)
    }
}

fn parse_scheme(text: &str) -> Result<Scheme, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        other => Err(Failure::protocol(other)),
    }
}

fn parse_address(address: &str, scheme: Scheme) -> Result<(String, u16), Failure> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(Failure::malformed_url)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| Failure::malformed_url())?;
            (host, after.strip_prefix(':').unwrap_or(after))
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let is_host = |c: char| !"<>\"{}|\\^`%,;&=+$!*()'[]".contains(c);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(Failure::malformed_url());
    }
    let port = match port {
        "" => scheme.default_port(),
        digits => digits.parse().map_err(|_| Failure::malformed_url())?,
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// The path of a request: no fragment, a slash first, no dot segments (RFC 3986, section 5.2.4).
fn request_path(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            ".." => {
                segments.pop();
            }
            "." => {}
            part => {
                segments.push(part);
                continue;
            }
        }
        if is_last {
            segments.push("");
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_read_and_print() {
        let cases = [
            ("localhost", "http://localhost/"),
            ("localhost:8080/a?b#c", "http://localhost:8080/a?b"),
            ("HTTP://Example.COM:80", "http://example.com/"),
            ("https://u:p@host/x", "https://u:p@host/x"),
            ("http://[::1]:81?q", "http://[::1]:81/?q"),
            ("http://h/a/../b/./c/..", "http://h/b/"),
        ];
        for (text, expected) in cases {
            assert_eq!(Url::parse(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "http://", "http://a b/", "http://h:99999/", "http://h:x/", "http://[::1", "http://a^b/"] {
            assert_eq!(Url::parse(text), Err(Failure::malformed_url()), "{text}");
        }
        assert_eq!(Url::parse("foo://x").unwrap_err().code, 1);
    }

    #[test]
    fn redirects_are_relative_to_where_they_came_from() {
        let base = Url::parse("http://h:81/a/b?c").unwrap();
        let cases = [
            ("http://x/y", "http://x/y"),
            ("//x/y", "http://x/y"),
            ("/y", "http://h:81/y"),
            ("y", "http://h:81/a/y"),
            ("../y", "http://h:81/y"),
            ("?y", "http://h:81/a/b?y"),
        ];
        for (location, expected) in cases {
            assert_eq!(base.join(location).unwrap().to_string(), expected, "{location}");
        }
    }
}
