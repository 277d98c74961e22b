//! The program `sidecar` in the mesh: keeps the data plane supplied with an identity and a configuration.
//!
//! Both come from the control plane. When that is away, the sidecar goes on with what it has.

mod app_health;
mod control_plane;
mod credentials;

use std::{convert::Infallible, sync::Arc};

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use self::{
    app_health::AppHealth,
    control_plane::{AgentError, ControlPlane, News},
    credentials::Credentials,
};
use super::{
    retry::Retry,
    svid::{Validity, wait_until},
};
use crate::{
    host::{ExitStatus, Host, Output},
    host_println,
    sidecar::{
        self,
        config::{ProxyConfig, Svid},
        telemetry::Telemetry,
    },
};

/// What the program is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// Traffic from outside.
    Gateway,
    /// The application beside it.
    Sidecar,
}

impl Role {
    fn of(arguments: &[String]) -> Result<Self, AgentError> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words[..] {
            [] | ["--role", "sidecar"] | ["--role=sidecar"] => Ok(Self::Sidecar),
            ["--role", "gateway"] | ["--role=gateway"] => Ok(Self::Gateway),
            _ => Err(AgentError::Arguments(words.join(" "))),
        }
    }
}

/// Runs the program: `--role sidecar` (the default) or `--role gateway`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Box::pin(async move {
        let shutdown = host.shutdown();
        let started = async {
            let agent = Agent::new(host.clone(), Role::of(&arguments)?)?;
            let (svid, config) = agent.start().await;
            Ok::<_, AgentError>((agent, svid, config))
        };
        let (agent, svid, config) = tokio::select! {
            () = shutdown.cancelled() => return ExitStatus::SUCCESS,
            started = started => match started {
                Ok(started) => started,
                Err(error) => {
                    host_println!(host, Output::Stderr, "sidecar: {error}");
                    return ExitStatus::USAGE;
                }
            },
        };
        agent.run(svid, config).await
    })
}

/// What the loops that keep a sidecar supplied have in common.
struct Agent {
    host: Arc<dyn Host>,
    role: Role,
    control_plane: ControlPlane,
    credentials: Credentials,
    /// Asks for a new certificate before the old one's time.
    renew: Notify,
    counters: Arc<Telemetry>,
}

impl Agent {
    fn new(host: Arc<dyn Host>, role: Role) -> Result<Self, AgentError> {
        let control_plane = ControlPlane::new(host.clone())?;
        let counters = Arc::new(Telemetry::of(control_plane.workload()));
        let credentials = Credentials::new(host.clone());
        Ok(Self { host, control_plane, credentials, role, renew: Notify::new(), counters })
    }

    /// Gets the first certificate and the first configuration, however long that takes.
    async fn start(&self) -> (Svid, ProxyConfig) {
        let svid = self.insist(|| "a certificate".to_owned(), || self.control_plane.certificate()).await;
        let config = self
            .insist(
                || "a configuration".to_owned(),
                || async {
                    let mut connection = self.control_plane.connect(Some(&svid)).await?;
                    loop {
                        match connection.news(None, None).await? {
                            News::Configuration(config) => return Ok(config),
                            News::Look(_) | News::None => {}
                        }
                    }
                },
            )
            .await;
        (svid, self.completed(config).await)
    }

    /// The configuration as it is worked with: the control plane has put in what a gateway's needs, a sidecar gets its
    /// credentials itself.
    async fn completed(&self, config: ProxyConfig) -> ProxyConfig {
        match self.role {
            Role::Gateway => config,
            Role::Sidecar => self.credentials.complete(config).await,
        }
    }

    /// Tries until it succeeds; says why not, but not again and again.
    async fn insist<T, F: Future<Output = Result<T, AgentError>>>(
        &self,
        what: impl Fn() -> String,
        ask: impl Fn() -> F,
    ) -> T {
        let (mut retry, mut said) = (Retry::default(), String::new());
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(error) => self.complain(&mut said, &format!("still waiting for {}: {error}", what())),
            }
            retry.wait().await;
        }
    }

    fn complain(&self, said: &mut String, complaint: &str) {
        if said != complaint {
            host_println!(self.host, Output::Stderr, "sidecar: {complaint}");
            complaint.clone_into(said);
        }
    }

    /// Runs the data plane until the machine asks to end, and keeps it supplied.
    async fn run(&self, svid: Svid, config: ProxyConfig) -> ExitStatus {
        let (svids, svid) = watch::channel(Arc::new(svid));
        let (configs, config) = watch::channel(Arc::new(config));
        let in_effect = watch::Sender::new(config.borrow().clone());
        let served = tokio::select! {
            served = self.serve(config, svid.clone(), &in_effect) => served,
            never = self.show_connections() => match never {},
            never = self.credentials.keep_current(&configs), if self.role == Role::Sidecar => match never {},
            () = self.keep_certified(&svids) => return ExitStatus::FAILURE,
            () = self.keep_configured(&configs, svid, &in_effect) => return ExitStatus::FAILURE,
        };
        match served {
            Ok(()) => ExitStatus::SUCCESS,
            Err(error) => {
                host_println!(self.host, Output::Stderr, "sidecar: {error}");
                ExitStatus::FAILURE
            }
        }
    }

    /// Runs the data plane. A gateway tells `in_effect` where it listens; for a sidecar a configuration holds once it is
    /// sent.
    async fn serve(
        &self,
        config: watch::Receiver<Arc<ProxyConfig>>,
        svid: watch::Receiver<Arc<Svid>>,
        in_effect: &watch::Sender<Arc<ProxyConfig>>,
    ) -> Result<(), sidecar::ServeError> {
        let options = sidecar::Options { counters: self.counters.clone(), ..sidecar::Options::default() };
        match self.role {
            Role::Gateway => sidecar::serve_gateway(self.host.clone(), options, config, svid, in_effect).await,
            Role::Sidecar => {
                let app_health: Arc<dyn sidecar::AppHealth> = Arc::new(AppHealth::new(self.host.clone()));
                let options = sidecar::Options { app_health: Some(app_health), ..options };
                sidecar::serve(self.host.clone(), options, config, svid).await
            }
        }
    }

    /// Lets whoever may look on at this sidecar's connections do so. Never ends: traffic does not depend on it.
    async fn show_connections(&self) -> Infallible {
        if let Err(error) = self.host.serve_taps().await {
            host_println!(self.host, Output::Stderr, "sidecar: nobody can look on at its connections: {error}");
        }
        std::future::pending().await
    }

    /// Renews the certificate at half of its life, or when it is asked to.
    async fn keep_certified(&self, svids: &watch::Sender<Arc<Svid>>) {
        loop {
            let renewal = renewal(&svids.borrow());
            tokio::select! {
                () = wait_until(renewal, Timestamp::now) => {}
                () = self.renew.notified() => {}
            }
            let ends = life(&svids.borrow()).not_after;
            let what = || match ends <= Timestamp::now() {
                true => format!("a new certificate (the old one ended at {ends}, and every peer refuses it)"),
                false => format!("a new certificate (the old one is good until {ends})"),
            };
            let svid = self.insist(what, || self.control_plane.certificate()).await;
            svids.send_replace(Arc::new(svid));
        }
    }

    /// Follows the configuration, over a new connection whenever the certificate is renewed or the old one fails.
    async fn keep_configured(
        &self,
        configs: &watch::Sender<Arc<ProxyConfig>>,
        mut svid: watch::Receiver<Arc<Svid>>,
        in_effect: &watch::Sender<Arc<ProxyConfig>>,
    ) {
        let (mut retry, mut said) = (Retry::default(), String::new());
        loop {
            let own = svid.borrow_and_update().clone();
            let before = configs.borrow().version.clone();
            let error = tokio::select! {
                error = self.follow(configs, &own, in_effect) => error,
                renewed = svid.changed() => match renewed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            self.complain(&mut said, &format!("keeping configuration {before}: {error}"));
            if self.control_plane.has_other_roots(&own) {
                self.renew.notify_one();
            }
            if configs.borrow().version != before {
                (retry, said) = (Retry::default(), String::new());
            }
            retry.wait().await;
        }
    }

    /// Takes one configuration after the other over one connection, until that fails. Asking for the next one
    /// acknowledges the last, so it comes when that is in effect.
    async fn follow(
        &self,
        configs: &watch::Sender<Arc<ProxyConfig>>,
        own: &Svid,
        in_effect: &watch::Sender<Arc<ProxyConfig>>,
    ) -> AgentError {
        let mut connection = match self.control_plane.connect(Some(own)).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        let mut look = 0;
        loop {
            let version = configs.borrow().version.clone();
            match connection.news(Some(&version), Some(look)).await {
                Ok(News::Configuration(config)) => {
                    let config = Arc::new(self.completed(config).await);
                    configs.send_replace(config.clone());
                    if self.role == Role::Gateway {
                        // The sender is borrowed, so it is there.
                        let _ = in_effect.subscribe().wait_for(|taken| Arc::ptr_eq(taken, &config)).await;
                    }
                }
                Ok(News::Look(newest)) => match connection.tell(newest, &self.counters.report()).await {
                    Ok(()) => look = newest,
                    Err(error) => return error,
                },
                Ok(News::None) => {}
                Err(error) => return error,
            }
        }
    }
}

/// When to renew: scattered, so that sidecars which started together do not ask together.
fn renewal(svid: &Svid) -> Timestamp {
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    let chance = random as f64 / u64::MAX as f64;
    life(svid).renewal(Timestamp::now(), chance)
}

/// From when to when a certificate is good; one that cannot be read never was.
fn life(svid: &Svid) -> Validity {
    let now = Timestamp::now();
    let validity = svid.chain.first().and_then(|leaf| Validity::of(leaf).ok());
    validity.unwrap_or(Validity { not_before: now, not_after: now })
}
