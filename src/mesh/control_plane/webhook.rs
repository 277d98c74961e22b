//! The admission webhook: the API server shows each new pod, and gets back what to change.

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

use crate::mesh::inject::{self, Decision, NamespaceWish, Settings};

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

/// The routes. Which of the two is called says what the API server found on the pod's namespace.
pub fn router(settings: Settings) -> Router {
    Router::new()
        .route("/inject/{by}", post(review))
        .layer(DefaultBodyLimit::max(LARGEST_REVIEW))
        .with_state(Arc::new(settings))
}

async fn review(
    State(settings): State<Arc<Settings>>,
    Path(by): Path<String>,
    Json(Review { request }): Json<Review>,
) -> Result<Json<Value>, StatusCode> {
    let wish = match by.as_str() {
        "namespace" => NamespaceWish::Asks,
        "pod" => NamespaceWish::Silent,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    let mut response = answer(&request, wish, &settings);
    response["uid"] = request.uid.into();
    Ok(Json(json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })))
}

fn answer(request: &Request, wish: NamespaceWish, settings: &Settings) -> Value {
    if let Decision::Leave(_) = inject::decide(&request.object, &request.namespace, wish) {
        return json!({ "allowed": true });
    }
    match inject::inject(&request.object, settings) {
        Ok(injection) => {
            let patch = serde_json::to_vec(&injection.patch).expect("a patch is plain data");
            json!({
                "allowed": true,
                "patchType": "JSONPatch",
                "patch": STANDARD.encode(patch),
                "warnings": injection.warnings,
            })
        }
        Err(error) => json!({
            "allowed": false,
            "status": { "code": 400, "reason": "BadRequest", "message": format!("no sidecar can be injected: {error}") },
        }),
    }
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
        let response = router(settings).oneshot(request.body(Body::from(review.to_string())).unwrap()).await.unwrap();
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
    async fn other_paths_are_unknown() {
        assert_eq!(ask("/inject/elsewhere", pod()).await.0, StatusCode::NOT_FOUND);
    }
}
