//! What a proxy changes in heads: hop-by-hop headers (RFC 9110, section 7.6.1) and the form of the target.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::sidecar::tls::client::Inside;

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// A request that no proxy may pass on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// A tunnel through us.
    #[error("CONNECT is not supported")]
    Connect,
    /// No host, more than one, or one that is no host.
    #[error("the request must name exactly one valid host")]
    Host,
    /// An upgrade of a connection that has to go on over HTTP/2.
    #[error("an upgrade cannot be passed on over HTTP/2")]
    Upgrade,
}

impl Malformed {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host => StatusCode::BAD_REQUEST,
            Self::Upgrade => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

/// What a request is about, apart from its head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The host it names; HTTP/1.0 may name none.
    pub authority: Option<Authority>,
    /// Whether it asks to leave HTTP.
    pub upgrade: bool,
}

/// Reads a request's target and removes what concerns our hop only.
pub fn receive<B>(request: &mut Request<B>) -> Result<Target, Malformed> {
    if request.method() == Method::CONNECT {
        return Err(Malformed::Connect);
    }
    let authority = authority(request)?;
    let http1 = request.version() != Version::HTTP_2;
    let upgrade = http1.then(|| upgrade(request.headers())).flatten();
    let trailers = has_token(request.headers(), &TE, "trailers");
    remove_hop_by_hop(request.headers_mut());
    // We answer it ourselves, by reading the body, as Envoy does.
    request.headers_mut().remove(EXPECT);
    if trailers {
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    }
    let target = Target { authority, upgrade: upgrade.is_some() };
    if let Some(protocol) = upgrade {
        request.headers_mut().insert(UPGRADE, protocol);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    Ok(target)
}

fn authority<B>(request: &Request<B>) -> Result<Option<Authority>, Malformed> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(Malformed::Host),
        (Some(host), None) if host.is_empty() => None,
        (Some(host), None) => Some(Authority::try_from(host.as_bytes()).map_err(|_| Malformed::Host)?),
        (None, None) => None,
    };
    // The host of an absolute target counts more than the header (RFC 9112, section 3.2.2).
    match request.uri().authority().cloned().or(host) {
        None if request.version() == Version::HTTP_11 => Err(Malformed::Host),
        Some(authority) if authority.as_str().contains('@') => Err(Malformed::Host),
        authority => Ok(authority),
    }
}

/// The protocol to upgrade to. HTTP/2 is none: clear-text upgrades to it are not offered.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let wanted = has_token(headers, &CONNECTION, "upgrade") && !protocol.as_bytes().eq_ignore_ascii_case(b"h2c");
    wanted.then(|| protocol.clone())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.split(';').next().unwrap_or(found).trim().eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect();
        for name in named.iter().filter(|name| **name != HOST) {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, HTTP2_SETTINGS] {
        headers.remove(name);
    }
}

/// Changes what the upstream is told about the path and the host.
pub fn rewrite<B>(
    request: &mut Request<B>,
    target: &mut Target,
    path: Option<&PathAndQuery>,
    authority: Option<&Authority>,
) {
    if let Some(path) = path {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path.clone());
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    if let Some(authority) = authority {
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
        // An absolute target would count more than the header.
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
        target.authority = Some(authority.clone());
    }
}

/// Tells the upstream where a request came to us from, and by which scheme.
pub fn tell_origin(headers: &mut HeaderMap, client: IpAddr, scheme: &'static str) {
    let mut path: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let client = client.to_canonical().to_string();
    path.push(&client);
    let path = HeaderValue::try_from(path.join(",")).expect("header values joined by commas are a header value");
    headers.insert(FORWARDED_FOR, path);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
}

/// Gives a request the form that the next hop's protocol asks for. `fallback` is the host if it names none.
pub fn address<B>(request: &mut Request<B>, inside: Inside, target: &Target, fallback: &str) -> Result<(), Malformed> {
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if inside == Inside::Http2 {
        if target.upgrade {
            return Err(Malformed::Upgrade);
        }
        let authority = match &target.authority {
            Some(authority) => authority.clone(),
            None => Authority::try_from(fallback).map_err(|_| Malformed::Host)?,
        };
        let mut parts = http::uri::Parts::default();
        (parts.scheme, parts.authority, parts.path_and_query) = (Some(Scheme::HTTP), Some(authority), Some(path));
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Malformed::Host)?;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
        return Ok(());
    }
    if request.version() != Version::HTTP_2
        && request.uri().authority().is_none()
        && request.headers().contains_key(HOST)
    {
        // The usual case: the head is already what the next hop wants.
        *request.version_mut() = Version::HTTP_11;
        return Ok(());
    }
    let host = target.authority.as_ref().map_or(fallback, Authority::as_str);
    let host = HeaderValue::try_from(host).map_err(|_| Malformed::Host)?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = Uri::from(path);
    *request.version_mut() = Version::HTTP_11;
    Ok(())
}

/// Removes from a response what concerns the upstream's hop only.
pub fn clean<B>(response: &mut Response<B>) {
    let upgrade = response.headers_mut().remove(UPGRADE);
    remove_hop_by_hop(response.headers_mut());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        if let Some(protocol) = upgrade {
            response.headers_mut().insert(UPGRADE, protocol);
        }
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    *response.version_mut() = Version::HTTP_11;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let builder = headers.iter().fold(Request::get(uri), |builder, (name, value)| builder.header(*name, *value));
        builder.body(()).unwrap()
    }

    #[test]
    fn headers_of_one_hop_are_removed_and_others_stay() {
        let mut request = request(
            "/a?b",
            &[
                ("host", "h"),
                ("connection", "keep-alive, X-Private, host"),
                ("x-private", "1"),
                ("keep-alive", "5"),
                ("te", "gzip, trailers;q=1"),
                ("expect", "100-continue"),
                ("x-request-id", "7"),
                ("upgrade", "h2c"),
                ("http2-settings", "x"),
            ],
        );
        let target = receive(&mut request).unwrap();
        assert_eq!((target.authority.unwrap().as_str(), target.upgrade), ("h", false));
        let mut left: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "te", "x-request-id"]);
        assert_eq!(request.headers()[TE], "trailers");
    }

    #[test]
    fn upgrade_stays() {
        let mut request = request("/", &[("host", "h"), ("connection", "Upgrade"), ("upgrade", "websocket")]);
        assert!(receive(&mut request).unwrap().upgrade);
        assert_eq!(
            (&request.headers()[UPGRADE], &request.headers()[CONNECTION]),
            (&"websocket".parse().unwrap(), &"upgrade".parse().unwrap())
        );
    }

    #[test]
    fn requests_need_one_host() {
        let refused = |uri, headers: &[(&str, &str)]| receive(&mut request(uri, headers)).unwrap_err();
        assert_eq!(refused("/", &[]), Malformed::Host);
        assert_eq!(refused("/", &[("host", "a"), ("host", "b")]), Malformed::Host);
        assert_eq!(refused("/", &[("host", "a b")]), Malformed::Host);
        assert_eq!(refused("/", &[("host", "a@b")]), Malformed::Host);
        insta::assert_snapshot!(Malformed::Host, @"the request must name exactly one valid host");
        insta::assert_snapshot!(Malformed::Connect, @"CONNECT is not supported");
        insta::assert_snapshot!(Malformed::Upgrade, @"an upgrade cannot be passed on over HTTP/2");
    }

    #[test]
    fn targets_take_the_form_of_the_next_hop() {
        let mut absolute = request("http://b:80/p?q", &[("host", "a")]);
        let target = receive(&mut absolute).unwrap();
        address(&mut absolute, Inside::Http1, &target, "f").unwrap();
        assert_eq!(
            (absolute.uri().to_string().as_str(), &absolute.headers()[HOST]),
            ("/p?q", &HeaderValue::from_static("b:80"))
        );
        let mut origin = request("/p", &[("host", "a:1")]);
        let target = receive(&mut origin).unwrap();
        address(&mut origin, Inside::Http2, &target, "f").unwrap();
        assert_eq!((origin.uri().to_string().as_str(), origin.headers().len()), ("http://a:1/p", 0));
    }
}
