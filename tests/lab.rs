//! Labs through the public door: the bundled ones load, broken ones say what is wrong, where, and what to write instead.

#[path = "lab/lint.rs"]
mod lint;
#[path = "lab/own.rs"]
mod own;
#[path = "lab/schema.rs"]
mod schema;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use labctl::{
    lab::{self, LoadError, action::Action, check::Check, model::Lab},
    probe::{
        alert::ALERTS,
        verdict::{Expected, Verdict},
    },
    render::{manifest, object::Object},
};
use proptest::prelude::*;

/// Loads a lab that is expected to be sound.
fn sound(name: &str) -> Lab {
    match lab::find(name).unwrap().load(&[]) {
        Ok(lab) => lab,
        Err(LoadError::Content(problems)) => panic!("{}", problems.draw(false)),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn bundled_labs_load() {
    for name in lab::bundled() {
        let lab = sound(&name);
        assert_eq!(lab.metadata.name, name);
        assert_eq!(lab.points() % 10, 0, "points of {name} are a round number");
    }
}

/// Each file in `tests/labs` is a lab with one mistake; its snapshot is what a trainer reads.
#[test]
fn broken_labs_are_refused() {
    let mut cases: Vec<_> = fs::read_dir("tests/labs").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_file());
    cases.sort();
    assert!(cases.len() > 50, "the cases are there");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/labs");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| cases.iter().for_each(|case| refuse(case)));
}

fn refuse(case: &Path) {
    let name = case.file_stem().unwrap().to_str().unwrap();
    let text = match lab::find(case.to_str().unwrap()).unwrap().load(&[]) {
        Ok(_) => panic!("{name} is loaded"),
        Err(LoadError::Content(problems)) => problems.draw(false),
        Err(error) => panic!("{name}: {error}"),
    };
    insta::assert_snapshot!(name, text);
}

/// minijinja counts instructions; this one needs few and would take 128 GiB.
#[test]
fn a_template_that_doubles_a_text_is_given_up() {
    let folder = folder();
    let doubling = "{% set text = text ~ text %}\n".repeat(34);
    let template = format!("{{% set text = name ~ 'aaaaaaaa' %}}\n{doubling}{{{{ text }}}}");
    fs::write(folder.path().join("templates/namespace.yaml"), template).unwrap();
    let output = labctl(&["show", folder.path().to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("the template `namespace.yaml` is refused"), "{stderr}");
    let bounds = ["it takes more than 512 MiB of memory", "it takes more than 3 seconds"];
    assert!(bounds.iter().any(|bound| stderr.contains(bound)), "{stderr}");
}

/// `namespace` is a function of minijinja, too.
#[test]
fn a_namespace_that_is_forgotten_is_undefined() {
    let folder = folder();
    let template = "apiVersion: v1\nkind: Namespace\nmetadata: {name: {{ name }}{{ namespace }}}\n";
    fs::write(folder.path().join("templates/namespace.yaml"), template).unwrap();
    let output = labctl(&["show", folder.path().to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("`namespace` is not defined"), "{stderr}");
}

#[test]
fn what_is_asked_from_outside_is_a_command_that_a_trainee_can_type() {
    let output = labctl(&["show", "boards", "--step", "share", "--solution"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let command = shown.lines().find(|line| line.trim_start().starts_with("curl -sSf")).unwrap();
    insta::assert_snapshot!(command.trim(), @r#"curl -sSf -H 'Host: boards.example' -d 'raw=The door code is 8-1-5-2 now' "http://$GATEWAY_URL"/items"#);
}

/// A sound lab of one step in a folder of its own, to which tests do harm.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("templates")).unwrap();
    fs::copy("tests/labs/templates/namespace.yaml", folder.path().join("templates/namespace.yaml")).unwrap();
    fs::write(folder.path().join("lab.yaml"), SOUND).unwrap();
    folder
}

const SOUND: &str = "\
apiVersion: labctl/v1
kind: Lab
metadata: {name: sound, title: A sound lab, summary: Nothing is wrong., minutes: 5}
parameters:
  project: {description: the namespace, default: foo, pattern: '[a-z]+'}
workloads:
  client: {namespace: '{{ project }}', selector: {app: client}, container: client}
  server: {namespace: '{{ project }}', selector: {app: server}, container: server, host: 'server.{{ project }}', port: 80}
steps:
  - name: close
    title: Close the door
    text: Close the door of {{ project }}.
    solve:
      - apply: {template: namespace.yaml, with: {name: '{{ project }}'}}
    expect:
      - matrix:
          title: Nobody gets in
          to: [server]
          from: {client: [reset]}
";

/// What a trainer reads about the lab in `folder`, with the folder's name taken out.
fn refusal(folder: &Path) -> String {
    let text = match lab::find(folder.to_str().unwrap()) {
        Err(error) => error.to_string(),
        Ok(found) => match found.load(&[]) {
            Ok(_) => panic!("the lab is loaded"),
            Err(LoadError::Content(problems)) => problems.draw(false),
            Err(error) => error.to_string(),
        },
    };
    text.replace(folder.to_str().unwrap(), "[folder]")
}

fn labctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments).env_remove("NO_COLOR").output().unwrap()
}

/// Exit code and what was said.
fn said(arguments: &[&str]) -> String {
    let output = labctl(arguments);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    format!("{stdout}{stderr}exit code {}", output.status.code().unwrap())
}

#[test]
fn parameters_reach_every_text() {
    let folder = folder();
    let found = lab::find(folder.path().to_str().unwrap()).unwrap();
    let lab = found.load(&[("project".to_owned(), "bar".to_owned())]).unwrap();
    assert_eq!(lab.steps[0].text.value, "Close the door of bar.");
    assert_eq!(lab.objects().next().unwrap().name(), "bar");
    let server = lab.workloads.values().find(|workload| workload.service.is_some()).unwrap();
    assert_eq!(
        (server.namespace.as_str(), server.service.clone().unwrap().to_string()),
        ("bar", "server.bar:80".into())
    );
}

#[test]
fn settings_that_do_not_fit() {
    let folder = folder();
    let lab = folder.path().to_str().unwrap();
    let cases: [&[&str]; 5] = [
        &["--set", "projct=bar"],
        &["--set", "colour=red"],
        &["--set", "project=Bar/../x"],
        &["--set", "project=a", "--set", "project=b"],
        &["--set", "project"],
    ];
    let texts = cases.map(|settings| said(&[&["show", lab], settings].concat()).replace(lab, "[folder]"));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn labs_that_are_not_there() {
    let empty = tempfile::tempdir().unwrap();
    let texts = [
        said(&["show", "mtls-stict"]),
        said(&["show", "no-such-lab-at-all"]),
        said(&["show", "./no-such-folder"]),
        said(&["show", empty.path().to_str().unwrap()]).replace(empty.path().to_str().unwrap(), "[folder]"),
        said(&["show", "mtls-strict", "--step", "prot"]),
    ];
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_broken_lab_ends_with_exit_code_6() {
    insta::assert_snapshot!(said(&["show", "tests/labs/unknown-key.yaml"]));
}

#[test]
fn list() {
    insta::assert_snapshot!(said(&["list"]));
}

#[test]
fn list_as_json() {
    let output = labctl(&["list", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["version"], 1);
    let labs = list["labs"].as_array().unwrap();
    let names: Vec<&str> = labs.iter().filter_map(|lab| lab["name"].as_str()).collect();
    assert_eq!(names, lab::bundled());
    assert!(labs.iter().all(|lab| lab["points"] == 100), "{list:#}");
}

#[test]
fn guide() {
    let version = env!("CARGO_PKG_VERSION");
    insta::assert_snapshot!(said(&["show", "mtls-strict"]).replace(version, "[version]"));
}

#[test]
fn guide_with_everything_unfolded() {
    insta::assert_snapshot!(said(&["show", "mtls-strict", "--step", "workload", "--hints", "--solution"]));
}

#[test]
fn hints_and_solution_stay_folded_in_json() {
    let folded = String::from_utf8(labctl(&["show", "mtls-strict", "--step", "mesh", "-o", "json"]).stdout).unwrap();
    assert!(!folded.contains("The namespace matters more"), "{folded}");
    let arguments = ["show", "mtls-strict", "--step", "mesh", "-o", "json", "--hints", "--solution"];
    let document: serde_json::Value = serde_json::from_slice(&labctl(&arguments).stdout).unwrap();
    let step = &document["steps"][0];
    assert_eq!(step["expect"][0]["matrix"]["cells"]["sleep.legacy"]["httpbin.foo"], "reset");
    assert!(step["hints"][0]["text"].as_str().unwrap().contains("The namespace matters more"));
    assert!(step["solution"][0].as_str().unwrap().starts_with("kubectl apply -f - <<'EOF'\n"));
}

#[test]
fn manifests_can_be_applied_as_they_are() {
    let output = labctl(&["show", "mtls-strict", "--step", "default", "--manifests"]);
    let objects = manifest::read("stdout", &String::from_utf8(output.stdout).unwrap()).unwrap();
    let applied: Vec<_> =
        sound("mtls-strict").steps[0].solve.iter().flat_map(|action| action.objects().to_vec()).collect();
    assert_eq!(objects, applied);
    assert_eq!(objects.len(), 3 + 3 * 3 + 3 * 2);
}

#[test]
fn upstream_images_start_their_own_program() {
    let settings = [("httpbin_image".to_owned(), "mccutchen/go-httpbin:2.18".to_owned())];
    let lab = lab::find("mtls-strict").unwrap().load(&settings).unwrap();
    let command = |lab: &Lab| {
        let deployment =
            lab.objects().find(|object| (object.kind(), object.name()) == ("Deployment", "httpbin")).unwrap();
        deployment.value().pointer("/spec/template/spec/containers/0/command").cloned()
    };
    assert_eq!(command(&lab), None);
    assert_eq!(command(&sound("mtls-strict")), Some(serde_json::json!(["httpbin"])));
}

/// What a later step deletes, an earlier one has applied: nobody else's objects are in danger.
#[test]
fn bundled_labs_delete_only_what_they_applied() {
    for name in lab::bundled() {
        let lab = sound(&name);
        let mut applied: Vec<(String, Option<String>, String)> = Vec::new();
        for action in lab.setup.iter().chain(lab.steps.iter().flat_map(|step| &step.solve)) {
            applied.extend(action.objects().iter().map(|object| {
                (object.kind().to_owned(), object.namespace().map(str::to_owned), object.name().to_owned())
            }));
            if let Action::Delete(target) = &action.value {
                let target = (target.kind.clone(), target.namespace.clone(), target.name.clone());
                assert!(applied.contains(&target), "{name}: {target:?}");
                applied.retain(|known| *known != target);
            }
        }
    }
}

/// A caller whose every call fails says nothing: each matrix has an answered cell in each row.
#[test]
fn bundled_matrices_have_controls() {
    for name in lab::bundled() {
        for check in sound(&name).steps.iter().flat_map(|step| &step.expect) {
            let Check::Matrix(matrix) = &check.value else { continue };
            let answered = |row: &lab::check::Row| row.cells.iter().any(|cell| cell.answered());
            assert!(matrix.rows.iter().all(answered), "{name}: {}", matrix.title);
        }
    }
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_refused() {
    let (outside, folder) = (tempfile::tempdir().unwrap(), folder());
    let secret = outside.path().join("secret.yaml");
    fs::write(&secret, "secret: value\n").unwrap();
    let template = folder.path().join("templates/namespace.yaml");
    fs::remove_file(&template).unwrap();
    std::os::unix::fs::symlink(&secret, &template).unwrap();
    insta::assert_snapshot!(refusal(folder.path()), @r"
     ✗ the template `namespace.yaml` is refused
       ╭─[[folder]/lab.yaml:14:27]
    13 │     solve:
    14 │       - apply: {template: namespace.yaml, with: {name: '{{ project }}'}}
       ·                           ^^^^^^^^^^^^^^
    15 │     expect:
       ╰────
     help: it is a link that leads out of `templates/`
    ");
}

#[test]
fn huge_files_are_refused() {
    let folder = folder();
    fs::write(folder.path().join("templates/namespace.yaml"), "#".repeat((1 << 20) + 1)).unwrap();
    insta::assert_snapshot!(refusal(folder.path()), @r"
     ✗ the template `namespace.yaml` is refused
       ╭─[[folder]/lab.yaml:14:27]
    13 │     solve:
    14 │       - apply: {template: namespace.yaml, with: {name: '{{ project }}'}}
       ·                           ^^^^^^^^^^^^^^
    15 │     expect:
       ╰────
     help: it is larger than 1 MiB
    ");
    fs::write(folder.path().join("lab.yaml"), "#".repeat((1 << 20) + 1)).unwrap();
    insta::assert_snapshot!(refusal(folder.path()), @r"cannot read `[folder]/lab.yaml`: a lab file has at most 1 MiB");
}

#[test]
fn a_line_that_would_fill_screens_is_not_quoted() {
    let folder = folder();
    fs::write(folder.path().join("lab.yaml"), format!("a: {}{}\n", "[".repeat(1000), "]".repeat(1000))).unwrap();
    insta::assert_snapshot!(refusal(folder.path()).trim(), @"✗ [folder]/lab.yaml:1:36: nested deeper than 32 levels");
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let name = "[a-z]([a-z0-9.-]{0,20}[a-z0-9])?";
    prop_oneof![
        Just(Verdict::Dns),
        (100u16..600).prop_map(Verdict::Http),
        (name, name, name).prop_map(|(domain, namespace, account)| {
            Verdict::Mtls(labctl::mesh::identity::SpiffeId::new(&domain, &namespace, &account))
        }),
        Just(Verdict::NoEndpoint),
        Just(Verdict::Plaintext),
        Just(Verdict::Refused),
        Just(Verdict::Reset),
        Just(Verdict::Timeout),
        proptest::sample::select(ALERTS).prop_map(|(_, name)| Verdict::TlsAlert(name.parse().unwrap())),
        Just(Verdict::TlsOnly),
    ]
}

/// Any value that a manifest may hold, with the texts that YAML likes to take for something else.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        "\\PC{0,20}",
        "[a-z:#\\-\\n ]{0,20}",
        proptest::sample::select(
            &["yes", "8080", "null", "---", "1e3", "0x10", "~", "- a", "", " ", "a\n---\nb\n"][..]
        )
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 20, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(text.clone(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn manifests_are_read_as_they_are_written(specs in proptest::collection::vec(json(), 0..4)) {
        let objects: Vec<Object> = specs.into_iter().map(|spec| {
            let metadata = serde_json::json!({"name": "a"});
            Object::new(serde_json::json!({"apiVersion": "v1", "kind": "K", "metadata": metadata, "spec": spec})).unwrap()
        }).collect();
        let text = manifest::write(&objects);
        prop_assert_eq!(manifest::read("text", &text).map_err(|error| error.to_string()), Ok(objects));
    }

    #[test]
    fn verdicts_are_read_as_they_are_written(verdict in verdict()) {
        prop_assert_eq!(verdict.to_string().parse::<Verdict>().unwrap(), verdict.clone());
        prop_assert_eq!(verdict.to_string().parse::<Expected>().unwrap(), Expected::Exactly(verdict));
    }

    #[test]
    fn a_text_that_is_a_verdict_is_its_only_spelling(text in "\\PC{0,40}|(http|mtls|tls-alert|reset)\\(?[a-z0-9: /]{0,30}\\)?") {
        if let Ok(verdict) = text.parse::<Verdict>() {
            prop_assert_eq!(verdict.to_string(), text);
        }
    }

    /// Whatever a trainer does to a lab file: it is loaded, or something is said about it.
    #[test]
    fn damaged_labs_are_refused_in_words(
        line in 0usize..400,
        damage in prop_oneof![
            Just(None),
            proptest::sample::select(&["", "-", "  ", ":", "x: y", "- x", "{", "[1]", "~", "*a", "{{ x }}"][..]).prop_map(Some),
        ],
    ) {
        let mut lines: Vec<String> = include_str!("../labs/mtls-strict/lab.yaml").lines().map(str::to_owned).collect();
        let line = line % lines.len();
        match damage {
            None => { lines.remove(line); }
            Some(text) => {
                let indent = lines[line].len() - lines[line].trim_start().len();
                lines[line] = format!("{}{text}", " ".repeat(indent));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("lab.yaml"), lines.join("\n")).unwrap();
        if let Err(error) = lab::find(folder.path().to_str().unwrap()).unwrap().load(&[]) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
