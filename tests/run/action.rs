//! The GitHub Action, in a repository of somebody else: one lab of its own, and a workflow. What a runner does with
//! `action.yml` is done here: inputs and their defaults, expressions in `env`, `if`, `$GITHUB_PATH`, the shell `bash`.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_yaml::Value;

use crate::support::{Home, parts};

/// A repository, and the runner that is at work in it.
struct Repository {
    home: Home,
    action: Value,
}

impl Repository {
    /// With a lab that `labctl new` made.
    fn new() -> Self {
        let action = serde_yaml::from_str(&fs::read_to_string("action.yml").unwrap()).unwrap();
        let repository = Self { home: Home::new(), action };
        fs::create_dir_all(repository.path("labs")).unwrap();
        let made = repository.home.run(&["new", repository.path("labs/closed").to_str().unwrap()]);
        assert!(made.status.success(), "{made:?}");
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path("repository").join(name)
    }

    /// Runs a workflow whose one step uses the action with these lines of `with`. The first script that fails is the last.
    fn run(&self, with: &str) -> (i32, String) {
        let workflow = format!("jobs: {{labs: {{steps: [{{uses: owner/labctl@v1, with: {with}}}]}}}}");
        fs::create_dir_all(self.path(".github/workflows")).unwrap();
        fs::write(self.path(".github/workflows/labs.yml"), &workflow).unwrap();
        let workflow: Value = serde_yaml::from_str(&workflow).unwrap();
        let inputs = self.inputs(&workflow["jobs"]["labs"]["steps"][0]["with"]);
        let mut said = String::new();
        for step in self.action["runs"]["steps"].as_sequence().unwrap() {
            if step["if"].as_str().is_some_and(|condition| !holds(condition, &inputs)) {
                continue;
            }
            let (code, stdout, stderr) = parts(&self.script(step, &inputs));
            said += &format!("{stdout}{stderr}");
            if code != 0 {
                return (code, said);
            }
        }
        (0, said)
    }

    /// What the workflow gives, and the defaults for the rest.
    fn inputs(&self, with: &Value) -> BTreeMap<String, String> {
        let declared = self.action["inputs"].as_mapping().unwrap();
        let given = with.as_mapping().unwrap();
        assert!(given.keys().all(|name| declared.contains_key(name)), "{given:?}");
        let value = |name: &Value, input: &Value| text(given.get(name).unwrap_or(&input["default"]));
        declared.iter().map(|(name, input)| (text(name), value(name, input))).collect()
    }

    fn script(&self, step: &Value, inputs: &BTreeMap<String, String>) -> Output {
        assert_eq!(step["shell"], "bash");
        let script = self.home.path("script.sh");
        let text = step["run"].as_str().unwrap();
        assert!(!text.contains("${{"), "an expression in a script can become a part of it: {text}");
        fs::write(&script, text).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(script).current_dir(self.path(""));
        command.env("HOME", self.home.path("")).env("TMPDIR", self.home.path("tmp")).env_remove("KUBECONFIG");
        command.env("NO_COLOR", "1").env("GITHUB_ACTIONS", "true").env("RUNNER_TEMP", self.home.path("tmp"));
        let added = self.home.path("github-path");
        let before = fs::read_to_string(&added).unwrap_or_default();
        let path = before.lines().map(str::to_owned).chain(std::env::var("PATH")).collect::<Vec<_>>().join(":");
        command.env("GITHUB_PATH", &added).env("PATH", path);
        for (name, value) in step["env"].as_mapping().unwrap() {
            command.env(name.as_str().unwrap(), expression(value.as_str().unwrap(), inputs));
        }
        command.output().unwrap()
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        value => value.as_str().unwrap().to_owned(),
    }
}

/// `${{ inputs.name }}`, or the folder of the action.
fn expression(text: &str, inputs: &BTreeMap<String, String>) -> String {
    let inner = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).expect("an expression");
    match inner.strip_prefix("inputs.") {
        Some(name) => inputs[name].clone(),
        None if inner == "github.action_path" => env!("CARGO_MANIFEST_DIR").to_owned(),
        None => panic!("the runner of this test does not know `{inner}`"),
    }
}

/// `inputs.name == 'value'`.
fn holds(condition: &str, inputs: &BTreeMap<String, String>) -> bool {
    let (name, value) = condition.split_once(" == ").unwrap();
    inputs[name.strip_prefix("inputs.").unwrap()] == value.trim_matches('\'')
}

/// The binary of this test instead of one that is built for minutes.
const LABCTL: &str = concat!("labctl: '", env!("CARGO_BIN_EXE_labctl"), "'");

#[test]
fn a_repository_with_a_sound_lab_is_green() {
    let repository = Repository::new();
    let (code, said) = repository.run(&format!("{{{LABCTL}, report: report.xml, repeat: 2}}"));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("closed holds, 2 of 2 runs hold"), "{said}");
    assert!(!said.contains("::error"), "{said}");
    let report = fs::read_to_string(repository.path("report.xml")).unwrap();
    assert!(report.contains(r#"<testcase name="close" classname="closed""#), "{report}");
}

#[test]
fn what_does_not_hold_is_shown_at_its_line() {
    let repository = Repository::new();
    let file = repository.path("labs/closed/lab.yaml");
    let lab = fs::read_to_string(&file).unwrap();
    fs::write(&file, lab.replace("mode: STRICT}}", "mode: PERMISSIVE}}")).unwrap();
    let (code, said) = repository.run(&format!("{{{LABCTL}, lint: false, mutate: false}}"));
    assert_eq!(code, 1, "{said}");
    let line = 1 + lab.lines().position(|line| line == "  - name: close").unwrap();
    let annotation = format!("::error file=labs/closed/lab.yaml,line={line},col=11,title=closed%3A close::");
    assert!(said.contains(&(annotation + "red although it is solved: Only the mesh reaches the server")), "{said}");
}

#[test]
fn lint_comes_first() {
    let repository = Repository::new();
    let file = repository.path("labs/closed/lab.yaml");
    let lab = fs::read_to_string(&file).unwrap();
    fs::write(&file, lab.replace("    hints:", "    hint:")).unwrap();
    let (code, said) = repository.run(&format!("{{{LABCTL}}}"));
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("::error file=labs/closed/lab.yaml,"), "{said}");
    assert!(!said.contains("starting the embedded cluster"), "{said}");
}

/// Inputs are data, whatever is in them.
#[test]
fn inputs_are_never_run() {
    let repository = Repository::new();
    let hostile = r#""labs\n$(touch pwned)`touch pwned`; touch pwned\n--help""#;
    let (code, said) =
        repository.run(&format!("{{{LABCTL}, labs: {hostile}, shard: '1/2; touch pwned', lint: false}}"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("invalid value '1/2; touch pwned' for '--shard <K/N>'"), "{said}");
    let (code, said) = repository.run(&format!("{{{LABCTL}, labs: {hostile}, lint: false}}"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no lab is called `$(touch pwned)`touch pwned`; touch pwned`"), "{said}");
    assert!(!repository.path("pwned").exists());
}

#[test]
fn a_repository_without_labs_is_not_green() {
    let repository = Repository::new();
    fs::remove_dir_all(repository.path("labs/closed")).unwrap();
    let (code, said) = repository.run(&format!("{{{LABCTL}, lint: false}}"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no lab is in `labs`"), "{said}");
}
