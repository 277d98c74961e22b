//! The admission webhooks: the API server shows each new pod, and gets back what to change; it shows each mesh
//! resource, and gets back whether it is one.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::mesh::{
    inject::{self, Decision, NamespaceWish, PodWish, Settings},
    policy::Index,
    registry::{self, Registry},
    resources::Kind,
    validate,
};

/// What the API server sends at most: an object of etcd's limit, twice.
const LARGEST_REVIEW: usize = 4 * 1024 * 1024;

/// An `AdmissionReview` of `admission.k8s.io/v1`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Review {
    request: Request,
}

#[derive(Debug, Deserialize)]
struct Request {
    uid: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    object: Value,
}

/// The routes. Which way of `/inject` is called says what the API server found on the pod's namespace.
pub fn router(settings: Settings, newest: watch::Receiver<Arc<Index>>) -> Router {
    Router::new()
        .route("/inject/{by}", post(injection))
        .route("/validate", post(validation))
        .layer(DefaultBodyLimit::max(LARGEST_REVIEW))
        .with_state(Webhook { injection: Arc::new(settings), newest })
}

/// What the answers depend on besides the question.
#[derive(Clone)]
struct Webhook {
    /// How sidecars are injected.
    injection: Arc<Settings>,
    /// The mesh as it is now.
    newest: watch::Receiver<Arc<Index>>,
}

async fn injection(
    State(webhook): State<Webhook>,
    Path(by): Path<String>,
    Json(Review { request }): Json<Review>,
) -> Result<Json<Value>, StatusCode> {
    let wish = match by.as_str() {
        "namespace" => NamespaceWish::Asks,
        "pod" => NamespaceWish::Silent,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    if let Decision::Leave(_) = inject::decide(PodWish::of(&request.object), &request.namespace, wish) {
        return Ok(response(&request, json!({ "allowed": true })));
    }
    let answer = match inject::inject(&request.object, &webhook.injection) {
        Ok(injection) => {
            let patch = serde_json::to_vec(&injection.patch).expect("a patch is plain data");
            json!({
                "allowed": true,
                "patchType": "JSONPatch",
                "patch": STANDARD.encode(patch),
                "warnings": injection.warnings,
            })
        }
        Err(error) => refusal(&format!("no sidecar can be injected: {error}"), &[]),
    };
    Ok(response(&request, answer))
}

async fn validation(State(webhook): State<Webhook>, Json(Review { request }): Json<Review>) -> Json<Value> {
    let text = |field| request.object.get(field).and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = Kind::of(text("apiVersion"), text("kind")) else {
        return response(&request, json!({ "allowed": true }));
    };
    let report = validate::validate(kind, &request.object);
    let mut warnings: Vec<String> =
        report.warnings.iter().chain(&report.without_effect).map(ToString::to_string).collect();
    if report.accepted() {
        let index = webhook.newest.borrow().clone();
        warnings.extend(superseded(&index, kind, &request.object));
    }
    let violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    let answer = match report.accepted() {
        true => json!({ "allowed": true, "warnings": warnings }),
        false => refusal(&violations.join("; "), &warnings),
    };
    response(&request, answer)
}

/// Which old policies the mesh would not read any more, or never would, if it had this object.
fn superseded(index: &Index, kind: Kind, object: &Value) -> Vec<String> {
    let old = !index.snapshot().policies.is_empty() || !index.snapshot().mesh_policies.is_empty();
    let concerned = match kind {
        Kind::MeshPolicy | Kind::Policy => true,
        Kind::PeerAuthentication => old,
        Kind::DestinationRule | Kind::Gateway | Kind::VirtualService => false,
    };
    let Some(metadata) = registry::metadata(kind, object, None).ok().filter(|_| concerned) else { return Vec::new() };
    let mut snapshot = index.snapshot().clone();
    snapshot.forget(&metadata);
    let mut registry = Registry::over(snapshot);
    if registry.add(object, None).is_err() {
        return Vec::new();
    }
    let found = Index::new(registry.finish()).superseded().into_iter();
    let about = found.filter(|found| found.is_about(kind, &metadata.namespace, &metadata.name));
    about.map(|found| found.to_string()).collect()
}

fn refusal(message: &str, warnings: &[String]) -> Value {
    let status = json!({ "code": 400, "reason": "BadRequest", "message": message });
    json!({ "allowed": false, "status": status, "warnings": warnings })
}

fn response(request: &Request, mut answer: Value) -> Json<Value> {
    answer["uid"] = request.uid.clone().into();
    Json(json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer }))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, pod: Value) -> (StatusCode, Value) {
        let settings = Settings {
            image: "localhost/labctl:1".to_owned(),
            control_plane: "labctl-mesh.istio-system.svc:15012".to_owned(),
            trust_domain: "cluster.local".to_owned(),
        };
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": { "uid": "7", "operation": "CREATE", "namespace": "foo", "object": pod },
        });
        let request = Request::post(path).header("content-type", "application/json");
        let newest = watch::Sender::new(Arc::new(Index::new(crate::mesh::snapshot::Snapshot::default())));
        let response = router(settings, newest.subscribe())
            .oneshot(request.body(Body::from(review.to_string())).unwrap())
            .await
            .unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn pod() -> Value {
        json!({ "metadata": { "name": "curl" }, "spec": { "containers": [{ "name": "curl" }] } })
    }

    #[tokio::test]
    async fn the_answer_is_a_patch_of_the_pod() {
        let (_, review) = ask("/inject/namespace", pod()).await;
        assert_eq!(review["kind"], "AdmissionReview");
        let response = &review["response"];
        assert_eq!((&response["uid"], &response["allowed"]), (&json!("7"), &json!(true)));
        let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let mut patched = pod();
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        json_patch::patch(&mut patched, &patch).unwrap();
        assert_eq!(patched["spec"]["containers"][1]["name"], "istio-proxy");
    }

    #[tokio::test]
    async fn pods_that_want_none_are_allowed_as_they_are() {
        let (_, review) = ask("/inject/pod", pod()).await;
        assert_eq!(review["response"], json!({ "uid": "7", "allowed": true }));
    }

    #[tokio::test]
    async fn pods_that_contradict_themselves_are_refused() {
        let mut pod = pod();
        pod["metadata"]["annotations"] = json!({ "traffic.sidecar.istio.io/excludeInboundPorts": "web" });
        let (_, review) = ask("/inject/namespace", pod).await;
        assert_eq!(review["response"]["allowed"], false);
        insta::assert_snapshot!(review["response"]["status"]["message"].as_str().unwrap(),
            @"no sidecar can be injected: annotation traffic.sidecar.istio.io/excludeInboundPorts web: not a list of ports");
    }

    #[tokio::test]
    async fn mesh_resources_are_examined() {
        let mut policy = json!({
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": { "name": "default", "namespace": "foo" },
            "spec": { "selector": { "matchLabels": { "app": "httpbin" } }, "mtls": { "mode": "STRICT" } },
        });
        let (_, review) = ask("/validate", policy.clone()).await;
        assert_eq!(review["response"], json!({ "uid": "7", "allowed": true, "warnings": [] }));
        policy["spec"]["mtls"]["mode"] = "STRIKT".into();
        let (_, review) = ask("/validate", policy).await;
        insta::assert_snapshot!(review["response"]["status"]["message"].as_str().unwrap(),
            @"spec.mtls.mode: `STRIKT` is not a mode; it must be one of UNSET, DISABLE, PERMISSIVE, STRICT");
    }

    #[tokio::test]
    async fn other_paths_are_unknown() {
        assert_eq!(ask("/inject/elsewhere", pod()).await.0, StatusCode::NOT_FOUND);
    }
}
