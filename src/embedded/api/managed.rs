//! Who wrote which fields: `metadata.managedFields`.

use serde_json::Value;

use super::{call::Call, status::Status};

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    exact: bool,
}

impl Writer {
    /// Somebody who sends a whole object.
    pub fn update(_call: &Call) -> Self {
        Self { exact: true }
    }

    /// Somebody who sends a patch; `exact` if it is meant for one revision only.
    pub fn patch(_call: &Call, exact: bool) -> Self {
        Self { exact }
    }

    /// Whether a race that is lost is an error.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Notes in `object` what changed since `before`.
    pub fn record(&self, _call: &Call, _object: &mut Value, _before: Option<&Value>) -> Result<(), Status> {
        Ok(())
    }
}
