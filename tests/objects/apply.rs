use labctl::embedded::objects::{
    apply::{ApplyError, FieldSet, Writer, apply, record_update},
    schema::Schema,
    shape::Shape,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn writer(manager: &str) -> Writer<'_> {
    Writer { manager, subresource: "", api_version: "apps/v1", time: "2026-01-01T00:00:00Z" }
}

#[expect(clippy::needless_pass_by_value, reason = "cases are literals")]
fn deployment(spec: Value) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "foo" }, "spec": spec })
}

fn shape() -> Shape<'static> {
    Shape::built_in("Deployment")
}

fn applied(live: Option<&Value>, spec: Value, manager: &str) -> Value {
    apply(live, &deployment(spec), writer(manager), false, shape()).unwrap()
}

fn fields_of<'a>(object: &'a Value, manager: &str) -> &'a Value {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    entries.iter().find(|entry| entry["manager"] == manager).map_or(&Value::Null, |entry| &entry["fieldsV1"])
}

#[test]
fn created_object_records_what_was_applied() {
    let spec = json!({
        "replicas": 2,
        "selector": { "matchLabels": { "app": "web" } },
        "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "web:1", "ports": [{ "containerPort": 80 }] }] },
        },
    });
    let object = applied(None, spec, "labctl");
    insta::assert_json_snapshot!(object["metadata"]["managedFields"], @r#"
    [
      {
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
              "f:metadata": {
                "f:labels": {
                  "f:app": {}
                }
              },
              "f:spec": {
                "f:containers": {
                  "k:{\"name\":\"web\"}": {
                    ".": {},
                    "f:image": {},
                    "f:name": {},
                    "f:ports": {
                      "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                        ".": {},
                        "f:containerPort": {}
                      }
                    }
                  }
                }
              }
            }
          }
        },
        "manager": "labctl",
        "operation": "Apply",
        "time": "2026-01-01T00:00:00Z"
      }
    ]
    "#);
}

#[test]
fn field_that_its_manager_no_longer_applies_disappears() {
    let first =
        applied(None, json!({ "replicas": 2, "paused": true, "template": { "spec": { "nodeName": "n" } } }), "a");
    let second = applied(Some(&first), json!({ "replicas": 2 }), "a");
    assert_eq!(second["spec"], json!({ "replicas": 2 }));
}

#[test]
fn field_that_another_manager_applies_too_stays() {
    let first = applied(None, json!({ "replicas": 2, "paused": true }), "a");
    let shared = applied(Some(&first), json!({ "replicas": 2 }), "b");
    let released = applied(Some(&shared), json!({ "paused": true }), "a");
    assert_eq!(released["spec"], json!({ "replicas": 2, "paused": true }));
    assert_eq!(fields_of(&released, "a"), &json!({ "f:spec": { "f:paused": {} } }));
}

#[test]
fn list_elements_merge_by_key_and_keep_their_order() {
    let containers = |names: &[&str]| {
        let list: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        json!({ "template": { "spec": { "containers": list } } })
    };
    let names = |object: &Value| -> Vec<String> {
        let list = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        list.iter().map(|container| container["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = applied(None, containers(&["a", "b"]), "one");
    let both = applied(Some(&first), containers(&["x", "b", "y"]), "two");
    assert_eq!(names(&both), ["a", "x", "b", "y"]);
    let less = applied(Some(&both), containers(&["y"]), "two");
    assert_eq!(names(&less), ["a", "b", "y"]);
}

#[test]
fn conflicts_name_owner_and_field() {
    let mut live = deployment(json!({ "replicas": 2, "paused": true }));
    record_update(None, &mut live, writer("kubectl-edit"), shape());
    let config = deployment(json!({ "replicas": 3 }));
    let error = apply(Some(&live), &config, writer("labctl"), false, shape()).unwrap_err();
    insta::assert_snapshot!(error, @r#"Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas"#);
    let ApplyError::Conflict(conflicts) = error else { panic!("a conflict") };
    insta::assert_json_snapshot!(conflicts[0].cause(), @r#"
    {
      "field": ".spec.replicas",
      "message": "conflict with \"kubectl-edit\" using apps/v1",
      "reason": "FieldManagerConflict"
    }
    "#);

    let forced = apply(Some(&live), &config, writer("labctl"), true, shape()).unwrap();
    assert_eq!(forced["spec"], json!({ "replicas": 3, "paused": true }));
    assert_eq!(fields_of(&forced, "labctl"), &json!({ "f:spec": { "f:replicas": {} } }));
    assert_eq!(fields_of(&forced, "kubectl-edit"), &json!({ "f:spec": { "f:paused": {} } }));
}

#[test]
fn several_conflicts_are_grouped_by_owner() {
    let spec =
        json!({ "paused": true, "template": { "spec": { "containers": [{ "name": "web", "image": "web:1" }] } } });
    let first = applied(None, spec, "b");
    let second = applied(Some(&first), json!({ "replicas": 1 }), "a");
    let spec = json!({
        "replicas": 5, "paused": false,
        "template": { "spec": { "containers": [{ "name": "web", "image": "web:2" }] } },
    });
    let error = apply(Some(&second), &deployment(spec), writer("c"), false, shape()).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    Apply failed with 3 conflicts: conflicts with "a":
    - .spec.replicas
    conflicts with "b":
    - .spec.paused
    - .spec.template.spec.containers[name="web"].image
    "#);
}

#[test]
fn same_value_is_shared_without_conflict() {
    let first = applied(None, json!({ "replicas": 2 }), "a");
    let second = applied(Some(&first), json!({ "replicas": 2 }), "b");
    assert_eq!(fields_of(&second, "a"), fields_of(&second, "b"));
}

#[test]
fn object_without_books_belongs_to_before_first_apply() {
    let live = deployment(json!({ "replicas": 2 }));
    let error = apply(Some(&live), &deployment(json!({ "replicas": 3 })), writer("a"), false, shape()).unwrap_err();
    insta::assert_snapshot!(error, @r#"Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas"#);
}

#[test]
fn updates_keep_the_books() {
    let mut created = deployment(json!({ "replicas": 1 }));
    created["metadata"]["labels"] = json!({ "app": "web" });
    record_update(None, &mut created, writer("kubectl-create"), shape());
    assert_eq!(
        fields_of(&created, "kubectl-create"),
        &json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:replicas": {} } })
    );

    let mut scaled = created.clone();
    scaled["spec"]["replicas"] = json!(3);
    record_update(Some(&created), &mut scaled, writer("scaler"), shape());
    assert_eq!(fields_of(&scaled, "scaler"), &json!({ "f:spec": { "f:replicas": {} } }));
    assert_eq!(
        fields_of(&scaled, "kubectl-create"),
        &json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } } })
    );

    let mut status = scaled.clone();
    status["status"] = json!({ "readyReplicas": 3, "conditions": [{ "type": "Available", "status": "True" }] });
    let controller = Writer { subresource: "status", ..writer("controller") };
    record_update(Some(&scaled), &mut status, controller, shape());
    let entry = status["metadata"]["managedFields"].as_array().unwrap().iter().find(|e| e["manager"] == "controller");
    insta::assert_json_snapshot!(entry, @r#"
    {
      "apiVersion": "apps/v1",
      "fieldsType": "FieldsV1",
      "fieldsV1": {
        "f:status": {
          "f:conditions": {
            ".": {},
            "k:{\"type\":\"Available\"}": {
              ".": {},
              "f:status": {},
              "f:type": {}
            }
          },
          "f:readyReplicas": {}
        }
      },
      "manager": "controller",
      "operation": "Update",
      "subresource": "status",
      "time": "2026-01-01T00:00:00Z"
    }
    "#);

    let mut reset = status.clone();
    reset["metadata"]["managedFields"] = json!([{}]);
    record_update(Some(&status), &mut reset, writer("x"), shape());
    assert_eq!(reset["metadata"].get("managedFields"), None);
}

#[test]
fn applying_through_status_touches_only_the_status() {
    let live = applied(None, json!({ "replicas": 1 }), "a");
    let mut config = deployment(json!({ "replicas": 9 }));
    config["status"] = json!({ "readyReplicas": 1 });
    let plain = apply(Some(&live), &config, writer("b"), true, shape()).unwrap();
    assert_eq!((&plain["spec"]["replicas"], plain.get("status")), (&json!(9), None));
    let through = Writer { subresource: "status", ..writer("b") };
    let status = apply(Some(&live), &config, through, false, shape()).unwrap();
    assert_eq!((&status["spec"]["replicas"], &status["status"]["readyReplicas"]), (&json!(1), &json!(1)));
}

#[test]
fn null_says_nothing_in_a_built_in_kind() {
    let live = applied(None, json!({ "replicas": 2 }), "a");
    let other = applied(Some(&live), json!({ "replicas": null, "paused": true, "strategy": { "type": null } }), "b");
    assert_eq!(other["spec"], json!({ "replicas": 2, "paused": true, "strategy": {} }));
    assert_eq!(fields_of(&other, "b"), &json!({ "f:spec": { "f:paused": {}, "f:strategy": {} } }));
}

#[test]
fn wrong_configurations_are_refused() {
    let refuse = |config: Value| apply(None, &config, writer("a"), false, shape()).unwrap_err().to_string();
    let mut books = deployment(json!({}));
    books["metadata"]["managedFields"] = json!([{}]);
    insta::assert_snapshot!(refuse(books), @"metadata.managedFields must be nil");
    let containers = |list: Value| deployment(json!({ "template": { "spec": { "containers": list } } }));
    insta::assert_snapshot!(refuse(containers(json!([{ "image": "x" }]))), @r#"failed to create typed patch object: .spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn't have default value)"#);
    insta::assert_snapshot!(refuse(containers(json!([{ "name": "x" }, { "name": "x" }]))), @r#"failed to create typed patch object: .spec.template.spec.containers: duplicate entries for key [name="x"]"#);
}

#[test]
fn custom_resources_merge_as_their_schema_says() {
    let schema = Schema::parse(&json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "atomic": { "type": "array", "items": { "type": "string" } },
        "set": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
        "map": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"],
                 "items": { "type": "object", "properties": { "port": { "type": "integer" }, "name": { "type": "string" } } } },
        "whole": { "type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": { "type": "string" } },
    } } } }))
    .unwrap();
    let shape = Shape::custom(&schema);
    let custom =
        |spec: Value| json!({ "apiVersion": "x.io/v1", "kind": "X", "metadata": { "name": "x" }, "spec": spec });
    let first = custom(json!({ "set": ["a"], "map": [{ "port": 1, "name": "one" }] }));
    let second = custom(json!({ "set": ["b"], "map": [{ "port": 2 }], "atomic": ["x"], "whole": { "k": "v" } }));
    let live = apply(None, &first, writer("a"), false, shape).unwrap();
    let both = apply(Some(&live), &second, writer("b"), false, shape).unwrap();
    assert_eq!(
        both["spec"],
        json!({ "set": ["a", "b"], "map": [{ "port": 1, "name": "one" }, { "port": 2 }], "atomic": ["x"], "whole": { "k": "v" } })
    );
    assert_eq!(
        fields_of(&both, "b"),
        &json!({ "f:spec": {
            "f:atomic": {}, "f:set": { "v:\"b\"": {} }, "f:whole": {},
            "f:map": { "k:{\"port\":2}": { ".": {}, "f:port": {} } },
        } })
    );
}

/// A small Deployment `spec`, with every kind of list and map in it.
fn any_spec() -> impl Strategy<Value = Value> {
    let env = prop::collection::btree_map("[A-C]", "[0-2]", 0..3).prop_map(|env| {
        env.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>()
    });
    let container = ("[a-c]", prop::option::of("[x-z]"), env, prop::collection::vec("[a-b]", 0..2));
    let containers = prop::collection::vec(container, 0..3).prop_map(|list| {
        let mut seen = Vec::new();
        let mut containers = Vec::new();
        for (name, image, env, args) in list {
            if seen.contains(&name) {
                continue;
            }
            let mut container = json!({ "name": &name, "args": args });
            if let Some(image) = image {
                container["image"] = json!(image);
            }
            if !env.is_empty() {
                container["env"] = json!(env);
            }
            seen.push(name);
            containers.push(container);
        }
        containers
    });
    let labels = prop::collection::btree_map("[a-c]", "[0-1]", 0..3);
    (prop::option::of(0..3), prop::option::of(any::<bool>()), containers, labels).prop_map(
        |(replicas, paused, containers, labels)| {
            let mut spec = json!({});
            if let Some(replicas) = replicas {
                spec["replicas"] = json!(replicas);
            }
            if let Some(paused) = paused {
                spec["paused"] = json!(paused);
            }
            if !containers.is_empty() {
                spec["template"]["spec"]["containers"] = json!(containers);
            }
            if !labels.is_empty() {
                spec["template"]["metadata"]["labels"] = json!(labels);
            }
            spec
        },
    )
}

/// A value with all lists of named elements sorted by name.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), in_order(field))).collect(),
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(in_order).collect();
            if elements.iter().all(|element| element.get("name").is_some()) {
                elements.sort_by_key(|element| element["name"].to_string());
            }
            Value::Array(elements)
        }
        scalar => scalar.clone(),
    }
}

proptest! {
    // A failing input is printed; what is worth keeping becomes a case above.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_twice_changes_nothing(live in any_spec(), config in any_spec()) {
        let live = applied(None, live, "first");
        let later = Writer { time: "2027-01-01T00:00:00Z", ..writer("second") };
        let once = apply(Some(&live), &deployment(config.clone()), writer("second"), true, shape()).unwrap();
        let twice = apply(Some(&once), &deployment(config), later, true, shape()).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn applied_fields_have_the_applied_values(live in any_spec(), config in any_spec()) {
        let live = applied(None, live, "first");
        let merged = apply(Some(&live), &deployment(config.clone()), writer("second"), true, shape()).unwrap();
        let again = apply(Some(&merged), &deployment(config), writer("third"), false, shape());
        prop_assert!(again.is_ok(), "a third manager with the same values meets no conflict");
    }

    #[test]
    fn applying_and_withdrawing_restores_the_object(original in any_spec(), config in any_spec()) {
        let live = applied(None, original, "first");
        // Where the second manager only adds, withdrawing undoes it all; what it would overwrite conflicts.
        if let Ok(merged) = apply(Some(&live), &deployment(config), writer("second"), false, shape()) {
            let restored = apply(Some(&merged), &deployment(json!({})), writer("second"), false, shape()).unwrap();
            // The order of keyed elements is that of whoever applied last; it belongs to nobody.
            prop_assert_eq!(in_order(&restored["spec"]), in_order(&live["spec"]));
            prop_assert_eq!(fields_of(&restored, "first"), fields_of(&live, "first"));
        }
    }

    #[test]
    fn updates_leave_no_field_without_owner(original in any_spec(), change in any_spec()) {
        let mut live = deployment(original);
        record_update(None, &mut live, writer("first"), shape());
        let mut changed = deployment(change);
        record_update(Some(&live), &mut changed, writer("second"), shape());
        let entries = changed["metadata"]["managedFields"].as_array().into_iter().flatten();
        let owned = entries.map(|entry| FieldSet::from_json(&entry["fieldsV1"]));
        let owned = owned.fold(FieldSet::default(), |union, set| union.union(&set));
        let present = FieldSet::of(&json!({ "spec": changed["spec"] }), shape());
        // The empty structure itself has no owner when its last field was removed.
        let orphans: Vec<String> = present.difference(&owned).paths().into_iter().filter(|path| path != ".spec").collect();
        prop_assert_eq!(orphans, Vec::<String>::new());
        prop_assert_eq!(FieldSet::from_json(&owned.to_json()), owned);
    }
}
