//! Answers of failure, as JSON.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

use crate::workloads::mongodb::client::ClientError;

/// Why a request has no better answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    /// What was sent makes no sense.
    pub(super) fn nonsense(message: String) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message }
    }

    /// What was asked for is not there.
    pub(super) fn not_found(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: format!("there is no such {what}") }
    }

    /// Somebody else did not do their part.
    pub(super) fn unavailable(message: String) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message }
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { code: 11000, .. } => {
                Self { status: StatusCode::CONFLICT, message: "it is there already".to_owned() }
            }
            error => Self::unavailable(format!("the database does not answer: {error}")),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

/// Any other path.
pub(super) async fn not_found() -> Refusal {
    Refusal::not_found("path")
}
