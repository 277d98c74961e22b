//! A registry on a real socket: the part of the OCI distribution API that a push needs, strict about digests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::support::sha256;

pub const USER: &str = "trainer";
pub const PASSWORD: &str = "chalk";
const TOKEN: &str = "a-token-of-the-registry";

/// Whom a registry lets write.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Access {
    Anybody,
    /// Whoever sends name and password with every request.
    Login,
    /// Nobody, because there is no room.
    Nobody,
    /// Whoever got a token for name and password.
    Token,
}

/// What has been sent.
#[derive(Default)]
pub struct Contents {
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub manifests: BTreeMap<String, Vec<u8>>,
    pub uploads: Vec<Vec<u8>>,
}

#[derive(Clone)]
pub struct Registry {
    pub address: String,
    access: Access,
    contents: Arc<Mutex<Contents>>,
}

impl Registry {
    pub async fn start(access: Access) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let registry = Self { address: listener.local_addr().unwrap().to_string(), access, contents: Arc::default() };
        let routes = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(registry.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        registry
    }

    pub fn contents(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        match self.access {
            Access::Anybody | Access::Nobody => true,
            Access::Login => sent == Some(login()),
            Access::Token => sent == Some(format!("Bearer {TOKEN}")),
        }
    }
}

fn login() -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}")))
}

async fn answer(
    State(registry): State<Registry>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/token" {
        let known = headers.get(header::AUTHORIZATION).is_some_and(|sent| *sent == *login());
        let token = json!({ "token": TOKEN }).to_string();
        return if known { token.into_response() } else { StatusCode::UNAUTHORIZED.into_response() };
    }
    if !registry.lets_in(&headers) {
        let challenge = match registry.access {
            Access::Token => format!("Bearer realm=\"http://{}/token\",service=\"test\"", registry.address),
            _ => "Basic realm=\"test\"".to_owned(),
        };
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    if uri.path() == "/v2/" {
        return StatusCode::OK.into_response();
    }
    let path = uri.path().strip_prefix("/v2/tools/labctl/").expect("no other repository is asked for").to_owned();
    let mut contents = registry.contents();
    let parts: Vec<&str> = path.split('/').collect();
    match (&method, &parts[..]) {
        (&Method::HEAD, ["blobs", digest]) if contents.blobs.contains_key(*digest) => StatusCode::OK.into_response(),
        (&Method::HEAD, ["blobs", _]) => StatusCode::NOT_FOUND.into_response(),
        (&Method::POST, ["blobs", "uploads", ""]) if registry.access == Access::Nobody => {
            refuse(StatusCode::INSUFFICIENT_STORAGE, "the shelf is full")
        }
        (&Method::POST, ["blobs", "uploads", ""]) => {
            contents.uploads.push(Vec::new());
            continued(contents.uploads.len() - 1)
        }
        (&Method::PATCH, ["blobs", "uploads", number]) => chunk(&mut contents, number, &headers, &body),
        (&Method::PUT, ["blobs", "uploads", number]) => finish(&mut contents, number, &uri, &body),
        (&Method::PUT, ["manifests", tag]) => manifest(&mut contents, tag, &headers, &body),
        _ => refuse(StatusCode::NOT_FOUND, "there is no such thing"),
    }
}

fn continued(number: usize) -> Response {
    let location = format!("/v2/tools/labctl/blobs/uploads/{number}");
    (StatusCode::ACCEPTED, [(header::LOCATION, location)]).into_response()
}

fn created(what: &str) -> Response {
    (StatusCode::CREATED, [(header::LOCATION, format!("/v2/tools/labctl/{what}"))]).into_response()
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let code = if status == StatusCode::NOT_FOUND { "BLOB_UNKNOWN" } else { "DENIED" };
    (status, json!({ "errors": [{ "code": code, "message": message }] }).to_string()).into_response()
}

fn chunk(contents: &mut Contents, number: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let index: usize = number.parse().unwrap();
    let start = contents.uploads[index].len();
    let range = format!("{start}-{}", start + body.len() - 1);
    if headers.get(header::CONTENT_RANGE).is_some_and(|sent| *sent != *range) {
        return refuse(StatusCode::RANGE_NOT_SATISFIABLE, "the parts do not fit together");
    }
    contents.uploads[index].extend(body);
    continued(index)
}

fn finish(contents: &mut Contents, number: &str, uri: &Uri, body: &[u8]) -> Response {
    let mut content = std::mem::take(&mut contents.uploads[number.parse::<usize>().unwrap()]);
    content.extend(body);
    let promised = uri.query().unwrap().strip_prefix("digest=").unwrap().replace("%3A", ":");
    if sha256(&content) != promised {
        return refuse(StatusCode::BAD_REQUEST, "the digest is another");
    }
    contents.blobs.insert(promised.clone(), content);
    created(&format!("blobs/{promised}"))
}

/// Takes a manifest only after everything that it names.
fn manifest(contents: &mut Contents, tag: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let document: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(headers[header::CONTENT_TYPE], document["mediaType"].as_str().unwrap());
    let layers = document["layers"].as_array().unwrap();
    for part in layers.iter().chain([&document["config"]]) {
        let stored = contents.blobs.get(part["digest"].as_str().unwrap());
        if stored.is_none_or(|stored| part["size"] != stored.len()) {
            return refuse(StatusCode::NOT_FOUND, "a part is missing");
        }
    }
    contents.manifests.insert(tag.to_owned(), body.to_vec());
    created(&format!("manifests/{}", sha256(body)))
}
