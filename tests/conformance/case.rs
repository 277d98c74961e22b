//! Cases: what is asked.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

/// A sequence of requests that belong together, in a namespace of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is shown by it; unique in its area.
    pub name: String,
    /// The requests, one after the other.
    pub steps: Vec<Step>,
    /// Places of every answer that are not compared, as in [`Step::mask`].
    #[serde(default)]
    pub mask: Vec<String>,
}

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Method, path and query: `POST /api/v1/namespaces/${ns}/configmaps?dryRun=All`.
    pub request: String,
    /// Headers. With a body of YAML, `content-type` is `application/json` unless it is written here.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: an object that is sent as JSON, or a text that is sent as it is.
    #[serde(default)]
    pub body: Option<Value>,
    /// Whom the administrator acts as.
    #[serde(default, rename = "as")]
    pub acting: Option<Acting>,
    /// Whether the request goes without the administrator's certificate.
    #[serde(default)]
    pub anonymous: bool,
    /// Values of the answer that later steps use: name to JSON pointer.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
    /// Repeats the request until these places (JSON pointers) have these values.
    #[serde(default)]
    pub until: BTreeMap<String, Value>,
    /// Repeats the request until it is answered with this code.
    #[serde(default)]
    pub until_code: Option<u16>,
    /// Reads that many events of a watch, and then hangs up.
    #[serde(default)]
    pub events: Option<usize>,
    /// Places of the answer that are not compared: JSON pointers, with `*` for any one step.
    #[serde(default)]
    pub mask: Vec<String>,
    /// Compares the code only: the step merely prepares something.
    #[serde(default)]
    pub quiet: bool,
}

/// A user by impersonation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acting {
    pub user: String,
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Case {
    /// Whether it points the server at a webhook.
    pub fn needs_webhook(&self) -> bool {
        self.steps.iter().any(|step| step.body.as_ref().is_some_and(|body| body.to_string().contains("${webhook}")))
    }
}

/// The folder of this test.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// The areas there are cases of.
pub fn areas() -> Vec<String> {
    let files = fs::read_dir(folder().join("cases")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Reads the cases of an area.
pub fn read(area: &str) -> Vec<Case> {
    let file = folder().join(format!("cases/{area}.yaml"));
    let text = fs::read_to_string(&file).unwrap();
    let cases: Vec<Case> = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for (index, case) in cases.iter().enumerate() {
        let twice = cases[..index].iter().any(|other| other.name == case.name);
        assert!(!twice, "{}: two cases are called {:?}", file.display(), case.name);
    }
    cases
}

impl Step {
    /// A plain request.
    pub fn new(request: &str) -> Self {
        serde_json::from_value(serde_json::json!({"request": request})).unwrap()
    }

    /// A request with a body.
    pub fn with(request: &str, body: Value) -> Self {
        Self { body: Some(body), ..Self::new(request) }
    }
}
