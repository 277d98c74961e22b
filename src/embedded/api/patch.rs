//! Patches: JSON patch, merge patch, strategic merge patch, server-side apply.

use http::{Response, StatusCode};
use serde_json::Value;

use super::{
    Server,
    body::{self, Body},
    call::Call,
    managed,
    metadata::text,
    status::Status,
};
use crate::embedded::objects::{
    field_error::FieldError,
    patch::{self, PatchError},
};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

impl From<PatchError> for Status {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Decode(_) => Self::bad_request(error.to_string()),
            PatchError::Malformed(message) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", message),
            PatchError::Unprocessable(_) => Self::unprocessable(),
        }
    }
}

impl Server {
    /// Changes the object in the path as the body says.
    pub(super) async fn patch(&self, call: &Call) -> Result<Response<Body>, Status> {
        let media_type = body::media_type(&call.headers);
        match media_type {
            APPLY => self.apply(call).await,
            STRATEGIC if call.resource.is_custom() => {
                Err(Status::unsupported_media_type(&[JSON, MERGE, APPLY].join(", ")))
            }
            JSON | MERGE | STRATEGIC => {
                let patch: Value = serde_json::from_slice(&call.body)
                    .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
                let mut warnings = call.deprecations();
                let object = self.patch_object(call, media_type, &patch, &mut warnings).await?;
                Ok(call.answer_with(StatusCode::OK, &object, &warnings))
            }
            _ => Err(Status::unknown_patch()),
        }
    }

    async fn patch_object(
        &self,
        call: &Call,
        media_type: &str,
        patch: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        if call.query.flag("force") {
            let error = FieldError::forbidden("force", "may not be specified for non-apply patch");
            return Err(Status::invalid("meta.k8s.io", "PatchOptions", "", &[error]));
        }
        let shape = call.resource.shape(&call.target.version);
        let writer = managed::Writer::patch(call)?;
        self.modify(call, &writer, warnings, |before| {
            Ok(match media_type {
                JSON => patch::json(before, patch)?,
                MERGE => patch::merge(before, patch)?,
                _ => patch::strategic(before, patch, shape)?,
            })
        })
        .await
    }
}

impl Server {
    /// Makes the object in the path have what the body says, and remembers who said so.
    async fn apply(&self, call: &Call) -> Result<Response<Body>, Status> {
        let config = body::parse_yaml(&call.body)?;
        let version = config["apiVersion"].as_str().unwrap_or_default();
        if version != call.api_version() {
            let what = "Incorrect version specified in apply patch. Specified patch version";
            return Err(Status::bad_request(format!("{what}: {version}, expected: {}", call.api_version())));
        }
        if config["kind"].as_str().is_none_or(str::is_empty) {
            return Err(Status::bad_request(format!("Object 'Kind' is missing in '{config}'")));
        }
        let name = text(&config, "name");
        if !name.is_empty() && name != call.name() {
            return Err(Status::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                call.name()
            )));
        }
        let writer = managed::Writer::apply(call)?;
        call.check_declared(&config)?;
        let mut warnings = call.deprecations();
        if self.store().get(&call.resource.table, &call.key()).is_none() {
            return self.apply_new(call, &config, &writer, warnings).await;
        }
        let object = self.modify(call, &writer, &mut warnings, |before| {
            let mut merged = writer.merge(call, Some(before), &config)?;
            // What the configuration insists on is not merged, but checked.
            for field in ["uid", "resourceVersion"] {
                if let Some(asked) = config["metadata"].get(field) {
                    merged["metadata"][field] = asked.clone();
                }
            }
            Ok(merged)
        });
        let object = object.await?;
        Ok(call.answer_with(StatusCode::OK, &object, &warnings))
    }

    async fn apply_new(
        &self,
        call: &Call,
        config: &Value,
        writer: &managed::Writer,
        mut warnings: Vec<String>,
    ) -> Result<Response<Body>, Status> {
        if call.target.subresource.is_some() {
            return Err(call.not_found());
        }
        if !text(config, "uid").is_empty() {
            let why = "uid mismatch: the provided object specified uid, and no existing object was found";
            return Err(Status::conflict(call.resource.name(), call.name(), why));
        }
        let mut object = writer.merge(call, None, config)?;
        object["metadata"]["name"] = call.name().into();
        call.check_name(&object)?;
        let object = self.create_object(call, object, writer, &mut warnings).await?;
        Ok(call.answer_with(StatusCode::CREATED, &object, &warnings))
    }
}
