//! The connection to the cluster breaks: for a moment, or for good.

use std::time::Duration;

use kube::core::DynamicObject;
use labctl::cluster::{Cluster, Patience, RunId, Target, connect};
use serde_json::json;

use crate::{
    both::on_both_clusters,
    cable::Cable,
    other::Other,
    support::{Home, Running, parts, two_namespaces},
    surroundings::A_STEP_THAT_PASSES,
};

on_both_clusters!(Other: requests_and_watches_go_on_after_an_outage);

/// A cluster, somebody's home, and the cable between them.
struct Scene {
    other: Other,
    home: Home,
    cable: Cable,
}

impl Scene {
    async fn new() -> Self {
        let (other, home) = (Other::embedded().await, Home::new());
        let mut kubeconfig = other.kubeconfig().clone();
        let cable = Cable::lay(&mut kubeconfig).await;
        std::fs::write(home.path("kubeconfig"), serde_yaml::to_string(&kubeconfig).unwrap()).unwrap();
        home.lab("look", &two_namespaces("look", A_STEP_THAT_PASSES));
        Self { other, home, cable }
    }

    fn file(&self) -> String {
        self.home.path("kubeconfig").to_str().unwrap().to_owned()
    }

    /// Starts the lab and waits until it says `part`.
    fn run_until(&self, part: &str) -> Running {
        let (lab, file) = (self.home.path("look"), self.file());
        let mut run = self.home.start(&["run", lab.to_str().unwrap(), "--kubeconfig", &file]);
        tokio::task::block_in_place(|| run.wait_for(part));
        run
    }
}

/// Cuts the connection for good in a phase; the run ends by itself, and what it left can be removed later.
async fn lost_for_good(part: &str) -> String {
    let scene = Scene::new().await;
    let run = scene.run_until(part);
    scene.cable.cut();
    let (code, _, stderr) = tokio::task::block_in_place(|| run.end());
    assert_eq!(code, 4, "{stderr}");
    let survey = scene.other.run("x").survey().await.unwrap();
    let id = &survey.runs[0].id;
    let file = scene.file();
    for wanted in [
        "not cleaned up:\n  ".to_owned(),
        "\n  Namespace istio-system".to_owned(),
        "no answer for 3".to_owned(),
        format!("hint: everything of this run has the label labctl.dev/run={id}\n"),
        format!("hint: `labctl down --run {id} --kubeconfig {file}` removes it when the cluster lets it go\n"),
    ] {
        assert!(stderr.contains(&wanted), "{wanted}\n{stderr}");
    }
    scene.cable.mend();
    let down = ["down", "--run", id, "--kubeconfig", &file, "--yes"];
    let (code, stdout, stderr_of_down) = tokio::task::block_in_place(|| parts(&scene.home.run(&down)));
    assert_eq!(code, 0, "{stdout}{stderr_of_down}");
    assert!(!scene.other.has_namespace("istio-system").await);
    let said = stderr.replace(&scene.cable.address().to_string(), "<SERVER>");
    scene.other.end().await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_lab_is_set_up() {
    let said = lost_for_good("setting up").await;
    assert!(said.contains("error: lost the connection to the cluster, trying to "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_step() {
    let said = lost_for_good("step 1/1 look").await;
    assert!(said.contains("error: lost the connection to the cluster, trying to "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_cleans_up() {
    let said = lost_for_good("cleaning up").await;
    assert!(said.contains("error: not everything could be cleaned up"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_outage_is_ridden_out_in_every_phase() {
    for part in ["installing the mesh", "setting up", "step 1/1 look", "cleaning up"] {
        let scene = Scene::new().await;
        let run = scene.run_until(part);
        scene.cable.cut();
        scene.cable.refuses(5).await;
        scene.cable.mend();
        let (code, stdout, stderr) = tokio::task::block_in_place(|| run.end());
        assert_eq!(code, 0, "{part}\n{stdout}\n{stderr}");
        assert!(scene.other.run("x").survey().await.unwrap().runs.is_empty(), "{part}");
        scene.other.end().await;
    }
}

async fn requests_and_watches_go_on_after_an_outage(other: &Other) {
    let mut kubeconfig = other.kubeconfig().clone();
    let cable = Cable::lay(&mut kubeconfig).await;
    let home = Home::new();
    let file = home.path("kubeconfig");
    std::fs::write(&file, serde_yaml::to_string(&kubeconfig).unwrap()).unwrap();
    let connection = connect(&Target::Kubernetes { kubeconfig: Some(file), context: None }).await.unwrap();
    let run = Cluster::new(connection.client(), RunId::known(other.name("outage")));
    let patience = Patience::silent(Duration::from_secs(60));
    let name = other.name("outage");
    let object = |value| -> DynamicObject { serde_json::from_value(value).unwrap() };
    let objects = vec![
        object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": &name}})),
        object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": &name}})),
    ];
    cable.cut();
    let mended = async {
        cable.refuses(3).await;
        cable.mend();
    };
    let (applied, ()) = tokio::join!(run.apply(objects, &patience), mended);
    assert_eq!(applied.unwrap().len(), 2);
    cable.cut();
    let mended = async {
        cable.refuses(3).await;
        cable.mend();
    };
    let (left, ()) = tokio::join!(run.clean(&patience), mended);
    assert_eq!(left, []);
    assert!(!other.has_namespace(&name).await);
}
