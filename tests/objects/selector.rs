use labctl::embedded::objects::selector::{FieldSelector, LabelSelector, supported_fields};
use serde_json::json;

#[test]
fn label_selectors_match_as_kubernetes_does() {
    let labels = json!({ "app": "web", "tier": "front", "size": "5", "empty": "" });
    let cases = [
        ("", true),
        ("app=web", true),
        ("app==web", true),
        ("app = web , tier=front", true),
        ("app=web,tier=back", false),
        ("app!=web", false),
        ("missing!=web", true),
        ("app in (web, api)", true),
        ("app in (api)", false),
        ("app notin (web)", false),
        ("missing notin (web)", true),
        ("app", true),
        ("missing", false),
        ("!missing", true),
        ("!app", false),
        ("empty=", true),
        ("missing=", false),
        ("empty in (,x)", true),
        ("size>4", true),
        ("size>5", false),
        ("size<6", true),
        ("app>1", false),
        ("in in (in)", false),
    ];
    for (text, expected) in cases {
        let selector = LabelSelector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selector.matches(Some(&labels)), expected, "{text}");
    }
    assert!(LabelSelector::parse("!app").unwrap().matches(None));
}

#[test]
fn wrong_label_selectors_say_what_kubernetes_says() {
    let cases = [
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
        (
            "app in ()",
            "unable to parse requirement: values: Invalid value: []string{}: for 'in', 'notin' operators, values set can't be empty",
        ),
        ("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
        ("app=web,", "found '', expected: identifier after ','"),
        ("app=web tier", "found 'tier', expected: ',' or 'end of string'"),
        (",app", "found ',', expected: !, identifier, or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("app==(", "unable to parse requirement: found '(', expected: identifier"),
        (
            "size>big",
            "unable to parse requirement: values[0]: Invalid value: \"big\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(LabelSelector::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    insta::assert_snapshot!(LabelSelector::parse("-app=x").unwrap_err(), @r#"unable to parse requirement: key: Invalid value: "-app": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#);
    insta::assert_snapshot!(LabelSelector::parse("app=-x").unwrap_err(), @r#"unable to parse requirement: values[0][app]: Invalid value: "-x": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#);
}

#[test]
fn selector_objects_match_and_explain_themselves() {
    let selector = json!({
        "matchLabels": { "app": "web" },
        "matchExpressions": [
            { "key": "tier", "operator": "In", "values": ["front", "back"] },
            { "key": "legacy", "operator": "DoesNotExist" },
        ],
    });
    let selector = LabelSelector::from_object(&selector).unwrap();
    assert!(selector.matches(Some(&json!({ "app": "web", "tier": "back" }))));
    assert!(!selector.matches(Some(&json!({ "app": "web", "tier": "back", "legacy": "" }))));
    assert!(!selector.matches(Some(&json!({ "app": "web" }))));
    assert!(LabelSelector::from_object(&json!({})).unwrap().matches(None));

    let broken =
        |expression| LabelSelector::from_object(&json!({ "matchExpressions": [expression] })).unwrap_err().to_string();
    assert_eq!(
        broken(json!({ "key": "a", "operator": "Is" })),
        "matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator"
    );
    assert_eq!(
        broken(json!({ "key": "a", "operator": "In" })),
        "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
    );
    assert_eq!(
        broken(json!({ "key": "a", "operator": "Exists", "values": ["x"] })),
        "matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
    );
}

#[test]
fn field_selectors_match_fields() {
    let pod =
        json!({ "metadata": { "name": "a,b", "namespace": "foo" }, "status": { "phase": "Running" }, "spec": {} });
    let cases = [
        ("", true),
        ("status.phase=Running", true),
        ("status.phase==Running,metadata.namespace=foo", true),
        ("status.phase!=Running", false),
        ("spec.nodeName=", true),
        ("spec.nodeName!=", false),
        ("spec.hostNetwork=false", true),
        (r"metadata.name=a\,b", true),
    ];
    for (text, expected) in cases {
        let selector = FieldSelector::parse(text).unwrap().only(supported_fields("Pod")).unwrap();
        assert_eq!(selector.matches(&pod), expected, "{text}");
    }
    let one = FieldSelector::parse("metadata.name=x").unwrap();
    assert_eq!(one.requires_exact_match("metadata.name"), Some("x"));
    assert_eq!(FieldSelector::parse("metadata.name!=x").unwrap().requires_exact_match("metadata.name"), None);
}

#[test]
fn wrong_field_selectors_say_what_kubernetes_says() {
    let error = |text: &str| FieldSelector::parse(text).unwrap_err().to_string();
    assert_eq!(error("name"), "invalid selector: 'name'; can't understand 'name'");
    assert_eq!(error(r"metadata.name=a\b"), r"invalid field selector: invalid escape sequence: \b");
    let unsupported = FieldSelector::parse("spec.image=x").unwrap().only(supported_fields("Pod")).unwrap_err();
    assert_eq!(unsupported.to_string(), "field label not supported: spec.image");
}
