//! A server that is asked: the embedded one or a real one.

use std::time::Duration;

use futures::StreamExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use labctl::{
    cluster::images,
    embedded::{self, Embedded},
    programs,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{answer::Answer, case::Step, variables::Variables};

/// How long something may take that was asked for and takes its time.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long to wait before asking once more.
const PAUSE: Duration = Duration::from_millis(50);

/// An API server and two ways to it.
pub struct Server {
    admin: Client,
    stranger: Client,
    /// Its version, such as `v1.20`.
    pub version: String,
    /// Keeps the embedded one running.
    _embedded: Option<Embedded>,
}

impl Server {
    /// Starts an embedded cluster.
    pub async fn embedded() -> Self {
        let options = embedded::Options { images: images::bundled(), programs: programs::find };
        let embedded = embedded::start(options).await.unwrap();
        let kubeconfig = embedded.kubeconfig();
        Self::new(kubeconfig, Some(embedded)).await
    }

    /// A real cluster, if there is one.
    pub async fn real() -> Option<Self> {
        let path = std::env::var_os("LABCTL_E2E_KUBECONFIG")?;
        Some(Self::new(Kubeconfig::read_from(path).unwrap(), None).await)
    }

    async fn new(kubeconfig: Kubeconfig, embedded: Option<Embedded>) -> Self {
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let mut stranger = config.clone();
        stranger.auth_info = kube::config::AuthInfo::default();
        let (admin, stranger) = (Client::try_from(config).unwrap(), Client::try_from(stranger).unwrap());
        let version = admin.apiserver_version().await.unwrap();
        let version = format!("v{}.{}", version.major, version.minor);
        Self { admin, stranger, version, _embedded: embedded }
    }

    /// Does what a step says, until the answer is what the step waits for.
    pub async fn ask(&self, step: &Step, variables: &Variables) -> Result<Answer, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask_once(step, variables).await?;
            let fits = |(place, wanted): (&String, &Value)| {
                answer.body.pointer(place).unwrap_or(&Value::Null) == &variables.fill_value(wanted)
            };
            if step.until.iter().all(fits) && step.until_code.is_none_or(|code| code == answer.code) {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                return Err(format!("{}: waited in vain, the last answer is {answer:?}", step.request));
            }
            sleep(PAUSE).await;
        }
    }

    async fn ask_once(&self, step: &Step, variables: &Variables) -> Result<Answer, String> {
        let client = if step.anonymous { &self.stranger } else { &self.admin };
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", step.request);
        let request = request(step, variables).map_err(|error| failed(&error))?;
        let answer = async {
            let response = client.send(request).await?;
            read(response, step.events).await
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|error| failed(&error)),
            Err(_) => Err(failed(&"no answer in time")),
        }
    }
}

fn request(step: &Step, variables: &Variables) -> Result<Request<Body>, String> {
    let (method, path) = step.request.split_once(' ').ok_or("not a method and a path")?;
    let mut request = Request::builder().method(method).uri(variables.fill(path)).header("user-agent", "conformance/1");
    let body = match &step.body {
        None => String::new(),
        Some(Value::String(text)) => variables.fill(text),
        Some(body) => {
            if !step.headers.contains_key("content-type") {
                request = request.header("content-type", "application/json");
            }
            variables.fill_value(body).to_string()
        }
    };
    for (name, value) in &step.headers {
        request = request.header(name, variables.fill(value));
    }
    if let Some(acting) = &step.acting {
        request = request.header("impersonate-user", variables.fill(&acting.user));
        for group in &acting.groups {
            request = request.header("impersonate-group", variables.fill(group));
        }
    }
    request.body(Body::from(body.into_bytes())).map_err(|error| error.to_string())
}

async fn read(response: Response<Body>, events: Option<usize>) -> Result<Answer, kube::Error> {
    let (parts, body) = response.into_parts();
    let header = |name: &str| {
        let values = parts.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect::<Vec<_>>()
    };
    let (media_type, warnings) = (header("content-type").join(", "), header("warning"));
    let body = match events {
        None => parse(&body.collect().await?.to_bytes()),
        Some(count) => lines(body, count).await?,
    };
    Ok(Answer { code: parts.status.as_u16(), media_type, warnings, body })
}

/// The first events of a watch, or all if it ends before.
async fn lines(body: Body, count: usize) -> Result<Value, kube::Error> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while bytes.iter().filter(|&&byte| byte == b'\n').count() < count {
        let Some(chunk) = stream.next().await else { break };
        bytes.extend_from_slice(&chunk?);
    }
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.take(count).map(parse).collect())
}

fn parse(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
}
