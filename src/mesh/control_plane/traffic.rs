//! `POST /v1/traffic?pod=NAMESPACE/NAME&look=NUMBER`: what a proxy has counted; and, for whoever is on the machine,
//! `GET /graph`: what becomes of that.
//!
//! The latter is served on the loopback address only, so that the cluster's own rules (who may run a command in this
//! pod) say who may see it.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;

use super::{configuration::Refusal, serve::Peer};
use crate::{
    mesh::{
        distribute::Distributor,
        gather::{Gathering, Told},
        graph::{Graph, graph},
    },
    sidecar::telemetry::Report,
};

/// How long a look waits for proxies.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than the largest number of series takes.
const LARGEST_REPORT: usize = 4 * 1024 * 1024;

/// What both routes need.
#[derive(Clone)]
pub struct Traffic {
    /// Who the proxies are.
    pub distributor: Arc<Distributor>,
    /// What they told.
    pub gathering: Arc<Gathering>,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    pod: String,
    look: u64,
}

impl Traffic {
    /// The route for proxies.
    pub fn for_agents(self) -> Router {
        let limit = DefaultBodyLimit::max(LARGEST_REPORT);
        Router::new().route("/v1/traffic", post(take)).layer(limit).with_state(self)
    }

    /// The route for whoever is on the machine.
    pub fn for_readers(self) -> Router {
        Router::new().route("/graph", get(show)).with_state(self)
    }
}

async fn take(
    State(traffic): State<Traffic>,
    Extension(peer): Extension<Option<Peer>>,
    Query(parameters): Query<Parameters>,
    Json(report): Json<Report>,
) -> Result<StatusCode, Refusal> {
    let peer = peer.ok_or(Refusal::NoCertificate)?;
    let pod = parameters.pod.parse().map_err(Refusal::Pod)?;
    traffic.distributor.check_owner(&pod, &peer.id).map_err(Refusal::NotYours)?;
    traffic.gathering.take(pod, Told { look: parameters.look, report });
    Ok(StatusCode::NO_CONTENT)
}

async fn show(State(traffic): State<Traffic>) -> Json<Graph> {
    let gathered = traffic.gathering.look(&traffic.distributor.live_proxies(), PATIENCE).await;
    Json(graph(&traffic.distributor.known_pods(), &gathered, jiff::Timestamp::now()))
}
