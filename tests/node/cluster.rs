//! A cluster for one test, and how to look at it. Nothing here sleeps: all waiting is for a watched condition.

use std::{fmt::Debug, net::SocketAddr, time::Duration};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{
    Api, Client, Resource,
    api::{AttachParams, LogParams, PostParams},
    runtime::wait::{Condition, await_condition},
};
use labctl::embedded::{
    self, Embedded,
    node::images::{Image, Images},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::programs;

/// How long something may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster whose only image, `test`, has the programs of this test.
pub struct Cluster {
    pub client: Client,
    embedded: Embedded,
}

impl Cluster {
    pub async fn start() -> Self {
        let image = Image { name: "test".to_owned(), entrypoint: vec!["pause".to_owned()], user: 0 };
        let options = embedded::Options { images: Images::new(vec![image]), programs: programs::find };
        let embedded = embedded::start(options).await.unwrap();
        Self { client: embedded.client(), embedded }
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::default_namespaced(self.client.clone())
    }

    /// Makes an object in the namespace `default`.
    pub async fn create<K>(&self, object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let object = serde_json::from_value(object).unwrap();
        self.api().create(&PostParams::default(), &object).await.unwrap()
    }

    /// Makes a pod of one container `main` with this command.
    pub async fn run(&self, name: &str, command: &[&str]) -> Pod {
        self.create(pod(name, &json!({"containers": [container("main", command)]}))).await
    }

    /// Waits for a pod.
    pub async fn pod(&self, name: &str, condition: impl Condition<Pod>) -> Pod {
        self.wait(name, condition).await.expect("the pod is there")
    }

    /// Waits for any object.
    pub async fn wait<K>(&self, name: &str, condition: impl Condition<K>) -> Option<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let waited = tokio::time::timeout(PATIENCE, await_condition(self.api::<K>(), name, condition)).await;
        match waited {
            Ok(object) => object.unwrap(),
            Err(_) => {
                let now = self.api::<K>().get_opt(name).await;
                panic!("waited in vain for {name}: {now:#?}")
            }
        }
    }

    /// Runs a command in the container `main`; its output and exit code.
    pub async fn exec(&self, pod: &str, command: &[&str]) -> (String, u8) {
        self.exec_with(pod, "main", command, "").await.unwrap()
    }

    /// Runs a command; its output and exit code, or why it could not run.
    pub async fn exec_with(
        &self,
        pod: &str,
        container: &str,
        command: &[&str],
        stdin: &str,
    ) -> Result<(String, u8), String> {
        let parameters = AttachParams::default().container(container).stdin(true);
        let mut process = self.api::<Pod>().exec(pod, command.iter().copied(), &parameters).await.map_err(text)?;
        let mut input = process.stdin().unwrap();
        input.write_all(stdin.as_bytes()).await.unwrap();
        input.shutdown().await.unwrap();
        drop(input);
        let (mut output, mut errors) = (process.stdout().unwrap(), process.stderr().unwrap());
        let status = process.take_status().unwrap();
        let (mut printed, mut complaints) = (String::new(), String::new());
        let (read, read_errors, status) =
            tokio::join!(output.read_to_string(&mut printed), errors.read_to_string(&mut complaints), status);
        assert!(read.is_ok() && read_errors.is_ok(), "the streams end in good order");
        let code = exit_code(&status.expect("every command has a status"))?;
        Ok((printed + &complaints, code))
    }

    /// The log of the container `main`.
    pub async fn log(&self, pod: &str, parameters: LogParams) -> Result<String, String> {
        let parameters = LogParams { container: Some("main".to_owned()), ..parameters };
        let mut stream = self.api::<Pod>().log_stream(pod, &parameters).await.map_err(text)?;
        let mut log = String::new();
        futures::AsyncReadExt::read_to_string(&mut stream, &mut log).await.unwrap();
        Ok(log)
    }

    pub async fn shutdown(self) {
        self.embedded.shutdown().await;
    }

    /// Connects to an address of the virtual network, as the kubelet does.
    pub async fn connect(&self, to: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
        self.embedded.network().connect_from_node(to).await
    }
}

/// What the server says.
fn text(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => other.to_string(),
    }
}

/// The exit code in the status of a command.
fn exit_code(status: &Status) -> Result<u8, String> {
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = code.map(|cause| cause.message.as_deref().unwrap_or_default().parse().unwrap());
    match code {
        Some(code) => Ok(code),
        None if status.status.as_deref() == Some("Success") => Ok(0),
        None => Err(status.message.clone().unwrap_or_default()),
    }
}

/// The description of a pod.
pub fn pod(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec})
}

/// The description of a container.
pub fn container(name: &str, command: &[&str]) -> Value {
    json!({"name": name, "image": "test", "command": command})
}

/// `a` with the fields of `b` put over it.
pub fn with(mut a: Value, b: &Value) -> Value {
    for (key, value) in b.as_object().unwrap() {
        a[key] = value.clone();
    }
    a
}

pub fn is_ready(pod: Option<&Pod>) -> bool {
    condition(pod, "Ready").as_deref() == Some("True")
}

/// The status of a condition of a pod.
pub fn condition(pod: Option<&Pod>, kind: &str) -> Option<String> {
    let conditions = pod?.status.as_ref()?.conditions.as_ref()?;
    Some(conditions.iter().find(|condition| condition.type_ == kind)?.status.clone())
}

pub fn phase(pod: Option<&Pod>) -> Option<&str> {
    pod?.status.as_ref()?.phase.as_deref()
}

/// What `kubectl get pod` shows a container to be waiting or ended for.
pub fn reason(pod: Option<&Pod>, container: usize) -> Option<&str> {
    let statuses = pod?.status.as_ref()?.container_statuses.as_ref()?;
    let state = statuses.get(container)?.state.as_ref()?;
    let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
    waiting.or(state.terminated.as_ref().and_then(|terminated| terminated.reason.as_deref()))
}

pub fn address(pod: &Pod) -> String {
    pod.status.as_ref().unwrap().pod_ip.clone().unwrap()
}
