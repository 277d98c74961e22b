//! `boards`: shared items and people's boards, as JSON.

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
    model::{Board, Item, NewBoard, NewItem, id, now},
    refusal::{self, Refusal},
};
use crate::{
    host::{ExitStatus, Host},
    workloads::server::{Context, Server},
};

/// The longest body that is read.
const MAX_BODY: usize = 16 << 10;

/// Runs `boards [--host ADDRESS] [--port PORT]`; it calls `MONGODB_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Server { name: "boards", port: 8080 }.serve_http(host, arguments, router).boxed()
}

fn router(context: &Arc<Context>) -> Result<Router, String> {
    Ok(Router::new()
        .route("/shareditems", get(shared_items).post(share))
        .route("/shareditems/{id}", get(shared_item).delete(unshare))
        .route("/{user}/boards", get(boards).post(create))
        .route("/healthz", get(async || "ok"))
        .fallback(refusal::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(Database::new(context)?)))
}

/// What is shared before anybody shares anything.
fn first_items() -> Vec<Item> {
    let items = [
        ("item-1", "ada", "string", "Wear the blue badge on Thursday", "Reminder"),
        ("item-2", "grace", "string", "The door code of the workshop is 4-7-1-1", "Door code"),
        ("item-3", "ada", "json", "{\"coffee\": 3, \"tea\": 5}", "What to order"),
    ];
    let created_at = now();
    let item = |(id, owner, kind, raw, name): (&str, &str, &str, &str, &str)| Item {
        id: id.to_owned(),
        owner: owner.to_owned(),
        r#type: kind.to_owned(),
        raw: raw.to_owned(),
        name: name.to_owned(),
        created_at: created_at.clone(),
    };
    items.into_iter().map(item).collect()
}

async fn shared_items(State(database): State<Arc<Database>>) -> Result<Json<Vec<Item>>, Refusal> {
    database.begin_with(first_items).await?;
    Ok(Json(database.all().await?))
}

async fn shared_item(State(database): State<Arc<Database>>, Path(id): Path<String>) -> Result<Json<Item>, Refusal> {
    database.begin_with(first_items).await?;
    database.one(&id).await?.map(Json).ok_or_else(|| Refusal::not_found("item"))
}

async fn share(
    State(database): State<Arc<Database>>,
    body: Result<Json<NewItem>, JsonRejection>,
) -> Result<(StatusCode, Json<Item>), Refusal> {
    let Json(new) = body.map_err(|error| Refusal::nonsense(error.to_string()))?;
    let item = new.accept()?;
    database.begin_with(first_items).await?;
    database.insert(&item).await?;
    Ok((StatusCode::CREATED, Json(item)))
}

async fn unshare(State(database): State<Arc<Database>>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let was_there = database.remove::<Item>(&id).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found("item")) }
}

async fn boards(State(database): State<Arc<Database>>, Path(user): Path<String>) -> Result<Json<Vec<Board>>, Refusal> {
    Ok(Json(database.owned_by(&id("user", user)?).await?))
}

async fn create(
    State(database): State<Arc<Database>>,
    Path(user): Path<String>,
    body: Result<Json<NewBoard>, JsonRejection>,
) -> Result<(StatusCode, Json<Board>), Refusal> {
    let Json(new) = body.map_err(|error| Refusal::nonsense(error.to_string()))?;
    let board = new.accept(user)?;
    database.insert(&board).await?;
    Ok((StatusCode::CREATED, Json(board)))
}
