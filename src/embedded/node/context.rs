//! What the parts of the node share: all pods of the node, and all containers of one pod.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod, PodSpec};
use kube::Client;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    dns::Resolver,
    env::{self, ConfigError},
    files::{FileSystem, Mount},
    images::Images,
    network::{Network, PodNetwork},
    pod_host::Container,
    sources::Sources,
    state::LiveState,
    volumes::Volumes,
};
use crate::{embedded::events::Recorder, host::Program};

/// Finds a bundled program by its name.
pub type FindProgram = fn(&str) -> Option<Program>;

/// What all pods of the node share.
pub(super) struct NodeContext {
    pub(super) client: Client,
    pub(super) network: Network,
    pub(super) images: Images,
    pub(super) programs: FindProgram,
    pub(super) sources: Sources,
    pub(super) recorder: Recorder,
}

/// What all containers of a pod share.
pub(super) struct PodContext {
    pub(super) node: Arc<NodeContext>,
    /// The pod as it was when the node took it; what containers are made of does not change afterwards.
    pub(super) pod: Arc<Pod>,
    pub(super) live: Arc<LiveState>,
    pub(super) volumes: Volumes,
}

/// Until when a container may go on; `None` as long as nobody wants it to end.
pub(super) type Deadline = Option<Instant>;

/// Waits until a container is asked to end.
pub(super) async fn stopped(deadline: &mut watch::Receiver<Deadline>) -> Instant {
    match deadline.wait_for(Option::is_some).await {
        Ok(deadline) => deadline.unwrap_or_else(Instant::now),
        // Whoever could ask is gone: end at once.
        Err(_) => Instant::now(),
    }
}

/// How a container can't be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaunchError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "failed to pull and unpack image \"{image}\": the embedded node downloads nothing; it has: {}",
        .bundled.join(", ")
    )]
    Pull { image: String, bundled: Vec<String> },
    #[error(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
         unable to start container process: exec: \"{0}\": executable file not found in $PATH: unknown"
    )]
    Start(String),
}

/// A container that is ready to start.
pub(super) struct Launch {
    pub(super) program: Program,
    pub(super) arguments: Vec<String>,
    pub(super) container: Arc<Container>,
}

impl PodContext {
    /// The description of the pod.
    pub(super) fn spec(&self) -> &PodSpec {
        self.pod.spec.as_ref().expect("the node takes only pods that are described")
    }

    /// How long the pod may take to end.
    pub(super) fn grace(&self) -> Duration {
        let seconds = self.spec().termination_grace_period_seconds.unwrap_or(30);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Prepares a run of `spec` in the pod's network.
    pub(super) fn launch(&self, spec: &ContainerSpec, network: &Arc<PodNetwork>) -> Result<Launch, LaunchError> {
        let reference = spec.image.as_deref().unwrap_or_default();
        let Some(image) = self.node.images.find(reference) else {
            let bundled = self.node.images.names().map(str::to_owned).collect();
            return Err(LaunchError::Pull { image: reference.to_owned(), bundled });
        };
        let env = env::environment(&self.pod, &network.address().to_string(), spec, &self.node.sources)?;
        let (argv0, arguments) = command_line(spec, &image.entrypoint, &env);
        let program = find_program(self.node.programs, &argv0).ok_or(LaunchError::Start(argv0))?;
        let uid = self.user(spec, image.user)?;
        let container = Container {
            network: network.clone(),
            owner: network.owner(),
            resolver: self.resolver(network),
            uid,
            gid: self.group(spec),
            net_admin: has_net_admin(spec),
            env,
            files: self.files(spec),
            ended: CancellationToken::new(),
        };
        Ok(Launch { program, arguments, container: Arc::new(container) })
    }

    fn user(&self, spec: &ContainerSpec, image_user: u32) -> Result<u32, ConfigError> {
        let own = spec.security_context.as_ref();
        let pod = self.spec().security_context.as_ref();
        let user = own.and_then(|own| own.run_as_user).or(pod.and_then(|pod| pod.run_as_user));
        let user = user.and_then(|user| u32::try_from(user).ok()).unwrap_or(image_user);
        let non_root = own.and_then(|own| own.run_as_non_root).or(pod.and_then(|pod| pod.run_as_non_root));
        if non_root == Some(true) && user == 0 { Err(ConfigError::Root) } else { Ok(user) }
    }

    /// The group of a container's programs: without a word about it, that of users whom the image does not know.
    fn group(&self, spec: &ContainerSpec) -> u32 {
        let own = spec.security_context.as_ref().and_then(|own| own.run_as_group);
        let group = own.or(self.spec().security_context.as_ref().and_then(|pod| pod.run_as_group));
        group.and_then(|group| u32::try_from(group).ok()).unwrap_or(0)
    }

    fn resolver(&self, network: &PodNetwork) -> Resolver {
        Resolver {
            namespace: self.pod.metadata.namespace.clone().unwrap_or_default(),
            hostname: env::hostname(&self.pod),
            address: network.address(),
        }
    }

    fn files(&self, spec: &ContainerSpec) -> FileSystem {
        let mounts = spec.volume_mounts.iter().flatten().filter_map(|mount| {
            let volume = self.spec().volumes.iter().flatten().find(|volume| volume.name == mount.name)?;
            Some(Mount {
                path: mount.mount_path.clone(),
                volume: self.volumes.find(&mount.name)?.clone(),
                sub_path: mount.sub_path.clone().unwrap_or_default(),
                read_only: mount.read_only == Some(true) || volume.empty_dir.is_none(),
            })
        });
        let read_only = spec.security_context.as_ref().and_then(|context| context.read_only_root_filesystem);
        FileSystem::new(mounts, read_only == Some(true))
    }
}

/// The program a command line names: its first word, without the directories.
pub(super) fn find_program(programs: FindProgram, argv0: &str) -> Option<Program> {
    programs(argv0.rsplit('/').next().unwrap_or(argv0))
}

/// `command` replaces the image's entrypoint as a whole, `args` its arguments.
fn command_line(spec: &ContainerSpec, entrypoint: &[String], env: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let expanded = |words: &[String]| words.iter().map(|word| env::expand(word, env)).collect::<Vec<_>>();
    let given = |words: &Option<Vec<String>>| words.as_deref().filter(|words| !words.is_empty()).map(expanded);
    let mut words = match (given(&spec.command), given(&spec.args)) {
        (Some(command), arguments) => [command, arguments.unwrap_or_default()].concat(),
        (None, Some(arguments)) => [entrypoint.get(..1).unwrap_or_default().to_vec(), arguments].concat(),
        (None, None) => entrypoint.to_vec(),
    };
    let argv0 = if words.is_empty() { String::new() } else { words.remove(0) };
    (argv0, words)
}

fn has_net_admin(spec: &ContainerSpec) -> bool {
    let Some(context) = &spec.security_context else { return false };
    let added = context.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
    context.privileged == Some(true) || added.into_iter().any(|name| name == "NET_ADMIN" || name == "ALL")
}
