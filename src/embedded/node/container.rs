//! The life of one container: start, probes, end, restart with back-off.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container as ContainerSpec, Probe};
use kube::ResourceExt;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::BackOff,
    context::{Deadline, Launch, LaunchError, PodContext, stopped},
    logs::ContainerLog,
    network::PodNetwork,
    pod_host::{Container, PodHost},
    probes::{Prober, Unhealthy},
    process::Process,
    sources::Changes,
    state::{Activity, Ended, Role},
    status::restarts,
};
use crate::{embedded::events::Severity, host::ExitStatus};

/// The exit code of a program that was killed (128 + SIGKILL).
const KILLED: ExitStatus = ExitStatus(137);

/// The exit code of a container whose program could not be started.
const NOT_STARTED: i32 = 128;

/// Where a program may leave its last words, and how many of them count.
const TERMINATION_LOG: &str = "/dev/termination-log";
const TERMINATION_BYTES: usize = 4096;
const FALLBACK_BYTES: usize = 2048;

/// Runs one container of a pod.
pub(super) struct Runner {
    pub(super) context: Arc<PodContext>,
    pub(super) network: Arc<PodNetwork>,
    pub(super) spec: ContainerSpec,
    pub(super) index: usize,
    pub(super) role: Role,
    pub(super) deadline: watch::Receiver<Deadline>,
}

/// What ends a run.
enum Cause {
    Finished(ExitStatus),
    Stop(Instant),
    Unhealthy(Unhealthy),
}

impl Runner {
    /// Runs the container until it has ended for good, or the pod ends.
    pub(super) async fn run(mut self) {
        let mut back_off = BackOff::default();
        let mut pulls = BackOff::default();
        loop {
            // A change between a failed launch and the wait for changes must not be missed.
            let changes = self.context.node.sources.changes();
            let begun = Instant::now();
            let ended = match self.context.launch(&self.spec, &self.network) {
                Ok(launch) => {
                    drop(changes);
                    self.run_once(launch).await
                }
                Err(LaunchError::Start(program)) => self.not_started(&LaunchError::Start(program)),
                Err(error) => {
                    if self.wait_for_launch(&error, &mut pulls, changes).await {
                        continue;
                    } else {
                        return;
                    }
                }
            };
            let again = restarts(&self.context.pod, self.role, ended.exit_code);
            self.update(|container| container.activity = Activity::Terminated(ended));
            let stopping = self.deadline.borrow().is_some();
            if stopping || !again || !self.pause(back_off.after(begun.elapsed())).await {
                return;
            }
        }
    }

    async fn run_once(&mut self, launch: Launch) -> Ended {
        let Launch { program, arguments, container } = launch;
        let (log, shutdown) = (Arc::new(ContainerLog::default()), CancellationToken::new());
        let id = format!("labctl://{}", uuid::Uuid::new_v4().simple());
        let host = PodHost::new(container.clone(), log.clone(), None, shutdown.clone());
        let process = Process::start(program, host, arguments, log.clone());
        // Also when this future is dropped, commands in the container must end.
        let ended = container.ended.clone().drop_guard();
        let since = Timestamp::now();
        self.enter_running(&container, &log, &id, since);
        let status = self.supervise(process, &shutdown, &container).await;
        drop(ended);
        container.network.close(container.owner);
        log.end();
        let code = i32::from(status.0);
        Ended {
            exit_code: code,
            reason: if code == 0 { "Completed" } else { "Error" },
            message: self.last_words(&container, &log, code),
            started_at: Some(since),
            finished_at: Timestamp::now(),
            id,
        }
    }

    /// Watches over a running program until it is gone.
    async fn supervise(
        &mut self,
        mut process: Process,
        shutdown: &CancellationToken,
        container: &Arc<Container>,
    ) -> ExitStatus {
        let prober = Prober {
            context: self.context.clone(),
            container: container.clone(),
            spec: self.spec.clone(),
            index: self.index,
            field: self.field(),
        };
        let cause = tokio::select! {
            status = process.wait() => Cause::Finished(status),
            deadline = stopped(&mut self.deadline) => Cause::Stop(deadline),
            unhealthy = prober.run() => Cause::Unhealthy(unhealthy),
        };
        let deadline = match cause {
            Cause::Finished(status) => return status,
            Cause::Stop(deadline) => {
                self.event(Severity::Normal, "Killing", format!("Stopping container {}", self.spec.name));
                deadline
            }
            Cause::Unhealthy(Unhealthy { probe, grace }) => {
                let text = format!("Container {} failed {probe} probe, will be restarted", self.spec.name);
                self.event(Severity::Normal, "Killing", text);
                Instant::now() + grace.unwrap_or_else(|| self.context.grace())
            }
        };
        let end = async {
            self.before_stop(&prober).await;
            shutdown.cancel();
            std::future::pending().await
        };
        tokio::select! {
            status = process.wait() => return status,
            () = sleep_until(deadline) => {}
            () = end => {}
        }
        process.kill().await;
        KILLED
    }

    /// Does what the container wants to be done before it is asked to end (`lifecycle.preStop`).
    async fn before_stop(&self, prober: &Prober) {
        let Some(hook) = self.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref()) else { return };
        if let Some(pause) = &hook.sleep {
            tokio::time::sleep(Duration::from_secs(u64::try_from(pause.seconds).unwrap_or(0))).await;
            return;
        }
        let question = Probe {
            exec: hook.exec.clone(),
            http_get: hook.http_get.clone(),
            tcp_socket: hook.tcp_socket.clone(),
            ..Probe::default()
        };
        if let Err(error) = prober.check(&question).await {
            self.event(Severity::Warning, "FailedPreStopHook", format!("PreStopHook failed: {error}"));
        }
    }

    fn enter_running(&self, container: &Arc<Container>, log: &Arc<ContainerLog>, id: &str, since: Timestamp) {
        let image = self.spec.image.as_deref().unwrap_or_default();
        self.event(
            Severity::Normal,
            "Pulled",
            format!("Container image \"{image}\" already present on machine and can be accessed by the pod"),
        );
        self.event(Severity::Normal, "Created", "Container created");
        self.event(Severity::Normal, "Started", "Container started");
        let (startup, readiness) = (self.spec.startup_probe.is_none(), self.spec.readiness_probe.is_none());
        self.update(|state| {
            if let Activity::Terminated(ended) = &state.activity {
                state.last = Some(ended.clone());
            }
            state.restarts += i32::from(state.last.is_some());
            state.activity = Activity::Running { since };
            state.started = startup;
            state.ready = startup && readiness;
            state.id = Some(id.to_owned());
            state.previous_log = state.log.replace(log.clone());
            state.running = Some(container.clone());
        });
    }

    fn not_started(&self, error: &LaunchError) -> Ended {
        self.event(Severity::Warning, "Failed", format!("Error: {error}"));
        self.update(|state| {
            if let Activity::Terminated(ended) = &state.activity {
                state.last = Some(ended.clone());
            }
            state.restarts += i32::from(state.last.is_some());
        });
        Ended {
            exit_code: NOT_STARTED,
            reason: "StartError",
            message: Some(error.to_string()),
            started_at: None,
            finished_at: Timestamp::now(),
            id: format!("labctl://{}", uuid::Uuid::new_v4().simple()),
        }
    }

    /// Waits until a failed launch may be tried again; `false` if the pod ends first.
    async fn wait_for_launch(&mut self, error: &LaunchError, pulls: &mut BackOff, mut changes: Changes) -> bool {
        let text = error.to_string();
        if let LaunchError::Pull { image, .. } = error {
            self.event(Severity::Warning, "Failed", format!("Failed to pull image \"{image}\": {text}"));
            self.event(Severity::Warning, "Failed", "Error: ErrImagePull");
            self.wait_state("ErrImagePull", text.clone());
            let pause = pulls.after_pull();
            // The kubelet shows the back-off at its next look at the pod.
            let message = format!("Back-off pulling image \"{image}\"");
            self.event(Severity::Normal, "BackOff", message.clone());
            self.event(Severity::Warning, "Failed", "Error: ImagePullBackOff");
            if pause > Duration::from_secs(10) {
                self.wait_state("ImagePullBackOff", format!("{message}: ErrImagePull: {text}"));
            }
            return self.sleep(pause).await;
        }
        self.event(Severity::Warning, "Failed", format!("Error: {text}"));
        self.wait_state("CreateContainerConfigError", text);
        let namespace = self.context.pod.namespace().unwrap_or_default();
        tokio::select! {
            () = changes.next(|of, _| of == namespace) => true,
            _ = stopped(&mut self.deadline) => false,
        }
    }

    /// Waits before a restart; `false` if the pod ends first.
    async fn pause(&mut self, pause: Option<Duration>) -> bool {
        let Some(pause) = pause else { return true };
        let (name, pod) = (&self.spec.name, &self.context.pod);
        let of =
            format!("{}_{}({})", pod.name_any(), pod.namespace().unwrap_or_default(), pod.uid().unwrap_or_default());
        let text = format!("Back-off restarting failed container {name} in pod {of}");
        self.event(Severity::Warning, "BackOff", text);
        let message = format!("back-off {} restarting failed container={name} pod={of}", in_go_notation(pause));
        self.update(|state| {
            if let Activity::Terminated(ended) = &state.activity {
                state.last = Some(ended.clone());
            }
            state.activity = Activity::Waiting { reason: "CrashLoopBackOff", message: Some(message) };
        });
        let go_on = self.sleep(pause).await;
        if !go_on {
            self.update(|state| {
                if let Some(last) = state.last.clone() {
                    state.activity = Activity::Terminated(last);
                }
            });
        }
        go_on
    }

    async fn sleep(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            _ = stopped(&mut self.deadline) => false,
        }
    }

    /// What the program left as its termination message.
    fn last_words(&self, container: &Container, log: &ContainerLog, code: i32) -> Option<String> {
        let path = self.spec.termination_message_path.as_deref().unwrap_or(TERMINATION_LOG);
        let written = container.files.read(Path::new(path)).unwrap_or_default();
        let text = String::from_utf8_lossy(&written[..written.len().min(TERMINATION_BYTES)]).into_owned();
        let fall_back = self.spec.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        let text = if text.is_empty() && fall_back && code != 0 { log.tail(FALLBACK_BYTES) } else { text };
        (!text.is_empty()).then_some(text)
    }

    fn wait_state(&self, reason: &'static str, message: String) {
        self.update(|state| state.activity = Activity::Waiting { reason, message: Some(message) });
    }

    fn update(&self, change: impl FnOnce(&mut super::state::ContainerState)) {
        self.context.live.update_container(self.index, |state| {
            change(state);
            if !matches!(state.activity, Activity::Running { .. }) {
                (state.ready, state.started, state.running) = (false, false, None);
            }
        });
    }

    fn field(&self) -> String {
        let list = if self.role == Role::App { "containers" } else { "initContainers" };
        format!("spec.{list}{{{}}}", self.spec.name)
    }

    fn event(&self, severity: Severity, reason: &'static str, message: impl Into<String>) {
        let about = (&*self.context.pod, &*self.field());
        self.context.node.recorder.container(about, severity, reason, message);
    }
}

/// A pause as Kubernetes writes it: `10s`, `1m20s`, `5m0s`.
fn in_go_notation(pause: Duration) -> String {
    match pause.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}
