//! The API as OpenAPI v3 describes it, one document per group and version: for `kubectl explain`, and so that
//! `kubectl apply` knows that the server checks fields itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::resource::{Resource, Rules};

/// Where the schemas of a document are.
const SCHEMAS: &str = "#/components/schemas/";

/// The list of documents.
pub(super) fn index(group_versions: &[(String, String)]) -> Value {
    let paths: BTreeMap<String, Value> = group_versions
        .iter()
        .map(|(group, version)| {
            let path = root(group, version);
            let address = format!("/openapi/v3{path}");
            (path.trim_start_matches('/').to_owned(), json!({"serverRelativeURL": address}))
        })
        .collect();
    json!({"paths": paths})
}

/// The document of some resources of one group and version.
pub(super) fn document(resources: &[&Resource], version: &str) -> Value {
    let mut generator = SchemaSettings::openapi3().into_generator();
    generator.subschema_for::<ObjectMeta>();
    for resource in resources {
        if let Rules::Builtin(builtin) = &resource.rules {
            (builtin.model.describe)(&mut generator);
        }
    }
    let mut schemas = generator.take_definitions(true);
    let mut paths = Map::new();
    for resource in resources {
        let name = match &resource.rules {
            Rules::Builtin(builtin) => (builtin.model.name)().into_owned(),
            Rules::Custom(custom) => {
                let name = custom_name(resource, version);
                let written = custom.written(version).cloned().unwrap_or_default();
                schemas.insert(name.clone(), custom_schema(written));
                name
            }
        };
        if let Some(schema) = schemas.get_mut(&name) {
            schema["x-kubernetes-group-version-kind"] = json!([kind(resource, version)]);
        }
        add_paths(&mut paths, resource, version, &name);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": concat!("labctl-", env!("CARGO_PKG_VERSION"))},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

fn kind(resource: &Resource, version: &str) -> Value {
    json!({"group": resource.group, "version": version, "kind": resource.kind})
}

/// A name that no built-in schema has: the group from its end, as Java would.
fn custom_name(resource: &Resource, version: &str) -> String {
    let group: Vec<&str> = resource.group.rsplit('.').collect();
    format!("{}.{version}.{}", group.join("."), resource.kind)
}

/// A custom resource's schema with what all objects have.
fn custom_schema(mut schema: Value) -> Value {
    if !schema.is_object() {
        schema = json!({"type": "object"});
    }
    let properties = &mut schema["properties"];
    properties["apiVersion"] = json!({
        "type": "string", "description": "The group and version of the API that this object is written in.",
    });
    properties["kind"] = json!({"type": "string", "description": "What this object is."});
    properties["metadata"] = json!({
        "description": "What all objects have: a name, a namespace, labels, annotations.",
        "allOf": [{"$ref": format!("{SCHEMAS}{}", ObjectMeta::schema_name())}],
    });
    schema
}

fn add_paths(paths: &mut Map<String, Value>, resource: &Resource, version: &str, schema: &str) {
    let namespace = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let all = format!("{}{namespace}/{}", root(&resource.group, version), resource.plural);
    let (mut of_all, mut of_one) = (Map::new(), Map::new());
    for verb in resource.verbs {
        let (method, named) = match verb.as_str() {
            "create" => ("post", false),
            "delete" => ("delete", true),
            "deletecollection" => ("delete", false),
            "get" => ("get", true),
            "list" => ("get", false),
            "patch" => ("patch", true),
            "update" => ("put", true),
            // A watch is a list with a parameter.
            _ => continue,
        };
        let methods = if named { &mut of_one } else { &mut of_all };
        methods.insert(method.to_owned(), operation(resource, version, verb.as_str(), schema));
    }
    for (path, name, mut methods) in [(all.clone(), None, of_all), (format!("{all}/{{name}}"), Some("name"), of_one)] {
        if methods.is_empty() {
            continue;
        }
        let namespace = resource.namespaced.then_some("namespace");
        let parameters: Vec<Value> = name.into_iter().chain(namespace).map(|name| parameter(name, "path")).collect();
        methods.insert("parameters".to_owned(), parameters.into());
        paths.insert(path, methods.into());
    }
}

fn parameter(name: &str, place: &str) -> Value {
    let mut parameter = json!({"name": name, "in": place, "schema": {"type": "string", "uniqueItems": true}});
    if place == "path" {
        parameter["required"] = true.into();
    }
    parameter
}

fn operation(resource: &Resource, version: &str, verb: &str, schema: &str) -> Value {
    let reference = json!({"$ref": format!("{SCHEMAS}{schema}")});
    let anything = json!({"type": "object"});
    let (parameters, bodies): (&[&str], &[(&str, &Value)]) = match verb {
        "create" | "update" => (
            &["dryRun", "fieldManager", "fieldValidation"],
            &[("application/json", &reference), ("application/yaml", &reference)],
        ),
        "patch" => (
            &["dryRun", "fieldManager", "fieldValidation", "force"],
            &[
                ("application/apply-patch+yaml", &anything),
                ("application/json-patch+json", &anything),
                ("application/merge-patch+json", &anything),
            ],
        ),
        "delete" => (&["dryRun", "gracePeriodSeconds", "propagationPolicy"], &[]),
        "deletecollection" => (&["dryRun", "fieldSelector", "labelSelector", "propagationPolicy"], &[]),
        "list" => (&["continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"], &[]),
        _ => (&[], &[]),
    };
    let parameters: Vec<Value> = parameters.iter().map(|name| parameter(name, "query")).collect();
    let answer = if verb.contains("list") || verb.starts_with("delete") { &anything } else { &reference };
    let mut operation = json!({
        "operationId": format!("{verb}{}{version}{}", resource.group.replace('.', ""), resource.kind),
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answer}}}},
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": kind(resource, version),
    });
    if !bodies.is_empty() {
        let content: BTreeMap<&str, Value> =
            bodies.iter().map(|(media_type, schema)| (*media_type, json!({"schema": schema}))).collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}
