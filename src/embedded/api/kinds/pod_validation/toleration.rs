//! What a pod puts up with.

use serde_json::Value;

use super::{
    super::{FieldError, invalid, is_unset, items, unsupported},
    check_enumeration,
};

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Complains about tolerations that contradict themselves.
pub(super) fn check(tolerations: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (index, toleration) in items(tolerations).iter().enumerate() {
        let (path, operator) = (format!("{path}[{index}]"), &toleration["operator"]);
        let field = format!("{path}.operator");
        if is_unset(&toleration["key"]) && operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            causes.push(invalid(field.clone(), operator, detail));
        }
        let effect = &toleration["effect"];
        if toleration["tolerationSeconds"].is_number() && effect != "NoExecute" {
            let shown = if effect.is_null() { &Value::from("") } else { effect };
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            causes.push(invalid(format!("{path}.effect"), shown, detail));
        }
        match operator.as_str().unwrap_or_default() {
            "" | "Equal" => {}
            "Exists" if is_unset(&toleration["value"]) => {}
            "Exists" => causes.push(invalid(field, toleration, "value must be empty when `operator` is 'Exists'")),
            _ => causes.push(unsupported(field, operator, &["Equal", "Exists"])),
        }
        if !is_unset(effect) {
            check_enumeration(effect, format!("{path}.effect"), EFFECTS, causes);
        }
    }
}
