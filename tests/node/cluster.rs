//! A cluster for one test, and how to look at it. Nothing here sleeps: all waiting is for a watched condition.

use std::{fmt::Debug, sync::Arc, time::Duration};

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::PostParams,
    runtime::wait::{Condition, await_condition},
};
use labctl::embedded::{
    api::{
        Kubelet, Server,
        kubelet::{ContainerRef, ExecStreams, KubeletError, LogOptions},
    },
    auth::User,
    machinery::{Machinery, Options},
    node::{
        Node,
        images::{Image, Images},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::programs;

/// How long something may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster whose only image, `test`, has the programs of this test.
pub struct Cluster {
    pub client: Client,
    node: Arc<Node>,
    _machinery: Machinery,
}

impl Cluster {
    pub async fn start() -> Self {
        let server = Server::default();
        let client = server.client(User::system("system:test"));
        let image = Image { name: "test".to_owned(), entrypoint: vec!["pause".to_owned()], user: 0 };
        let options = Options {
            api_server: ([127, 0, 0, 1], 9).into(),
            images: Images::new(vec![image]),
            programs: programs::find,
            root_certificate: "the root".to_owned(),
        };
        let machinery = Machinery::start(server.client(User::system("system:node:labctl")), options).await.unwrap();
        let node = machinery.node();
        server.attach(node.clone());
        Self { client, node, _machinery: machinery }
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
        self.create(pod(name, json!({"containers": [container("main", command)]}))).await
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
                let now = self.api::<Value2>().get_opt(name).await;
                panic!("waited in vain for {name}: {now:#?}")
            }
        }
    }

    /// Runs a command in the container `main`; its output and exit code.
    pub async fn exec(&self, pod: &str, command: &[&str]) -> Result<(String, u8), KubeletError> {
        self.exec_with(pod, "main", command, "").await
    }

    pub async fn exec_with(
        &self,
        pod: &str,
        container: &str,
        command: &[&str],
        stdin: &'static str,
    ) -> Result<(String, u8), KubeletError> {
        let container = self.container(pod, container).await;
        let (output, mut printed) = mpsc::unbounded_channel();
        let streams = ExecStreams { stdin: Some(Box::new(stdin.as_bytes())), output };
        let command = command.iter().map(|&word| word.to_owned()).collect();
        let status = self.node.exec(&container, command, streams).await?;
        let mut text = Vec::new();
        while let Ok((_, bytes)) = printed.try_recv() {
            text.extend_from_slice(&bytes);
        }
        Ok((String::from_utf8(text).unwrap(), status.0))
    }

    /// The log of the container `main`.
    pub async fn log(&self, pod: &str, options: LogOptions) -> Result<String, KubeletError> {
        use futures::TryStreamExt;
        let container = self.container(pod, "main").await;
        let chunks: Vec<_> = self.node.log(&container, options).await?.try_collect().await.unwrap();
        Ok(String::from_utf8(chunks.concat()).unwrap())
    }

    /// Connects to an address of the virtual network, as the kubelet does.
    pub async fn connect(&self, to: std::net::SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
        self.node.connect(to).await
    }

    async fn container(&self, pod: &str, container: &str) -> ContainerRef {
        let pod = self.api::<Pod>().get(pod).await.unwrap();
        ContainerRef {
            namespace: "default".to_owned(),
            pod: pod.name_any(),
            uid: pod.uid().unwrap(),
            container: container.to_owned(),
        }
    }
}

type Value2 = Pod;

/// The description of a pod.
pub fn pod(name: &str, spec: Value) -> Value {
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
