use labctl::embedded::objects::names;

#[test]
fn right_names_pass() {
    for name in ["a", "a-1", "0"] {
        assert_eq!(names::dns_label(name), None, "{name}");
    }
    assert_eq!(names::dns_subdomain("a.b-c.d"), None);
    for name in ["app", "App_1.x", "example.com/app"] {
        assert_eq!(names::qualified_name(name), None, "{name}");
    }
    for value in ["", "a", "A.b_c-1"] {
        assert_eq!(names::label_value(value), None, "{value}");
    }
}

#[test]
fn wrong_names_say_what_kubernetes_says() {
    let label = |text: &str| names::dns_label(text).unwrap();
    insta::assert_snapshot!(label("A"), @"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
    insta::assert_snapshot!(label(&"a".repeat(64)), @"must be no more than 63 bytes");
    let subdomain = |text: &str| names::dns_subdomain(text).unwrap();
    insta::assert_snapshot!(subdomain("a..b"), @r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
    insta::assert_snapshot!(subdomain(&"a".repeat(254)), @"must be no more than 253 bytes");
    let key = |text: &str| names::qualified_name(text).unwrap();
    insta::assert_snapshot!(key("/a"), @"prefix part must be non-empty");
    insta::assert_snapshot!(key("a/"), @"name part must be non-empty");
    insta::assert_snapshot!(key(&"a".repeat(64)), @"name part must be no more than 63 bytes");
    assert!(key("A/a").starts_with("prefix part a lowercase RFC 1123 subdomain must consist of"));
    assert!(key("a/b/c").ends_with("with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"));
    assert_eq!(names::label_value(&"a".repeat(64)).unwrap(), "must be no more than 63 bytes");
}
