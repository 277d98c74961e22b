//! Rights that are too small are found out before anything is touched.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::{Api, api::PostParams};
use serde_json::json;

use crate::{
    both::on_both_clusters,
    other::Other,
    support::{Home, parts, two_namespaces},
};

on_both_clusters!(Other: all_that_is_missing_is_said_before_anything_is_touched);

const ASKS: &str = "
  - name: look
    title: Look around
    text: Look.
    solve:
      - annotate: {kind: Namespace, name: legacy, annotations: {looked: 'true'}}
    expect:
      - http: {title: It answers, from: sleep.foo, to: httpbin.foo, path: /headers, verdict: mtls, status: 200}
      - resource: {title: You looked, kind: Namespace, name: legacy, fields: [{json: /metadata/annotations/looked, equals: 'true'}]}
";

/// The lab's errors, as somebody who is known by this name gets them.
fn run_as(other: &Other, user: &str) -> (i32, String) {
    let home = Home::new();
    let lab = home.lab("look", &two_namespaces("look", ASKS));
    let file = home.path("kubeconfig");
    let mut kubeconfig = other.kubeconfig().clone();
    for user_entry in &mut kubeconfig.auth_infos {
        user_entry.auth_info.as_mut().unwrap().impersonate = Some(user.to_owned());
    }
    std::fs::write(&file, serde_yaml::to_string(&kubeconfig).unwrap()).unwrap();
    let arguments = ["run", &lab, "--kubeconfig", file.to_str().unwrap()];
    let (code, _, stderr) = tokio::task::block_in_place(|| parts(&home.run(&arguments)));
    (code, stderr)
}

async fn all_that_is_missing_is_said_before_anything_is_touched(other: &Other) {
    let (code, stderr) = run_as(other, &other.name("trainee"));
    assert_eq!(code, 4, "{stderr}");
    let (table, hint) = stderr.split_once("error: ").unwrap().1.split_once("hint: ").unwrap();
    insta::allow_duplicates! { insta::assert_snapshot!("missing_rights", table) };
    assert!(hint.starts_with("nothing was touched; somebody who has these rights can give them with"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_in_the_hint_is_enough_to_run_the_lab() {
    let other = Other::embedded().await;
    let (code, stderr) = run_as(&other, "trainee");
    assert_eq!(code, 4, "{stderr}");
    let text = stderr.split_once("a binding to it:\n").unwrap().1;
    let text: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("    ")).collect();
    let role: ClusterRole = serde_yaml::from_str(&text.join("\n")).unwrap();
    let roles: Api<ClusterRole> = Api::all(other.client());
    roles.create(&PostParams::default(), &role).await.unwrap();
    let binding = json!({
        "metadata": {"name": "trainee"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role.metadata.name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "trainee"}],
    });
    let bindings: Api<ClusterRoleBinding> = Api::all(other.client());
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    let (code, stderr) = run_as(&other, "trainee");
    assert_eq!(code, 0, "{stderr}");
    assert!(!other.has_namespace("foo").await && !other.has_namespace("istio-system").await);
    other.end().await;
}
