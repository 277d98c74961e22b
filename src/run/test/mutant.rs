//! Policies that are almost those of a lab: each field of the spec left out, or saying something else.

use serde_json::{Value, json};

use crate::mesh::validate::Path;

/// An object that is almost another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// What is other about it: `without spec.mtls`, `spec.mtls.mode: DISABLE`.
    pub change: String,
    /// The object; none if the change is that it is not there.
    pub object: Option<Value>,
}

/// All mutants of a policy. Its name and place are left alone: with others it would be another one.
pub fn mutants(object: &Value) -> Vec<Mutant> {
    let mut found = vec![Mutant { change: "left out".to_owned(), object: None }];
    let mut places = Vec::new();
    if let Some(spec) = object.get("spec") {
        walk(spec, &Path::of(&["spec"]), "/spec", &mut places);
    }
    for Place { path, pointer, value } in places {
        let without = changed(object, &pointer, None);
        found.push(Mutant { change: format!("without {path}"), object: Some(without) });
        found.extend(others(object, &path, &value).into_iter().map(|other| Mutant {
            change: format!("{path}: {}", told(&other)),
            object: Some(changed(object, &pointer, Some(other))),
        }));
    }
    found
}

/// A field, or an item of a list.
struct Place {
    path: Path,
    /// The same as a JSON pointer.
    pointer: String,
    value: Value,
}

fn walk(value: &Value, path: &Path, pointer: &str, places: &mut Vec<Place>) {
    let mut visit = |child: &Value, path: Path, pointer: String| {
        places.push(Place { path: path.clone(), pointer: pointer.clone(), value: child.clone() });
        walk(child, &path, &pointer, places);
    };
    match value {
        Value::Object(fields) => {
            for (key, child) in fields {
                let escaped = key.replace('~', "~0").replace('/', "~1");
                visit(child, path.key(key), format!("{pointer}/{escaped}"));
            }
        }
        Value::Array(items) => {
            for (position, child) in items.iter().enumerate() {
                visit(child, path.index(position), format!("{pointer}/{position}"));
            }
        }
        _ => {}
    }
}

/// The object with something else at a place, or without what is there.
fn changed(object: &Value, pointer: &str, other: Option<Value>) -> Value {
    let mut object = object.clone();
    let (above, last) = pointer.rsplit_once('/').expect("a pointer to a field has a slash");
    match (object.pointer_mut(above), other) {
        (Some(Value::Object(fields)), Some(other)) => {
            fields.insert(last.replace("~1", "/").replace("~0", "~"), other);
        }
        (Some(Value::Object(fields)), None) => {
            fields.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        (Some(Value::Array(items)), other) => {
            let position: usize = last.parse().expect("items of a list are numbered");
            match other {
                Some(other) => items[position] = other,
                None => drop(items.remove(position)),
            }
        }
        _ => {}
    }
    object
}

/// What else a value might be.
fn others(object: &Value, path: &Path, value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(known) => vec![json!(!known)],
        Value::Number(number) => number.as_i64().map(|number| json!(number + 1)).into_iter().collect(),
        Value::String(text) => match modes(object, path) {
            [] => vec![json!(other_text(text))],
            modes => modes.iter().filter(|mode| *mode != text).map(|mode| json!(mode)).collect(),
        },
        Value::Array(_) | Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// The modes that may stand at a place; none if it is no place for a mode.
fn modes(object: &Value, path: &Path) -> &'static [&'static str] {
    if !path.to_string().ends_with(".mode") {
        return &[];
    }
    match object["kind"].as_str().unwrap_or_default() {
        "DestinationRule" => &["DISABLE", "SIMPLE", "ISTIO_MUTUAL"],
        "Gateway" => &["SIMPLE", "MUTUAL", "PASSTHROUGH"],
        "MeshPolicy" | "Policy" => &["PERMISSIVE", "STRICT"],
        _ => &["DISABLE", "PERMISSIVE", "STRICT"],
    }
}

/// Another text of the same sort.
fn other_text(text: &str) -> String {
    match text.strip_prefix("*.") {
        Some(suffix) => format!("*.other.{suffix}"),
        None if text == "*" => "other.example".to_owned(),
        None if text.starts_with('/') => format!("/other{text}"),
        None => format!("other-{text}"),
    }
}

fn told(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(object: &Value) -> String {
        let lines = mutants(object).into_iter().map(|mutant| {
            let spec = mutant.object.map(|object| object["spec"].to_string()).unwrap_or_default();
            format!("{} | {spec}", mutant.change).trim_end_matches([' ', '|']).to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_field_is_left_out_and_every_value_is_another() {
        let policy = json!({
            "kind": "PeerAuthentication", "metadata": { "name": "a" },
            "spec": {
                "mtls": { "mode": "STRICT" },
                "portLevelMtls": { "80": { "mode": "DISABLE" } },
                "selector": { "matchLabels": { "a/b": "c" } },
            },
        });
        insta::assert_snapshot!(changes(&policy), @r#"
        left out
        without spec.mtls | {"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{"matchLabels":{"a/b":"c"}}}
        without spec.mtls.mode | {"mtls":{},"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{"matchLabels":{"a/b":"c"}}}
        spec.mtls.mode: DISABLE | {"mtls":{"mode":"DISABLE"},"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{"matchLabels":{"a/b":"c"}}}
        spec.mtls.mode: PERMISSIVE | {"mtls":{"mode":"PERMISSIVE"},"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{"matchLabels":{"a/b":"c"}}}
        without spec.portLevelMtls | {"mtls":{"mode":"STRICT"},"selector":{"matchLabels":{"a/b":"c"}}}
        without spec.portLevelMtls.80 | {"mtls":{"mode":"STRICT"},"portLevelMtls":{},"selector":{"matchLabels":{"a/b":"c"}}}
        without spec.portLevelMtls.80.mode | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{}},"selector":{"matchLabels":{"a/b":"c"}}}
        spec.portLevelMtls.80.mode: PERMISSIVE | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{"mode":"PERMISSIVE"}},"selector":{"matchLabels":{"a/b":"c"}}}
        spec.portLevelMtls.80.mode: STRICT | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{"mode":"STRICT"}},"selector":{"matchLabels":{"a/b":"c"}}}
        without spec.selector | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{"mode":"DISABLE"}}}
        without spec.selector.matchLabels | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{}}
        without spec.selector.matchLabels.a/b | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{"matchLabels":{}}}
        spec.selector.matchLabels.a/b: other-c | {"mtls":{"mode":"STRICT"},"portLevelMtls":{"80":{"mode":"DISABLE"}},"selector":{"matchLabels":{"a/b":"other-c"}}}
        "#);
        let rule = json!({
            "kind": "DestinationRule",
            "spec": {
                "host": "*.foo.svc.cluster.local",
                "trafficPolicy": { "portLevelSettings": [{ "port": { "number": 80 }, "tls": { "mode": "DISABLE" } }] },
            },
        });
        insta::assert_snapshot!(changes(&rule), @r#"
        left out
        without spec.host | {"trafficPolicy":{"portLevelSettings":[{"port":{"number":80},"tls":{"mode":"DISABLE"}}]}}
        spec.host: *.other.foo.svc.cluster.local | {"host":"*.other.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{"number":80},"tls":{"mode":"DISABLE"}}]}}
        without spec.trafficPolicy | {"host":"*.foo.svc.cluster.local"}
        without spec.trafficPolicy.portLevelSettings | {"host":"*.foo.svc.cluster.local","trafficPolicy":{}}
        without spec.trafficPolicy.portLevelSettings[0] | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[]}}
        without spec.trafficPolicy.portLevelSettings[0].port | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"tls":{"mode":"DISABLE"}}]}}
        without spec.trafficPolicy.portLevelSettings[0].port.number | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{},"tls":{"mode":"DISABLE"}}]}}
        spec.trafficPolicy.portLevelSettings[0].port.number: 81 | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{"number":81},"tls":{"mode":"DISABLE"}}]}}
        without spec.trafficPolicy.portLevelSettings[0].tls | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{"number":80}}]}}
        without spec.trafficPolicy.portLevelSettings[0].tls.mode | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{"number":80},"tls":{}}]}}
        spec.trafficPolicy.portLevelSettings[0].tls.mode: SIMPLE | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{"number":80},"tls":{"mode":"SIMPLE"}}]}}
        spec.trafficPolicy.portLevelSettings[0].tls.mode: ISTIO_MUTUAL | {"host":"*.foo.svc.cluster.local","trafficPolicy":{"portLevelSettings":[{"port":{"number":80},"tls":{"mode":"ISTIO_MUTUAL"}}]}}
        "#);
    }
}
