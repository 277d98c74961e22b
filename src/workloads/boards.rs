//! The boards app: people share texts and links, and keep boards of their own. Pages at `app-ui`, JSON at `boards`,
//! `userprofile` and `context-scraper`, documents in `mongodb`.

pub mod app_ui;
mod call;
pub mod context_scraper;
mod database;
mod model;
mod refusal;
pub mod service;
pub mod user_profile;
