//! Events.

use serde_json::Value;

use super::set_default;

/// Fills in the fields that are always written.
pub fn default(event: &mut Value) {
    set_default(event, "reportingComponent", "");
    set_default(event, "reportingInstance", "");
    set_default(event, "source", serde_json::json!({}));
}
