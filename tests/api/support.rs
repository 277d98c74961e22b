//! An API server with an open door, and clients for it.

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kube::{Client, Config, client::Body, config::KubeConfigOptions};
use labctl::embedded::{api::Server, auth::User, front::Front, store::Store};
use serde_json::{Value, json};

/// A server without controllers and node.
pub struct Cluster {
    pub server: Server,
    pub front: Front,
    pub client: Client,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl Answer {
    /// The code, the reason and the message of a refusal, in one line.
    pub fn refusal(&self) -> String {
        let text = |field: &str| self.body[field].as_str().unwrap_or_default();
        assert_eq!(self.body["kind"], "Status", "{self:?}");
        assert_eq!(self.body["code"], self.code);
        format!("{} {}: {}", self.code, text("reason"), text("message"))
    }

    /// The object, if it is one.
    pub fn object(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.body);
        self.body
    }
}

impl Cluster {
    pub async fn start() -> Self {
        Self::with_history(1000).await
    }

    pub async fn with_history(history: usize) -> Self {
        let server = Server::new(Store::new(history));
        let front = Front::open(server.clone()).await.unwrap();
        let config = Config::from_custom_kubeconfig(front.kubeconfig(), &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        Self { server, front, client }
    }

    /// A client of somebody else.
    pub fn client_of(&self, user: User) -> Client {
        self.server.client(user)
    }

    /// A client of a service account with a real token, over HTTPS.
    pub async fn client_with_token(&self, token: &str) -> Client {
        let mut config = serde_json::to_value(self.front.kubeconfig()).unwrap();
        config["users"] = json!([{"name": "kubernetes-admin", "user": {"token": token}}]);
        let config = serde_json::from_value(config).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        ask(&self.client, Method::GET, path, None, "").await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        ask(&self.client, Method::DELETE, path, None, "").await
    }

    pub async fn delete_with(&self, path: &str, options: Value) -> Answer {
        ask(&self.client, Method::DELETE, path, Some("application/json"), &options.to_string()).await
    }

    pub async fn post(&self, path: &str, object: Value) -> Answer {
        ask(&self.client, Method::POST, path, Some("application/json"), &object.to_string()).await
    }

    pub async fn put(&self, path: &str, object: &Value) -> Answer {
        ask(&self.client, Method::PUT, path, Some("application/json"), &object.to_string()).await
    }

    pub async fn merge(&self, path: &str, patch: Value) -> Answer {
        self.patch(path, "application/merge-patch+json", patch).await
    }

    pub async fn patch(&self, path: &str, media_type: &str, patch: Value) -> Answer {
        ask(&self.client, Method::PATCH, path, Some(media_type), &patch.to_string()).await
    }

    pub async fn apply(&self, path: &str, object: Value) -> Answer {
        self.patch(path, "application/apply-patch+yaml", object).await
    }

    /// Makes a config map of that name in `default`.
    pub async fn config_map(&self, name: &str) -> Value {
        self.post(MAPS, json!({"metadata": {"name": name}, "data": {"a": "1"}})).await.object(201)
    }

    /// Makes the account that pods of `default` run as; controllers do that elsewhere.
    pub async fn default_account(&self) {
        let path = "/api/v1/namespaces/default/serviceaccounts";
        self.post(path, json!({"metadata": {"name": "default"}})).await.object(201);
    }

    /// Makes a pod of that name in `default`, on a node.
    pub async fn pod(&self, name: &str, containers: &[&str]) -> Value {
        let containers: Vec<Value> = containers.iter().map(|name| json!({"name": name, "image": "x"})).collect();
        let pod = json!({"metadata": {"name": name}, "spec": {"containers": containers, "nodeName": "here"}});
        self.post(PODS, pod).await.object(201)
    }
}

pub const MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub const PODS: &str = "/api/v1/namespaces/default/pods";

/// Sends a request as it is.
pub async fn ask(client: &Client, method: Method, path: &str, media_type: Option<&str>, body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    let response = client.send(request.body(Body::from(body.as_bytes().to_vec())).unwrap()).await.unwrap();
    let warnings = response.headers().get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned());
    let warnings = warnings.collect();
    let code: StatusCode = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
    Answer { code: code.as_u16(), body, warnings }
}
