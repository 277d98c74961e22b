//! The archive in the hands of other people's tools, where they are installed.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Desk, blob, json, unpack};

/// Runs a tool; `None`, and a line about it, if it is not there.
fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(name).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {name} is not installed");
            None
        }
        output => Some(output.unwrap()),
    }
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn skopeo_reads_both_formats_and_copies_them() {
    let desk = Desk::with_executable();
    let archive = desk.archive("labctl.tar");
    let files = unpack(&archive);
    let digest = json(&files["index.json"])["manifests"][0]["digest"].clone();
    let Some(oci) = tool("skopeo", &["inspect", &format!("oci-archive:{}", archive.display())]) else { return };
    let oci: Value = serde_json::from_str(&text(&oci)).unwrap();
    assert_eq!(oci["Digest"], digest);
    assert_eq!(oci["Architecture"], "amd64");
    let docker = format!("docker-archive:{}", archive.display());
    for source in [format!("oci-archive:{}", archive.display()), docker] {
        let copy = desk.path("copy");
        let copied = tool("skopeo", &["--insecure-policy", "copy", &source, &format!("dir:{}", copy.display())]);
        let manifest = copied.map(|output| text(&output)).map(|_| std::fs::read(copy.join("manifest.json")).unwrap());
        let config = json(&manifest.unwrap())["config"]["digest"].clone();
        let original = json(blob(&files, &json(&files["index.json"])["manifests"][0]));
        assert_eq!(config, original["config"]["digest"], "{source}");
    }
}

/// Imports into a namespace of its own, which nothing is run from.
#[test]
fn containerd_imports_it_under_its_name() {
    const SPACE: &str = "labctl-image-test";
    if std::env::var_os("CONTAINERD_ADDRESS").is_none() {
        eprintln!("skipped: CONTAINERD_ADDRESS names no containerd");
        return;
    }
    let desk = Desk::with_executable();
    let archive = desk.archive("labctl.tar");
    let ctr = |arguments: &[&str]| tool("ctr", &[&["-n", SPACE], arguments].concat());
    let Some(imported) = ctr(&["images", "import", archive.to_str().unwrap()]) else { return };
    let name = format!("localhost/labctl:{}", env!("CARGO_PKG_VERSION"));
    let listed = ctr(&["images", "list", "-q"]).unwrap();
    let removed = ctr(&["images", "remove", "--sync", &name]).unwrap();
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(text(&listed), format!("{name}\n"));
    assert!(removed.status.success(), "{removed:?}");
    assert!(ctr(&["namespaces", "remove", SPACE]).unwrap().status.success());
}

#[test]
fn docker_loads_it() {
    let Some(answer) = tool("docker", &["info"]) else { return };
    if !answer.status.success() {
        eprintln!("skipped: docker has no daemon");
        return;
    }
    let desk = Desk::with_executable();
    let archive = desk.archive("labctl.tar");
    let name = "labctl.test/image-test:1";
    let arguments = ["image", "save", "--executable", "labctl-static", "--name", name];
    assert!(desk.run(&arguments).status.success());
    let loaded = tool("docker", &["load", "-i", archive.to_str().unwrap()]).unwrap();
    let removed = tool("docker", &["image", "rm", name]).unwrap();
    assert!(text(&loaded).contains(name), "{loaded:?}");
    assert!(removed.status.success(), "{removed:?}");
}
