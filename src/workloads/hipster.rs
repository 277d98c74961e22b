//! The hipster app: a shop of small services that call each other by gRPC, HTML at its frontend, RESP to its store.
//!
//! Each service takes the addresses of those it calls from the environment (`CART_SERVICE_ADDR` and so on); the
//! defaults are the services' usual names and ports.

pub mod ad;
mod amount;
mod card;
pub mod cart;
mod catalogue;
pub mod checkout;
pub mod currency;
pub mod email;
pub mod frontend;
pub mod load_generator;
pub mod payment;
pub mod product_catalog;
pub mod recommendation;
pub mod shipping;

// Written by `cargo run --manifest-path protos/Cargo.toml`.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]
#[rustfmt::skip]
pub mod hipstershop;
