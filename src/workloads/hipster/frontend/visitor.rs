//! Who looks at the shop: cookies in, cookies out.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue, header};
use uuid::Uuid;

use crate::workloads::trace::Trace;

/// The cookie that tells visitors apart.
const SESSION: &str = "shop_session-id";
/// The cookie with the currency a visitor has chosen.
const CURRENCY: &str = "shop_currency";
/// How long, in seconds, a browser keeps them: two days.
const LIFETIME: u32 = 172_800;
/// The currency of visitors who have not chosen one.
pub(super) const USUAL_CURRENCY: &str = "USD";

/// Somebody who looks at the shop, and the request they do it by.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) id: String,
    /// Three capital letters; whether there is such a currency is not known yet.
    pub(super) currency: String,
    pub(super) trace: Trace,
}

/// Recognizes a visitor, or gives a new one a cookie.
pub(super) async fn recognize(mut request: Request, next: Next) -> Response {
    let known = cookie(request.headers(), SESSION).filter(|id| is_id(id)).map(str::to_owned);
    let is_new = known.is_none();
    let currency = cookie(request.headers(), CURRENCY).filter(|code| is_currency(code)).unwrap_or(USUAL_CURRENCY);
    let visitor = Visitor {
        id: known.unwrap_or_else(|| Uuid::new_v4().to_string()),
        currency: currency.to_owned(),
        trace: Trace::of(request.headers()),
    };
    let cookie = is_new.then(|| set_cookie(SESSION, &visitor.id, LIFETIME));
    request.extensions_mut().insert(visitor);
    let mut response = next.run(request).await;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Makes a browser remember a currency.
pub(super) fn remember_currency(code: &str) -> HeaderValue {
    set_cookie(CURRENCY, code, LIFETIME)
}

/// Makes a browser forget everything.
pub(super) fn forget() -> [HeaderValue; 2] {
    [set_cookie(SESSION, "", 0), set_cookie(CURRENCY, "", 0)]
}

/// Three capital letters.
pub(super) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn set_cookie(name: &str, value: &str, lifetime: u32) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; Max-Age={lifetime}; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).expect("names and values of cookies are letters, digits and dashes")
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; shop_session-id=12-3;shop_currency=EUR"));
        headers.append(header::COOKIE, HeaderValue::from_static("last=1"));
        assert_eq!(cookie(&headers, SESSION), Some("12-3"));
        assert_eq!(cookie(&headers, CURRENCY), Some("EUR"));
        assert_eq!(cookie(&headers, "last"), Some("1"));
        assert_eq!(cookie(&headers, "none"), None);
        assert!(is_id("12-3") && !is_id("") && !is_id("a b") && !is_id(&"x".repeat(65)));
    }
}
