//! Manifests: from files to a snapshot, with a place for everything there is to say about them.

use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::yaml::{self, Data, Node};
use crate::mesh::{
    policy::{Index, Superseded},
    registry::{Added, Registry},
    resources::{Kind, Metadata},
    snapshot::{Settings, Snapshot, Source},
    validate::{self, Mistake, Path},
};

/// Files whose names end so are read from a directory.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// A file of manifests.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, as it was given.
    pub name: String,
    /// What is in it.
    pub text: Arc<str>,
}

/// Something to say about a place in a file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The file.
    pub file: File,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What there is to say.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.name, self.line, self.column, self.message)
    }
}

/// A file that cannot be read, or a directory without manifests.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No manifests there.
    #[error("{0}: no files that end with .yaml, .yml or .json")]
    Empty(String),
    /// The system says no.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file or directory.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Manifests that make a snapshot, and what is odd about them.
#[derive(Debug)]
pub struct Manifests {
    /// What they describe.
    pub snapshot: Snapshot,
    /// What is accepted but has no effect, or surely another one than meant.
    pub warnings: Vec<Problem>,
}

/// Reads files, and what is in directories (sorted, nested ones too).
///
/// # Errors
/// [`ReadError`] for the first that cannot be read.
pub fn read(paths: &[PathBuf]) -> Result<Vec<File>, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        let mut found = Vec::new();
        find(path, &mut found).map_err(|source| unreadable(path, source))?;
        if found.is_empty() {
            return Err(ReadError::Empty(path.display().to_string()));
        }
        for path in found {
            let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
            files.push(File { name: path.display().to_string(), text: text.into() });
        }
    }
    Ok(files)
}

fn unreadable(path: &FilePath, source: io::Error) -> ReadError {
    ReadError::Unreadable { path: path.display().to_string(), source }
}

/// A file that is named is read whatever it is called.
fn find(path: &FilePath, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        let extension = entry.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if entry.is_dir() || EXTENSIONS.contains(&extension) {
            find(&entry, found)?;
        }
    }
    Ok(())
}

/// Makes a snapshot of manifests.
///
/// # Errors
/// Everything that is wrong with them.
pub fn load(files: &[File], settings: Settings) -> Result<Manifests, Vec<Problem>> {
    let mut loader = Loader::default();
    for file in files {
        loader.file(file);
    }
    let registry = loader.register(settings);
    let Loader { mut errors, mut warnings, .. } = loader;
    let order =
        |found: &Problem| (files.iter().position(|file| file.name == found.file.name), found.line, found.column);
    if !errors.is_empty() {
        errors.sort_by_key(order);
        return Err(errors);
    }
    let snapshot = registry.finish();
    warnings.extend(oddities(&snapshot, files));
    warnings.extend(superseded(&snapshot, files));
    warnings.sort_by_key(order);
    Ok(Manifests { snapshot, warnings })
}

/// The line of a field in the object that starts at `source`; of what holds it, if the field is not written.
pub fn line_of(files: &[File], source: &Source, field: &Path) -> Option<u64> {
    let file = files.iter().find(|file| file.name == source.file)?;
    let documents = yaml::parse(&file.text).ok()?;
    let object = documents.iter().find_map(|document| at_line(document, source.line))?;
    Some(object.nearest_key(field).line)
}

/// The object that starts on a line: a document, or an item of a list of objects.
fn at_line(node: &Node, line: u64) -> Option<&Node> {
    match &node.data {
        Data::Map(entries) => {
            let items = entries.iter().find(|(key, _)| key.to_value() == "items").map(|(_, items)| &items.data);
            match items {
                Some(Data::List(items)) => items.iter().find_map(|item| at_line(item, line)),
                _ => Some(node).filter(|node| node.line == line),
            }
        }
        Data::List(_) | Data::Scalar(_) => None,
    }
}

#[derive(Default)]
struct Loader {
    objects: Vec<Object>,
    known: HashMap<Identity, usize>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// An object and where it stands.
struct Object {
    value: Value,
    file: File,
    line: u64,
    column: u64,
}

/// What there is only one of in a cluster: API group (whatever the version), kind, namespace and name.
type Identity = [String; 4];

impl Loader {
    fn file(&mut self, file: &File) {
        match yaml::parse(&file.text) {
            Ok(documents) => documents.iter().for_each(|document| self.document(file, document)),
            Err(error) => self.errors.push(Problem {
                file: file.clone(),
                line: error.line.max(1),
                column: error.column.max(1),
                message: error.message,
            }),
        }
    }

    fn document(&mut self, file: &File, node: &Node) {
        let object = node.to_value();
        let is_list = object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        if let (true, Data::Map(entries)) = (is_list, &node.data) {
            let items = entries.iter().find(|(key, _)| key.to_value() == "items").map(|(_, items)| &items.data);
            if let Some(Data::List(items)) = items {
                return items.iter().for_each(|item| self.document(file, item));
            }
        }
        self.object(file, node, &object);
    }

    fn object(&mut self, file: &File, node: &Node, object: &Value) {
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if let Some(kind) = Kind::of(api_version, kind) {
            let report = validate::validate(kind, object);
            let who = who(object);
            let warnings = report.warnings.iter();
            self.warnings.extend(warnings.map(|remark| problem(file, node, &remark.field, &who, &remark.message)));
            let idle = report.without_effect.iter();
            self.warnings.extend(idle.map(|remark| {
                let place = node.nearest_key(&remark.field);
                at(file, place, format!("{who}: {remark}"))
            }));
            self.errors.extend(report.violations.iter().map(|wrong| {
                // What should not be there is shown by its name, what is wrong with a value by the value.
                let place = match wrong.mistake {
                    Mistake::UnknownField => node.nearest_key(&wrong.field),
                    _ => node.nearest(&wrong.field),
                };
                at(file, place, format!("{who}: {wrong}"))
            }));
            if !report.accepted() {
                return;
            }
        }
        let Node { line, column, .. } = *node;
        self.keep(Object { value: object.clone(), file: file.clone(), line, column });
    }

    /// Of several objects of one name the last counts, as with `kubectl apply`.
    fn keep(&mut self, object: Object) {
        let place = identity(&object.value).map(|identity| *self.known.entry(identity).or_insert(self.objects.len()));
        let Some(earlier) = place.and_then(|place| self.objects.get_mut(place)) else {
            return self.objects.push(object);
        };
        let replaced = std::mem::replace(earlier, object);
        let (who, winner) = (who(&earlier.value), format!("{}:{}", earlier.file.name, earlier.line));
        self.warnings
            .push(replaced.problem(format!("{who}: it is defined again at {winner}, and the later one counts")));
    }

    /// Hands all objects to a registry.
    fn register(&mut self, settings: Settings) -> Registry {
        let mut registry = Registry::offline(settings);
        for object in &self.objects {
            let source = Source { file: object.file.name.clone(), line: object.line };
            match registry.add(&object.value, Some(source)) {
                Ok(Added::Taken) => {}
                Ok(Added::Ignored) => {
                    let text = |field: &str| object.value.get(field).and_then(Value::as_str).unwrap_or_default();
                    let (api_version, kind) = (text("apiVersion"), text("kind"));
                    if api_version.contains(".istio.io/") {
                        let message = format!("{}: {kind} of {api_version} has no effect here", who(&object.value));
                        self.warnings.push(object.problem(message));
                    }
                }
                Err(error) => self.errors.push(object.problem(error.to_string())),
            }
        }
        registry
    }
}

impl Object {
    fn problem(&self, message: String) -> Problem {
        Problem { file: self.file.clone(), line: self.line, column: self.column, message }
    }
}

/// Who an object is; `None` if it has no name of its own.
fn identity(object: &Value) -> Option<Identity> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (name, api_version) = (text("/metadata/name")?, text("/apiVersion")?);
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let namespace = text("/metadata/namespace").unwrap_or("default");
    Some([group, text("/kind")?, namespace, name].map(str::to_owned))
}

/// Kind, namespace and name of an object, for messages.
fn who(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = [text("/metadata/namespace"), text("/metadata/name")].join("/");
    format!("{} {}", text("/kind"), name.trim_start_matches('/'))
}

fn problem(file: &File, object: &Node, field: &Path, who: &str, message: &str) -> Problem {
    let place = if field.0.is_empty() { String::new() } else { format!("{field}: ") };
    at(file, object.nearest(field), format!("{who}: {place}{message}"))
}

fn at(file: &File, node: &Node, message: String) -> Problem {
    Problem { file: file.clone(), line: node.line, column: node.column, message }
}

/// What is valid, and yet does nothing.
fn oddities(snapshot: &Snapshot, files: &[File]) -> Vec<Problem> {
    let selectors = snapshot.peer_authentications.iter().filter(|resource| {
        let labels = resource.spec.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty());
        labels && resource.metadata.namespace == snapshot.settings.root_namespace
    });
    let ignored = selectors.map(|resource| {
        (&resource.metadata, "a policy with a selector in the root namespace is ignored everywhere".to_owned())
    });
    let lost = snapshot.destination_rules.iter().filter(|resource| {
        let host = &resource.spec.host;
        let services = snapshot.services.iter().any(|service| service.namespace == resource.metadata.namespace);
        services
            && host.contains('.')
            && !host.starts_with('*')
            && snapshot.services.iter().all(|service| service.host != *host)
    });
    let unmatched = lost.map(|resource| {
        let host = &resource.spec.host;
        (
            &resource.metadata,
            format!("host `{host}` has a dot, so it is taken as it stands, and no Service is called that"),
        )
    });
    ignored.chain(unmatched).filter_map(|(metadata, message)| about(metadata, &message, files)).collect()
}

/// Policies of the old API that nobody reads any more.
fn superseded(snapshot: &Snapshot, files: &[File]) -> Vec<Problem> {
    if snapshot.policies.is_empty() && snapshot.mesh_policies.is_empty() {
        return Vec::new();
    }
    let found = Index::new(snapshot.clone()).superseded().into_iter();
    let told = found.filter_map(|found| {
        let Superseded { policy, by, workloads } = &found;
        let message = format!("it is ignored at {}: {by} applies there", workloads.join(", "));
        about(policy, &message, files)
    });
    told.collect()
}

/// Something to say about a resource as a whole, at the place where it starts.
fn about(metadata: &Metadata, message: &str, files: &[File]) -> Option<Problem> {
    let source = metadata.source.as_ref()?;
    let file = files.iter().find(|file| file.name == source.file)?;
    let message = format!("{} {}: {message}", metadata.kind, metadata.path().trim_start_matches('/'));
    Some(Problem { file: file.clone(), line: source.line, column: 1, message })
}
