//! A cluster as a test uses it: through the binary and through a client.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, resume_unwind},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::FutureExt;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api,
    api::ListParams,
    core::{DynamicObject, ResourceExt},
    discovery::{Discovery, verbs},
    runtime::wait::await_condition,
};
use labctl::cluster::{
    Cluster, Connection, Patience, RunId, Target, connect,
    exec::{ContainerRef, Executed},
    pods,
};
use serde::Deserialize;
use tempfile::TempDir;

use super::{Turn, real};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(90);

/// A cluster, and whatever the test creates on it.
pub struct World {
    connection: Connection,
    /// Creates for the test, and deletes it all in the end.
    pub cluster: Cluster,
    home: TempDir,
    kubeconfig: PathBuf,
    image: Option<String>,
    has_mesh: AtomicBool,
    _turn: Option<Turn>,
}

/// What the binary said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// Starts the embedded cluster.
    pub async fn embedded() -> Self {
        let connection = connect(&Target::Embedded).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let kubeconfig = home.path().join("kubeconfig");
        std::fs::write(&kubeconfig, serde_yaml::to_string(connection.kubeconfig()).unwrap()).unwrap();
        Self::new(connection, home, kubeconfig, None, None)
    }

    /// Reaches the real cluster as soon as nobody else uses it; nothing if there is none.
    pub async fn real(test: &str) -> Option<Self> {
        let kubeconfig = std::path::absolute(real::kubeconfig(test)?).unwrap();
        let turn = Turn::take().await;
        let target = Target::Kubernetes { kubeconfig: Some(kubeconfig.clone()), context: None };
        let connection = connect(&target).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        Some(Self::new(connection, home, kubeconfig, real::image(), Some(turn)))
    }

    fn new(
        connection: Connection,
        home: TempDir,
        kubeconfig: PathBuf,
        image: Option<String>,
        turn: Option<Turn>,
    ) -> Self {
        std::fs::create_dir(home.path().join("tmp")).unwrap();
        let cluster = Cluster::new(connection.client(), RunId::random());
        let has_mesh = AtomicBool::new(false);
        Self { connection, cluster, home, kubeconfig, image, has_mesh, _turn: turn }
    }

    /// Runs a test, and leaves the cluster as it was, whatever comes of it.
    pub async fn test(self, test: impl AsyncFnOnce(&Self)) {
        let outcome = AssertUnwindSafe(test(&self)).catch_unwind().await;
        if outcome.is_err() {
            self.explain().await;
        }
        let left = self.cluster.clean(&Self::patience()).await;
        let uninstalled = match self.has_mesh.load(Ordering::Acquire) {
            true => Some(self.labctl(&["mesh", "uninstall", "--yes"]).await),
            false => None,
        };
        self.connection.close().await;
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        assert_eq!(left, []);
        assert!(uninstalled.as_ref().is_none_or(|ran| ran.code == 0), "{uninstalled:?}");
    }

    /// Says what the pods of a failed test have come to.
    async fn explain(&self) {
        let kubectl = |arguments: &'static [&'static str]| {
            tokio::process::Command::new("kubectl").arg("--kubeconfig").arg(&self.kubeconfig).args(arguments).output()
        };
        // A second opinion, for whoever has kubectl.
        for arguments in [&["get", "pods", "-A", "-o", "wide"][..], &["get", "events", "-A"]] {
            if let Ok(output) = kubectl(arguments).await {
                eprintln!("{}", String::from_utf8_lossy(&output.stdout));
            }
        }
    }

    pub fn client(&self) -> kube::Client {
        self.connection.client()
    }

    pub fn patience() -> Patience {
        Patience::silent(PATIENCE)
    }

    /// A folder of the test's own.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The name of the image with the bundled programs.
    pub fn image(&self) -> String {
        self.image.clone().unwrap_or_else(|| labctl::mesh::install::Settings::default().image)
    }

    /// The binary, in a home of its own, with these arguments.
    pub fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_labctl"));
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).env("NO_COLOR", "1");
        command.env("HOME", self.home.path()).env("TMPDIR", self.home.path().join("tmp"));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs the binary to its end.
    pub async fn labctl(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Runs the binary to its end, which must be a good one. Answers its standard output.
    pub async fn labctl_ok(&self, arguments: &[&str]) -> String {
        let ran = self.labctl(arguments).await;
        assert_eq!(ran.code, 0, "labctl {}\n{}\n{}", arguments.join(" "), ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Installs the mesh and waits until it injects. One that is there already is used, and stays.
    pub async fn install_mesh(&self) {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), "istio-system");
        if deployments.get_opt("labctl-mesh").await.unwrap().is_some() {
            return;
        }
        self.has_mesh.store(true, Ordering::Release);
        self.labctl_ok(&["mesh", "install", "--yes", "--image", &self.image()]).await;
    }

    /// Installs the mesh with its gateway, and waits until it injects.
    pub async fn install_mesh_with_gateway(&self) {
        self.has_mesh.store(true, Ordering::Release);
        self.labctl_ok(&["mesh", "install", "--gateway", "--yes", "--image", &self.image()]).await;
    }

    /// Creates objects as `kubectl apply` would, from YAML with one or more documents.
    pub async fn apply(&self, manifests: &str) {
        let documents = serde_yaml::Deserializer::from_str(manifests);
        let documents = documents.map(|document| serde_yaml::Value::deserialize(document).unwrap());
        let objects = documents.filter(|document| !document.is_null()).map(|it| serde_yaml::from_value(it).unwrap());
        self.cluster.apply(objects.collect(), &Self::patience()).await.unwrap();
    }

    /// Deletes an object of the test, and waits until it is gone.
    pub async fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) {
        let object = labctl::cluster::ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        };
        assert!(self.cluster.delete(&object, &Self::patience()).await.unwrap(), "{object} is not there");
    }

    /// Waits until all pods that the test has asked for are ready.
    pub async fn until_ready(&self) {
        self.cluster.until_ready(&Self::patience()).await.unwrap();
    }

    /// Waits until a Deployment has all its pods.
    pub async fn until_up(&self, namespace: &str, name: &str) {
        let up = |found: Option<&Deployment>| {
            found.is_some_and(|found| {
                let status = found.status.clone().unwrap_or_default();
                status.available_replicas == found.spec.replicas && status.unavailable_replicas.unwrap_or(0) == 0
            })
        };
        let api: Api<Deployment> = Api::namespaced(self.client(), namespace);
        within(await_condition(api, name, up)).await.unwrap();
    }

    /// Waits until pods can be made in these namespaces.
    pub async fn until_accounts(&self, namespaces: &[&str]) {
        for namespace in namespaces {
            let api: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
            let there = |found: Option<&ServiceAccount>| found.is_some();
            within(await_condition(api, "default", there)).await.unwrap();
        }
    }

    /// Waits until every proxy of these namespaces obeys the policies as they are now.
    pub async fn until_distributed(&self, namespaces: &[&str]) {
        let namespaces: BTreeSet<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
        self.cluster.until_distributed(&namespaces, &Self::patience()).await.unwrap();
    }

    /// The ready pod of `app.namespace`.
    pub async fn pod(&self, workload: &str) -> Pod {
        let (app, namespace) = workload.split_once('.').unwrap();
        let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
        let found = self.cluster.pods(namespace, &labels).await.unwrap();
        let mut ready = found.into_iter().filter(pods::is_ready);
        ready.next().unwrap_or_else(|| panic!("{workload} has no ready pod"))
    }

    /// A container of the ready pod of `app.namespace`.
    pub async fn container(&self, workload: &str, container: &str) -> ContainerRef {
        let pod = self.pod(workload).await;
        ContainerRef { namespace: pod.namespace().unwrap(), pod: pod.name_any(), container: container.to_owned() }
    }

    /// Runs a command in the container of `app.namespace` that is named like the app.
    pub async fn exec(&self, workload: &str, command: &[&str]) -> Executed {
        let app = workload.split('.').next().unwrap();
        let container = self.container(workload, app).await;
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        self.cluster.exec(&container, &command, PATIENCE).await.unwrap()
    }

    /// Everything on the cluster that labctl has made, of any kind.
    pub async fn ours(&self) -> BTreeSet<String> {
        let discovery = Discovery::new(self.client()).run().await.unwrap();
        let mut found = BTreeSet::new();
        for (resource, capabilities) in discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources) {
            if !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let api: Api<DynamicObject> = Api::all_with(self.client(), &resource);
            let ours = ListParams::default().labels("app.kubernetes.io/managed-by=labctl");
            for object in api.list(&ours).await.unwrap() {
                let namespace = object.namespace().unwrap_or_default();
                found.insert(format!("{} {namespace}/{}", resource.kind, object.name_any()));
            }
        }
        found
    }
}

/// The answer, unless it takes too long.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}
