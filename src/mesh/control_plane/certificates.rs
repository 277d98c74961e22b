//! `POST /v1/certificate`: a service account's token and a signing request for the certificate of that account.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::post,
};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::{Api, api::PostParams};
use serde::{Deserialize, Serialize};

use crate::mesh::{
    ca::{CaError, CertificateAuthority},
    identity::SpiffeId,
};

/// Who a token must be made for.
pub const TOKEN_AUDIENCE: &str = "istio-ca";
/// Far more than a request for a P-256 key takes.
const LARGEST_REQUEST: usize = 16 * 1024;

/// What a caller gets for its request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IssuedCertificate {
    /// The chain, leaf first, PEM.
    pub chain: String,
    /// The mesh's roots, PEM.
    pub roots: String,
}

/// What is needed to answer.
pub struct Signer {
    /// Who signs.
    pub authority: Arc<CertificateAuthority>,
    /// Who checks tokens.
    pub client: kube::Client,
    /// The first part of every identity.
    pub trust_domain: String,
    /// How long a certificate is good for.
    pub lifetime: Duration,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("send the token of a service account: Authorization: Bearer ...")]
    NoToken,
    #[error("the token is not accepted: {0}")]
    Token(String),
    #[error("the token cannot be checked: {0}")]
    Review(kube::Error),
    #[error("{0}")]
    Sign(CaError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoToken | Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Review(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Sign(CaError::Request(_) | CaError::RequestSignature) => StatusCode::BAD_REQUEST,
            Self::Sign(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, format!("{self}\n")).into_response()
    }
}

/// The routes.
pub fn router(signer: Signer) -> Router {
    Router::new()
        .route("/v1/certificate", post(certificate))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(Arc::new(signer))
}

async fn certificate(
    State(signer): State<Arc<Signer>>,
    headers: HeaderMap,
    csr: String,
) -> Result<Json<IssuedCertificate>, Refusal> {
    let id = signer.identify(bearer(&headers).ok_or(Refusal::NoToken)?).await?;
    let now = jiff::Timestamp::now();
    let issued = signer.authority.sign(&csr, &id, signer.lifetime, now).map_err(Refusal::Sign)?;
    Ok(Json(IssuedCertificate { chain: issued.certificate, roots: signer.authority.root_pem().to_owned() }))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

impl Signer {
    /// Finds out whose token it is; only the API server can tell.
    async fn identify(&self, token: &str) -> Result<SpiffeId, Refusal> {
        let review = TokenReview {
            spec: TokenReviewSpec { audiences: Some(vec![TOKEN_AUDIENCE.to_owned()]), token: token.to_owned() },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &review).await.map_err(Refusal::Review)?;
        let (namespace, account) = reviewed(review).map_err(Refusal::Token)?;
        Ok(SpiffeId::new(&self.trust_domain, &namespace, &account))
    }
}

/// The namespace and name of the account, or why the token is not good.
fn reviewed(review: TokenReview) -> Result<(String, String), String> {
    let status = review.status.unwrap_or_default();
    if status.authenticated != Some(true) {
        return Err(status.error.filter(|error| !error.is_empty()).unwrap_or_else(|| "it is not valid".to_owned()));
    }
    // An API server that knows no audiences would accept the token of any.
    if !status.audiences.unwrap_or_default().iter().any(|audience| audience == TOKEN_AUDIENCE) {
        return Err(format!("it is not made for {TOKEN_AUDIENCE}"));
    }
    let user = status.user.and_then(|user| user.username).unwrap_or_default();
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let (namespace, name) = account.ok_or_else(|| format!("{user} is not a service account"))?;
    Ok((namespace.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{body::Body, http::Request};
    use http_body_util::{BodyExt, Full};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;
    use crate::mesh::{ca::WORKLOAD_LIFETIME, svid};

    /// An API server that knows one answer to TokenReviews.
    fn api_server(status: Value) -> kube::Client {
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            assert_eq!(request.uri().path(), "/apis/authentication.k8s.io/v1/tokenreviews");
            let mut review = json!({ "spec": { "token": "t" } });
            review["status"] = status.clone();
            async move { Ok::<_, Infallible>(http::Response::new(Full::from(review.to_string()))) }
        });
        kube::Client::new(service, "default")
    }

    async fn ask(status: Value, authorization: Option<&str>, csr: &str) -> (StatusCode, String) {
        let authority = CertificateAuthority::generate("cluster.local", jiff::Timestamp::now()).unwrap();
        let signer = Signer {
            authority: Arc::new(authority),
            client: api_server(status),
            trust_domain: "cluster.local".to_owned(),
            lifetime: WORKLOAD_LIFETIME,
        };
        let mut request = Request::post("/v1/certificate");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = router(signer).oneshot(request.body(Body::from(csr.to_owned())).unwrap()).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    fn good() -> Value {
        json!({
            "authenticated": true,
            "audiences": ["istio-ca"],
            "user": { "username": "system:serviceaccount:foo:sleep" },
        })
    }

    #[tokio::test]
    async fn the_token_alone_decides_the_identity() {
        let wished = SpiffeId::new("cluster.local", "bar", "admin");
        let request = svid::Request::new(&wished).unwrap();
        let (status, body) = ask(good(), Some("Bearer t"), &request.pem).await;
        assert_eq!(status, StatusCode::OK);
        let issued: IssuedCertificate = serde_json::from_str(&body).unwrap();
        let svid = request.complete(&issued.chain, &issued.roots).unwrap();
        assert_eq!(svid.id.to_string(), "spiffe://cluster.local/ns/foo/sa/sleep");
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let request = svid::Request::new(&SpiffeId::new("cluster.local", "foo", "sleep")).unwrap();
        let refused = async |review: Value, authorization: Option<&str>, csr: &str| {
            let (status, text) = ask(review, authorization, csr).await;
            format!("{} {}", status.as_u16(), text.trim_end())
        };
        let token = Some("Bearer t");
        insta::assert_snapshot!(refused(good(), None, &request.pem).await,
            @"401 send the token of a service account: Authorization: Bearer ...");
        insta::assert_snapshot!(refused(json!({ "authenticated": false, "error": "it expired" }), token, &request.pem).await,
            @"401 the token is not accepted: it expired");
        insta::assert_snapshot!(refused(json!({}), token, &request.pem).await,
            @"401 the token is not accepted: it is not valid");
        let mut review = good();
        review["audiences"] = json!(["https://kubernetes.default.svc"]);
        insta::assert_snapshot!(refused(review, token, &request.pem).await,
            @"401 the token is not accepted: it is not made for istio-ca");
        let mut review = good();
        review["user"]["username"] = "alice".into();
        insta::assert_snapshot!(refused(review, token, &request.pem).await,
            @"401 the token is not accepted: alice is not a service account");
        insta::assert_snapshot!(refused(good(), token, "hello").await,
            @"400 not a certificate signing request: no items found");
    }
}
