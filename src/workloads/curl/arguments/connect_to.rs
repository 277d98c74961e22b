//! `--connect-to HOST1:PORT1:HOST2:PORT2`: asks for one server, and connects to another.

/// Where requests for a host and a port go instead; an empty part on the left is any, on the right it stays as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct ConnectTo {
    from: (Option<String>, Option<u16>),
    to: (Option<String>, Option<u16>),
}

impl ConnectTo {
    /// Reads the option's value.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, rest) = host(text)?;
        let (port_text, rest) = rest.split_once(':')?;
        let from = (host, port(port_text)?);
        let (host, rest) = self::host(rest)?;
        Some(Self { from, to: (host, port(rest)?) })
    }

    /// Where to connect instead of `host` and `port`, if this is about them.
    pub(super) fn instead(&self, host: &str, port: u16) -> Option<(String, u16)> {
        let fits = self.from.0.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(host))
            && self.from.1.is_none_or(|wanted| wanted == port);
        let to = || (self.to.0.clone().unwrap_or_else(|| host.to_owned()), self.to.1.unwrap_or(port));
        fits.then(to)
    }
}

/// A host up to its colon, and what follows; an IPv6 address stands in brackets.
fn host(text: &str) -> Option<(Option<String>, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once("]:")?,
        None => text.split_once(':')?,
    };
    Some((Some(host.to_owned()).filter(|host| !host.is_empty()), rest))
}

fn port(text: &str) -> Option<Option<u16>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parts_are_any_and_stay() {
        let cases = [
            ("shop.example:443:127.0.0.1:8443", Some(("127.0.0.1", 8443))),
            ("Shop.Example:443::8443", Some(("shop.example", 8443))),
            ("::[::1]:", Some(("::1", 443))),
            ("shop.example:80:127.0.0.1:8080", None),
            ("other.example:443:127.0.0.1:8443", None),
        ];
        for (text, expected) in cases {
            let found = ConnectTo::parse(text).unwrap().instead("shop.example", 443);
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{text}");
        }
        for text in ["", "a", "a:1", "a:1:b", "a:x:b:1", "a:1:b:x", "[::1:1:b:1"] {
            assert_eq!(ConnectTo::parse(text), None, "{text}");
        }
    }
}
