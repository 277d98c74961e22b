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
            PatchError::Unprocessable(_) => Self::unprocessable(),
        }
    }
}

impl Server {
    /// Changes the object in the path as the body says.
    pub(super) async fn patch(&self, call: &Call) -> Result<Response<Body>, Status> {
        let media_type = body::media_type(&call.headers);
        match media_type {
            APPLY => Err(Status::not_implemented("server-side apply")),
            STRATEGIC if call.resource.is_custom() => Err(unsupported(&[JSON, MERGE, APPLY])),
            JSON | MERGE | STRATEGIC => {
                let patch: Value = serde_json::from_slice(&call.body)
                    .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
                let mut warnings = call.deprecations();
                let object = self.patch_object(call, media_type, &patch, &mut warnings).await?;
                Ok(call.answer_with(StatusCode::OK, &object, &warnings))
            }
            _ if call.resource.is_custom() => Err(unsupported(&[JSON, MERGE, APPLY])),
            _ => Err(unsupported(&[JSON, MERGE, STRATEGIC, APPLY])),
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
        // A patch that names no revision may be applied to whatever is there by now.
        let exact = text(patch, "resourceVersion") != "" || media_type == JSON;
        let writer = managed::Writer::patch(call, exact);
        self.modify(call, &writer, warnings, |before| {
            let mut patched = match media_type {
                JSON => patch::json(before, patch)?,
                MERGE => patch::merge(before, patch)?,
                _ => patch::strategic(before, patch, shape)?,
            };
            if !exact && let Some(metadata) = patched["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            Ok(patched)
        })
        .await
    }
}

fn unsupported(known: &[&str]) -> Status {
    Status::unsupported_media_type(&known.join(", "))
}
