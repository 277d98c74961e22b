//! A place for a test's labs and packs, and packs built entry by entry.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use flate2::{Compression, write::GzEncoder};
use labctl::image::blob::digest;
use tar::{EntryType, Header};
use tempfile::TempDir;

/// A sound lab with one namespace, `foo`, and one template of its own.
pub const LAB: &str = "\
apiVersion: labctl/v1
kind: Lab
metadata: {name: sound, title: A sound lab, summary: Nothing is wrong., minutes: 5}
workloads:
  client: {namespace: foo, selector: {app: client}, container: client}
  server: {namespace: foo, selector: {app: server}, container: server, host: server.foo, port: 80}
setup:
  - apply: {template: mtls-strict/namespace.yaml, with: {name: foo, mesh: true}}
steps:
  - name: close
    title: Close the door
    text: Close the door.
    solve:
      - apply: {template: close.yaml}
    expect:
      - matrix:
          title: Nobody gets in
          to: [server]
          from: {client: [reset]}
";
/// The template of the sound lab.
pub const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: closed, namespace: foo}\n";

/// A folder that is also home and the place for temporary files.
pub struct Room(TempDir);

impl Room {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and the folders that it needs.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The sound lab in a folder.
    pub fn sound(&self, folder: &str) {
        self.write(&format!("{folder}/lab.yaml"), LAB);
        self.write(&format!("{folder}/templates/close.yaml"), TEMPLATE);
    }

    /// Runs labctl in this folder.
    pub fn labctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
        command.args(arguments).current_dir(self.0.path()).env("NO_COLOR", "1");
        command.env("HOME", self.0.path()).env("TMPDIR", self.0.path()).env_remove("LABCTL_LABS_DIR");
        command.output().unwrap()
    }

    /// Exit code, standard output and standard error.
    pub fn said(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.labctl(arguments);
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// Everything that is here: contents by path, `None` for folders.
    pub fn listing(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        list(self.0.path(), &mut found);
        found
    }
}

fn list(folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let folder = path.symlink_metadata().unwrap().is_dir();
        found.insert(path.clone(), if folder { None } else { fs::read(&path).ok() });
        if folder {
            list(&path, found);
        }
    }
}

/// A pack that is built by hand: what its manifest lists and what its tar holds need not be the same.
#[derive(Clone, Default)]
pub struct Crafted {
    listed: Vec<(String, Vec<u8>)>,
    tar: Vec<u8>,
}

impl Crafted {
    /// The sound lab, as `labctl pack` would write it.
    pub fn sound() -> Self {
        let namespace = include_str!("../../templates/mtls-strict/namespace.yaml");
        let files = [
            ("sound/lab.yaml", LAB),
            ("sound/templates/close.yaml", TEMPLATE),
            ("sound/templates/mtls-strict/namespace.yaml", namespace),
        ];
        files.into_iter().fold(Self::default(), |pack, (path, text)| pack.file(path.as_bytes(), text.as_bytes()))
    }

    /// A lab with this lab file and one template.
    pub fn lab(lab: &str, template: &str) -> Self {
        let namespace = include_str!("../../templates/mtls-strict/namespace.yaml");
        Self::default()
            .file(b"sound/lab.yaml", lab.as_bytes())
            .file(b"sound/templates/close.yaml", template.as_bytes())
            .file(b"sound/templates/mtls-strict/namespace.yaml", namespace.as_bytes())
    }

    /// Adds a file that is listed as well.
    pub fn file(mut self, path: &[u8], content: &[u8]) -> Self {
        self.listed.push((String::from_utf8_lossy(path).into_owned(), content.to_vec()));
        self.entry(path, EntryType::Regular, content)
    }

    /// Adds an entry that is not listed.
    pub fn entry(mut self, path: &[u8], kind: EntryType, content: &[u8]) -> Self {
        self.tar.extend(header(path, kind, content.len() as u64, 0).as_bytes());
        self.padded(content)
    }

    /// Adds a file with a header of one's own.
    pub fn with_header(mut self, header: &Header, content: &[u8]) -> Self {
        self.tar.extend(header.as_bytes());
        self.padded(content)
    }

    /// The entries so far.
    pub fn tar(&self) -> &[u8] {
        &self.tar
    }

    /// Adds any bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.tar.extend(bytes);
        self
    }

    fn padded(mut self, content: &[u8]) -> Self {
        self.tar.extend(content);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    /// The manifest of what is listed.
    pub fn manifest(&self) -> String {
        let listed = self.listed.iter().map(|(path, content)| {
            let digest = digest(content);
            let path = serde_json::to_string(path).unwrap();
            let size = content.len();
            format!("    {{\n      \"path\": {path},\n      \"size\": {size},\n      \"digest\": \"{digest}\"\n    }}")
        });
        let files = listed.collect::<Vec<_>>().join(",\n");
        let size: usize = self.listed.iter().map(|(_, content)| content.len()).sum();
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "{{\n  \"apiVersion\": \"labctl/v1\",\n  \"kind\": \"LabPack\",\n  \"labctl\": \"{version}\",\n  \
             \"size\": {size},\n  \"files\": [\n{files}\n  ]\n}}"
        )
    }

    /// The pack's bytes.
    pub fn pack(&self) -> Vec<u8> {
        self.pack_with(&self.manifest())
    }

    /// The pack's bytes with another manifest.
    pub fn pack_with(&self, manifest: &str) -> Vec<u8> {
        let manifest = Self::default().entry(b"labpack.json", EntryType::Regular, manifest.as_bytes()).tar;
        gzip(&[&manifest, &self.tar, &[0; 1024][..]].concat())
    }
}

/// A header with everything that a pack does not care about left empty.
pub fn header(path: &[u8], kind: EntryType, size: u64, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    match header.as_ustar_mut().unwrap().name.get_mut(..path.len()) {
        Some(name) => name.copy_from_slice(path),
        // A long one is split between two fields.
        None => header.set_path(std::str::from_utf8(path).unwrap()).unwrap(),
    }
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    header.set_cksum();
    header
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
