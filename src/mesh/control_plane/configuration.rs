//! `GET /v1/config?pod=NAMESPACE/NAME&acknowledged=VERSION&program=VERSION&look=NUMBER`: a proxy's newest configuration,
//! as soon as it is another one; or the number of a look (see [`crate::mesh::gather`]) that it has not answered.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

use super::serve::Peer;
use crate::mesh::{
    distribute::{Distributor, NotAPodName, NotYours, Question},
    gather::Gathering,
};

/// How long a question may wait for an answer; the proxy then asks again, and both know that the other is there.
pub const LONGEST_WAIT: Duration = Duration::from_secs(50);

/// What a proxy asks.
#[derive(Debug, Deserialize)]
struct Parameters {
    pod: String,
    acknowledged: Option<String>,
    program: Option<String>,
    look: Option<u64>,
}

/// The header with the number of a look, in an answer without a configuration.
pub const LOOK: &str = "labctl-look";

/// The longest name of a program's version; it is shown to people.
const LONGEST_VERSION: usize = 64;

/// Why a proxy's question is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Nobody has proved to be anybody.
    #[error("show a certificate of the mesh")]
    NoCertificate,
    /// Somebody else asks.
    #[error("{0}")]
    NotYours(NotYours),
    /// That names no pod.
    #[error("{0}")]
    Pod(NotAPodName),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoCertificate => StatusCode::UNAUTHORIZED,
            Self::NotYours(_) => StatusCode::FORBIDDEN,
            Self::Pod(_) => StatusCode::BAD_REQUEST,
        };
        (status, format!("{self}\n")).into_response()
    }
}

/// The routes.
pub fn router(distributor: Arc<Distributor>, gathering: Arc<Gathering>) -> Router {
    Router::new().route("/v1/config", get(configuration)).with_state((distributor, gathering))
}

async fn configuration(
    State((distributor, gathering)): State<(Arc<Distributor>, Arc<Gathering>)>,
    Extension(peer): Extension<Option<Peer>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Refusal> {
    let peer = peer.ok_or(Refusal::NoCertificate)?;
    let question = Question {
        pod: parameters.pod.parse().map_err(Refusal::Pod)?,
        id: peer.id,
        certificate_expires: peer.expires,
        acknowledged: parameters.acknowledged.filter(|version| !version.is_empty()),
        program: parameters.program.filter(|version| !version.is_empty() && version.len() <= LONGEST_VERSION),
    };
    let look = async {
        match parameters.look {
            Some(answered) => gathering.wanted(answered).await,
            None => std::future::pending().await,
        }
    };
    let answered = async {
        tokio::select! {
            biased;
            answer = distributor.next(&question) => {
                let body = answer.map_err(Refusal::NotYours)?.body;
                Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
            }
            look = look => Ok((StatusCode::NO_CONTENT, [(LOOK, look.to_string())]).into_response()),
        }
    };
    tokio::time::timeout(LONGEST_WAIT, answered).await.unwrap_or_else(|_| Ok(StatusCode::NO_CONTENT.into_response()))
}
