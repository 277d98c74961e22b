//! `app-ui`: the boards as HTML pages, put together from what the other services answer.

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use futures::future::{BoxFuture, FutureExt as _};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    call::{self, CallError, encoded},
    context_scraper::Scraped,
    model::{Board, Item, NewBoard, NewItem, User},
};
use crate::{
    host::{ExitStatus, Host},
    workloads::{
        pages::page,
        server::{Context, Server},
        trace::Trace,
        upstream::Upstream,
    },
};

/// The longest form that is read.
const MAX_FORM: usize = 16 << 10;

struct Ui {
    context: Arc<Context>,
    boards: Upstream,
    profiles: Upstream,
    scraper: Upstream,
}

/// Runs `app-ui [--host ADDRESS] [--port PORT]`; it calls `BOARDS_ADDR`, `CONTEXT_SCRAPER_ADDR` and `USERPROFILE_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Server { name: "app-ui", port: 8080 }.serve_http(host, arguments, router).boxed()
}

fn router(context: &Arc<Context>) -> Result<Router, String> {
    let ui = Ui {
        context: Arc::clone(context),
        boards: context.upstream("BOARDS_ADDR", "boards:8080")?,
        profiles: context.upstream("USERPROFILE_ADDR", "userprofile:8080")?,
        scraper: context.upstream("CONTEXT_SCRAPER_ADDR", "context-scraper:8080")?,
    };
    Ok(Router::new()
        .route("/", get(shared_items))
        .route("/items", post(share))
        .route("/users/{id}", get(user))
        .route("/users/{id}/boards", post(create_board))
        .route("/healthz", get(async || "ok"))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(Arc::new(ui)))
}

/// A page that cannot be shown, and why.
struct Failure {
    headline: &'static str,
    status: StatusCode,
    message: String,
    request_id: String,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let values = json!({
            "brand": "Boards",
            "status": self.status.as_u16(),
            "headline": self.headline,
            "code": format!("HTTP {}", self.status),
            "message": self.message,
            "request_id": self.request_id,
        });
        page(self.status, "problem.html", &values)
    }
}

impl Failure {
    /// A service that did not do its part; what it refuses is the visitor's to mend.
    fn of(headline: &'static str, trace: &Trace) -> impl Fn(CallError) -> Self {
        move |error| {
            let status = match &error {
                CallError::Status { status, .. } if status.is_client_error() => *status,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Self { headline, status, message: error.to_string(), request_id: trace.id().to_owned() }
        }
    }

    fn nonsense(trace: &Trace, rejection: &FormRejection) -> Self {
        let (status, request_id) = (StatusCode::UNPROCESSABLE_ENTITY, trace.id().to_owned());
        Self { headline: "This form makes no sense", status, message: rejection.to_string(), request_id }
    }
}

impl Ui {
    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        trace: &Trace,
        service: &Upstream,
        path: &str,
    ) -> Result<T, CallError> {
        let got = call::get(&*self.context.host, trace, service, path).await;
        got.inspect_err(|error| self.context.log(format_args!("{service}{path}: {error} (request {:?})", trace.id())))
    }

    /// Everybody, if that is known, and what to say if it is not. A page without is still a page.
    async fn users(&self, trace: &Trace) -> (Vec<User>, Value) {
        match self.get(trace, &self.profiles, "/users").await {
            Ok(users) => (users, Value::Null),
            Err(error) => (Vec::new(), format!("Who is here is not known: {error}").into()),
        }
    }

    /// What a link leads to, if that can be found out.
    async fn title(&self, trace: &Trace, url: &str) -> Option<String> {
        let path = format!("/scrape?url={}", encoded(url));
        self.get::<Scraped>(trace, &self.scraper, &path).await.ok()?.title
    }
}

async fn shared_items(State(ui): State<Arc<Ui>>, trace: Trace) -> Result<Response, Failure> {
    let (items, (users, notice)) =
        tokio::join!(ui.get::<Vec<Item>>(&trace, &ui.boards, "/shareditems"), ui.users(&trace));
    let items = items.map_err(Failure::of("The shared items are out of reach", &trace))?;
    let values = json!({
        "title": "Shared items",
        "items": items,
        "users": users,
        "notice": notice,
        "profile": null,
        "boards": null,
        "request_id": trace.id(),
    });
    Ok(page(StatusCode::OK, "boards.html", &values))
}

async fn share(
    State(ui): State<Arc<Ui>>,
    trace: Trace,
    form: Result<Form<NewItem>, FormRejection>,
) -> Result<Redirect, Failure> {
    let Form(mut item) = form.map_err(|rejection| Failure::nonsense(&trace, &rejection))?;
    if item.name.is_empty() && item.raw.starts_with("http://") {
        item.name = ui.title(&trace, &item.raw).await.unwrap_or_default();
    }
    let shared = call::post::<Item>(&*ui.context.host, &trace, &ui.boards, "/shareditems", &item).await;
    shared.map_err(Failure::of("This could not be shared", &trace))?;
    Ok(Redirect::to("/"))
}

async fn user(State(ui): State<Arc<Ui>>, trace: Trace, Path(id): Path<String>) -> Result<Response, Failure> {
    let (of_user, of_boards) = (format!("/users/{}", encoded(&id)), format!("/{}/boards", encoded(&id)));
    let (users, profile, boards) = tokio::join!(
        ui.users(&trace),
        ui.get::<User>(&trace, &ui.profiles, &of_user),
        ui.get::<Vec<Board>>(&trace, &ui.boards, &of_boards)
    );
    let profile = profile.map_err(Failure::of("Who this is, is out of reach", &trace))?;
    let boards = boards.map_err(Failure::of("The boards are out of reach", &trace))?;
    let values = json!({
        "title": profile.name,
        "profile": profile,
        "boards": boards,
        "items": null,
        "users": users.0,
        "notice": users.1,
        "request_id": trace.id(),
    });
    Ok(page(StatusCode::OK, "boards.html", &values))
}

async fn create_board(
    State(ui): State<Arc<Ui>>,
    trace: Trace,
    Path(id): Path<String>,
    form: Result<Form<NewBoard>, FormRejection>,
) -> Result<Redirect, Failure> {
    let Form(board) = form.map_err(|rejection| Failure::nonsense(&trace, &rejection))?;
    let id = encoded(&id);
    let created = call::post::<Board>(&*ui.context.host, &trace, &ui.boards, &format!("/{id}/boards"), &board).await;
    created.map_err(Failure::of("This board could not be created", &trace))?;
    Ok(Redirect::to(&format!("/users/{id}")))
}
