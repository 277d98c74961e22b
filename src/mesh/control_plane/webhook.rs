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
