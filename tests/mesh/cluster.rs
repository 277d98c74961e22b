//! An embedded cluster with the mesh in it.

use std::{future::ready, net::SocketAddr, pin::pin, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::StreamExt;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Event, Namespace, Pod, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt,
    api::{
        ApiResource, AttachParams, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams,
    },
    core::{GroupVersionKind, ObjectMeta},
    runtime::{
        WatchStreamExt,
        wait::{self, Condition},
        watcher,
    },
};
use labctl::{
    embedded::{
        self, Embedded,
        node::images::{Image, Images},
    },
    host::Program,
    mesh::{distribute::Status, install},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::caller::{self, Answer, Call};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(8);

pub struct Mesh {
    embedded: Embedded,
}

impl Mesh {
    /// Starts a cluster and installs the mesh; ready when this returns.
    pub async fn start() -> Self {
        let mesh = Self::install(|_| true).await;
        mesh.until_ready().await;
        mesh
    }

    /// Starts a cluster with everything of the mesh but the control plane itself, and the webhooks it would serve.
    pub async fn without_control_plane() -> Self {
        Self::install(|kind| kind != "Deployment" && !kind.ends_with("WebhookConfiguration")).await
    }

    async fn install(wanted: impl Fn(&str) -> bool) -> Self {
        let settings = install::Settings::default();
        let image = Image { name: settings.image.clone(), entrypoint: vec!["pause".to_owned()], user: 0 };
        let options = embedded::Options { programs, images: Images::new(vec![image]) };
        let embedded = embedded::start(options).await.unwrap();
        let mesh = Self { embedded };
        for object in install::manifests(&settings).unwrap() {
            if wanted(&object.types.as_ref().unwrap().kind) {
                mesh.apply(&object).await;
            }
        }
        mesh
    }

    pub fn client(&self) -> Client {
        self.embedded.client()
    }

    /// Where the API server is, and the authority of its certificate (PEM).
    pub fn api_server(&self) -> (SocketAddr, String) {
        let kubeconfig = self.embedded.kubeconfig();
        let cluster = kubeconfig.clusters[0].cluster.as_ref().unwrap();
        let address = cluster.server.as_ref().unwrap().trim_start_matches("https://").trim_end_matches('/');
        let authority = STANDARD.decode(cluster.certificate_authority_data.as_ref().unwrap()).unwrap();
        (address.parse().unwrap(), String::from_utf8(authority).unwrap())
    }

    /// Waits until the control plane's pod is ready.
    pub async fn until_ready(&self) {
        let api: Api<DynamicObject> = self.api("apps/v1", "Deployment", Some("istio-system"));
        let ready = |deployment: Option<&DynamicObject>| {
            deployment.is_some_and(|deployment| deployment.data["status"]["readyReplicas"] == 1)
        };
        match tokio::time::timeout(PATIENCE, wait::await_condition(api, "labctl-mesh", ready)).await {
            Ok(deployment) => drop(deployment.unwrap()),
            Err(_) => panic!("the control plane is not ready: {}", self.log("istio-system", "control-plane").await),
        }
    }

    /// Ends the control plane and waits until its successor is ready.
    pub async fn restart(&self) {
        let pods: Api<Pod> = Api::namespaced(self.client(), "istio-system");
        let pod = pods.list(&ListParams::default()).await.unwrap().items.remove(0);
        let (name, uid) = (pod.name_any(), pod.uid().unwrap());
        pods.delete(&name, &DeleteParams::default()).await.unwrap();
        within(wait::await_condition(pods, &name, wait::conditions::is_deleted(&uid))).await.unwrap();
        self.until_ready().await;
    }

    /// What a container of all pods of a namespace has said.
    async fn log(&self, namespace: &str, container: &str) -> String {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        let parameters = LogParams { container: Some(container.to_owned()), ..LogParams::default() };
        let mut text = String::new();
        for pod in api.list(&ListParams::default()).await.unwrap() {
            let log = api.logs(&pod.name_any(), &parameters).await.unwrap_or_else(|error| error.to_string());
            let status = serde_json::to_string(&pod.status).unwrap();
            text.push_str(&format!("{}: {status}\n{log}\n", pod.name_any()));
        }
        text
    }

    pub async fn namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
        let api: Api<Namespace> = Api::all(self.client());
        api.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await.unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), name);
        within(wait::await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some()))
            .await
            .unwrap();
    }

    /// Makes a pod that does nothing, and waits until it is ready.
    pub async fn pod(&self, namespace: &str, name: &str) -> Pod {
        self.create_pod(namespace, &pod(name)).await
    }

    /// Makes a pod.
    pub async fn start_pod(&self, namespace: &str, pod: &Pod) -> Pod {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        api.create(&PostParams::default(), pod).await.unwrap()
    }

    /// Makes a pod and waits until it is ready.
    pub async fn create_pod(&self, namespace: &str, pod: &Pod) -> Pod {
        let pod = self.start_pod(namespace, pod).await;
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        let ready = wait::conditions::is_pod_running().and(is_ready);
        match tokio::time::timeout(PATIENCE, wait::await_condition(api, &pod.name_any(), ready)).await {
            Ok(pod) => pod.unwrap().unwrap(),
            Err(_) => panic!("the pod is not ready: {}", self.log(namespace, "istio-proxy").await),
        }
    }

    pub async fn apply(&self, object: &DynamicObject) {
        self.try_apply(object).await.unwrap();
    }

    pub async fn try_apply(&self, object: &DynamicObject) -> kube::Result<DynamicObject> {
        let parameters = PatchParams::apply("test").force();
        self.api_of(object).patch(&object.name_any(), &parameters, &Patch::Apply(object)).await
    }

    pub async fn delete(&self, object: &DynamicObject) {
        self.api_of(object).delete(&object.name_any(), &DeleteParams::default()).await.unwrap();
    }

    /// Waits until the mesh's status is so.
    pub async fn until(&self, is_so: impl Fn(&Status) -> bool) -> Status {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), "istio-system");
        let condition = |map: Option<&ConfigMap>| status(map).is_some_and(|status| is_so(&status));
        let found = tokio::time::timeout(PATIENCE, wait::await_condition(api.clone(), "labctl-mesh-status", condition));
        match found.await {
            Ok(map) => status(map.unwrap().as_ref()).unwrap(),
            Err(_) => panic!(
                "{}\nthe status stays {:?}",
                self.log("foo", "istio-proxy").await,
                status(Some(&api.get("labctl-mesh-status").await.unwrap()))
            ),
        }
    }

    /// Waits for an event about a pod; answers its message.
    pub async fn event(&self, namespace: &str, pod: &str, reason: &str) -> String {
        let api: Api<Event> = Api::namespaced(self.client(), namespace);
        let about = watcher::Config::default().fields(&format!("involvedObject.name={pod}"));
        let events = watcher::watcher(api, about).applied_objects().filter_map(async |event| event.ok());
        let mut wanted = pin!(events.filter(|event| ready(event.reason.as_deref() == Some(reason))));
        within(wanted.next()).await.unwrap().message.unwrap()
    }

    /// Waits until an object is gone.
    pub async fn until_gone(&self, api_version: &str, kind: &str, namespace: &str, name: &str) {
        let api = self.api(api_version, kind, Some(namespace));
        let gone = |object: Option<&DynamicObject>| object.is_none();
        within(wait::await_condition(api, name, gone)).await.unwrap();
    }

    /// The mesh's root, as the namespace has it.
    pub async fn root(&self, namespace: &str) -> String {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), namespace);
        let there = |map: Option<&ConfigMap>| map.is_some();
        let map = within(wait::await_condition(api, "istio-ca-root-cert", there)).await.unwrap().unwrap();
        map.data.unwrap()["root-cert.pem"].clone()
    }

    /// A token of a service account, made for `audience`.
    pub async fn token(&self, namespace: &str, account: &str, audience: &str) -> String {
        let spec = TokenRequestSpec { audiences: Some(vec![audience.to_owned()]), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let api: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let answer = api.create_token_request(account, &PostParams::default(), &request).await.unwrap();
        answer.status.unwrap().token.unwrap()
    }

    /// Calls the control plane from inside a pod, `namespace/name`.
    pub async fn call(&self, pod: &str, call: &Call) -> Answer {
        let (namespace, name) = pod.split_once('/').unwrap();
        let call = call.trusting(self.root(namespace).await);
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        let command = ["call".to_owned(), serde_json::to_string(&call).unwrap()];
        let parameters = AttachParams::default().container("app").stderr(true);
        let mut process = within(api.exec(name, command, &parameters)).await.unwrap();
        let (mut output, mut errors) = (String::new(), String::new());
        let (mut stdout, mut stderr) = (process.stdout().unwrap(), process.stderr().unwrap());
        let (read, _) = tokio::join!(stdout.read_to_string(&mut output), stderr.read_to_string(&mut errors));
        read.unwrap();
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output:?} {errors:?}"))
    }

    fn api_of(&self, object: &DynamicObject) -> Api<DynamicObject> {
        let types = object.types.as_ref().unwrap();
        self.api(&types.api_version, &types.kind, object.metadata.namespace.as_deref())
    }

    fn api(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

fn programs(name: &str) -> Option<Program> {
    match name {
        "application" => Some(caller::application),
        "call" => Some(caller::program),
        "pause" => Some(caller::pause),
        other => labctl::programs::find(other),
    }
}

fn status(map: Option<&ConfigMap>) -> Option<Status> {
    serde_json::from_str(map?.data.as_ref()?.get("status.json")?).ok()
}

fn is_ready(pod: Option<&Pod>) -> bool {
    let conditions = pod.and_then(|pod| pod.status.as_ref()?.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn parsed<K: DeserializeOwned>(value: serde_json::Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// A namespace, as something to delete.
pub fn namespace(name: &str) -> DynamicObject {
    parsed(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }))
}

/// A pod that does nothing.
pub fn pod(name: &str) -> Pod {
    let image = install::Settings::default().image;
    parsed(json!({
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": { "containers": [{ "name": "app", "image": image, "command": ["pause"] }] },
    }))
}

/// A pod whose container listens on port 8080 and has these probes.
pub fn application(name: &str, probes: &serde_json::Value) -> Pod {
    let mut pod = serde_json::to_value(pod(name)).unwrap();
    let container = &mut pod["spec"]["containers"][0];
    container["command"] = json!(["application"]);
    container["ports"] = json!([{ "name": "web", "containerPort": 8080 }]);
    container.as_object_mut().unwrap().extend(probes.as_object().unwrap().clone());
    parsed(pod)
}

/// A PeerAuthentication for a whole namespace.
pub fn policy(namespace: &str, name: &str, mode: &str) -> DynamicObject {
    parsed(json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "mtls": { "mode": mode } },
    }))
}
