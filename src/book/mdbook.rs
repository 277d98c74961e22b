//! A book as mdBook 0.5 hands it to a preprocessor: JSON of `[context, book]` in, `book` out.
//!
//! Source: mdBook's guide, "Preprocessors". Only what the guide needs of it; what else there is goes back as it came.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{BookError, Edition, Shelf};

/// What mdBook says about the book.
#[derive(Clone, Debug, Deserialize)]
pub struct Context {
    /// The folder of `book.toml`.
    pub root: PathBuf,
    config: Config,
}

/// `book.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    preprocessor: Preprocessors,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Preprocessors {
    #[serde(default)]
    labctl: Settings,
}

/// `[preprocessor.labctl]`.
#[derive(Clone, Debug, Default, Deserialize)]
struct Settings {
    edition: Option<String>,
}

impl Context {
    /// The edition that the book asks for.
    ///
    /// # Errors
    /// [`BookError::Edition`].
    pub fn edition(&self) -> Result<Edition, BookError> {
        let edition = self.config.preprocessor.labctl.edition.as_deref();
        Ok(edition.map(str::parse).transpose()?.unwrap_or_default())
    }

    /// Where the book's own labs and recordings are: mdBook starts its preprocessors in the folder of the book.
    pub fn shelf(&self) -> Shelf {
        Shelf::Folder(if self.root.is_absolute() { self.root.clone() } else { PathBuf::new() })
    }
}

/// The chapters.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Book {
    /// In the order of the summary.
    pub items: Vec<Item>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Book {
    /// A book of these items.
    pub fn of(items: Vec<Item>) -> Self {
        Self { items, other: Map::new() }
    }
}

/// A line of the summary.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Item {
    /// A chapter, with those below it.
    Chapter(Chapter),
    /// A line between two parts.
    Separator,
    /// The heading of a part.
    PartTitle(String),
}

/// A chapter.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Chapter {
    /// Its name in the summary.
    pub name: String,
    /// Markdown.
    pub content: String,
    /// `[3, 1]` is 3.1.
    pub number: Option<Vec<u32>>,
    /// What is below it.
    pub sub_items: Vec<Item>,
    /// Where it goes, relative to the summary; a draft goes nowhere.
    pub path: Option<PathBuf>,
    /// Where it is from; one that was generated is from nowhere.
    pub source_path: Option<PathBuf>,
    /// The names of the chapters above it.
    pub parent_names: Vec<String>,
}

/// Reads what mdBook sends.
///
/// # Errors
/// [`BookError::Input`].
pub fn read(input: impl std::io::Read) -> Result<(Context, Book), BookError> {
    serde_json::from_reader(input).map_err(BookError::Input)
}
