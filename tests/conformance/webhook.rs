//! A webhook that cases may point a server at; what it answers is said by the end of the path it is asked at.

use std::{net::Ipv4Addr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// A running webhook.
pub struct Webhook {
    /// Where it is: `https://127.0.0.1:PORT`.
    pub url: String,
    /// Who vouches for it, as `caBundle` has it.
    pub bundle: String,
    _task: AbortOnDropHandle<()>,
}

impl Webhook {
    /// Starts it on a port of the loopback interface.
    pub async fn start() -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)))));
        Self { url, bundle: STANDARD.encode(authority.pem()), _task: task }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            // A connection that breaks shows in the answer of the API server.
            _ = connection.await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let manner = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let review: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes()).unwrap();
    let (code, body) = match manner.as_str() {
        "broken" => (StatusCode::INTERNAL_SERVER_ERROR, "out of order".to_owned()),
        "lost" => (StatusCode::NOT_FOUND, "nothing here".to_owned()),
        "slow" => std::future::pending().await,
        _ => {
            let mut response = decide(&manner, &review["request"]);
            if response.is_object() && response["uid"].is_null() {
                response["uid"] = review["request"]["uid"].clone();
            }
            let version = if manner == "version" { "admission.k8s.io/v7" } else { "admission.k8s.io/v1" };
            let answer = json!({"kind": "AdmissionReview", "apiVersion": version, "response": response});
            (StatusCode::OK, answer.to_string())
        }
    };
    let response = Response::builder().status(code).header("content-type", "application/json");
    Ok(response.body(Full::new(Bytes::from(body))).unwrap())
}

/// The `response` of a review.
fn decide(manner: &str, request: &Value) -> Value {
    let refuse = |status: Value| json!({"allowed": false, "status": status});
    match manner {
        "absent" => Value::Null,
        "alphabet" => append(request, "a"),
        "bare" => json!({"allowed": false}),
        "beta" => append(request, "b"),
        "code" => refuse(json!({
            "message": "no tea", "code": 418, "reason": "Teapot",
            "details": {"causes": [{"field": "a", "message": "b", "reason": "c"}]},
        })),
        "deny" => refuse(json!({"message": "not today"})),
        "label" => patch(&json!([{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}])),
        "misfit" => patch(&json!([{"op": "remove", "path": "/data/nothing"}])),
        "odd" => refuse(json!({"code": 200, "status": "Success", "message": "odd"})),
        "reason" => refuse(json!({"reason": "Because"})),
        "show" => show(request),
        "stranger" => json!({"allowed": true, "uid": "other"}),
        "untyped" => json!({"allowed": true, "patch": STANDARD.encode("[]")}),
        "warn" => json!({"allowed": true, "warnings": ["first \"quoted\"", "second"]}),
        _ => json!({"allowed": true}),
    }
}

fn patch(operations: &Value) -> Value {
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(operations.to_string())})
}

/// Adds a letter to `data.letters`.
fn append(request: &Value, letter: &str) -> Value {
    let letters = request["object"]["data"]["letters"].as_str().unwrap_or_default();
    patch(&json!([{"op": "add", "path": "/data", "value": {"letters": format!("{letters}{letter}")}}]))
}

/// Writes what is asked into an annotation, without what nobody compares.
fn show(request: &Value) -> Value {
    let mut shown = request.clone();
    shown["uid"] = Value::Null;
    shown["userInfo"]["extra"] = Value::Null;
    for object in ["object", "oldObject"] {
        if let Some(metadata) = shown[object].get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "generateName"));
        }
    }
    patch(&json!([
        {"op": "add", "path": "/metadata/annotations", "value": {"asked": shown.to_string()}},
        {"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}},
    ]))
}
