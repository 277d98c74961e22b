//! The program `control-plane`: certificates and configuration for sidecars, and the webhook that injects them.
//!
//! Port 15012 serves agents, 15017 the API server's webhook calls, 8080 the kubelet's readiness probe, and 15014, on the
//! loopback address only, whoever draws the service graph.

pub mod api_client;
pub mod certificates;
pub mod configuration;
mod ready;
mod root;
mod serve;
mod server_certificate;
pub mod status;
mod traffic;
pub mod trust;
mod webhook;
mod world;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Api, Resource};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};

use self::{
    certificates::Signer,
    ready::{Condition, Readiness},
    server_certificate::{ServerCertificate, ServerCertificateError},
    status::ControlPlaneStatus,
    traffic::Traffic,
    trust::Root,
};
use super::{
    ca::{CertificateAuthority, WORKLOAD_LIFETIME},
    distribute::Distributor,
    inject,
    install::{CONTROL_PLANE, ROOT_NAMESPACE, WEBHOOK_KINDS},
    policy::Index,
    snapshot::{Settings, Snapshot},
};
use crate::{
    host::{ExitStatus, Host, Output},
    host_println,
};

/// Where agents ask for certificates and configuration.
pub const AGENT_PORT: u16 = 15012;
/// Where the API server calls the webhook.
const WEBHOOK_PORT: u16 = 15017;
/// Where whoever is on the machine asks for the service graph; Istio's control plane has its metrics there.
pub const GRAPH_PORT: u16 = 15014;
/// Where the kubelet asks whether we are ready.
const READY_PORT: u16 = 8080;
/// The environment variable with the life of the certificates that are issued, as in Istio.
const LIFETIME: &str = "DEFAULT_WORKLOAD_CERT_TTL";

/// Why the control plane cannot work.
#[derive(Debug, thiserror::Error)]
enum ControlPlaneError {
    #[error("{0}")]
    ApiClient(api_client::ApiClientError),
    #[error("a part of it ended")]
    Ended,
    #[error("cannot find the namespace {ROOT_NAMESPACE}: {0}")]
    Namespace(kube::Error),
    #[error("the environment variable {LIFETIME} is `{0}`; write a duration such as `24h`")]
    Lifetime(String),
    #[error("the environment variable SIDECAR_IMAGE is not set")]
    NoImage,
    #[error("{0}")]
    Root(root::RootError),
    #[error("{0}")]
    Serve(io::Error),
    #[error("its own certificate: {0}")]
    ServerCertificate(ServerCertificateError),
    #[error("a part of it failed: {0}")]
    Task(JoinError),
}

/// Runs the program.
pub fn program(host: Arc<dyn Host>, _arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Box::pin(async move {
        let shutdown = host.shutdown();
        tokio::select! {
            () = shutdown.cancelled() => ExitStatus::SUCCESS,
            error = run(&host) => {
                host_println!(host, Output::Stderr, "control-plane: {error}");
                ExitStatus::FAILURE
            }
        }
    })
}

/// Works until something fails for good.
async fn run(host: &Arc<dyn Host>) -> ControlPlaneError {
    let mut parts = match start(host).await {
        Ok(parts) => parts,
        Err(error) => return error,
    };
    match parts.join_next().await {
        Some(Err(error)) => ControlPlaneError::Task(error),
        Some(Ok(())) | None => ControlPlaneError::Ended,
    }
}

/// Starts all parts, each a task; none of them ends as long as it can work.
async fn start(host: &Arc<dyn Host>) -> Result<JoinSet<()>, ControlPlaneError> {
    let mut settings = Settings { root_namespace: ROOT_NAMESPACE.to_owned(), ..Settings::default() };
    if let Some(trust_domain) = host.env("TRUST_DOMAIN") {
        settings.trust_domain = trust_domain;
    }
    let image = host.env("SIDECAR_IMAGE").ok_or(ControlPlaneError::NoImage)?;
    let lifetime = lifetime(host)?;
    let client = api_client::client(host).map_err(ControlPlaneError::ApiClient)?;
    let authority = root::take_up(client.clone(), &settings.trust_domain).await.map_err(ControlPlaneError::Root)?;
    let namespace: Namespace =
        Api::all(client.clone()).get(ROOT_NAMESPACE).await.map_err(ControlPlaneError::Namespace)?;
    let plane = ControlPlane {
        host: host.clone(),
        client,
        image,
        settings,
        lifetime,
        owner: namespace.owner_ref(&()).unwrap_or_default(),
        authority: Arc::new(authority),
        distributor: Arc::default(),
        newest: watch::Sender::new(Arc::new(Index::new(Snapshot::default()))),
        readiness: Readiness::default(),
    };
    let mut parts = JoinSet::new();
    let own = plane.start_servers(&mut parts).await?;
    plane.start_watchers(&mut parts, own);
    host_println!(*host, Output::Stdout, "the control plane of trust domain {} is up", plane.settings.trust_domain);
    Ok(parts)
}

/// What its parts have in common.
struct ControlPlane {
    host: Arc<dyn Host>,
    client: kube::Client,
    image: String,
    settings: Settings,
    lifetime: Duration,
    owner: OwnerReference,
    authority: Arc<CertificateAuthority>,
    distributor: Arc<Distributor>,
    newest: watch::Sender<Arc<Index>>,
    readiness: Readiness,
}

impl ControlPlane {
    /// Answers how the control plane is, as that changes.
    async fn start_servers(
        &self,
        parts: &mut JoinSet<()>,
    ) -> Result<watch::Receiver<ControlPlaneStatus>, ControlPlaneError> {
        let names = names(&self.settings.cluster_domain);
        let certificate = ServerCertificate::new(self.authority.clone(), names, self.lifetime)
            .map_err(ControlPlaneError::ServerCertificate)?;
        let tls = certificate.server_config().map_err(ControlPlaneError::ServerCertificate)?;
        let signer = Signer {
            authority: self.authority.clone(),
            client: self.client.clone(),
            trust_domain: self.settings.trust_domain.clone(),
            lifetime: self.lifetime,
        };
        let injection = inject::Settings {
            image: self.image.clone(),
            control_plane: format!("{CONTROL_PLANE}.{ROOT_NAMESPACE}.svc:{AGENT_PORT}"),
            trust_domain: self.settings.trust_domain.clone(),
        };
        let (distributor, gathering) = (self.distributor.clone(), Arc::default());
        let configurations = configuration::router(distributor.clone(), Arc::clone(&gathering));
        let traffic = Traffic { distributor, gathering };
        let agents = certificates::router(signer).merge(configurations).merge(traffic.clone().for_agents());
        let (everywhere, here) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let servers = [
            (everywhere, AGENT_PORT, Some(tls.clone()), agents),
            (everywhere, WEBHOOK_PORT, Some(tls), webhook::router(injection, self.newest.subscribe())),
            (everywhere, READY_PORT, None, ready::router(self.readiness.clone())),
            (here, GRAPH_PORT, None, traffic.for_readers()),
        ];
        for (address, port, tls, router) in servers {
            let address = SocketAddr::new(address, port);
            let listener = serve::listen(&self.host, address).await.map_err(ControlPlaneError::Serve)?;
            parts.spawn(serve::serve(listener, tls, router));
        }
        let own = watch::Sender::new(ControlPlaneStatus {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            trust_domain: self.settings.trust_domain.clone(),
            root_expires: self.authority.expires(),
            certificate_expires: certificate.expires(),
        });
        let told = own.subscribe();
        let renewed = move |expires| own.send_modify(|status| status.certificate_expires = expires);
        parts.spawn(certificate.keep_fresh(self.host.clone(), renewed));
        Ok(told)
    }

    fn start_watchers(&self, parts: &mut JoinSet<()>, own: watch::Receiver<ControlPlaneStatus>) {
        let (host, client) = (&self.host, &self.client);
        let pem = self.authority.root_pem().to_owned();
        let root = Root { pem: pem.clone(), owner: self.owner.clone() };
        let met = |condition| {
            let readiness = self.readiness.clone();
            move || readiness.meet(condition)
        };
        let [namespaces, world] = [Condition::Namespaces, Condition::World].map(met);
        let (settings, distributor) = (self.settings.clone(), self.distributor.clone());
        let status = distributor.status();
        parts.spawn(trust::in_namespaces(host.clone(), client.clone(), root, namespaces));
        for (kind, condition) in WEBHOOK_KINDS.into_iter().zip([Condition::Webhook, Condition::Validation]) {
            let trusted = met(condition);
            parts.spawn(trust::in_webhook(host.clone(), client.clone(), kind, pem.clone(), trusted));
        }
        parts.spawn(status::publish(host.clone(), client.clone(), status, own));
        let newest = self.newest.clone();
        parts.spawn(world::follow(host.clone(), client.clone(), settings, distributor, newest, world));
    }
}

/// How long the certificates live that are issued.
fn lifetime(host: &Arc<dyn Host>) -> Result<Duration, ControlPlaneError> {
    let Some(text) = host.env(LIFETIME).filter(|text| !text.is_empty()) else { return Ok(WORKLOAD_LIFETIME) };
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|parsed| Duration::try_from(parsed).ok());
    parsed.filter(|lifetime| !lifetime.is_zero()).ok_or(ControlPlaneError::Lifetime(text))
}

/// The names by which the control plane is called.
fn names(cluster_domain: &str) -> Vec<String> {
    let short = format!("{CONTROL_PLANE}.{ROOT_NAMESPACE}");
    vec![format!("{short}.svc"), format!("{short}.svc.{cluster_domain}"), short]
}
