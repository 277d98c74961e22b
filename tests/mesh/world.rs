//! A cluster with nothing in it, and the binary: the embedded cluster always, a real one if `LABCTL_E2E_KUBECONFIG` names it.

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    process::Output,
    time::Duration,
};

use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, AttachParams, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    runtime::wait::{self, Condition as _},
};
use labctl::cluster::{Connection, Target, connect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncReadExt, time::Instant};

use crate::real_cluster::{self, Turn};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often is asked what cannot be watched.
const PAUSE: Duration = Duration::from_millis(100);

/// The namespace for pods of a test.
pub const NAMESPACE: &str = "meshed";

pub struct World {
    connection: Connection,
    folder: TempDir,
    kubeconfig: PathBuf,
    _turn: Option<Turn>,
}

impl World {
    pub async fn embedded() -> Self {
        let connection = connect(&Target::Embedded).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, serde_yaml::to_string(connection.kubeconfig()).unwrap()).unwrap();
        Self { connection, folder, kubeconfig, _turn: None }
    }

    /// Reaches the real cluster as soon as nobody else uses it; nothing if there is none.
    pub async fn real(test: &str) -> Option<Self> {
        let kubeconfig = real_cluster::kubeconfig(test)?;
        let turn = Turn::take().await;
        let target = Target::Kubernetes { kubeconfig: Some(kubeconfig.clone()), context: None };
        let connection = connect(&target).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Some(Self { connection, folder, kubeconfig, _turn: Some(turn) })
    }

    /// Runs a test; whatever happens, the cluster is as empty afterwards as before.
    pub async fn test(self, test: impl AsyncFnOnce(&Self)) {
        let outcome = AssertUnwindSafe(test(&self)).catch_unwind().await;
        self.delete_namespace().await;
        let _ = self.labctl(&["mesh", "uninstall", "--yes"]).await;
        self.connection.close().await;
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }

    pub fn client(&self) -> Client {
        self.connection.client()
    }

    /// Runs the binary against the cluster: its exit code and its two outputs.
    pub async fn labctl(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_labctl"));
        command.args(arguments).arg("--kubeconfig").arg(&self.kubeconfig).env_remove("KUBECONFIG");
        command.env("HOME", self.folder.path()).env("NO_COLOR", "1").stdin(std::process::Stdio::null());
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// Runs the binary, which must succeed.
    pub async fn must(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.labctl(arguments).await;
        assert_eq!(code, 0, "labctl {}\n{stdout}{stderr}", arguments.join(" "));
        stdout
    }

    /// The state of the mesh, once it is so.
    pub async fn until_state(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, stdout, stderr) = self.labctl(&["mesh", "status", "-o", "json"]).await;
            let state: Value = serde_json::from_str(&stdout).unwrap_or_default();
            if is_so(&state["mesh"]) {
                return state["mesh"].clone();
            }
            assert!(Instant::now() < deadline, "the mesh stays {state:#}\n{stderr}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Makes the namespace of the test, with sidecars for its pods.
    pub async fn make_namespace(&self) {
        let namespace = json!({ "metadata": { "name": NAMESPACE, "labels": { "istio-injection": "enabled" } } });
        let api: Api<Namespace> = Api::all(self.client());
        api.create(&PostParams::default(), &serde_json::from_value(namespace).unwrap()).await.unwrap();
        self.eventually("the namespace has its account", async || {
            let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = Api::namespaced(self.client(), NAMESPACE);
            accounts.get_opt("default").await.unwrap().map(|_| ())
        })
        .await;
    }

    /// Makes a pod of a bundled program; the API server's word if it is refused.
    pub async fn try_pod(&self, name: &str, command: &[&str]) -> kube::Result<Pod> {
        let image = labctl::mesh::install::Settings::default().image;
        let pod = json!({
            "metadata": { "name": name, "labels": { "app": name } },
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{ "name": "app", "image": image, "command": command }],
            },
        });
        let api: Api<Pod> = Api::namespaced(self.client(), NAMESPACE);
        api.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await
    }

    /// Makes a pod and waits until it is ready; answers its address.
    pub async fn pod(&self, name: &str, command: &[&str]) -> String {
        self.try_pod(name, command).await.unwrap();
        let api: Api<Pod> = Api::namespaced(self.client(), NAMESPACE);
        let ready = wait::conditions::is_pod_running().and(|pod: Option<&Pod>| {
            let conditions = pod.and_then(|pod| pod.status.as_ref()?.conditions.as_ref()).into_iter().flatten();
            conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True")
        });
        let pod = tokio::time::timeout(PATIENCE, wait::await_condition(api.clone(), name, ready)).await;
        match pod {
            Ok(pod) => pod.unwrap().unwrap().status.unwrap().pod_ip.unwrap(),
            Err(_) => panic!("pod {name} is not ready: {:#}", json!(api.get(name).await.unwrap().status)),
        }
    }

    /// Makes a Service on port 80 for a pod.
    pub async fn service(&self, name: &str, pod: &str) {
        self.apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": {
                "selector": { "app": pod },
                "ports": [{ "name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP" }],
            },
        }))
        .await;
    }

    /// What curl prints in a pod's container: the answer, or why there is none.
    pub async fn curl(&self, pod: &str, url: &str) -> String {
        let api: Api<Pod> = Api::namespaced(self.client(), NAMESPACE);
        let command = ["curl", "-sS", "-m", "5", url];
        let parameters = AttachParams::default().container("app").stderr(true);
        let mut process = api.exec(pod, command, &parameters).await.unwrap();
        let (mut said, mut complained) = (String::new(), String::new());
        let (mut stdout, mut stderr) = (process.stdout().unwrap(), process.stderr().unwrap());
        let _ = tokio::join!(stdout.read_to_string(&mut said), stderr.read_to_string(&mut complained));
        said + &complained
    }

    pub async fn apply(&self, object: Value) -> DynamicObject {
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let parameters = PatchParams::apply("test").force();
        self.api(&object).patch(&object.name_any(), &parameters, &Patch::Apply(&object)).await.unwrap()
    }

    pub fn api(&self, object: &DynamicObject) -> Api<DynamicObject> {
        let types = object.types.as_ref().unwrap();
        let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
        match object.metadata.namespace.as_deref() {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        }
    }

    /// Sets how many replicas the control plane has, and waits until it is so.
    pub async fn scale_control_plane(&self, replicas: i32) {
        let api: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(self.client(), "istio-system");
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch("labctl-mesh", &PatchParams::default(), &patch).await.unwrap();
        let pods: Api<Pod> = Api::namespaced(self.client(), "istio-system");
        self.eventually("the control plane is scaled", async || {
            let ready = api.get("labctl-mesh").await.unwrap().status.and_then(|status| status.ready_replicas);
            let there = pods.list(&Default::default()).await.unwrap().items.len();
            (ready.unwrap_or_default() == replicas && there == replicas as usize).then_some(())
        })
        .await;
    }

    /// Asks until there is an answer.
    pub async fn eventually<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(Instant::now() < deadline, "it never comes to this: {what}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Deletes the namespace of the test, and waits until it is gone.
    pub async fn delete_namespace(&self) {
        let api: Api<Namespace> = Api::all(self.client());
        let _ = api.delete(NAMESPACE, &DeleteParams::default()).await;
        self.eventually("the namespace is gone", async || {
            api.get_opt(NAMESPACE).await.unwrap().is_none().then_some(())
        })
        .await;
    }
}
