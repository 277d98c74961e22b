//! Running the binary, in a home of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A home, a folder for temporary files, and a place for labs and reports, all of one test.
pub struct Home {
    folder: TempDir,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a lab and answers its folder.
    pub fn lab(&self, name: &str, text: &str) -> String {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("templates")).unwrap();
        fs::write(folder.join("lab.yaml"), text).unwrap();
        folder.to_str().unwrap().to_owned()
    }

    /// Writes a template of a lab.
    pub fn template(&self, lab: &str, name: &str, text: &str) {
        fs::write(Path::new(lab).join("templates").join(name), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
        command.args(arguments).env_remove("KUBECONFIG").env_remove("GITHUB_ACTIONS").env("NO_COLOR", "1");
        command.env("HOME", self.folder.path()).env("TMPDIR", self.path("tmp"));
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts in the background.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running::new(child)
    }

    /// Files that a run left behind, its own labs and reports aside.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// A run in the background. Ends with the test.
pub struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    /// Waits for a line on standard error that has `part` in it, and answers it.
    pub fn wait_for(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "it ended without saying `{part}`:\n{}", self.said);
            self.said.push_str(&line);
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a signal, by its short name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end: exit code, standard output, standard error.
    pub fn end(mut self) -> (i32, String, String) {
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.said).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        let code = status.code().unwrap_or_else(|| panic!("killed: {status}\n{}", self.said));
        (code, stdout, std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Exit code, standard output, standard error.
pub fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The document on standard output.
pub fn document(output: &Output) -> Value {
    let (code, stdout, stderr) = parts(output);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("exit code {code}, {error}\n{stdout}\n{stderr}"))
}

/// The cell of a step's matrix.
pub fn cell<'a>(report: &'a Value, step: &str, from: &str, to: &str) -> &'a Value {
    let find = |list: &'a Value, field: &str, name: &str| {
        let mut items = list.as_array().unwrap().iter();
        items.find(|item| item[field] == name).unwrap_or_else(|| panic!("no {field} {name} in {list:#}"))
    };
    let step = find(&report["steps"], "name", step);
    let check = step["checks"].as_array().unwrap().iter().find(|check| check["kind"] == "matrix").unwrap();
    find(&find(&check["matrix"]["rows"], "from", from)["cells"], "to", to)
}

/// A lab that deploys httpbin and sleep into `foo` (in the mesh) and `legacy` (outside), and then does `more`.
pub fn two_namespaces(name: &str, steps: &str) -> String {
    format!(
        r#"
apiVersion: labctl/v1
kind: Lab
metadata: {{name: {name}, title: A lab of a test, summary: A lab of a test., minutes: 1}}
parameters:
  httpbin_image: {{description: server, default: "localhost/labctl:{{{{ labctl.version }}}}"}}
  sleep_image: {{description: client, default: "localhost/labctl:{{{{ labctl.version }}}}"}}
workloads:
  sleep.foo: {{namespace: foo, selector: {{app: sleep}}, container: sleep}}
  sleep.legacy: {{namespace: legacy, selector: {{app: sleep}}, container: sleep}}
  httpbin.foo: {{namespace: foo, selector: {{app: httpbin}}, container: httpbin, host: httpbin.foo, port: 8000}}
setup:
  - apply: {{template: mtls-strict/namespace.yaml, with: {{name: foo, mesh: true}}}}
  - apply: {{template: mtls-strict/namespace.yaml, with: {{name: legacy, mesh: false}}}}
  - apply: {{template: mtls-strict/httpbin.yaml, with: {{namespace: foo}}}}
  - apply: {{template: mtls-strict/sleep.yaml, with: {{namespace: foo}}}}
  - apply: {{template: mtls-strict/sleep.yaml, with: {{namespace: legacy}}}}
steps:
{steps}
"#
    )
}
