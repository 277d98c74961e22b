use labctl::embedded::objects::{
    field_error::summary,
    schema::{Schema, validate_definition},
};
use serde_json::{Value, json};

fn peer_authentication() -> Schema {
    Schema::parse(&json!({
        "type": "object",
        "properties": { "spec": { "type": "object", "properties": {
            "selector": { "type": "object", "properties": {
                "matchLabels": { "type": "object", "additionalProperties": { "type": "string" } },
            } },
            "mtls": { "type": "object", "properties": {
                "mode": { "type": "string", "enum": ["UNSET", "DISABLE", "PERMISSIVE", "STRICT"] },
            } },
            "portLevelMtls": { "type": "object", "additionalProperties": { "type": "object", "properties": {
                "mode": { "type": "string", "enum": ["UNSET", "STRICT"] },
            } } },
        } } },
    }))
    .unwrap()
}

fn errors(schema: &Schema, object: &Value) -> Vec<String> {
    schema.validate(object).iter().map(ToString::to_string).collect()
}

/// What is wrong with the field `spec.x` of the given schema and value.
fn wrong(schema: &Value, value: &Value) -> Vec<String> {
    let schema =
        json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": { "x": schema } } } });
    errors(&Schema::parse(&schema).unwrap(), &json!({ "spec": { "x": value } }))
}

#[test]
fn wrong_mode_lists_the_right_ones() {
    let object = json!({ "spec": { "mtls": { "mode": "X" }, "portLevelMtls": { "8080": { "mode": "Y" } } } });
    let errors = peer_authentication().validate(&object);
    insta::assert_snapshot!(summary(&errors), @r#"[spec.mtls.mode: Unsupported value: "X": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT", spec.portLevelMtls.8080.mode: Unsupported value: "Y": supported values: "UNSET", "STRICT"]"#);
    insta::assert_json_snapshot!(errors[0].cause(), @r#"
    {
      "field": "spec.mtls.mode",
      "message": "Unsupported value: \"X\": supported values: \"UNSET\", \"DISABLE\", \"PERMISSIVE\", \"STRICT\"",
      "reason": "FieldValueNotSupported"
    }
    "#);
}

#[test]
fn every_keyword_has_its_words() {
    let cases: [(Value, Value, &[&str]); 27] = [
        (json!({ "type": "integer" }), json!(1), &[]),
        (
            json!({ "type": "integer" }),
            json!("a"),
            &[r#"spec.x: Invalid value: "string": spec.x in body must be of type integer: "string""#],
        ),
        (json!({ "type": "number" }), json!(1), &[]),
        (
            json!({ "type": "integer" }),
            json!(1.5),
            &[r#"spec.x: Invalid value: "number": spec.x in body must be of type integer: "number""#],
        ),
        (
            json!({ "type": "object" }),
            json!(null),
            &[r#"spec.x: Invalid value: "null": spec.x in body must be of type object: "null""#],
        ),
        (json!({ "type": "object", "nullable": true }), json!(null), &[]),
        (json!({ "type": "object", "required": ["a"] }), json!({}), &["spec.x.a: Required value"]),
        (
            json!({ "type": "string", "pattern": "^a+$" }),
            json!("b"),
            &[r#"spec.x: Invalid value: "b": spec.x in body should match '^a+$'"#],
        ),
        (
            json!({ "type": "string", "minLength": 2 }),
            json!("b"),
            &[r#"spec.x: Invalid value: "b": spec.x in body should be at least 2 chars long"#],
        ),
        (
            json!({ "type": "string", "maxLength": 2 }),
            json!("abc"),
            &["spec.x: Too long: may not be more than 2 bytes"],
        ),
        (
            json!({ "type": "integer", "minimum": 1 }),
            json!(0),
            &["spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1"],
        ),
        (
            json!({ "type": "integer", "maximum": 9, "exclusiveMaximum": true }),
            json!(9),
            &["spec.x: Invalid value: 9: spec.x in body should be less than 9"],
        ),
        (
            json!({ "type": "integer", "multipleOf": 5 }),
            json!(7),
            &["spec.x: Invalid value: 7: spec.x in body should be a multiple of 5"],
        ),
        (json!({ "type": "integer", "format": "int32" }), json!(3_000_000_000_u32), &[]),
        (
            json!({ "type": "string", "format": "date-time" }),
            json!("soon"),
            &[r#"spec.x: Invalid value: "soon": spec.x in body must be of type date-time: "soon""#],
        ),
        (
            json!({ "type": "array", "items": { "type": "string" } }),
            json!([1]),
            &[r#"spec.x[0]: Invalid value: "integer": spec.x[0] in body must be of type string: "integer""#],
        ),
        (json!({ "type": "array", "maxItems": 1 }), json!([1, 2]), &["spec.x: Too many: 2: must have at most 1 items"]),
        (
            json!({ "type": "array", "minItems": 1 }),
            json!([]),
            &["spec.x: Invalid value: 0: spec.x in body should have at least 1 items"],
        ),
        (
            json!({ "type": "array", "x-kubernetes-list-type": "set" }),
            json!(["a", "a"]),
            &[r#"spec.x[1]: Duplicate value: "a""#],
        ),
        (
            json!({ "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"] }),
            json!([{ "n": 1 }, { "n": 1 }]),
            &[r#"spec.x[1]: Duplicate value: {"n":1}"#],
        ),
        (
            json!({ "type": "object", "maxProperties": 1 }),
            json!({ "a": 1, "b": 2 }),
            &["spec.x: Too many: 2: must have at most 1 items"],
        ),
        (
            json!({ "type": "object", "minProperties": 1 }),
            json!({}),
            &["spec.x: Invalid value: 0: spec.x in body should have at least 1 properties"],
        ),
        (json!({ "x-kubernetes-int-or-string": true }), json!("80"), &[]),
        (
            json!({ "x-kubernetes-int-or-string": true }),
            json!(true),
            &[r#"spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean""#],
        ),
        (
            json!({ "type": "object", "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
            json!({ "a": 1, "b": 2 }),
            &[
                r#"<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
            ],
        ),
        (
            json!({ "type": "object", "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
            json!({}),
            &[
                r#"<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)"#,
                "spec.x.a: Required value",
            ],
        ),
        (
            json!({ "type": "object", "not": { "required": ["a"] } }),
            json!({ "a": 1 }),
            &[r#"<nil>: Invalid value: "": "spec.x" must not validate the schema (not)"#],
        ),
    ];
    for (schema, value, expected) in cases {
        assert_eq!(wrong(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn schema_that_cannot_be_read_is_an_error() {
    let error = Schema::parse(&json!({ "minLength": "x" })).unwrap_err();
    insta::assert_snapshot!(error, @r#"the schema cannot be read: invalid type: string "x", expected u64"#);
}

#[test]
fn all_of_shows_what_failed() {
    let schema = json!({ "type": "integer", "allOf": [{ "minimum": 1 }, { "maximum": 3 }] });
    assert_eq!(wrong(&schema, &json!(2)), Vec::<String>::new());
    assert_eq!(
        wrong(&schema, &json!(5)),
        [
            "spec.x: Invalid value: 5: spec.x in body should be less than or equal to 3",
            r#"<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf)"#,
        ]
    );
}

#[test]
fn unknown_fields_are_dropped_and_named() {
    let schema = Schema::parse(&json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "known": { "type": "string" },
        "list": { "type": "array", "items": { "type": "object", "properties": { "a": { "type": "string" } } } },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                  "properties": { "typed": { "type": "object" } } },
        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        "inner": { "type": "object", "x-kubernetes-embedded-resource": true },
    } } } }))
    .unwrap();
    let mut object = json!({
        "apiVersion": "x.io/v1", "kind": "X", "metadata": { "name": "x", "labels": { "a": "b" } }, "extra": 1,
        "spec": {
            "known": "a", "unknown": 1, "list": [{ "a": "b", "c": 1 }], "labels": { "any": "x" },
            "free": { "anything": { "deep": 1 }, "typed": { "no": 1 } },
            "inner": { "apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {} },
        },
    });
    let mut dropped = schema.prune(&mut object);
    dropped.sort();
    assert_eq!(dropped, ["extra", "spec.free.typed.no", "spec.inner.spec", "spec.list[0].c", "spec.unknown"]);
    assert_eq!(
        object["spec"],
        json!({
            "known": "a", "list": [{ "a": "b" }], "labels": { "any": "x" },
            "free": { "anything": { "deep": 1 }, "typed": {} },
            "inner": { "apiVersion": "v1", "kind": "Pod", "metadata": {} },
        })
    );
    assert_eq!(schema.prune(&mut object), Vec::<String>::new());
}

#[test]
fn defaults_fill_what_was_left_out() {
    let schema = Schema::parse(&json!({ "type": "object", "properties": {
        "spec": { "type": "object", "default": {}, "properties": {
            "mode": { "type": "string", "default": "STRICT" },
            "maybe": { "type": "string", "nullable": true, "default": "x" },
            "plain": { "type": "string" },
            "ports": { "type": "array", "items": { "type": "object", "properties": {
                "protocol": { "type": "string", "default": "TCP" },
            } } },
        } },
    } }))
    .unwrap();
    let filled = |mut object: Value| {
        schema.fill_defaults(&mut object);
        object
    };
    assert_eq!(filled(json!({})), json!({ "spec": { "mode": "STRICT", "maybe": "x" } }));
    assert_eq!(
        filled(json!({ "spec": { "mode": null, "maybe": null, "plain": null, "ports": [{}, { "protocol": "UDP" }] } })),
        json!({ "spec": { "mode": "STRICT", "maybe": null, "ports": [{ "protocol": "TCP" }, { "protocol": "UDP" }] } })
    );
}

fn definition() -> Value {
    json!({
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {
                "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList",
            },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object" } } }],
        },
    })
}

#[test]
fn definitions_are_checked_themselves() {
    type Break = fn(&mut Value);
    assert_eq!(validate_definition(&definition()), []);
    let cases: [(Break, &str); 8] = [
        (
            |d| d["metadata"]["name"] = json!("x"),
            r#"metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group"#,
        ),
        (
            |d| d["spec"]["scope"] = json!("Global"),
            r#"spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced""#,
        ),
        (
            |d| d["spec"]["versions"] = json!([]),
            "spec.versions: Invalid value: []string{}: must have exactly one version marked as storage version",
        ),
        (
            |d| d["spec"]["versions"][0]["storage"] = json!(false),
            r#"spec.versions: Invalid value: []string{"v1"}: must have exactly one version marked as storage version"#,
        ),
        (
            |d| d["spec"]["versions"][0]["schema"] = json!(null),
            "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required",
        ),
        (
            |d| d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"] = json!({ "spec": {} }),
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
        ),
        (
            |d| {
                d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"] =
                    json!({ "spec": { "type": "array" } });
            },
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].items: Required value: must be specified",
        ),
        (
            |d| d["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["type"] = json!("string"),
            r#"spec.versions[0].schema.openAPIV3Schema.type: Invalid value: "string": must be object at the root"#,
        ),
    ];
    for (break_it, expected) in cases {
        let mut broken = definition();
        break_it(&mut broken);
        assert_eq!(summary(&validate_definition(&broken)), expected);
    }
}
