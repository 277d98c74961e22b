use labctl::embedded::objects::{patch, shape::Shape};
use serde_json::{Value, json};

#[test]
fn json_patch_changes_or_says_why_not() {
    let object = json!({ "spec": { "replicas": 1, "list": ["a"] } });
    let patched = patch::json(
        &object,
        &json!([
            { "op": "test", "path": "/spec/replicas", "value": 1 },
            { "op": "replace", "path": "/spec/replicas", "value": 2 },
            { "op": "add", "path": "/spec/list/-", "value": "b" },
        ]),
    );
    assert_eq!(patched.unwrap(), json!({ "spec": { "replicas": 2, "list": ["a", "b"] } }));

    let failures = [
        (
            json!({ "op": "test", "path": "/spec/replicas", "value": 3 }),
            "testing value /spec/replicas failed: test failed",
        ),
        (
            json!({ "op": "replace", "path": "/spec/paused", "value": true }),
            "replace operation does not apply: doc is missing path: /spec/paused: missing value",
        ),
        (
            json!({ "op": "remove", "path": "/spec/paused" }),
            "remove operation does not apply: doc is missing path: \"/spec/paused\": missing value",
        ),
        (
            json!({ "op": "add", "path": "/none/x", "value": 1 }),
            "add operation does not apply: doc is missing path: \"/none/x\": missing value",
        ),
        (
            json!({ "op": "test", "path": "/spec/paused", "value": 3 }),
            "error in test for path: '/spec/paused': missing value",
        ),
        (
            json!({ "op": "move", "from": "/none", "path": "/spec/x" }),
            "move operation does not apply: doc is missing from path: /none: missing value",
        ),
        (
            json!({ "op": "move", "from": "/spec", "path": "/spec/x" }),
            "move operation does not apply: /spec cannot be moved into itself: /spec/x",
        ),
        (
            json!({ "op": "copy", "from": "/none", "path": "/spec/x" }),
            "copy operation does not apply: doc is missing from path: /none: missing value",
        ),
        (
            json!({ "op": "copy", "from": "/spec", "path": "/none/x" }),
            "copy operation does not apply: doc is missing destination path: /none/x: missing value",
        ),
    ];
    for (operation, expected) in failures {
        assert_eq!(patch::json(&object, &json!([operation])).unwrap_err().to_string(), expected);
    }
    let error = patch::json(&object, &json!({})).unwrap_err();
    insta::assert_snapshot!(error, @"error decoding patch: json: a patch of this type must be a list of operations");
    let error = patch::json(&object, &json!([{ "op": "replace", "path": "/a" }])).unwrap_err();
    insta::assert_snapshot!(error, @"missing field `value`");
}

#[test]
fn merge_patch_merges_maps_and_replaces_lists() {
    let object = json!({ "a": { "b": 1, "c": 2 }, "list": [1, 2] });
    let patched = patch::merge(&object, &json!({ "a": { "b": null, "d": 3 }, "list": [3] })).unwrap();
    assert_eq!(patched, json!({ "a": { "c": 2, "d": 3 }, "list": [3] }));
    let error = patch::merge(&object, &json!([])).unwrap_err();
    insta::assert_snapshot!(error, @"error decoding patch: json: a patch of this type must be an object");
}

/// Each case: what is patched, the patch, the outcome; all of a pod's `spec` or `metadata`.
#[test]
fn strategic_merge_patch_knows_merge_keys_and_directives() {
    let containers = json!({ "containers": [
        { "name": "a", "image": "a:1", "env": [{ "name": "X", "value": "1" }], "args": ["x"] },
        { "name": "b", "image": "b:1" },
    ] });
    let cases: [(&str, Value, Value, Value); 9] = [
        (
            "containers merge by name, env by name, args are replaced",
            containers.clone(),
            json!({ "containers": [{ "name": "a", "env": [{ "name": "Y", "value": "2" }], "args": ["y"] }] }),
            json!({ "containers": [
                { "name": "a", "image": "a:1", "args": ["y"], "env": [{ "name": "Y", "value": "2" }, { "name": "X", "value": "1" }] },
                { "name": "b", "image": "b:1" },
            ] }),
        ),
        (
            "an element is deleted",
            containers.clone(),
            json!({ "containers": [{ "name": "a", "$patch": "delete" }] }),
            json!({ "containers": [{ "name": "b", "image": "b:1" }] }),
        ),
        (
            "an element is replaced",
            containers.clone(),
            json!({ "containers": [{ "name": "a", "image": "a:2", "$patch": "replace" }] }),
            json!({ "containers": [{ "name": "a", "image": "a:2" }, { "name": "b", "image": "b:1" }] }),
        ),
        (
            "a list is replaced",
            containers.clone(),
            json!({ "containers": [{ "$patch": "replace" }, { "name": "c" }] }),
            json!({ "containers": [{ "name": "c" }] }),
        ),
        (
            "kubectl orders elements",
            containers.clone(),
            json!({ "$setElementOrder/containers": [{ "name": "b" }, { "name": "a" }],
                    "containers": [{ "name": "b", "image": "b:2" }] }),
            json!({ "containers": [
                { "name": "b", "image": "b:2" },
                { "name": "a", "image": "a:1", "env": [{ "name": "X", "value": "1" }], "args": ["x"] },
            ] }),
        ),
        (
            "null removes, volumes merge by name",
            json!({ "volumes": [{ "name": "v", "emptyDir": {} }], "nodeName": "n" }),
            json!({ "volumes": [{ "name": "w", "emptyDir": {} }], "nodeName": null }),
            json!({ "volumes": [{ "name": "w", "emptyDir": {} }, { "name": "v", "emptyDir": {} }] }),
        ),
        (
            "retained keys",
            json!({ "volumes": [{ "name": "v", "emptyDir": {} }] }),
            json!({ "volumes": [{ "name": "v", "$retainKeys": ["name", "configMap"], "configMap": { "name": "c" } }] }),
            json!({ "volumes": [{ "name": "v", "configMap": { "name": "c" } }] }),
        ),
        (
            "a map is replaced",
            json!({ "nodeSelector": { "a": "1" } }),
            json!({ "nodeSelector": { "b": "2", "$patch": "replace" } }),
            json!({ "nodeSelector": { "b": "2" } }),
        ),
        (
            "a map is deleted",
            json!({ "nodeSelector": { "a": "1" }, "nodeName": "n" }),
            json!({ "nodeSelector": { "$patch": "delete" } }),
            json!({ "nodeName": "n" }),
        ),
    ];
    for (name, spec, change, expected) in cases {
        let patched =
            patch::strategic(&json!({ "spec": spec }), &json!({ "spec": change }), Shape::built_in("Pod")).unwrap();
        assert_eq!(patched["spec"], expected, "{name}");
    }
}

#[test]
fn strategic_merge_patch_treats_finalizers_as_a_set() {
    let object = json!({ "metadata": { "finalizers": ["a", "b"] } });
    let patched = |metadata: Value| {
        patch::strategic(&object, &json!({ "metadata": metadata }), Shape::built_in("ConfigMap")).unwrap()
    };
    assert_eq!(patched(json!({ "finalizers": ["b", "c"] }))["metadata"]["finalizers"], json!(["a", "b", "c"]));
    let deleted = patched(json!({ "$deleteFromPrimitiveList/finalizers": ["a"] }));
    assert_eq!(deleted["metadata"]["finalizers"], json!(["b"]));
}

#[test]
fn wrong_strategic_patches_are_refused() {
    let refuse = |change: Value| {
        let object = json!({ "spec": { "containers": [{ "name": "a" }] } });
        patch::strategic(&object, &json!({ "spec": change }), Shape::built_in("Pod")).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refuse(json!({ "containers": [{ "image": "x" }] })), @"map: map[image:x] does not contain declared merge key: name");
    insta::assert_snapshot!(refuse(json!({ "$patch": "destroy" })), @"unknown patch type: destroy in map: map[$patch:destroy]");
    insta::assert_snapshot!(refuse(json!({ "containers": ["x"] })), @"a list with a merge key has maps as elements");
    insta::assert_snapshot!(refuse(json!({ "$retainKeys": "x" })), @"$retainKeys must be a list");
}
