//! Who wrote which fields: `metadata.managedFields`.

use http::{StatusCode, header};
use serde_json::Value;

use super::{call::Call, metadata, status::Status};
use crate::embedded::{
    auth::User,
    objects::{
        apply::{self, ApplyError},
        field_error::{FieldError, Kind},
    },
};

/// The longest name of a field manager.
const LONGEST: usize = 128;

/// How somebody writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    /// As an owner of fields: the books are kept while the configuration is merged.
    Apply,
    /// Onto whatever is there by now.
    Patch,
    /// For one revision only, if the object that is sent says which.
    Update,
}

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    manager: String,
    subresource: String,
    api_version: String,
    time: String,
    manner: Manner,
}

impl Writer {
    /// Somebody who sends a whole object.
    pub fn update(call: &Call) -> Result<Self, Status> {
        Self::new(call, Manner::Update)
    }

    /// Somebody who sends a patch.
    pub fn patch(call: &Call) -> Result<Self, Status> {
        Self::new(call, Manner::Patch)
    }

    /// Somebody who applies a configuration, and has to say who it is.
    pub fn apply(call: &Call) -> Result<Self, Status> {
        if call.query.value("fieldManager").is_none() {
            let error = FieldError::required("fieldManager", "is required for apply patch");
            return Err(Status::invalid("meta.k8s.io", "PatchOptions", "", &[error]));
        }
        Self::new(call, Manner::Apply)
    }

    fn new(call: &Call, manner: Manner) -> Result<Self, Status> {
        let given = call.query.value("fieldManager");
        if given.is_some_and(|manager| manager.len() > LONGEST) {
            let detail = format!("may not be more than {LONGEST} bytes");
            let error = FieldError::new(Kind::TooLong, "fieldManager", Value::Null, detail);
            return Err(Status::invalid("meta.k8s.io", call.options(), "", &[error]));
        }
        let agent = || {
            let agent = call.headers.get(header::USER_AGENT)?.to_str().ok()?;
            let program = agent.split('/').next().unwrap_or_default();
            Some(program.chars().take(LONGEST).collect()).filter(|program: &String| !program.is_empty())
        };
        Ok(Self {
            manager: given.map(str::to_owned).or_else(agent).unwrap_or_else(|| own_program(&call.user)),
            subresource: call.target.subresource.clone().unwrap_or_default(),
            api_version: call.api_version(),
            time: metadata::now(),
            manner,
        })
    }

    /// Whether somebody patches.
    pub fn is_patch(&self) -> bool {
        self.manner == Manner::Patch
    }

    /// Whether a race that is lost is an error.
    pub fn is_exact(&self) -> bool {
        self.manner == Manner::Update
    }

    fn entry(&self) -> apply::Writer<'_> {
        apply::Writer {
            manager: &self.manager,
            subresource: &self.subresource,
            api_version: &self.api_version,
            time: &self.time,
        }
    }

    /// Notes in `object` what changed since `before`.
    pub fn record(&self, call: &Call, object: &mut Value, before: Option<&Value>) {
        if self.manner != Manner::Apply {
            apply::record_update(before, object, self.entry(), call.resource.shape(&call.target.version));
        }
    }

    /// Merges a configuration into what is there.
    pub fn merge(&self, call: &Call, live: Option<&Value>, config: &Value) -> Result<Value, Status> {
        let shape = call.resource.shape(&call.target.version);
        apply::apply(live, config, self.entry(), call.query.flag("force"), shape).map_err(|error| {
            let message = error.to_string();
            match error {
                ApplyError::Conflict(conflicts) => {
                    let causes: Vec<Value> = conflicts.iter().map(apply::Conflict::cause).collect();
                    Status::apply_conflict(message, &causes)
                }
                ApplyError::List(_) | ApplyError::Unknown(_) => {
                    Status::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
                }
                ApplyError::ManagedFields => Status::bad_request(message),
            }
        })
    }
}

/// The program that a system user without a user agent is: controllers and the node call in process.
fn own_program(user: &User) -> String {
    match user.name.strip_prefix("system:") {
        Some(node) if node.starts_with("node:") => "kubelet".to_owned(),
        Some(program) if !program.contains(':') => program.to_owned(),
        _ => "unknown".to_owned(),
    }
}
