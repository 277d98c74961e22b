//! `--keep`: the lab stays up, and others reach it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    support::{Home, two_namespaces},
    surroundings::A_STEP_THAT_PASSES,
};

async fn pods(kubeconfig: &Path) -> Vec<Pod> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(kube::Client::try_from(config).unwrap(), "foo");
    pods.list(&Default::default()).await.unwrap().items
}

#[tokio::test]
async fn the_lab_can_be_reached_until_it_is_interrupted() {
    let home = Home::new();
    let lab = home.lab("look", &two_namespaces("look", A_STEP_THAT_PASSES));
    let mut run = home.start(&["run", &lab, "--keep"]);
    let line = run.wait_for("export KUBECONFIG=");
    let kubeconfig = Path::new(line.trim().trim_start_matches("export KUBECONFIG=")).to_owned();
    assert_eq!(fs::metadata(&kubeconfig).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(kubeconfig.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(pods(&kubeconfig).await.len(), 2);
    run.signal("INT");
    let (code, stdout, stderr) = run.end();
    assert_eq!(code, 0, "the grade counts, not how it ended:\n{stdout}\n{stderr}");
    assert!(home.leftovers().is_empty());
}
