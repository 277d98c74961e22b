//! The patches of the Kubernetes API, applied to an object: JSON patch, merge patch, strategic merge patch.

mod strategic;

use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value;

use super::shape::Shape;

/// Why a patch could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The patch itself cannot be read; answered with 400.
    #[error("error decoding patch: {0}")]
    Decode(String),
    /// The patch breaks the rules of its own format; answered with 500, as Kubernetes does.
    #[error("{0}")]
    Malformed(String),
    /// The patch asks for something that the object cannot do; answered with 422 (Invalid).
    #[error("{0}")]
    Unprocessable(String),
}

/// Applies a JSON patch (RFC 6902).
///
/// # Errors
/// `Decode` if `patch` is no list of operations; `Unprocessable`, worded as Kubernetes words it, if one of them fails.
pub fn json(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_array() {
        return Err(PatchError::Decode("json: a patch of this type must be a list of operations".to_owned()));
    }
    let patch: json_patch::Patch =
        serde_json::from_value(patch.clone()).map_err(|error| PatchError::Unprocessable(error.to_string()))?;
    let mut patched = object.clone();
    match json_patch::patch(&mut patched, &patch) {
        Ok(()) => Ok(patched),
        Err(error) => Err(PatchError::Unprocessable(json_failure(&patch[error.operation], &error.kind))),
    }
}

/// The wording of `gopkg.in/evanphx/json-patch.v4`, which clients know.
fn json_failure(operation: &PatchOperation, kind: &PatchErrorKind) -> String {
    let path = operation.path();
    match (operation, kind) {
        (PatchOperation::Test(_), PatchErrorKind::TestFailed) => format!("testing value {path} failed: test failed"),
        (PatchOperation::Test(_), _) => format!("error in test for path: '{path}': missing value"),
        (PatchOperation::Add(_), _) => {
            format!("add operation does not apply: doc is missing path: \"{path}\": missing value")
        }
        (PatchOperation::Remove(_), _) => {
            format!("remove operation does not apply: doc is missing path: \"{path}\": missing value")
        }
        (PatchOperation::Replace(_), _) => {
            format!("replace operation does not apply: doc is missing path: {path}: missing value")
        }
        (PatchOperation::Move(operation), PatchErrorKind::CannotMoveInsideItself) => {
            format!("move operation does not apply: {} cannot be moved into itself: {path}", operation.from)
        }
        (PatchOperation::Move(operation), PatchErrorKind::InvalidFromPointer) => {
            format!("move operation does not apply: doc is missing from path: {}: missing value", operation.from)
        }
        (PatchOperation::Copy(operation), PatchErrorKind::InvalidFromPointer) => {
            format!("copy operation does not apply: doc is missing from path: {}: missing value", operation.from)
        }
        (PatchOperation::Move(_), _) => {
            format!("move operation does not apply: doc is missing destination path: {path}: missing value")
        }
        (PatchOperation::Copy(_), _) => {
            format!("copy operation does not apply: doc is missing destination path: {path}: missing value")
        }
    }
}

/// Applies a merge patch (RFC 7386): maps merge, null removes, everything else replaces.
///
/// # Errors
/// `Decode` if `patch` is not an object.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    check_is_object(patch)?;
    let mut patched = object.clone();
    json_patch::merge(&mut patched, patch);
    Ok(patched)
}

/// Applies a strategic merge patch, with its directives (`$patch`, `$retainKeys`, `$setElementOrder/...`,
/// `$deleteFromPrimitiveList/...`), to an object of this shape.
///
/// # Errors
/// `Decode` if `patch` is not an object, `Unprocessable` if a list element lacks its merge key or a directive is wrong.
pub fn strategic(object: &Value, patch: &Value, shape: Shape<'_>) -> Result<Value, PatchError> {
    check_is_object(patch)?;
    strategic::merge(object.clone(), patch, shape)
}

fn check_is_object(patch: &Value) -> Result<(), PatchError> {
    if patch.is_object() {
        return Ok(());
    }
    Err(PatchError::Decode("json: a patch of this type must be an object".to_owned()))
}
