//! Who may come in, and who may do what; what there is to discover.

use http::Method;
use kube::Client;
use labctl::embedded::{auth::User, front::Front};
use serde_json::{Value, json};

use crate::support::{Cluster, MAPS, ask};

#[tokio::test]
async fn nobody_is_anonymous() {
    let cluster = Cluster::start().await;
    let mut config = serde_json::to_value(cluster.front.kubeconfig()).unwrap();
    config["users"] = json!([{"name": "kubernetes-admin", "user": {}}]);
    let stranger = client_from(config.clone()).await;
    for path in ["/version", "/api", "/apis", "/healthz", "/api/v1/pods", "/nowhere"] {
        let answer = ask(&stranger, Method::GET, path, None, "").await;
        assert_eq!(answer.refusal(), "401 Unauthorized: Unauthorized", "{path}");
    }
    config["users"] = json!([{"name": "kubernetes-admin", "user": {"token": "nonsense"}}]);
    let liar = client_from(config).await;
    assert_eq!(ask(&liar, Method::GET, "/version", None, "").await.code, 401);
}

async fn client_from(config: Value) -> Client {
    let config = serde_json::from_value(config).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

#[tokio::test]
async fn a_client_certificate_of_another_cluster_is_worth_nothing() {
    let (cluster, other) = (Cluster::start().await, Cluster::start().await);
    let (mut ours, theirs) = (config(&cluster.front), config(&other.front));
    ours["users"] = theirs["users"].clone();
    let stranger = client_from(ours).await;
    let request = http::Request::get("/version").body(kube::client::Body::empty()).unwrap();
    assert!(stranger.send(request).await.is_err());
}

fn config(front: &Front) -> Value {
    serde_json::to_value(front.kubeconfig()).unwrap()
}

#[tokio::test]
async fn acting_as_somebody_else_takes_the_right_to() {
    let cluster = Cluster::start().await;
    let whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let as_account = |client: Client| async move {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let request = http::Request::post(whoami)
            .header("content-type", "application/json")
            .header("impersonate-user", "system:serviceaccount:default:reader")
            .body(review.to_string().into_bytes())
            .unwrap();
        client.request::<Value>(request).await
    };
    let admin = cluster.client_of(User::system("admin"));
    let review = as_account(admin.clone()).await.unwrap();
    assert_eq!(review["status"]["userInfo"]["username"], "system:serviceaccount:default:reader");
    let groups = json!(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]);
    assert_eq!(review["status"]["userInfo"]["groups"], groups);

    let jane = cluster.client_of(User::new("jane", &["staff"]));
    let refusal = message(as_account(jane).await);
    insta::assert_snapshot!(refusal, @r#"serviceaccounts "reader" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default""#);

    let nobody = http::Request::get("/version").header("impersonate-group", "system:masters").body(Vec::new()).unwrap();
    let refusal = message(admin.request::<Value>(nobody).await);
    insta::assert_snapshot!(refusal, @"Internal error occurred: requested impersonation of parts of a user without impersonating a user");
}

fn message(answer: Result<Value, kube::Error>) -> String {
    match answer {
        Err(kube::Error::Api(status)) => status.message,
        other => panic!("not a refusal: {other:?}"),
    }
}

#[tokio::test]
async fn roles_are_enforced() {
    let cluster = Cluster::start().await;
    let jane = cluster.client_of(User::new("jane", &["staff"]));
    let answer = ask(&jane, Method::GET, MAPS, None, "").await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default""#);
    let answer = ask(&jane, Method::GET, "/apis/apps/v1/deployments", None, "").await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope"#);
    let answer = ask(&jane, Method::GET, "/api/v1/namespaces/default/pods/x/log", None, "").await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: pods "x" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "default""#);
    assert_eq!(ask(&jane, Method::GET, "/version", None, "").await.code, 200);
    let answer = ask(&jane, Method::GET, "/metrics", None, "").await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: forbidden: User "jane" cannot get path "/metrics""#);

    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let role = json!({
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["x"], "verbs": ["get", "list"]}],
    });
    cluster.post(&format!("{rbac}/roles"), role).await.object(201);
    let binding = json!({
        "metadata": {"name": "staff"},
        "roleRef": {"kind": "Role", "name": "reader"},
        "subjects": [{"kind": "Group", "name": "staff"}],
    });
    let bound = cluster.post(&format!("{rbac}/rolebindings"), binding).await.object(201);
    assert_eq!(bound["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    cluster.config_map("x").await;
    cluster.config_map("y").await;
    assert_eq!(ask(&jane, Method::GET, &format!("{MAPS}/x"), None, "").await.code, 200);
    assert_eq!(ask(&jane, Method::GET, &format!("{MAPS}/y"), None, "").await.code, 403);
    assert_eq!(ask(&jane, Method::DELETE, &format!("{MAPS}/x"), None, "").await.code, 403);
    // A list that selects one object by its name needs no more than the right to list that one.
    for (query, code) in [("?fieldSelector=metadata.name=x", 200), ("?fieldSelector=metadata.name=y", 403), ("", 403)] {
        assert_eq!(ask(&jane, Method::GET, &format!("{MAPS}{query}"), None, "").await.code, code, "{query}");
    }
    let moved = cluster.merge(&format!("{rbac}/rolebindings/staff"), json!({"roleRef": {"name": "other"}})).await;
    assert!(moved.refusal().contains("cannot change roleRef"), "{moved:?}");
}

#[tokio::test]
async fn access_can_be_asked_about() {
    let cluster = Cluster::start().await;
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let question =
        json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"}}});
    let answer = cluster.post(path, question.clone()).await.object(201);
    assert_eq!(answer["status"], json!({"allowed": true}));
    let jane = cluster.client_of(User::new("jane", &[]));
    let answer = ask(&jane, Method::POST, path, Some("application/json"), &question.to_string()).await;
    assert_eq!(answer.object(201)["status"], json!({"allowed": false}));
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let question = json!({
        "spec": {"user": "jane", "groups": ["system:authenticated"], "nonResourceAttributes": {"verb": "get", "path": "/version"}},
    });
    let answer = cluster.post(path, question).await.object(201);
    assert_eq!(answer["status"]["allowed"], true);
    assert!(answer["status"]["reason"].as_str().unwrap().starts_with("RBAC: allowed by ClusterRoleBinding"));
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let answer = cluster.post(path, json!({})).await.object(201);
    assert_eq!(
        answer["status"]["userInfo"],
        json!({"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]})
    );
}

#[tokio::test]
async fn everything_that_is_served_can_be_discovered() {
    let cluster = Cluster::start().await;
    let version = cluster.client.apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
    let groups = cluster.client.list_api_groups().await.unwrap();
    assert!(groups.groups.iter().any(|group| group.name == "apps"));
    let core = cluster.client.list_core_api_resources("v1").await.unwrap();
    let pods = core.resources.iter().find(|resource| resource.name == "pods").unwrap();
    assert_eq!(
        (pods.kind.as_str(), pods.namespaced, pods.short_names.as_deref()),
        ("Pod", true, Some(&["po".to_owned()][..]))
    );
    assert!(core.resources.iter().any(|resource| resource.name == "pods/exec"));
    let apps = cluster.client.list_api_group_resources("apps/v1").await.unwrap();
    assert_eq!(apps.group_version, "apps/v1");
    let scale = apps.resources.iter().find(|resource| resource.name == "deployments/scale").unwrap();
    assert_eq!((scale.kind.as_str(), scale.group.as_deref()), ("Scale", Some("autoscaling")));
    let discovered = kube::Discovery::new(cluster.client.clone()).run().await.unwrap();
    assert!(discovered.groups().any(|group| group.name() == "rbac.authorization.k8s.io"));
    let aggregated = kube::Discovery::new(cluster.client.clone()).run_aggregated().await.unwrap();
    assert_eq!(aggregated.groups().count(), discovered.groups().count());
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(cluster.get(path).await.object(200), "ok");
    }
    assert_eq!(cluster.get("/apis/apps/v2").await.code, 404);
}

#[tokio::test]
async fn nobody_gives_away_what_they_do_not_have() {
    let cluster = Cluster::start().await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let own = format!("{rbac}/namespaces/default");
    let manager = json!({
        "metadata": {"name": "manager"},
        "rules": [
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "clusterroles", "rolebindings"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        ],
    });
    // The verb `*` contains `escalate` and `bind`.
    let mut narrow = manager.clone();
    narrow["rules"][0]["verbs"] = json!(["create", "get", "update", "patch"]);
    cluster.post(&format!("{own}/roles"), narrow).await.object(201);
    let binding = json!({
        "metadata": {"name": "jane"},
        "roleRef": {"kind": "Role", "name": "manager"},
        "subjects": [{"kind": "User", "name": "jane"}],
    });
    cluster.post(&format!("{own}/rolebindings"), binding.clone()).await.object(201);
    let jane = cluster.client_of(User::new("jane", &["staff"]));
    let post = async |path: &str, object: &Value| {
        ask(&jane, Method::POST, &format!("{own}/{path}"), Some("application/json"), &object.to_string()).await
    };

    let mut role = json!({
        "metadata": {"name": "mine"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
    });
    post("roles", &role).await.object(201);
    role["metadata"]["name"] = "more".into();
    role["rules"][0]["resources"] = json!(["configmaps", "secrets"]);
    let refused = post("roles", &role).await;
    insta::assert_snapshot!(refused.refusal(), @r#"
    403 Forbidden: roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["staff" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
    {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}
    "#);
    let patch = json!({"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}).to_string();
    let path = format!("{own}/roles/mine");
    assert_eq!(ask(&jane, Method::PATCH, &path, Some("application/merge-patch+json"), &patch).await.code, 403);
    let labels = json!({"metadata": {"labels": {"a": "b"}}}).to_string();
    assert_eq!(ask(&jane, Method::PATCH, &path, Some("application/merge-patch+json"), &labels).await.code, 200);

    let bind = |kind: &str, name: &str| {
        let mut binding = binding.clone();
        binding["metadata"]["name"] = format!("jane-{name}").into();
        binding["roleRef"] = json!({"kind": kind, "name": name});
        binding
    };
    post("rolebindings", &bind("Role", "mine")).await.object(201);
    let refused = post("rolebindings", &bind("ClusterRole", "cluster-admin")).await;
    assert!(refused.refusal().contains("is attempting to grant RBAC permissions not currently held"), "{refused:?}");
    let missing = post("rolebindings", &bind("ClusterRole", "nobody")).await;
    insta::assert_snapshot!(missing.refusal(), @r#"404 NotFound: clusterroles.rbac.authorization.k8s.io "nobody" not found"#);

    cluster.merge(&format!("{own}/roles/manager"), json!({"rules": manager["rules"]})).await.object(200);
    post("roles", &role).await.object(201);
    post("rolebindings", &bind("ClusterRole", "cluster-admin")).await.object(201);
}

#[tokio::test]
async fn what_is_lacking_says_so() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    cluster.pod("x", &["main"]).await;
    let refusal = async |path: &str| cluster.get(path).await.refusal();
    insta::assert_snapshot!(refusal("/api/v1/namespaces/default/pods/x/portforward").await, @"501 : the embedded cluster does not implement pods/portforward");
    insta::assert_snapshot!(refusal("/api/v1/namespaces/default/pods/x/attach").await, @"501 : the embedded cluster does not implement pods/attach");
    insta::assert_snapshot!(refusal("/apis/apps/v1/namespaces/default/statefulsets").await, @"501 : the embedded cluster does not implement statefulsets.apps");
    insta::assert_snapshot!(refusal("/apis/batch/v1/jobs").await, @"501 : the embedded cluster does not implement jobs.batch");
    insta::assert_snapshot!(refusal("/api/v1/namespaces/default/pods/x/nonsense").await, @"404 NotFound: the server could not find the requested resource");
    for path in ["/apis/example.com/v1/things", "/apis/example.com/v1"] {
        let answer = cluster.get(path).await;
        assert_eq!((answer.code, answer.body), (404, json!("404 page not found\n")), "{path}");
    }
}
