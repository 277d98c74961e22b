//! Mutating webhooks: a real HTTPS server that is really asked.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use labctl::{
    embedded::api::kubelet::{ContainerRef, ExecStreams, Kubelet, KubeletError, LogOptions},
    host::ExitStatus,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::support::{Cluster, MAPS};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// What a webhook makes of the request in a review.
type Decide = fn(&Value) -> Value;

/// A webhook, and what it was asked.
struct Webhook {
    address: SocketAddr,
    bundle: String,
    asked: Arc<Mutex<Vec<Value>>>,
    _task: AbortOnDropHandle<()>,
}

impl Webhook {
    async fn start(decide: Decide) -> Self {
        let names = vec!["127.0.0.1".to_owned(), "injector.default.svc".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = serve(listener, TlsAcceptor::from(Arc::new(config)), decide, Arc::clone(&asked));
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        Self { address, bundle: STANDARD.encode(certified.cert.pem()), asked, _task: task }
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// A configuration that asks this webhook about new config maps.
    fn configuration(&self) -> Value {
        json!({
            "metadata": {"name": "injector"},
            "webhooks": [{
                "name": "injector.example.com",
                "clientConfig": {"url": format!("https://{}/inject", self.address), "caBundle": self.bundle},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }],
        })
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, decide: Decide, asked: Arc<Mutex<Vec<Value>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(stream) = acceptor.accept(stream).await else { continue };
        let asked = Arc::clone(&asked);
        let service = service_fn(move |request: Request<Incoming>| {
            let asked = Arc::clone(&asked);
            async move {
                let bytes = request.into_body().collect().await?.to_bytes();
                let review: Value = serde_json::from_slice(&bytes).unwrap();
                let mut response = decide(&review["request"]);
                response["uid"] = review["request"]["uid"].clone();
                asked.lock().unwrap().push(review);
                let answer =
                    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response});
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(answer.to_string()))))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // One question at a time is enough here; a connection that breaks shows in the answer.
        _ = connection.await;
    }
}

fn label(_: &Value) -> Value {
    let patch = json!([{"op": "add", "path": "/metadata/labels", "value": {"seen": "true"}}]);
    json!({
        "allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string()), "warnings": ["looked at"],
    })
}

#[tokio::test]
async fn a_webhook_changes_what_it_selects() {
    let cluster = Cluster::start().await;
    let webhook = Webhook::start(label).await;
    let mut configuration = webhook.configuration();
    configuration["webhooks"][0]["namespaceSelector"] = json!({"matchLabels": {"inject": "yes"}});
    configuration["webhooks"][0]["objectSelector"] =
        json!({"matchExpressions": [{"key": "inject", "operator": "NotIn", "values": ["no"]}]});
    let made = cluster.post(CONFIGURATIONS, configuration).await.object(201);
    assert_eq!(
        (&made["webhooks"][0]["failurePolicy"], &made["webhooks"][0]["timeoutSeconds"]),
        (&json!("Fail"), &json!(10))
    );
    cluster.config_map("elsewhere").await;
    assert_eq!(webhook.asked().len(), 0);

    cluster
        .post("/api/v1/namespaces", json!({"metadata": {"name": "foo", "labels": {"inject": "yes"}}}))
        .await
        .object(201);
    let maps = "/api/v1/namespaces/foo/configmaps";
    cluster.post(maps, json!({"metadata": {"name": "not", "labels": {"inject": "no"}}})).await.object(201);
    assert_eq!(webhook.asked().len(), 0);
    let answer = cluster.post(maps, json!({"metadata": {"name": "x"}})).await;
    assert_eq!(answer.warnings, [r#"299 - "looked at""#]);
    assert_eq!(answer.object(201)["metadata"]["labels"], json!({"seen": "true"}));
    let asked = webhook.asked().remove(0);
    insta::assert_json_snapshot!(asked, {
        ".request.uid" => "[uid]", ".request.object.metadata.uid" => "[uid]",
        ".request.object.metadata.creationTimestamp" => "[time]",
    }, @r#"
    {
      "apiVersion": "admission.k8s.io/v1",
      "kind": "AdmissionReview",
      "request": {
        "dryRun": false,
        "kind": {
          "group": "",
          "kind": "ConfigMap",
          "version": "v1"
        },
        "name": "x",
        "namespace": "foo",
        "object": {
          "apiVersion": "v1",
          "kind": "ConfigMap",
          "metadata": {
            "name": "x",
            "namespace": "foo"
          }
        },
        "oldObject": null,
        "operation": "CREATE",
        "options": {
          "apiVersion": "meta.k8s.io/v1",
          "kind": "CreateOptions"
        },
        "requestKind": {
          "group": "",
          "kind": "ConfigMap",
          "version": "v1"
        },
        "requestResource": {
          "group": "",
          "resource": "configmaps",
          "version": "v1"
        },
        "resource": {
          "group": "",
          "resource": "configmaps",
          "version": "v1"
        },
        "uid": "[uid]",
        "userInfo": {
          "groups": [
            "system:masters",
            "system:authenticated"
          ],
          "username": "kubernetes-admin"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn a_webhook_may_say_no() {
    let cluster = Cluster::start().await;
    let webhook = Webhook::start(|_| json!({"allowed": false, "status": {"code": 403, "message": "not today"}})).await;
    cluster.post(CONFIGURATIONS, webhook.configuration()).await.object(201);
    let answer = cluster.post(MAPS, json!({"metadata": {"name": "x"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 : admission webhook "injector.example.com" denied the request: not today"#);
    assert_eq!(cluster.get(&format!("{MAPS}/x")).await.code, 404);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_asked_fails_or_is_ignored() {
    let cluster = Cluster::start().await;
    let (webhook, other) = (Webhook::start(label).await, Webhook::start(label).await);
    let mut configuration = webhook.configuration();
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = other.bundle.clone().into();
    cluster.post(CONFIGURATIONS, configuration).await.object(201);
    let refusal = cluster.post(MAPS, json!({"metadata": {"name": "x"}})).await.refusal();
    let expected = r#"500 InternalError: Internal error occurred: failed calling webhook "injector.example.com": failed to call webhook: Post "https://127.0.0.1:"#;
    assert!(refusal.starts_with(expected) && refusal.contains("/inject?timeout=10s"), "{refusal}");
    let patch = json!([{"op": "add", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]);
    let path = format!("{CONFIGURATIONS}/injector");
    cluster.patch(&path, "application/json-patch+json", patch).await.object(200);
    assert!(cluster.config_map("x").await["metadata"].get("labels").is_none());
    assert_eq!(webhook.asked().len(), 0);
}

#[tokio::test]
async fn a_webhook_may_be_a_service_of_the_cluster() {
    let cluster = Cluster::start().await;
    let webhook = Webhook::start(label).await;
    let service =
        json!({"metadata": {"name": "injector"}, "spec": {"clusterIP": "10.96.0.20", "ports": [{"port": 443}]}});
    cluster.post("/api/v1/namespaces/default/services", service).await.object(201);
    cluster.server.attach(Arc::new(Network(webhook.address)));
    let mut configuration = webhook.configuration();
    configuration["webhooks"][0]["clientConfig"] =
        json!({"service": {"namespace": "default", "name": "injector", "path": "/inject"}, "caBundle": webhook.bundle});
    cluster.post(CONFIGURATIONS, configuration).await.object(201);
    assert_eq!(cluster.config_map("x").await["metadata"]["labels"], json!({"seen": "true"}));
}

#[tokio::test]
async fn webhook_configurations_are_checked() {
    let cluster = Cluster::start().await;
    let wrong =
        json!({"metadata": {"name": "x"}, "webhooks": [{"name": "x", "clientConfig": {}, "sideEffects": "Some"}]});
    insta::assert_snapshot!(cluster.post(CONFIGURATIONS, wrong).await.refusal(), @r#"422 Invalid: MutatingWebhookConfiguration.admissionregistration.k8s.io "x" is invalid: [webhooks[0].name: Invalid value: "x": should be a domain with at least three segments separated by dots, webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun", webhooks[0].clientConfig: Required value: exactly one of url or service is required, webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1]"#);
}

#[tokio::test]
async fn conditions_that_nobody_would_evaluate_are_refused() {
    let cluster = Cluster::start().await;
    let webhook = Webhook::start(label).await;
    let mut configuration = webhook.configuration();
    configuration["webhooks"][0]["matchConditions"] = json!([{"name": "never", "expression": "false"}]);
    insta::assert_snapshot!(cluster.post(CONFIGURATIONS, configuration).await.refusal(), @r#"422 Invalid: MutatingWebhookConfiguration.admissionregistration.k8s.io "injector" is invalid: webhooks[0].matchConditions: Forbidden: the embedded cluster evaluates no expressions (CEL)"#);
}

/// A network in which only one service answers.
struct Network(SocketAddr);

impl Kubelet for Network {
    fn log<'a>(
        &'a self,
        _: &'a ContainerRef,
        _: LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, io::Result<Bytes>>, KubeletError>> {
        async { Err(KubeletError::NotFound("no logs here".to_owned())) }.boxed()
    }

    fn exec<'a>(
        &'a self,
        _: &'a ContainerRef,
        _: Vec<String>,
        _: ExecStreams,
    ) -> BoxFuture<'a, Result<ExitStatus, KubeletError>> {
        async { Err(KubeletError::NotFound("no containers here".to_owned())) }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        assert_eq!(to, SocketAddr::from(([10, 96, 0, 20], 443)));
        TcpStream::connect(self.0).boxed()
    }
}
