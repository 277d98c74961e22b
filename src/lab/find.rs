//! Finds labs: the bundled ones by name, others by the path of their folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};

use crate::{
    lab::{load, model::Lab, nearest::nearest, pack::EXTENSION, problem::Source, yaml::MAX_BYTES},
    mesh::install::Settings,
    render::{Templates, is_within},
};

/// The labs in the program, each a folder with a `lab.yaml`.
static BUNDLED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/labs");
/// How a lab's file is called.
pub(super) const FILE: &str = "lab.yaml";

/// A lab that was found and not yet read.
#[derive(Clone, Debug)]
pub struct Found {
    pub(super) source: Source,
    pub(super) templates: Templates,
}

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The folder has no lab file.
    #[error("`{}` is not a lab: it has no `{FILE}`", .0.display())]
    NoFile(PathBuf),
    /// Neither the folder nor one in it has a lab file.
    #[error("no lab is in `{}`: neither it nor a folder in it has a `{FILE}`", .0.display())]
    NoLabs(PathBuf),
    /// The path is not there.
    #[error("`{}` is not there", .0.display())]
    NoFolder(PathBuf),
    /// It is a pack of labs.
    #[error("`{}` is a pack of labs, not a lab", .0.display())]
    Pack(PathBuf),
    /// No lab has this name.
    #[error("no lab is called `{name}`; {}", near_or_all(.nearest.as_deref(), .known))]
    Unknown {
        /// What was typed.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// The labs that there are.
        known: Vec<String>,
    },
    /// It is there but cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn near_or_all(nearest: Option<&str>, known: &[String]) -> String {
    nearest.map_or_else(|| format!("there are: {}", known.join(", ")), |near| format!("did you mean `{near}`?"))
}

/// The names of the bundled labs, sorted.
pub fn bundled() -> Vec<String> {
    let with_file = BUNDLED.dirs().filter(|dir| dir.get_file(dir.path().join(FILE)).is_some());
    let mut names: Vec<String> = with_file.map(|dir| dir.path().display().to_string()).collect();
    names.sort();
    names
}

/// Whether a bundled lab has this name.
pub(super) fn is_bundled(name: &str) -> bool {
    BUNDLED.get_file(Path::new(name).join(FILE)).is_some()
}

/// Finds a bundled lab by its name, or a lab of one's own by the path of its folder (or of its `lab.yaml`).
///
/// What looks like a path (`./x`, `x/y`, `x.yaml`) or is a folder with a lab in it is a path; a bundled lab's name comes first.
///
/// # Errors
/// See [`FindError`].
pub fn find(name_or_path: &str) -> Result<Found, FindError> {
    if let Some(found) = in_program(name_or_path) {
        return Ok(found);
    }
    let path = Path::new(name_or_path);
    if path.extension().is_some_and(|extension| extension == EXTENSION) && path.is_file() {
        return Err(FindError::Pack(path.to_owned()));
    }
    let is_path = name_or_path.contains(['/', '\\']) || name_or_path.ends_with(".yaml") || name_or_path == ".";
    if is_path || path.join(FILE).is_file() {
        return in_folder(path);
    }
    Err(FindError::unknown(name_or_path, bundled()))
}

impl FindError {
    /// No lab has this name; `known` are those that there are.
    pub(super) fn unknown(name: &str, known: Vec<String>) -> Self {
        let nearest = nearest(name, &known).map(str::to_owned);
        Self::Unknown { name: name.to_owned(), nearest, known }
    }
}

fn in_program(name: &str) -> Option<Found> {
    let dir = BUNDLED.dirs().find(|dir| dir.path() == Path::new(name))?;
    let file = dir.get_file(dir.path().join(FILE))?;
    let text = file.contents_utf8().expect("bundled labs are UTF-8");
    let source = Source { name: Path::new("labs").join(file.path()).display().to_string(), text: text.into() };
    let templates = match dir.get_dir(dir.path().join("templates")) {
        Some(own) => Templates::beside(own),
        None => Templates::bundled(),
    };
    Some(Found { source, templates })
}

pub(super) fn in_folder(path: &Path) -> Result<Found, FindError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| FindError::Unreadable { path, source }
    };
    let (folder, file) = match fs::metadata(path) {
        Ok(found) if found.is_dir() => (path.to_owned(), path.join(FILE)),
        Ok(_) => (path.parent().unwrap_or(Path::new("")).to_owned(), path.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FindError::NoFolder(path.to_owned())),
        Err(error) => return Err(unreadable(path)(error)),
    };
    let text = match read_limited(&folder, &file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FindError::NoFile(folder)),
        Err(error) => return Err(unreadable(&file)(error)),
    };
    let templates = folder.join("templates");
    let templates = Templates::in_folder(&templates).map_err(unreadable(&templates))?;
    Ok(Found { source: Source { name: file.display().to_string(), text: text.into() }, templates })
}

/// Reads a text of `folder` that is at most as large as a lab may be.
fn read_limited(folder: &Path, file: &Path) -> io::Result<String> {
    use io::Read;
    if !is_within(folder, &file.canonicalize()?) {
        return Err(io::Error::other("it is a link that leads out of the lab's folder"));
    }
    // A pipe or a device is never opened: it could keep us waiting, or have no end.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    let limit = MAX_BYTES as u64;
    fs::File::open(file)?.take(limit + 1).read_to_string(&mut text)?;
    if text.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a lab file has at most 1 MiB"));
    }
    Ok(text)
}

impl Found {
    /// The lab file.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The templates that its actions can name.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// Reads the lab with its parameters as `settings` say.
    ///
    /// # Errors
    /// See [`load::LoadError`].
    pub fn load(&self, settings: &[(String, String)]) -> Result<Lab, load::LoadError> {
        self.load_for(settings, &Settings::default().image)
    }

    /// As [`Found::load`], with another image for the bundled programs, which labs call `{{ labctl.image }}`.
    ///
    /// # Errors
    /// See [`load::LoadError`].
    pub fn load_for(&self, settings: &[(String, String)], image: &str) -> Result<Lab, load::LoadError> {
        load::load(self, settings, image)
    }
}
