//! Whether the control plane can do all its work, and what is missing; and that it is alive at all.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::sync::watch;

/// How long the question waits for a good answer; less than the three seconds the kubelet waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A condition of readiness.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Condition {
    /// The namespaces were given the mesh's root.
    Namespaces,
    /// The API server trusts the webhook that judges mesh resources.
    Validation,
    /// The API server trusts the webhook that injects sidecars.
    Webhook,
    /// The cluster's objects are known.
    World,
}

/// What is still missing.
#[derive(Clone)]
pub struct Readiness(Arc<watch::Sender<BTreeSet<Condition>>>);

impl Default for Readiness {
    fn default() -> Self {
        let all = [Condition::Namespaces, Condition::Validation, Condition::Webhook, Condition::World];
        Self(Arc::new(watch::Sender::new(all.into())))
    }
}

impl Readiness {
    /// Notes that `condition` is met; for good.
    pub fn meet(&self, condition: Condition) {
        self.0.send_modify(|missing| {
            missing.remove(&condition);
        });
    }
}

/// The routes.
pub fn router(readiness: Readiness) -> Router {
    Router::new().route("/livez", get(async || "alive\n")).route("/readyz", get(ready)).with_state(readiness)
}

/// Answers as soon as all is ready: who waits for that need not ask again and again.
async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let mut missing = readiness.0.subscribe();
    match tokio::time::timeout(PATIENCE, missing.wait_for(BTreeSet::is_empty)).await {
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {:?}\n", *readiness.0.borrow())),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ready_when_every_condition_is_met() {
        let readiness = Readiness::default();
        let ask = || router(readiness.clone()).oneshot(Request::get("/readyz").body(Body::empty()).unwrap());
        assert_eq!(ask().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        for condition in [Condition::Namespaces, Condition::Validation, Condition::Webhook] {
            readiness.meet(condition);
        }
        let (response, ()) = tokio::join!(ask(), async { readiness.meet(Condition::World) });
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
}
