//! Custom resources: from their definition to their end.

use serde_json::{Value, json};

use crate::support::Cluster;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const V1: &str = "/apis/example.com/v1/namespaces/default/widgets";
const BETA: &str = "/apis/example.com/v1beta1/namespaces/default/widgets";

fn definition() -> Value {
    let schema = json!({"openAPIV3Schema": {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1},
                    "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                    "replicas": {"type": "integer"},
                },
            },
            "status": {"type": "object", "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}}},
        },
    }});
    let scale = json!({"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"});
    let subresources = json!({"status": {}, "scale": scale});
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": subresources},
                {
                    "name": "v1beta1", "served": true, "storage": false, "schema": schema, "subresources": subresources,
                    "deprecated": true, "deprecationWarning": "use v1",
                },
            ],
        },
    })
}

fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

async fn defined() -> Cluster {
    let cluster = Cluster::start().await;
    cluster.post(DEFINITIONS, definition()).await.object(201);
    cluster
}

#[tokio::test]
async fn a_definition_is_established_and_discovered() {
    let cluster = defined().await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let definition = cluster.get(&path).await.object(200);
    insta::assert_json_snapshot!(definition["status"], {".conditions[].lastTransitionTime" => "[time]"}, @r#"
    {
      "acceptedNames": {
        "kind": "Widget",
        "listKind": "WidgetList",
        "plural": "widgets",
        "shortNames": [
          "wd"
        ],
        "singular": "widget"
      },
      "conditions": [
        {
          "lastTransitionTime": "[time]",
          "message": "no conflicts found",
          "reason": "NoConflicts",
          "status": "True",
          "type": "NamesAccepted"
        },
        {
          "lastTransitionTime": "[time]",
          "message": "the initial names have been accepted",
          "reason": "InitialNamesAccepted",
          "status": "True",
          "type": "Established"
        }
      ],
      "storedVersions": [
        "v1"
      ]
    }
    "#);
    let group = cluster.get("/apis/example.com").await.object(200);
    assert_eq!(group["preferredVersion"]["version"], "v1");
    assert_eq!(group["versions"].as_array().unwrap().len(), 2);
    let resources = cluster.get("/apis/example.com/v1beta1").await.object(200);
    let names: Vec<&Value> = resources["resources"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["widgets", "widgets/scale", "widgets/status"]);
    let list = cluster.get(V1).await.object(200);
    assert_eq!((&list["kind"], &list["items"]), (&json!("WidgetList"), &json!([])));
}

#[tokio::test]
async fn objects_are_pruned_defaulted_and_validated() {
    let cluster = defined().await;
    let answer = cluster.post(V1, widget("x", json!({"size": 1, "shape": "round"}))).await;
    assert_eq!(answer.warnings, [r#"299 - "unknown field \"spec.shape\"""#]);
    let made = answer.object(201);
    assert_eq!(made["spec"], json!({"size": 1, "colour": "red"}));
    assert_eq!(made["metadata"]["generation"], 1);
    let answer = cluster.post(V1, widget("y", json!({"size": 0, "colour": "green"}))).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: Widget.example.com "y" is invalid: [spec.colour: Unsupported value: "green": supported values: "red", "blue", spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1]"#);
    let answer =
        cluster.post(&format!("{V1}?fieldValidation=Strict"), widget("y", json!({"size": 1, "shape": 1}))).await;
    insta::assert_snapshot!(answer.refusal(), @r#"400 BadRequest: Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.shape""#);
    let answer = cluster.post(V1, json!({"apiVersion": "example.com/v1", "metadata": {"name": "y"}})).await;
    assert!(answer.refusal().starts_with("400 BadRequest: Object 'Kind' is missing in"));
}

#[tokio::test]
async fn versions_show_the_same_objects() {
    let cluster = defined().await;
    let made = cluster.post(V1, widget("x", json!({"size": 1}))).await.object(201);
    let answer = cluster.get(&format!("{BETA}/x")).await;
    let beta = answer.object(200);
    assert_eq!(beta["apiVersion"], "example.com/v1beta1");
    assert_eq!(beta["metadata"]["uid"], made["metadata"]["uid"]);
    let list = cluster.get(BETA).await.object(200);
    assert_eq!(list["items"][0]["apiVersion"], "example.com/v1beta1");
    let answer = cluster.merge(&format!("{BETA}/x"), json!({"spec": {"size": 2}})).await;
    assert_eq!(answer.warnings, [r#"299 - "use v1""#]);
    assert_eq!(answer.object(200)["apiVersion"], "example.com/v1beta1");
    let now = cluster.get(&format!("{V1}/x")).await.object(200);
    assert_eq!((&now["apiVersion"], &now["spec"]["size"]), (&json!("example.com/v1"), &json!(2)));
    assert_eq!(now["metadata"]["generation"], 2);
}

#[tokio::test]
async fn status_and_scale_are_apart() {
    let cluster = defined().await;
    let mut sent = widget("x", json!({"size": 1, "replicas": 3}));
    sent["status"] = json!({"phase": "Mine"});
    let made = cluster.post(V1, sent).await.object(201);
    assert!(made.get("status").is_none());
    let path = format!("{V1}/x");
    let status = json!({"status": {"phase": "Ready", "replicas": 2}, "spec": {"size": 9}});
    let after = cluster.merge(&format!("{path}/status"), status).await.object(200);
    assert_eq!((&after["status"]["phase"], &after["spec"]["size"]), (&json!("Ready"), &json!(1)));
    assert_eq!(after["metadata"]["generation"], 1);
    let scale = cluster.get(&format!("{path}/scale")).await.object(200);
    assert_eq!(
        (&scale["kind"], &scale["spec"], &scale["status"]),
        (&json!("Scale"), &json!({"replicas": 3}), &json!({"replicas": 2}))
    );
    let scale = cluster.merge(&format!("{path}/scale"), json!({"spec": {"replicas": 5}})).await.object(200);
    assert_eq!(scale["spec"]["replicas"], 5);
    assert_eq!(cluster.get(&path).await.object(200)["spec"]["replicas"], 5);
}

#[tokio::test]
async fn custom_resources_have_rules_of_their_own() {
    let cluster = defined().await;
    let mut made = cluster.post(V1, widget("x", json!({"size": 1}))).await.object(201);
    let path = format!("{V1}/x");
    let answer = cluster.patch(&path, "application/strategic-merge-patch+json", json!({})).await;
    insta::assert_snapshot!(answer.refusal(), @"415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
    made["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    insta::assert_snapshot!(cluster.put(&path, &made).await.refusal(), @r#"422 Invalid: widgets.example.com "x" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"#);
    insta::assert_snapshot!(cluster.post(&path, json!({})).await.refusal(), @r#"405 MethodNotAllowed: create is not supported on resources of kind "widgets.example.com""#);
    let applied =
        cluster.apply(&format!("{path}?fieldManager=me"), widget("x", json!({"size": 1, "colour": "blue"}))).await;
    insta::assert_snapshot!(applied.refusal(), @r#"409 Conflict: Apply failed with 1 conflict: conflict with "unknown" using example.com/v1: .spec.colour"#);
}

#[tokio::test]
async fn a_definition_takes_its_objects_along() {
    let cluster = defined().await;
    let mut held = widget("held", json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.post(V1, held).await.object(201);
    cluster.post(V1, widget("free", json!({"size": 1}))).await.object(201);
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let ending = cluster.delete(&path).await.object(200);
    assert!(ending["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(cluster.get(&format!("{V1}/free")).await.code, 404);
    let answer = cluster.post(V1, widget("late", json!({"size": 1}))).await;
    insta::assert_snapshot!(answer.refusal(), @"405 MethodNotAllowed: create not allowed while custom resource definition is terminating");
    cluster.merge(&format!("{V1}/held"), json!({"metadata": {"finalizers": null}})).await.object(200);
    assert_eq!(cluster.get(&path).await.code, 404);
    assert_eq!(cluster.get(V1).await.code, 404);
    assert_eq!(cluster.get("/apis/example.com").await.code, 404);
}

#[tokio::test]
async fn definitions_are_checked() {
    let cluster = defined().await;
    let mut wrong = definition();
    wrong["metadata"]["name"] = "gadgets.example.com".into();
    let refusal = cluster.post(DEFINITIONS, wrong.clone()).await.refusal();
    assert!(
        refusal.contains(
            r#"metadata.name: Invalid value: "gadgets.example.com": must be spec.names.plural+"."+spec.group"#
        ),
        "{refusal}"
    );
    wrong["spec"]["names"]["plural"] = "gadgets".into();
    wrong["spec"]["names"]["singular"] = "gadget".into();
    cluster.post(DEFINITIONS, wrong).await.object(201);
    let second = cluster.get(&format!("{DEFINITIONS}/gadgets.example.com")).await.object(200);
    assert_eq!(second["status"]["conditions"][0]["message"], r#""Widget" is already in use"#);
    assert_eq!(second["status"]["conditions"][1]["status"], "False");
    assert_eq!(cluster.get("/apis/example.com/v1/gadgets").await.code, 404);
}

#[tokio::test]
async fn a_version_appears_and_disappears() {
    let cluster = defined().await;
    let path = format!("{DEFINITIONS}/widgets.example.com");
    let patch = json!([{"op": "replace", "path": "/spec/versions/1/served", "value": false}]);
    cluster.patch(&path, "application/json-patch+json", patch).await.object(200);
    assert_eq!(cluster.get(BETA).await.code, 404);
    assert_eq!(cluster.get(V1).await.code, 200);
    assert_eq!(cluster.get("/apis/example.com").await.object(200)["versions"].as_array().unwrap().len(), 1);
}
