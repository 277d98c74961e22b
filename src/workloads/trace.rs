//! Headers that belong to a request on its whole way: they are passed on, so that access logs can be correlated.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{Extensions, HeaderMap, HeaderValue, header::HeaderName, request::Parts};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

/// What Istio asks applications to pass on, and what W3C Trace Context does.
const HEADERS: [HeaderName; 11] = [
    REQUEST_ID,
    HeaderName::from_static("b3"),
    HeaderName::from_static("baggage"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-b3-flags"),
    HeaderName::from_static("x-b3-parentspanid"),
    HeaderName::from_static("x-b3-sampled"),
    HeaderName::from_static("x-b3-spanid"),
    HeaderName::from_static("x-b3-traceid"),
    HeaderName::from_static("x-ot-span-context"),
];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that a request hands down to the requests it causes; a request id is always among them.
#[derive(Clone, Debug)]
pub(super) struct Trace(HeaderMap);

impl Trace {
    /// The trace of a request that nobody caused.
    pub(super) fn new() -> Self {
        Self::of(&HeaderMap::new())
    }

    /// Takes the trace out of a request's headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut own = HeaderMap::new();
        for name in HEADERS {
            if let Some(value) = headers.get(&name) {
                own.insert(name, value.clone());
            }
        }
        own.entry(REQUEST_ID).or_insert_with(|| {
            HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a UUID consists of letters, digits and dashes")
        });
        Self(own)
    }

    /// Takes the trace out of a gRPC request.
    pub(super) fn of_call<T>(request: &tonic::Request<T>) -> Self {
        Self::of(request.metadata().as_ref())
    }

    /// A gRPC request with this trace.
    pub(super) fn call<T>(&self, message: T) -> tonic::Request<T> {
        tonic::Request::from_parts(MetadataMap::from_headers(self.0.clone()), Extensions::new(), message)
    }

    /// The headers of an HTTP request with this trace.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.0
    }

    /// What access logs call the request.
    pub(super) fn id(&self) -> &str {
        self.0.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_trace_is_passed_on() {
        let given = [("x-request-id", "r"), ("traceparent", "t"), ("cookie", "c"), ("grpc-timeout", "1S")];
        let given = given.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let trace = Trace::of(&HeaderMap::from_iter(given));
        let passed: HeaderMap = trace.call(()).metadata().as_ref().clone();
        assert_eq!(
            (passed.len(), &passed["x-request-id"], &passed["traceparent"]),
            (2, &"r".parse().unwrap(), &"t".parse().unwrap())
        );
        assert_eq!(trace.id(), "r");
        assert_ne!(Trace::new().id(), Trace::new().id());
    }
}
