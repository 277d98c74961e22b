//! Pages that say what went wrong.

use axum::{
    Extension,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;
use tonic::{Code, Status};

use super::visitor::Visitor;
use crate::workloads::pages::page;

/// A page that cannot be shown, and why.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    request_id: String,
}

impl Failure {
    /// A call that failed in a visitor's request.
    pub(super) fn of(visitor: &Visitor) -> impl Fn(Status) -> Self {
        move |status| Self {
            status: match status.code() {
                Code::FailedPrecondition | Code::InvalidArgument | Code::ResourceExhausted => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                Code::NotFound => StatusCode::NOT_FOUND,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            message: status.message().to_owned(),
            request_id: visitor.trace.id().to_owned(),
        }
    }

    /// What a visitor has sent that makes no sense.
    pub(super) fn nonsense(visitor: &Visitor, message: &impl ToString) -> Self {
        let (status, request_id) = (StatusCode::UNPROCESSABLE_ENTITY, visitor.trace.id().to_owned());
        Self { status, message: message.to_string(), request_id }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let values = json!({
            "server": super::views::SERVER,
            "request_id": self.request_id,
            "currencies": [],
            "status": self.status.as_u16(),
            "reason": self.status.canonical_reason(),
            "message": self.message,
        });
        page(self.status, "shop/error.html", &values)
    }
}

/// Any other path.
pub(super) async fn not_found(Extension(visitor): Extension<Visitor>) -> Failure {
    let (status, request_id) = (StatusCode::NOT_FOUND, visitor.trace.id().to_owned());
    Failure { status, message: "There is no such page.".to_owned(), request_id }
}
