//! `labctl migrate`: the old API said in the new one.

use std::{fs, process::Output};

use proptest::prelude::*;
use tempfile::TempDir;

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: foo}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}, {name: tcp-db, port: 5432}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata: {labels: {app: web, sidecar.istio.io/inject: 'true'}}
    spec: {containers: [{name: web, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleep, namespace: bar}
spec: {template: {metadata: {labels: {app: sleep}}, spec: {containers: [{name: sleep}]}}}
---
";

fn policy(name: &str, spec: &str) -> String {
    let version = "authentication.istio.io/v1alpha1";
    format!("apiVersion: {version}\nkind: Policy\nmetadata: {{name: {name}, namespace: foo}}\nspec: {{{spec}}}\n---\n")
}

fn mesh_policy(peers: &str) -> String {
    let version = "authentication.istio.io/v1alpha1";
    format!("apiVersion: {version}\nkind: MeshPolicy\nmetadata: {{name: default}}\nspec: {{peers: {peers}}}\n---\n")
}

fn migrate(text: &str) -> Output {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("old.yaml"), text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_labctl"));
    command.args(["migrate", "old.yaml"]).current_dir(home.path()).env("NO_COLOR", "1");
    command.output().unwrap()
}

/// Exit code, standard output and standard error.
fn told(text: &str) -> String {
    let Output { status, stdout, stderr } = migrate(text);
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    format!("{stdout}{stderr}exit {}", status.code().unwrap())
}

#[test]
fn every_level_has_its_counterpart() {
    let old = mesh_policy("[{mtls: {}}]")
        + &policy("default", "peers: [{mtls: {mode: PERMISSIVE}}]")
        + &policy("web", "targets: [{name: web}], peers: [{mtls: {}}]")
        + &policy("db", "targets: [{name: web, ports: [{number: 5432}]}], peers: []");
    insta::assert_snapshot!(told(&(old + SERVICES)), @r"
    # Was MeshPolicy default (old.yaml:1).
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: default
      namespace: istio-system
    spec:
      mtls:
        mode: STRICT
    ---
    # Was Policy foo/default (old.yaml:6).
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: default
      namespace: foo
    spec:
      mtls:
        mode: PERMISSIVE
    ---
    # Was Policy foo/web (old.yaml:11), Policy foo/db (old.yaml:16).
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: web
      namespace: foo
    spec:
      mtls:
        mode: STRICT
      portLevelMtls:
        '5432':
          mode: DISABLE
      selector:
        matchLabels:
          app: web
    exit 0
    ");
}

#[test]
fn what_would_be_otherwise_is_told() {
    // Auto mTLS reads a namespace's policy before that of a workload, and so never gets to the latter's STRICT.
    let old = policy("default", "peers: []") + &policy("web", "targets: [{name: web}], peers: [{mtls: {}}]");
    insta::assert_snapshot!(told(&(old + SERVICES)), @r"
    # Was Policy foo/default (old.yaml:1).
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: default
      namespace: foo
    spec:
      mtls:
        mode: DISABLE
    ---
    # Was Policy foo/web (old.yaml:6).
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata:
      name: web
      namespace: foo
    spec:
      mtls:
        mode: STRICT
      selector:
        matchLabels:
          app: web
    warning: web.foo to web.foo.svc.cluster.local:80 sees mtls(spiffe://cluster.local/ns/foo/sa/default), and would see http(503)
    warning: web.foo to web.foo.svc.cluster.local:5432 sees mtls(spiffe://cluster.local/ns/foo/sa/default), and would see reset
    exit 3
    ");
}

#[test]
fn nothing_takes_the_place_of_what_nobody_reads() {
    let modern =
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: foo}\n---\n";
    insta::assert_snapshot!(told(&(policy("default", "peers: [{mtls: {}}]") + modern + SERVICES)), @r"
    warning: old.yaml:1:1: Policy foo/default: it is ignored at web: PeerAuthentication foo/default (old.yaml:6) applies there
    note: nothing takes the place of Policy foo/default (old.yaml:1): a PeerAuthentication applies there already
    exit 3
    ");
}

#[test]
fn what_is_missing_is_named() {
    insta::assert_snapshot!(told(&policy("web", "targets: [{name: web}], peers: [{mtls: {}}]")), @r"
    error: Policy foo/web (old.yaml:1) is about Service foo/web, which is in none of the files
    hint: a PeerAuthentication names pods by their labels, which the Service's selector has: give its manifest as well
    exit 6
    ");
    let service = SERVICES.split("---").next().unwrap();
    let old = policy("web", "targets: [{name: web}], peers: [{mtls: {}}]");
    insta::assert_snapshot!(told(&(old + service)), @r"
    error: Service foo/web sends port 80 to the container port `web`, and no pod says its number
    hint: give the manifest of its Deployment as well
    exit 6
    ");
    insta::assert_snapshot!(told(SERVICES), @r"
    error: there is no Policy or MeshPolicy of authentication.istio.io in these files
    hint: `labctl explain -f FILE` says what they mean
    exit 2
    ");
}

fn peers() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["[]", "[{mtls: {}}]", "[{mtls: {mode: STRICT}}]", "[{mtls: {mode: PERMISSIVE}}]"])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever the old policies say, each port accepts afterwards what it did before, or the difference is told.
    #[test]
    fn servers_keep_their_modes(
        mesh in proptest::option::of(peers()),
        namespace in proptest::option::of(peers()),
        service in proptest::option::of(peers()),
        port in proptest::option::of(peers()),
    ) {
        let mut old = String::new();
        old.extend(mesh.map(mesh_policy));
        old.extend(namespace.map(|peers| policy("default", &format!("peers: {peers}"))));
        old.extend(service.map(|peers| policy("b", &format!("targets: [{{name: web}}], peers: {peers}"))));
        old.extend(port.map(|peers| policy("a", &format!("targets: [{{name: web, ports: [{{name: http}}]}}], peers: {peers}"))));
        prop_assume!(!old.is_empty());
        use labctl::mesh::{explain::manifest::{File, load}, migrate, policy::Index, snapshot::Settings};
        let files = |text: String| [File { name: "m.yaml".to_owned(), text: text.into() }];
        let before = load(&files(old + SERVICES), Settings::default()).unwrap().snapshot;
        let migration = migrate::migrate(&before).unwrap();
        let new: Vec<String> = migration.replacements.iter().map(|it| it.object.to_string() + "\n---\n").collect();
        let after = load(&files(new.concat() + SERVICES), Settings::default()).unwrap().snapshot;
        let (before, after) = (Index::new(before), Index::new(after));
        let web = before.find_workload("foo", "web").unwrap();
        for port in [8080, 5432] {
            let mode = |index: &Index| index.server_mode(web, port).map(|decision| decision.value);
            prop_assert_eq!(mode(&before), mode(&after));
        }
    }
}
