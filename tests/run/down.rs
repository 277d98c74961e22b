//! `labctl down`: what is left on a cluster, and how it goes.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use labctl::cluster::Patience;
use serde_json::{Value, json};

use crate::{
    both::on_both_clusters,
    objects::{config_map, namespace, object},
    other::Other,
    support::{Home, document, parts, two_namespaces},
    surroundings::A_STEP_THAT_PASSES,
};

on_both_clusters!(Other: two_runs_on_one_cluster_are_kept_apart, what_holds_a_namespace_is_said);

fn patience() -> Patience {
    Patience::silent(Duration::from_secs(60))
}

/// Runs `labctl down` on a cluster: exit code, standard output, standard error, without what differs.
fn down(other: &Other, arguments: &[&str]) -> (i32, String, String) {
    let file = other.file();
    let arguments: Vec<&str> = ["down", "--kubeconfig", &file].iter().chain(arguments).copied().collect();
    let (code, stdout, stderr) = tokio::task::block_in_place(|| parts(&Home::new().run(&arguments)));
    (code, other.anonymous(&stdout), other.anonymous(&stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_is_found_and_removed() {
    let (other, home) = (Other::embedded().await, Home::new());
    let (lab, file) = (home.lab("look", &two_namespaces("look", A_STEP_THAT_PASSES)), other.file());
    let mut run = home.start(&["run", &lab, "--keep", "--kubeconfig", &file]);
    tokio::task::block_in_place(|| run.wait_for("export KUBECONFIG="));
    run.signal("KILL");
    drop(run);

    let (code, stdout, stderr) = down(&other, &["--verify"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.starts_with("still there:\n\nrun "), "{stdout}");
    for part in [
        " of the lab look, began ",
        "\n  Namespace foo and 5 objects in it\n",
        "\n  CustomResourceDefinition peerauthentications.security.istio.io\n",
        "\n  MutatingWebhookConfiguration labctl-mesh\n",
        "\n  ClusterRoleBinding labctl-mesh\n",
    ] {
        assert!(stdout.contains(part), "{part}\n{stdout}");
    }

    // The next run meets it, touches nothing, and says how to be rid of it.
    let before = other.run("x").survey().await.unwrap();
    let (code, _, stderr) = tokio::task::block_in_place(|| parts(&home.run(&["run", &lab, "--kubeconfig", &file])));
    assert_eq!(code, 4, "{stderr}");
    let id = &before.runs[0].id;
    for part in [
        format!("\n  Namespace foo, made by run {id} of the lab look"),
        format!("if run {id} is over, `labctl down --run {id} --kubeconfig {file}` removes what it left"),
    ] {
        assert!(stderr.contains(&part), "{part}\n{stderr}");
    }
    assert_eq!(other.run("x").survey().await.unwrap(), before);

    let (code, _, stderr) = down(&other, &[]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(stderr, @r"
    error: nothing was deleted: nobody can be asked
    hint: say that you mean it with --yes
    ");
    let (code, stdout, stderr) = down(&other, &["--yes"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.ends_with(&format!("run {id} is gone: nothing on the cluster has its label\n")), "{stdout}");
    assert!(!other.has_namespace("foo").await && !other.has_namespace("istio-system").await);
    assert_eq!(down(&other, &["--verify"]), (0, "nothing is left of any run\n".to_owned(), String::new()));
    other.end().await;
}

async fn two_runs_on_one_cluster_are_kept_apart(other: &Other) {
    let (first, second) = (other.run("first"), other.run("second"));
    let (one, two) = (other.name("one"), other.name("two"));
    first.apply(vec![namespace(&one), config_map(&one, "settings")], &patience()).await.unwrap();
    second.apply(vec![namespace(&two), config_map("default", &two)], &patience()).await.unwrap();

    let (code, stdout, stderr) = down(other, &["--run", &other.name("first"), "--yes"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(stdout.lines().last(), Some("run first is gone: nothing on the cluster has its label"));
    assert!(!other.has_namespace(&one).await && other.has_namespace(&two).await);
    let (code, stdout, _) = down(other, &["--run", &other.name("second"), "--verify", "-o", "json"]);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let kinds: Vec<&str> = document["runs"][0]["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect();
    assert_eq!((code, document["kind"].as_str()), (1, Some("Leftovers")));
    assert_eq!(kinds, ["Namespace", "ConfigMap"]);
    assert_eq!(second.clean(&patience()).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_has_to_say_which_of_several_runs_is_over() {
    let other = Other::embedded().await;
    for id in ["first", "second"] {
        other.run(id).apply(vec![config_map("default", id)], &patience()).await.unwrap();
    }
    let (code, _, stderr) = down(&other, &["--yes"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(stderr, @r"
    error: there are objects of 2 runs; which of them are over?
    hint: `labctl down --run first` removes those of one run, `labctl down --all` those of all
    ");
    let (code, stdout, stderr) = down(&other, &["--all", "--yes", "-o", "json"]);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, document["runs"].as_array().map(Vec::len)), (0, Some(0)), "{stderr}");
    assert_eq!(document["deleted"].as_array().map(Vec::len), Some(2));
    other.end().await;
}

async fn what_holds_a_namespace_is_said(other: &Other) {
    let (run, name) = (other.run("held"), other.name("held"));
    let mut held = config_map(&name, "held");
    held.metadata.finalizers = Some(vec!["example.org/hold".to_owned()]);
    run.apply(vec![namespace(&name), held], &patience()).await.unwrap();

    let (code, stdout, stderr) = down(other, &["--run", &name, "--yes", "--deadline", "15s"]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    let waited = "Namespace held: gave up waiting for Namespace held to be deleted: Namespace held is held by ";
    assert!(stdout.contains(waited), "{stdout}");
    let (code, stdout, _) = down(other, &["--run", &name, "--verify"]);
    assert_eq!(code, 1);
    for part in [
        "\n  Namespace held and 1 object in it\n    being deleted since 20",
        "\n    blocked: Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances\n",
    ] {
        assert!(stdout.contains(part), "{part}\n{stdout}");
    }

    let maps: Api<ConfigMap> = Api::namespaced(other.client(), &name);
    let released = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &released).await.unwrap();
    let (code, stdout, stderr) = down(other, &["--run", &name, "--yes"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_that_somebody_installed_is_no_leftover() {
    let other = Other::embedded().await;
    let labels = json!({"app.kubernetes.io/managed-by": "labctl"});
    let standing = object(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system", "labels": labels}}),
    );
    let api: Api<DynamicObject> =
        Api::all_with(other.client(), &kube::core::ApiResource::erase::<k8s_openapi::api::core::v1::Namespace>(&()));
    api.patch("istio-system", &PatchParams::apply("labctl"), &Patch::Apply(standing)).await.unwrap();
    let (code, stdout, _) = down(&other, &["--all", "--yes"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(stdout, @r"
    nothing is left of any run
    A mesh that `labctl mesh install` made is there too and stays; `labctl mesh uninstall` removes it.
    ");
    assert!(other.has_namespace("istio-system").await);
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_somebody_else_stops_a_run_before_anything_is_touched() {
    let (other, home) = (Other::embedded().await, Home::new());
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(other.client());
    let mut theirs = namespace("foo");
    theirs.metadata.labels = Some([("team".to_owned(), "theirs".to_owned())].into());
    namespaces.patch("foo", &PatchParams::apply("somebody"), &Patch::Apply(theirs)).await.unwrap();
    let text = two_namespaces("look", A_STEP_THAT_PASSES)
        .replace("name: foo,", "name: \"{{ place }}\",")
        .replace("parameters:", "parameters:\n  place: {description: where, default: foo}");
    let (lab, file) = (home.lab("look", &text), other.file());
    let output = tokio::task::block_in_place(|| home.run(&["run", &lab, "--kubeconfig", &file, "-o", "json"]));
    let (code, _, stderr) = parts(&output);
    assert_eq!(code, 4, "{stderr}");
    let told = stderr.split_once("error: ").unwrap().1;
    insta::assert_snapshot!(told, @r"
    already on the cluster, and not created by this run:
      Namespace foo, made with somebody just now
    hint: labctl only changes what it created itself: delete these objects, or use a cluster without them
    hint: or give the lab another place with --set place=...
    ");
    assert_eq!(document(&output)["leftovers"], Value::Null);
    assert!(!other.has_namespace("istio-system").await && !other.has_namespace("legacy").await);
    other.end().await;
}
