//! Where templates come from: a lab's own folder first, then the bundled ones.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use include_dir::{Dir, include_dir};
use minijinja::value::Serde;
use serde_json::{Map, Value};

use crate::render::{
    RenderError,
    bounded::bounded,
    engine::{environment, explain},
    manifest,
    object::Object,
};

/// The templates that every lab may use.
static BUNDLED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");
/// The largest template, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The largest text that a template may render to.
const MAX_RENDERED: usize = 4 << 20;

/// A set of templates.
#[derive(Clone, Debug)]
pub struct Templates {
    own: Own,
}

/// The templates that are found before the bundled ones.
#[derive(Clone, Debug)]
enum Own {
    /// In the program, beside a bundled lab.
    Bundled(&'static Dir<'static>),
    /// In a folder: as messages name it, and as the file system does.
    Folder {
        shown: PathBuf,
        root: PathBuf,
    },
    Nothing,
}

impl Templates {
    /// Only the bundled ones.
    pub fn bundled() -> Self {
        Self { own: Own::Nothing }
    }

    /// Those of a bundled lab before the bundled ones.
    pub fn beside(own: &'static Dir<'static>) -> Self {
        Self { own: Own::Bundled(own) }
    }

    /// Those of a folder before the bundled ones. A folder that is not there has none.
    ///
    /// # Errors
    /// If it is there but cannot be looked into.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        match folder.canonicalize() {
            Ok(root) => Ok(Self { own: Own::Folder { shown: folder.to_owned(), root } }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::bundled()),
            Err(error) => Err(error),
        }
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        bundled_names(&BUNDLED, BUNDLED.path(), &mut names);
        match &self.own {
            Own::Bundled(dir) => bundled_names(dir, dir.path(), &mut names),
            Own::Folder { root, .. } => folder_names(root, root, &mut names),
            Own::Nothing => {}
        }
        names.sort();
        names.dedup();
        names
    }

    /// Renders a template to the objects that it describes.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn objects(&self, name: &str, scope: &Map<String, Value>) -> Result<Vec<Object>, RenderError> {
        let text = self.text(name, scope)?;
        let file = self.find(name)?.map_or_else(|| name.to_owned(), |found| found.file);
        manifest::read(&format!("{file} (rendered)"), &text)
    }

    /// Renders a template.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn text(&self, name: &str, scope: &Map<String, Value>) -> Result<String, RenderError> {
        if self.find(name)?.is_none() {
            return Err(RenderError::NotFound { name: name.to_owned(), known: self.names() });
        }
        let (templates, own, scope) = (self.clone(), name.to_owned(), scope.clone());
        let text = bounded(name, move || templates.render(&own, &scope))?;
        if text.len() > MAX_RENDERED {
            let reason = "it renders to more than 4 MiB".to_owned();
            return Err(RenderError::Refused { name: name.to_owned(), reason });
        }
        Ok(text)
    }

    fn render(&self, name: &str, scope: &Map<String, Value>) -> Result<String, RenderError> {
        let mut environment = environment();
        let templates = self.clone();
        environment.set_loader(move |name| match templates.find(name) {
            Ok(found) => Ok(found.map(|found| found.text.to_string())),
            Err(error) => Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error.to_string())),
        });
        let sources = |name: &str| self.find(name).ok().flatten().map(|found| (found.file, found.text));
        let template = environment.get_template(name).map_err(|error| explain(&error, scope, &sources))?;
        let rendered = template.render(Serde(scope));
        rendered.map_err(|error| explain(&error, scope, &sources))
    }

    /// The variables that a template reads. `None` if that cannot be told, because it brings in other templates.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn variables(&self, name: &str) -> Result<Option<Vec<String>>, RenderError> {
        let Some(found) = self.find(name)? else { return Ok(None) };
        if ["include", "import", "extends"].iter().any(|word| found.text.contains(word)) {
            return Ok(None);
        }
        let environment = environment();
        let template = environment.template_from_named_str(name, &found.text);
        // A template that cannot be parsed is explained when it is rendered.
        Ok(template.ok().map(|template| {
            let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
            names.sort();
            names
        }))
    }

    /// A template as it is written; `None` if there is none of this name.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn source(&self, name: &str) -> Result<Option<Arc<str>>, RenderError> {
        Ok(self.find(name)?.map(|found| found.text))
    }

    fn find(&self, name: &str) -> Result<Option<Found>, RenderError> {
        check_name(name)?;
        let own = match &self.own {
            Own::Bundled(dir) => from_bundle(dir, Path::new("labs"), name),
            Own::Folder { shown, root } => from_folder(shown, root, name)?,
            Own::Nothing => None,
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

/// Only for suggestions: what cannot be read is left out, links are not followed.
fn folder_names(folder: &Path, root: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folder_names(&entry.path(), root, names),
            Ok(kind) if kind.is_file() => {
                names.extend(entry.path().strip_prefix(root).ok().map(|path| path.display().to_string()));
            }
            _ => {}
        }
    }
}
