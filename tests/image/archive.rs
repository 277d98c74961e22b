//! What is in an archive: both formats, every digest, every file.

use std::{fs, io::Read as _, process::Command};

use serde_json::json;

use crate::{
    elf,
    support::{Desk, blob, gunzip, json, layer, sha256, unpack},
};

#[test]
fn both_formats_lead_to_the_same_content() {
    let files = unpack(&Desk::with_executable().archive("labctl.tar"));
    assert_eq!(json(&files["oci-layout"]), json!({ "imageLayoutVersion": "1.0.0" }));
    let index = json(&files["index.json"]);
    let manifest = json(blob(&files, &index["manifests"][0]));
    let config = json(blob(&files, &manifest["config"]));
    let packed = blob(&files, &manifest["layers"][0]);
    assert_eq!(config["rootfs"], json!({ "type": "layers", "diff_ids": [sha256(&gunzip(packed))] }));
    let docker = json(&files["manifest.json"]);
    let path =
        |descriptor: &serde_json::Value| format!("blobs/{}", descriptor["digest"].as_str().unwrap().replace(':', "/"));
    let name = format!("localhost/labctl:{}", env!("CARGO_PKG_VERSION"));
    let expected = json!([{
        "Config": path(&manifest["config"]), "Layers": [path(&manifest["layers"][0])], "RepoTags": [name],
    }]);
    assert_eq!(docker, expected);
    assert_eq!(files.len(), 6, "nothing else is in it: {:?}", files.keys());
}

#[test]
fn documents_say_what_a_container_starts_with() {
    let desk = Desk::with_executable();
    let files = unpack(&desk.archive("labctl.tar"));
    let index = json(&files["index.json"]);
    let manifest = json(blob(&files, &index["manifests"][0]));
    let config = json(blob(&files, &manifest["config"]));
    insta::assert_json_snapshot!(index, {
        ".manifests[].annotations.*" => insta::dynamic_redaction(|value, _| version(&value)),
        ".manifests[].digest" => "[digest]"
    }, @r#"
    {
      "manifests": [
        {
          "annotations": {
            "io.containerd.image.name": "localhost/labctl:VERSION",
            "org.opencontainers.image.ref.name": "VERSION"
          },
          "digest": "[digest]",
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "platform": {
            "architecture": "amd64",
            "os": "linux"
          },
          "size": 404
        }
      ],
      "mediaType": "application/vnd.oci.image.index.v1+json",
      "schemaVersion": 2
    }
    "#);
    insta::assert_json_snapshot!(config, {
        ".config.Labels.*" => insta::dynamic_redaction(|value, _| version(&value)), ".rootfs.diff_ids" => "[digests]"
    }, @r#"
    {
      "architecture": "amd64",
      "config": {
        "Entrypoint": [
          "/usr/bin/labctl"
        ],
        "Env": [
          "PATH=/usr/bin:/bin"
        ],
        "Labels": {
          "org.opencontainers.image.description": "Declarative workshop lab runner: teach, learn and verify mutual TLS in a service mesh",
          "org.opencontainers.image.licenses": "Apache-2.0",
          "org.opencontainers.image.title": "labctl",
          "org.opencontainers.image.version": "VERSION"
        },
        "User": "65532:65532",
        "WorkingDir": "/"
      },
      "created": "1970-01-01T00:00:00Z",
      "history": [
        {
          "created": "1970-01-01T00:00:00Z",
          "created_by": "labctl image"
        }
      ],
      "os": "linux",
      "rootfs": {
        "diff_ids": "[digests]",
        "type": "layers"
      }
    }
    "#);
}

/// This version as `VERSION`, so that a release changes no snapshot.
fn version(value: &insta::internals::Content) -> insta::internals::Content {
    value.as_str().unwrap_or_default().replace(env!("CARGO_PKG_VERSION"), "VERSION").into()
}

#[test]
fn layer_holds_the_executable_roots_and_accounts() {
    let layer = layer(&Desk::with_executable().archive("labctl.tar"));
    let mut list = String::new();
    let mut archive = tar::Archive::new(&layer[..]);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        let path = entry.path().unwrap().display().to_string();
        let link = entry.link_name().unwrap().map(|to| format!(" -> {}", to.display())).unwrap_or_default();
        list.push_str(&format!("{:?} {:o} {path}{link}\n", header.entry_type(), header.mode().unwrap()));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        match path.as_str() {
            "etc/passwd" => insta::assert_snapshot!(String::from_utf8(content).unwrap(), @r"
            root:x:0:0:root:/:/sbin/nologin
            sidecar:x:1337:1337:sidecar:/:/sbin/nologin
            nonroot:x:65532:65532:nonroot:/:/sbin/nologin
            "),
            "etc/group" => insta::assert_snapshot!(String::from_utf8(content).unwrap(), @r"
            root:x:0:
            sidecar:x:1337:
            nonroot:x:65532:
            "),
            "etc/ssl/certs/ca-certificates.crt" => {
                let roots = String::from_utf8(content).unwrap();
                assert!(roots.matches("BEGIN CERTIFICATE").count() > 100, "{roots}");
                assert!(
                    x509_parser::pem::Pem::iter_from_buffer(roots.as_bytes())
                        .all(|pem| pem.unwrap().parse_x509().is_ok())
                );
            }
            "usr/bin/labctl" => assert_eq!(content, elf::labctl(elf::X86_64)),
            _ => assert_eq!(content, b""),
        }
    }
    let programs = |line: &&str| line.ends_with(" -> labctl");
    let others: Vec<&str> = list.lines().filter(|line| !programs(line)).collect();
    insta::assert_snapshot!(others.join("\n"), @r"
    Symlink 777 bin -> usr/bin
    Directory 755 etc
    Regular 644 etc/group
    Regular 644 etc/passwd
    Directory 755 etc/ssl
    Directory 755 etc/ssl/certs
    Regular 644 etc/ssl/certs/ca-certificates.crt
    Directory 1777 tmp
    Directory 755 usr
    Directory 755 usr/bin
    Regular 755 usr/bin/labctl
    ");
}

#[test]
fn every_bundled_program_is_a_link() {
    let desk = Desk::with_executable();
    let programs = String::from_utf8(desk.run(&["workload"]).stdout).unwrap();
    let layer = layer(&desk.archive("labctl.tar"));
    let mut archive = tar::Archive::new(&layer[..]);
    let links: Vec<String> = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.link_name().unwrap().is_some_and(|to| to.as_os_str() == "labctl"))
        .map(|entry| entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(links, programs.lines().collect::<Vec<_>>());
}

#[test]
fn same_executable_gives_the_same_bytes_whether_in_a_file_or_a_pipe() {
    let desk = Desk::with_executable();
    let first = fs::read(desk.archive("first.tar")).unwrap();
    assert_eq!(fs::read(desk.archive("second.tar")).unwrap(), first);
    let piped = desk.run(&["image", "save", "--executable", "labctl-static", "-o", "-"]);
    assert_eq!(piped.stdout, first);
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "");
}

#[test]
fn platform_is_the_executables() {
    let desk = Desk::new();
    for (machine, platform) in [(elf::X86_64, "amd64"), (elf::AARCH64, "arm64"), (243, "riscv64")] {
        desk.put("labctl-static", &elf::labctl(machine));
        let files = unpack(&desk.archive("labctl.tar"));
        let index = json(&files["index.json"]);
        assert_eq!(index["manifests"][0]["platform"], json!({ "os": "linux", "architecture": platform }));
        let manifest = json(blob(&files, &index["manifests"][0]));
        assert_eq!(json(blob(&files, &manifest["config"]))["architecture"], platform);
    }
}

#[test]
fn name_is_what_was_asked_for_and_a_summary_tells_it() {
    let desk = Desk::with_executable();
    let save = ["image", "save", "--executable", "labctl-static", "--name", "registry.test:5000/tools/labctl:next"];
    let output = desk.run(&save);
    let summary = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(summary, @"labctl.tar: registry.test:5000/tools/labctl:next for linux/amd64, 0.1 MB");
    let files = unpack(&desk.path("labctl.tar"));
    let annotations = json(&files["index.json"])["manifests"][0]["annotations"].clone();
    assert_eq!(annotations["io.containerd.image.name"], "registry.test:5000/tools/labctl:next");
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "next");
    assert_eq!(json(&files["manifest.json"])[0]["RepoTags"], json!(["registry.test:5000/tools/labctl:next"]));
}

#[cfg(unix)]
#[test]
fn archive_is_readable_by_all_and_what_stood_there_is_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::with_executable();
    desk.put("labctl.tar", b"an older archive");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 022; rm -f labctl.tar; exec \"$0\" image save --executable labctl-static"]);
    desk.at_home(command.arg(env!("CARGO_BIN_EXE_labctl")));
    assert!(command.status().unwrap().success());
    assert_eq!(fs::metadata(desk.path("labctl.tar")).unwrap().permissions().mode() & 0o777, 0o644);
    desk.put("labctl.tar", b"an older archive");
    assert_eq!(unpack(&desk.archive("labctl.tar")).len(), 6);
}
