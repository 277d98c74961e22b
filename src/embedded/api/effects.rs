//! What a write sets off inside the server: definitions make resources, services return addresses.

use serde_json::Value;

use super::{Server, call::Call};

impl Server {
    /// Something was made or changed.
    pub(super) fn after_write(&self, _call: &Call, _object: &Value) {}

    /// Something was removed.
    pub(super) fn after_removal(&self, call: &Call, object: &Value) {
        if call.resource.table == "services" {
            self.release(object);
        }
    }
}
