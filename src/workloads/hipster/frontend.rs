//! `frontend`: the shop as HTML pages, put together from what the other services answer.

mod actions;
mod failure;
mod pictures;
mod shop;
mod views;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{get, post},
};
use futures::future::{BoxFuture, FutureExt as _};

use shop::Shop;

use crate::{
    host::{ExitStatus, Host},
    workloads::server::{Context, Server},
};

/// The longest form that is read.
const MAX_FORM: usize = 16 << 10;

/// Runs `frontend [--host ADDRESS] [--port PORT]`; it calls `AD_SERVICE_ADDR`, `CART_SERVICE_ADDR`,
/// `CHECKOUT_SERVICE_ADDR`, `CURRENCY_SERVICE_ADDR`, `PRODUCT_CATALOG_SERVICE_ADDR`, `RECOMMENDATION_SERVICE_ADDR` and
/// `SHIPPING_SERVICE_ADDR`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Server { name: "frontend", port: 8080 }.serve_http(host, arguments, router).boxed()
}

fn router(context: &Arc<Context>) -> Result<Router, String> {
    let shop = Arc::new(Shop::new(context)?);
    Ok(Router::new()
        .route("/", get(views::home))
        .route("/product/{id}", get(views::product))
        .route("/cart", get(views::cart).post(actions::add_to_cart))
        .route("/cart/empty", post(actions::empty_cart))
        .route("/cart/checkout", post(actions::checkout))
        .route("/setCurrency", post(actions::set_currency))
        .route("/logout", get(actions::log_out))
        .fallback(failure::not_found)
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(from_fn(visitor::recognize))
        .route("/static/products/{file}", get(pictures::picture))
        .route("/_healthz", get(async || "ok"))
        .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
        .with_state(shop))
}
