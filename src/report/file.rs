//! Reports that go to files: whether they can be written is found out before the run, and a file is whole or not there.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use super::ReportError;

/// What a file contains.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A self-contained page.
    Html,
    /// The document.
    Json,
    /// JUnit XML.
    Junit,
    /// The document.
    Yaml,
}

const KINDS: [(&str, Kind); 4] =
    [("html", Kind::Html), ("json", Kind::Json), ("junit", Kind::Junit), ("yaml", Kind::Yaml)];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// What `--report KIND=FILE` asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// What the file contains.
    pub kind: Kind,
    /// Where it goes.
    pub path: PathBuf,
}

/// The text is not `KIND=FILE`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAReport {
    /// There is no file.
    #[error("write it as KIND=FILE, for example `html=report.html`")]
    Shape,
    /// There is no such kind.
    #[error("`{0}` is not a kind of report (html, json, junit, yaml)")]
    Kind(String),
}

impl FromStr for Wanted {
    type Err = NotAReport;

    fn from_str(text: &str) -> Result<Self, NotAReport> {
        let (name, path) = text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or(NotAReport::Shape)?;
        let kind = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        Ok(Self { kind: kind.ok_or_else(|| NotAReport::Kind(name.to_owned()))?, path: path.into() })
    }
}

/// A report file could not be opened, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Its place cannot be written to.
    #[error("cannot write the {kind} report to {}: {why}", path.display())]
    Io {
        /// What it would contain.
        kind: Kind,
        /// Where it should go.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The report cannot be put into this format.
    #[error(transparent)]
    Format(#[from] ReportError),
}

/// A report file that was opened before the run and is filled after it.
///
/// A regular file is written beside its place and moved there when it is complete; dropped before that, it leaves no
/// trace. Anything else (a terminal, a pipe) is written to directly.
#[derive(Debug)]
pub struct ReportFile {
    wanted: Wanted,
    file: fs::File,
    beside: Option<PathBuf>,
}

impl ReportFile {
    /// Makes sure that the report can be written.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn open(wanted: Wanted) -> Result<Self, FileError> {
        match open(&wanted.path) {
            Ok((file, beside)) => Ok(Self { wanted, file, beside }),
            Err(why) => Err(FileError::Io { kind: wanted.kind, path: wanted.path, why }),
        }
    }

    /// Fills the file with what `report` makes of its kind.
    ///
    /// # Errors
    /// [`FileError::Io`], or the report does not fit its format.
    pub fn write(mut self, report: impl FnOnce(Kind) -> Result<String, ReportError>) -> Result<(), FileError> {
        let text = report(self.wanted.kind)?;
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.put_in_place());
        written.map_err(|why| FileError::Io { kind: self.wanted.kind, path: self.wanted.path.clone(), why })
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.wanted.path)?;
            self.beside = None;
        }
        Ok(())
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // Whoever drops an unfinished report has a better error to show.
            let _ = fs::remove_file(beside);
        }
    }
}

fn open(path: &Path) -> io::Result<(fs::File, Option<PathBuf>)> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        Ok(there) if !there.is_file() => return Ok((fs::OpenOptions::new().write(true).open(path)?, None)),
        // A file that may not be written is not to be replaced either.
        Ok(_) => drop(fs::OpenOptions::new().append(true).open(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let beside = format!(".{}.{}", name.to_string_lossy(), uuid::Uuid::new_v4().simple());
    let beside = path.with_file_name(beside);
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    Ok((file, Some(beside)))
}
