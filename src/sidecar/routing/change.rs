//! What routes change about a request on its way, and where they send clients instead.

use http::{
    Uri,
    uri::{Authority, PathAndQuery},
};

use super::matcher::{Asked, Fit};
use crate::sidecar::{
    config::routing::{Redirect, Rewrite},
    snapshot::without_port,
};

/// The path and query that the upstream is told; `None` if it stays, or if what comes out is no path.
pub(super) fn rewritten(rewrite: &Rewrite, fit: Fit, uri: &Uri) -> Option<PathAndQuery> {
    let new = rewrite.uri.as_ref()?;
    // Of another length in another case there is no ASCII path.
    let rest = uri.path().get(fit.matched..).unwrap_or_default();
    with_query(&format!("{new}{rest}"), uri).parse().ok()
}

/// The host that the upstream is told, if it is another.
pub(super) fn authority(rewrite: &Rewrite) -> Option<Authority> {
    rewrite.authority.as_ref()?.parse().ok()
}

/// Where a redirect leads.
pub(super) fn location(redirect: &Redirect, asked: &Asked<'_>) -> String {
    let scheme = redirect.scheme.as_deref().unwrap_or(asked.scheme);
    let host = match (&redirect.authority, redirect.port) {
        (Some(host), _) => host,
        (None, Some(_)) => host_of(asked.authority),
        (None, None) => asked.authority,
    };
    let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = match &redirect.uri {
        Some(path) if path.contains('?') => path.clone(),
        Some(path) => with_query(path, asked.uri),
        None => with_query(asked.uri.path(), asked.uri),
    };
    format!("{scheme}://{host}{port}{path}")
}

/// The same by HTTPS, at its usual port.
pub(super) fn by_https(asked: &Asked<'_>) -> String {
    format!("https://{}{}", host_of(asked.authority), with_query(asked.uri.path(), asked.uri))
}

/// The host of an authority as it is written there, an IPv6 address with its brackets.
fn host_of(authority: &str) -> &str {
    let name = without_port(authority);
    if authority.starts_with('[') { &authority[..(name.len() + 2).min(authority.len())] } else { name }
}

fn with_query(path: &str, uri: &Uri) -> String {
    match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn paths_are_rewritten_from_where_they_were_matched() {
        let path = |new: &str, matched, uri: &'static str| {
            let rewrite = Rewrite { uri: Some(new.to_owned()), authority: None };
            rewritten(&rewrite, Fit { matched }, &Uri::from_static(uri)).map(|path| path.to_string())
        };
        assert_eq!(path("/v2", 4, "/api/x?y=z").as_deref(), Some("/v2/x?y=z"));
        assert_eq!(path("/", 6, "/api/x").as_deref(), Some("/"));
        assert_eq!(path("/a b", 6, "/api/x"), None);
    }

    #[test]
    fn redirects_keep_what_they_do_not_name() {
        let uri = Uri::from_static("/a?b=c");
        let (method, headers) = (Method::GET, HeaderMap::new());
        let asked = |authority: &'static str| Asked {
            method: &method,
            uri: &uri,
            headers: &headers,
            authority,
            scheme: "http",
            port: 80,
        };
        let plain = Redirect { code: 301, ..Redirect::default() };
        let to = |redirect: Redirect| location(&redirect, &asked("shop:8080"));
        assert_eq!(to(plain.clone()), "http://shop:8080/a?b=c");
        assert_eq!(to(Redirect { uri: Some("/new".to_owned()), ..plain.clone() }), "http://shop:8080/new?b=c");
        assert_eq!(to(Redirect { uri: Some("/new?d".to_owned()), ..plain.clone() }), "http://shop:8080/new?d");
        assert_eq!(to(Redirect { authority: Some("mall".to_owned()), ..plain.clone() }), "http://mall/a?b=c");
        let https = Redirect { scheme: Some("https".to_owned()), port: Some(8443), ..plain };
        assert_eq!(to(https), "https://shop:8443/a?b=c");
        assert_eq!(by_https(&asked("shop:8080")), "https://shop/a?b=c");
        assert_eq!(by_https(&asked("[::1]:8080")), "https://[::1]/a?b=c");
    }
}
