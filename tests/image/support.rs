//! Running the binary in a folder of its own, and reading what it wrote.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::elf;

/// A folder that is home, working directory and place of executables and archives of one test.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        // Registries' clients want to know whom to trust, even on a machine that trusts nobody.
        let authority = rcgen::generate_simple_self_signed(vec!["registry.test".to_owned()]).unwrap();
        desk.put("roots.pem", authority.cert.pem().as_bytes());
        desk
    }

    /// A folder with `labctl-static` in it, which passes for a static labctl.
    pub fn with_executable() -> Self {
        let desk = Self::new();
        desk.put("labctl-static", &elf::labctl(elf::X86_64));
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
        command.args(arguments);
        self.at_home(&mut command);
        command
    }

    /// Nothing of whoever runs the tests reaches the command.
    pub fn at_home(&self, command: &mut Command) {
        command.current_dir(self.folder.path()).env("HOME", self.folder.path()).env("NO_COLOR", "1");
        command.env("SSL_CERT_FILE", self.path("roots.pem")).env_remove("SSL_CERT_DIR");
        for name in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Writes an archive of the forged executable.
    pub fn archive(&self, name: &str) -> PathBuf {
        let output = self.run(&["image", "save", "--executable", "labctl-static", "-o", name]);
        assert!(output.status.success(), "{output:?}");
        self.path(name)
    }
}

/// Standard error of a command that is refused, and the exit code.
pub fn refused(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    format!("exit code {}\n{}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr))
}

/// The files of an archive by their names.
pub fn unpack(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(fs::File::open(archive).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path().unwrap().to_str().unwrap().to_owned(), content);
    }
    files
}

pub fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// `sha256:...`
pub fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The content that a descriptor stands for, after its size and digest are found right.
pub fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
    let digest = descriptor["digest"].as_str().unwrap();
    let content = &files[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(sha256(content), digest);
    assert_eq!(descriptor["size"], content.len());
    content
}

pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// The layer of an archive, decompressed.
pub fn layer(archive: &Path) -> Vec<u8> {
    let files = unpack(archive);
    let index = json(&files["index.json"]);
    let manifest = json(blob(&files, &index["manifests"][0]));
    gunzip(blob(&files, &manifest["layers"][0]))
}
