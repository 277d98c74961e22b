//! Security contexts of pods and containers.

use serde_json::Value;

use super::super::{FieldError, in_range, invalid};

/// Users and groups there are.
const IDS: std::ops::RangeInclusive<i64> = 0..=2_147_483_647;

/// Complains about the security context of a pod.
pub(super) fn check_pod(context: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        in_range(&context[field], IDS, format!("{path}.{field}"), causes);
    }
}

/// Complains about the security context of a container.
pub(super) fn check_container(context: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for field in ["runAsUser", "runAsGroup"] {
        in_range(&context[field], IDS, format!("{path}.{field}"), causes);
    }
    if context["allowPrivilegeEscalation"] == false && context["privileged"] == true {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        causes.push(invalid(path, context, detail));
    }
}
