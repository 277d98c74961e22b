//! The API server: from a request and a user to an answer. Sockets and credentials are the front's.

mod addresses;
mod admission;
pub mod body;
pub mod bootstrap;
pub mod builtin;
mod call;
mod create;
pub mod custom;
pub mod decode;
mod delete;
mod discovery;
mod effects;
mod escalation;
mod exec;
mod form;
mod impersonation;
mod incoming;
mod json_path;
mod kinds;
pub mod kubelet;
mod lacking;
mod managed;
mod metadata;
pub mod names;
mod openapi;
mod patch;
pub mod path;
mod pods;
mod protobuf;
mod rbac;
mod read;
pub mod resource;
mod reviews;
mod scale;
pub mod status;
mod table;
mod tokens;
mod update;
mod watch;

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio_util::sync::CancellationToken;

pub use self::kubelet::Kubelet;
use self::{
    addresses::Addresses,
    body::{Body, BoxError},
    call::Call,
    form::Form,
    path::{Path, Query, ResourcePath, Verb},
    rbac::Action,
    resource::Registry,
    status::Status,
};
use super::{
    auth::{User, token::TokenKey},
    objects::selector::FieldSelector,
    store::Store,
};

/// An API server. Clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    store: Store,
    registry: Registry,
    addresses: Addresses,
    kubelet: OnceLock<Arc<dyn Kubelet>>,
    tokens: TokenKey,
    stopped: CancellationToken,
}

impl Default for Server {
    fn default() -> Self {
        Self::new(Store::default())
    }
}

impl Server {
    /// Makes a server of an empty store.
    pub fn new(store: Store) -> Self {
        let server = Self(Arc::new(Shared {
            store,
            registry: Registry::default(),
            addresses: Addresses::default(),
            kubelet: OnceLock::new(),
            tokens: TokenKey::generate().expect("the system has randomness"),
            stopped: CancellationToken::new(),
        }));
        server.bootstrap();
        server
    }

    /// Connects the node; the first one stays.
    pub fn attach(&self, kubelet: Arc<dyn Kubelet>) {
        _ = self.0.kubelet.set(kubelet);
    }

    /// A client that speaks to this server as `user`, without a socket. It cannot upgrade connections (exec).
    pub fn client(&self, user: User) -> kube::Client {
        let server = self.clone();
        let user = Arc::new(user);
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (server, user) = (server.clone(), Arc::clone(&user));
            async move { Ok::<_, Infallible>(server.call(request, (*user).clone()).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Ends all watches; requests are still answered.
    pub fn stop(&self) {
        self.0.stopped.cancel();
    }

    /// Answers a request of `user`.
    pub async fn call<B>(&self, request: Request<B>, user: User) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let yaml = form::wants_yaml(request.headers());
        let answer = self.route(request, user).await.unwrap_or_else(|status| body::refusal(&status));
        if yaml { body::as_yaml(answer).await } else { answer }
    }

    async fn route<B>(&self, request: Request<B>, user: User) -> Result<Response<Body>, Status>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
    {
        let user = self.acting(user, request.headers())?;
        let query = Query::parse(request.uri())?;
        let target = match Path::parse(request.uri().path()) {
            Path::Resource(target) => target,
            Path::Other(segments) => return self.other(&user, request.method(), request.headers(), &segments),
        };
        let verb = Verb::of(request.method(), &target, &query).ok_or_else(Status::method_not_allowed)?;
        let selector =
            query.value("fieldSelector").and_then(|text| FieldSelector::parse(text).ok()).unwrap_or_default();
        self.authorize(&user, Action::of(verb, &target, &selector))?;
        let resource = self.registry().find(&target.group, &target.resource);
        let resource = resource.filter(|resource| resource.version(&target.version).is_some());
        let Some(resource) = resource else { return self.unknown(&target) };
        let (mut parts, body) = request.into_parts();
        let upgrade = parts.extensions.remove();
        let body = body::read(body).await?;
        let call = Call { user, verb, target, query, headers: parts.headers, resource, body, upgrade };
        let is_inside = call.target.namespace.is_some() && call.resource.table != "namespaces";
        if !call.resource.namespaced && is_inside || call.resource.is_review() && call.target.name.is_some() {
            return Err(Status::no_such_resource());
        }
        if call.resource.namespaced && call.target.namespace.is_none() {
            match call.verb {
                Verb::List | Verb::Watch => {}
                _ if call.resource.is_custom() => return Ok(body::page_not_found()),
                _ if call.target.name.is_some() => return Err(Status::no_such_resource()),
                _ => return Err(Status::method_not_allowed()),
            }
        }
        let deprecations = call.deprecations();
        let answer = match call.target.subresource.clone() {
            Some(subresource) => self.answer_part(call, &subresource).await,
            None => self.answer(call).await,
        };
        let mut answer = answer.unwrap_or_else(|status| body::refusal(&status));
        for warning in deprecations {
            body::warn_once(answer.headers_mut(), &warning);
        }
        Ok(answer)
    }

    /// Answers a request to a resource that is not served: groups that nobody knows have no refusals of their own.
    fn unknown(&self, target: &ResourcePath) -> Result<Response<Body>, Status> {
        let lacking = lacking::resource(target);
        let all = self.registry().all();
        let mut of_group = all.values().filter(|resource| resource.group == target.group);
        let known = of_group.any(|resource| !resource.is_custom());
        if known || lacking.code != StatusCode::NOT_FOUND {
            return Err(lacking);
        }
        Ok(body::page_not_found())
    }

    /// Answers a request to an object or to all of them.
    async fn answer(&self, call: Call) -> Result<Response<Body>, Status> {
        Form::of(&call.headers)?;
        let named = call.target.name.is_some();
        let misplaced = match call.verb {
            Verb::Create => named,
            Verb::Patch | Verb::Update => !named,
            _ => false,
        };
        if misplaced || !call.resource.verbs.contains(&call.verb) {
            return Err(call.verb_not_supported());
        }
        match call.verb {
            Verb::Create if call.resource.is_review() => self.review(&call),
            Verb::Create => self.create(&call).await,
            Verb::Delete => self.delete(&call).await,
            Verb::DeleteCollection => self.delete_collection(&call).await,
            Verb::Get => self.read(&call),
            Verb::List => self.list(&call),
            Verb::Patch => self.patch(&call).await,
            Verb::Update => self.update(&call).await,
            Verb::Watch => self.watch(call),
        }
    }

    /// Answers a request to a part of an object.
    async fn answer_part(&self, call: Call, subresource: &str) -> Result<Response<Body>, Status> {
        if !call.resource.has(&call.target.version, subresource) {
            return Err(lacking::part(&call, subresource));
        }
        match (subresource, call.verb) {
            ("binding", Verb::Create) => self.bind_pod(&call),
            ("eviction", Verb::Create) => self.evict_pod(&call),
            ("exec", _) => self.exec(&call),
            ("finalize" | "status", Verb::Update) => self.update(&call).await,
            ("log", Verb::Get) => self.pod_log(&call).await,
            ("scale", _) => self.scale(&call).await,
            ("status", Verb::Get) => self.read(&call),
            ("status", Verb::Patch) => self.patch(&call).await,
            ("token", Verb::Create) => self.request_token(&call),
            _ => Err(call.verb_not_supported()),
        }
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn registry(&self) -> &Registry {
        &self.0.registry
    }

    fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    fn token_key(&self) -> &TokenKey {
        &self.0.tokens
    }

    fn stopped(&self) -> CancellationToken {
        self.0.stopped.clone()
    }
}
