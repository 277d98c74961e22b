//! The environment of a container: values, references, `$(VAR)` expansion.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvFromSource, EnvVar, EnvVarSource, Pod, Secret};
use kube::ResourceExt;

use super::{network::NODE_ADDRESS, sources::Sources};

/// Where programs find the API server.
const API_SERVER: (&str, &str) = ("10.96.0.1", "443");

/// What stops a container from being created: the message of `CreateContainerConfigError`.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("{kind} \"{name}\" not found")]
    Missing { kind: &'static str, name: String },
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    MissingKey { kind: &'static str, namespace: String, name: String, key: String },
    #[error("container has runAsNonRoot and image will run as root")]
    Root,
    #[error("environment variable {0}: its source is not supported by this node")]
    Unsupported(String),
    #[error("unsupported field path \"{0}\"")]
    UnsupportedField(String),
}

/// The environment of `container`, whose pod has the address `address`.
pub(super) fn environment(
    pod: &Pod,
    address: &str,
    container: &Container,
    sources: &Sources,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut env = base(pod);
    for source in container.env_from.iter().flatten() {
        env.extend(all_of(pod, source, sources)?);
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (_, Some(source)) => match reference(pod, address, variable, source, sources)? {
                Some(value) => value,
                None => continue,
            },
            (value, None) => expand(value.as_deref().unwrap_or_default(), &env),
        };
        env.insert(variable.name.clone(), value);
    }
    Ok(env)
}

/// What every container has.
fn base(pod: &Pod) -> BTreeMap<String, String> {
    let hostname = hostname(pod);
    let (host, port) = API_SERVER;
    let pairs = [
        ("HOME", "/root"),
        ("HOSTNAME", hostname.as_str()),
        ("KUBERNETES_SERVICE_HOST", host),
        ("KUBERNETES_SERVICE_PORT", port),
        ("KUBERNETES_SERVICE_PORT_HTTPS", port),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The host name of a pod.
pub(super) fn hostname(pod: &Pod) -> String {
    let chosen = pod.spec.as_ref().and_then(|spec| spec.hostname.clone());
    chosen.unwrap_or_else(|| pod.name_any())
}

/// Everything in a ConfigMap or Secret (`envFrom`).
fn all_of(pod: &Pod, source: &EnvFromSource, sources: &Sources) -> Result<BTreeMap<String, String>, ConfigError> {
    let namespace = pod.namespace().unwrap_or_default();
    let values = if let Some(from) = &source.config_map_ref {
        let object = sources.config_map(&namespace, &from.name);
        let values = object.map(|object| object.data.clone().unwrap_or_default());
        found(values, "configmap", &from.name, from.optional)?
    } else if let Some(from) = &source.secret_ref {
        let values = sources.secret(&namespace, &from.name).map(|object| texts(&object));
        found(values, "secret", &from.name, from.optional)?
    } else {
        None
    };
    let prefix = source.prefix.as_deref().unwrap_or_default();
    let named = values.unwrap_or_default().into_iter().map(|(key, value)| (format!("{prefix}{key}"), value));
    Ok(named.collect())
}

/// The value of one variable; `None` if it is optional and not there.
fn reference(
    pod: &Pod,
    address: &str,
    variable: &EnvVar,
    source: &EnvVarSource,
    sources: &Sources,
) -> Result<Option<String>, ConfigError> {
    let namespace = pod.namespace().unwrap_or_default();
    if let Some(field) = &source.field_ref {
        return field_of(pod, address, &field.field_path).map(Some);
    }
    let (kind, name, key, optional, values) = if let Some(from) = &source.config_map_key_ref {
        let object = sources.config_map(&namespace, &from.name);
        let values = object.map(|object: std::sync::Arc<ConfigMap>| object.data.clone().unwrap_or_default());
        ("ConfigMap", &from.name, &from.key, from.optional, values)
    } else if let Some(from) = &source.secret_key_ref {
        let values = sources.secret(&namespace, &from.name).map(|object| texts(&object));
        ("Secret", &from.name, &from.key, from.optional, values)
    } else {
        return Err(ConfigError::Unsupported(variable.name.clone()));
    };
    let lower = if kind == "Secret" { "secret" } else { "configmap" };
    let value = found(values, lower, name, optional)?.and_then(|mut values| values.remove(key));
    match value {
        None if optional != Some(true) => {
            Err(ConfigError::MissingKey { kind, namespace, name: name.clone(), key: key.clone() })
        }
        value => Ok(value),
    }
}

fn found<T>(
    value: Option<T>,
    kind: &'static str,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<T>, ConfigError> {
    match value {
        None if optional != Some(true) => Err(ConfigError::Missing { kind, name: name.to_owned() }),
        value => Ok(value),
    }
}

fn texts(secret: &Secret) -> BTreeMap<String, String> {
    let data = secret.data.iter().flatten();
    data.map(|(key, value)| (key.clone(), String::from_utf8_lossy(&value.0).into_owned())).collect()
}

/// A field of the pod (`fieldRef`), for the environment and for downward API volumes.
pub(super) fn field_of(pod: &Pod, address: &str, path: &str) -> Result<String, ConfigError> {
    let spec = pod.spec.as_ref();
    let value = match path {
        "metadata.annotations" => lines(pod.annotations()),
        "metadata.labels" => lines(pod.labels()),
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_default(),
        "status.hostIP" | "status.hostIPs" => NODE_ADDRESS.to_string(),
        "status.podIP" | "status.podIPs" => address.to_owned(),
        path => {
            let entry = |map: &BTreeMap<String, String>, key: &str| map.get(key).cloned().unwrap_or_default();
            if let Some(key) = subscript(path, "metadata.labels") {
                entry(pod.labels(), key)
            } else if let Some(key) = subscript(path, "metadata.annotations") {
                entry(pod.annotations(), key)
            } else {
                return Err(ConfigError::UnsupportedField(path.to_owned()));
            }
        }
    };
    Ok(value)
}

/// The key of `field['key']`.
fn subscript<'a>(path: &'a str, field: &str) -> Option<&'a str> {
    path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']")
}

fn lines(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

/// Replaces `$(NAME)` by its value and `$$` by `$`; a name that is not known stays as it is written.
pub(super) fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        if let Some(after) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = after;
        } else if let Some((value, after)) = name.and_then(|(name, after)| Some((env.get(name)?, after))) {
            expanded.push_str(value);
            rest = after;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion() {
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())]);
        let cases = [
            ("", ""),
            ("plain", "plain"),
            ("$(A)-$(A)", "1-1"),
            ("$(B)", "$(A)"),
            ("$$(A)", "$(A)"),
            ("$(MISSING)", "$(MISSING)"),
            ("$(A", "$(A"),
            ("100$", "100$"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }

    #[test]
    fn fields() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "p", "namespace": "n", "labels": {"app": "x", "v": "1"}},
            "spec": {"serviceAccountName": "sa", "containers": []},
        }))
        .unwrap();
        let field = |path: &str| field_of(&pod, "10.244.0.9", path);
        assert_eq!(field("metadata.labels['app']").unwrap(), "x");
        assert_eq!(field("metadata.labels").unwrap(), "app=\"x\"\nv=\"1\"");
        assert_eq!(field("metadata.annotations['none']").unwrap(), "");
        assert_eq!(field("status.podIP").unwrap(), "10.244.0.9");
        assert_eq!(field("spec.volumes").unwrap_err().to_string(), "unsupported field path \"spec.volumes\"");
    }
}
