//! `userprofile`: who people are, as JSON.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::JsonRejection},
    routing::get,
};
use futures::future::{BoxFuture, FutureExt as _};
use http::StatusCode;

use super::{
    database::Database,
    model::User,
    refusal::{self, Refusal},
};
use crate::{
    host::{ExitStatus, Host},
    workloads::server::{Context, Server},
};

/// The longest body that is read.
const MAX_BODY: usize = 16 << 10;

/// Runs `userprofile [--host ADDRESS] [--port PORT]`; it calls `MONGODB_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Server { name: "userprofile", port: 8080 }.serve_http(host, arguments, router).boxed()
}

fn router(context: &Arc<Context>) -> Result<Router, String> {
    Ok(Router::new()
        .route("/users", get(list).post(join))
        .route("/users/{id}", get(one))
        .route("/healthz", get(async || "ok"))
        .fallback(refusal::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(Database::new(context)?)))
}

/// Who is here before anybody joins.
fn first_users() -> Vec<User> {
    let users = [
        ("ada", "Ada", "Writes programs for machines that are not built yet."),
        ("grace", "Grace", "Explains nanoseconds with a piece of wire."),
    ];
    let user = |(id, name, about): (&str, &str, &str)| User {
        id: id.to_owned(),
        name: name.to_owned(),
        about: about.to_owned(),
    };
    users.into_iter().map(user).collect()
}

async fn list(State(database): State<Arc<Database>>) -> Result<Json<Vec<User>>, Refusal> {
    database.begin_with(first_users).await?;
    Ok(Json(database.all().await?))
}

async fn one(State(database): State<Arc<Database>>, Path(id): Path<String>) -> Result<Json<User>, Refusal> {
    database.begin_with(first_users).await?;
    database.one(&id).await?.map(Json).ok_or_else(|| Refusal::not_found("user"))
}

async fn join(
    State(database): State<Arc<Database>>,
    body: Result<Json<User>, JsonRejection>,
) -> Result<(StatusCode, Json<User>), Refusal> {
    let Json(user) = body.map_err(|error| Refusal::nonsense(error.to_string()))?;
    let user = user.accept()?;
    database.begin_with(first_users).await?;
    database.insert(&user).await?;
    Ok((StatusCode::CREATED, Json(user)))
}
