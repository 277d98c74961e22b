//! Where templates come from: a lab's own folder first, then the bundled ones.

mod named;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use include_dir::{Dir, include_dir};
use minijinja::{Environment, Error, ErrorKind, value::Serde};
use serde_json::{Map, Value};

use crate::render::{
    RenderError,
    bounded::bounded,
    engine::{environment, explain, variables},
    manifest,
    object::Object,
};

/// The templates that every lab may use.
static BUNDLED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
/// The largest template, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The largest text that a template may render to.
const MAX_RENDERED: usize = 4 << 20;

/// A set of templates. Each is read and parsed once, when it is first rendered.
#[derive(Clone, Debug)]
pub struct Templates {
    own: Arc<Own>,
    engine: Arc<Environment<'static>>,
    /// The variables of the templates that were asked about.
    variables: Arc<Mutex<BTreeMap<String, Variables>>>,
}

/// What a template reads; `None` if that cannot be told.
type Variables = Option<Arc<BTreeSet<String>>>;

/// The templates that are found before the bundled ones.
#[derive(Debug)]
enum Own {
    /// In the program, beside a bundled lab.
    Bundled(&'static Dir<'static>),
    /// In a folder: as messages name it, and as the file system does.
    Folder {
        shown: PathBuf,
        root: PathBuf,
    },
    Nothing,
    /// In a pack, which also has the bundled ones that it needs.
    Packed {
        shown: PathBuf,
        texts: BTreeMap<String, Arc<str>>,
    },
}

impl Templates {
    /// Only the bundled ones, for the whole program.
    pub fn bundled() -> Self {
        static ONLY: LazyLock<Templates> = LazyLock::new(|| Templates::after(Own::Nothing));
        ONLY.clone()
    }

    fn after(own: Own) -> Self {
        let own = Arc::new(own);
        let mut engine = environment();
        let sources = Arc::clone(&own);
        engine.set_loader(move |name| match sources.find(name) {
            Ok(found) => Ok(found.map(|found| found.text.to_string())),
            Err(error) => Err(Error::new(ErrorKind::InvalidOperation, error.to_string())),
        });
        Self { own, engine: Arc::new(engine), variables: Arc::default() }
    }

    /// Those of a bundled lab before the bundled ones.
    pub fn beside(own: &'static Dir<'static>) -> Self {
        Self::after(Own::Bundled(own))
    }

    /// Those of a pack and no others; messages name them below `shown`.
    pub fn packed(shown: PathBuf, texts: BTreeMap<String, Arc<str>>) -> Self {
        Self::after(Own::Packed { shown, texts })
    }

    /// Those of a lab's folder before the bundled ones. A folder that is not there has none.
    ///
    /// # Errors
    /// If it is there but cannot be looked into, or leads out of the lab.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        match folder.canonicalize() {
            Ok(root) if folder.parent().is_some_and(|lab| !is_within(lab, &root)) => {
                Err(io::Error::other("it is a link that leads out of the lab's folder"))
            }
            Ok(root) => Ok(Self::after(Own::Folder { shown: folder.to_owned(), root })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::bundled()),
            Err(error) => Err(error),
        }
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<String> {
        // Only for suggestions: a folder that cannot be looked into is complained about elsewhere.
        let mut names = self.own_names().unwrap_or_default();
        names.extend(self.bundled_names());
        names.sort();
        names.dedup();
        names
    }

    /// The templates that come before the bundled ones.
    fn own_names(&self) -> Result<Vec<String>, RenderError> {
        let mut names = Vec::new();
        match &*self.own {
            Own::Bundled(dir) => bundled_names(dir, dir.path(), &mut names),
            Own::Folder { shown, root } => folder_names(root, Path::new(""), shown, &mut names)?,
            Own::Nothing => {}
            Own::Packed { texts, .. } => names.extend(texts.keys().cloned()),
        }
        Ok(names)
    }

    /// The bundled templates, where they may be used.
    fn bundled_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if !matches!(*self.own, Own::Packed { .. }) {
            bundled_names(&BUNDLED, BUNDLED.path(), &mut names);
        }
        names
    }

    /// Renders a template to the objects that it describes. `room` is how many bytes it may have; what it has is taken away,
    /// and there is none any more after too much of it.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn objects(
        &self,
        name: &str,
        scope: &Map<String, Value>,
        room: &Cell<Option<usize>>,
    ) -> Result<Vec<Object>, RenderError> {
        let Some(found) = self.own.find(name)? else {
            return Err(RenderError::NotFound { name: name.to_owned(), known: self.names() });
        };
        let too_much = |reason: &str| RenderError::TooMuch { name: name.to_owned(), reason: reason.to_owned() };
        let (templates, own, scope) = (self.clone(), name.to_owned(), scope.clone());
        let text = bounded(name, move || templates.render(&own, &scope))?;
        if text.len() > MAX_RENDERED {
            return Err(too_much("it renders to more than 4 MiB"));
        }
        room.set(room.get().and_then(|room| room.checked_sub(text.len())));
        if room.get().is_none() {
            return Err(too_much("with it, the lab's templates render to more than 32 MiB"));
        }
        manifest::read(&format!("{} (rendered)", found.file), &text)
    }

    fn render(&self, name: &str, scope: &Map<String, Value>) -> Result<String, RenderError> {
        let sources = |name: &str| self.own.find(name).ok().flatten().map(|found| (found.file, found.text));
        let template = self.engine.get_template(name).map_err(|error| explain(&error, scope, &sources))?;
        template.render(Serde(scope)).map_err(|error| explain(&error, scope, &sources))
    }

    /// The variables that a template reads. `None` if that cannot be told, because it brings in other templates.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn variables(&self, name: &str) -> Result<Option<Arc<BTreeSet<String>>>, RenderError> {
        let mut known = self.variables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variables) = known.get(name) {
            return Ok(variables.clone());
        }
        let Some(found) = self.own.find(name)? else { return Ok(None) };
        let brings_in = ["include", "import", "extends"].iter().any(|word| found.text.contains(word));
        // A template that cannot be parsed is explained when it is rendered.
        let variables = if brings_in { None } else { variables(&found.text).map(Arc::new) };
        known.insert(name.to_owned(), variables.clone());
        Ok(variables)
    }

    /// A template as it is written; `None` if there is none of this name.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn source(&self, name: &str) -> Result<Option<Arc<str>>, RenderError> {
        Ok(self.own.find(name)?.map(|found| found.text))
    }
}

impl Own {
    /// A template of one's own, or else a bundled one.
    fn find(&self, name: &str) -> Result<Option<Found>, RenderError> {
        check_name(name)?;
        let own = match self {
            Self::Bundled(dir) => from_bundle(dir, Path::new("labs"), name),
            Self::Folder { shown, root } => from_folder(shown, root, name)?,
            Self::Nothing => None,
            Self::Packed { shown, texts } => {
                let found =
                    |text: &Arc<str>| Found { file: shown.join(name).display().to_string(), text: text.clone() };
                return Ok(texts.get(name).map(found));
            }
        };
        Ok(own.or_else(|| from_bundle(&BUNDLED, Path::new("templates"), name)))
    }
}

/// A template's file as messages name it, and its text.
struct Found {
    file: String,
    text: Arc<str>,
}

/// A template's name has only plain parts, so that it cannot lead out of its folder.
fn check_name(name: &str) -> Result<(), RenderError> {
    let refuse = |reason: &str| Err(RenderError::Refused { name: name.to_owned(), reason: reason.to_owned() });
    let path = Path::new(name);
    if name.is_empty() || path.is_absolute() || name.starts_with(['/', '\\']) {
        return refuse("write its path below `templates/`");
    }
    if name.contains('\\') || path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return refuse("a template lies within `templates/`; `..` and `.` are not possible");
    }
    Ok(())
}

fn from_bundle(dir: &'static Dir<'static>, shown: &Path, name: &str) -> Option<Found> {
    let file = dir.get_file(dir.path().join(name))?;
    let text = file.contents_utf8()?;
    Some(Found { file: shown.join(file.path()).display().to_string(), text: text.into() })
}

fn from_folder(shown: &Path, root: &Path, name: &str) -> Result<Option<Found>, RenderError> {
    let file = shown.join(name).display().to_string();
    let refuse = |reason: &str| Err(RenderError::Refused { name: name.to_owned(), reason: reason.to_owned() });
    let unreadable = |source| RenderError::Unreadable { file: file.clone(), source };
    let path = match root.join(name).canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unreadable(source)),
    };
    if !path.starts_with(root) {
        return refuse("it is a link that leads out of `templates/`");
    }
    let metadata = fs::metadata(&path).map_err(unreadable)?;
    if !metadata.is_file() {
        return refuse("it is not a file");
    }
    if metadata.len() > MAX_BYTES {
        return refuse("it is larger than 1 MiB");
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    Ok(Some(Found { file, text: text.into() }))
}

fn bundled_names(dir: &Dir<'_>, root: &Path, names: &mut Vec<String>) {
    let paths = dir.files().filter_map(|file| file.path().strip_prefix(root).ok());
    names.extend(paths.map(|path| path.display().to_string()));
    for inner in dir.dirs() {
        bundled_names(inner, root, names);
    }
}

/// The templates below `root/below`; links are followed by whoever asks for one by its name.
fn folder_names(root: &Path, below: &Path, shown: &Path, names: &mut Vec<String>) -> Result<(), RenderError> {
    let unreadable = |source| RenderError::Unreadable { file: shown.join(below).display().to_string(), source };
    for entry in fs::read_dir(root.join(below)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = below.join(entry.file_name());
        if entry.file_type().map_err(unreadable)?.is_dir() {
            folder_names(root, &path, shown, names)?;
        } else {
            names.push(path.display().to_string());
        }
    }
    Ok(())
}

/// Whether a path without links is in `folder`.
pub(crate) fn is_within(folder: &Path, path: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().is_ok_and(|folder| path.starts_with(folder))
}
