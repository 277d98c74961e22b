//! Fills in a book: every directive of every chapter.

use std::path::{Path, PathBuf};

use super::{
    BookError, Edition,
    directive::{self, Directive},
    guide, lab,
    mdbook::{Book, Chapter, Item},
    recording::Recording,
    reference,
};
use crate::lab::{self as labs, model::Lab};

/// Where a book's own labs and its recordings are.
#[derive(Clone, Debug)]
pub enum Shelf {
    /// In the folder of its `book.toml`: recordings in `recorded/`, labs by their paths.
    Folder(PathBuf),
    /// In the program.
    Program,
}

impl Shelf {
    /// A bundled lab by its name, one's own by its path.
    fn lab(&self, name: &str) -> Result<Lab, BookError> {
        let found = match self {
            Self::Folder(root) if name.contains('/') => labs::find(&root.join(name).display().to_string())?,
            _ => labs::find(name)?,
        };
        found.load(&[]).map_err(|source| BookError::Lab { lab: name.to_owned(), source })
    }

    /// What a run of the lab showed, if that was recorded.
    fn recording(&self, lab: &str) -> Result<Option<Recording>, BookError> {
        match self {
            Self::Folder(root) => Recording::read(&root.join(guide::RECORDED), lab),
            Self::Program => guide::recording(lab),
        }
    }
}

/// Fills in the directives of chapters.
#[derive(Clone, Debug)]
pub struct Writer {
    /// For whom.
    pub edition: Edition,
    /// Where labs and recordings are.
    pub shelf: Shelf,
    /// The command line, for its reference.
    pub command: clap::Command,
    /// The exit codes and their meanings, for theirs.
    pub exit_codes: &'static [(u8, &'static str)],
}

impl Writer {
    /// Fills in the whole book.
    ///
    /// # Errors
    /// For a directive that there is not, a lab or a recording that cannot be read.
    pub fn book(&self, book: &mut Book) -> Result<(), BookError> {
        book.items.iter_mut().try_for_each(|item| self.item(item))
    }

    fn item(&self, item: &mut Item) -> Result<(), BookError> {
        match item {
            Item::Chapter(chapter) => self.chapter(chapter),
            Item::PartTitle(_) | Item::Separator => Ok(()),
        }
    }

    fn chapter(&self, chapter: &mut Chapter) -> Result<(), BookError> {
        chapter.sub_items.iter_mut().try_for_each(|item| self.item(item))?;
        let mut below = Vec::new();
        let file = chapter.source_path.as_deref().unwrap_or(Path::new(&chapter.name)).display().to_string();
        let content = directive::replace(&chapter.content, |found, line| {
            let directive = found.map_err(|source| BookError::Directive { chapter: file.clone(), line, source })?;
            match directive {
                Directive::Lab(name) => self.lab(&self.shelf.lab(&name)?),
                Directive::Labs => {
                    below = self.labs(chapter)?;
                    Ok(lab::list(&self.bundled()?, &below_of(chapter)))
                }
                Directive::Reference(topic) => Ok(reference::about(topic, self)),
            }
        })?;
        chapter.content = content;
        chapter.sub_items.extend(below);
        Ok(())
    }

    /// All bundled labs, the shortest first.
    fn bundled(&self) -> Result<Vec<Lab>, BookError> {
        let labs: Result<Vec<Lab>, BookError> = labs::bundled().iter().map(|name| self.shelf.lab(name)).collect();
        let mut labs = labs?;
        labs.sort_by_key(|lab| lab.metadata.minutes);
        Ok(labs)
    }

    /// A chapter for each bundled lab.
    fn labs(&self, above: &Chapter) -> Result<Vec<Item>, BookError> {
        let first = above.sub_items.len();
        let labs = self.bundled()?.into_iter().enumerate();
        labs.map(|(index, each)| {
            let number = above.number.as_ref().map(|above| [&above[..], &[(first + index + 1) as u32]].concat());
            Ok(Item::Chapter(Chapter {
                name: each.metadata.title.clone(),
                content: self.lab(&each)?,
                number,
                path: Some(below_of(above).join(format!("{}.md", each.metadata.name))),
                parent_names: [&above.parent_names[..], std::slice::from_ref(&above.name)].concat(),
                ..Chapter::default()
            }))
        })
        .collect()
    }

    /// What a lab's author wrote goes on to mdBook as text: no directive in it is followed.
    fn lab(&self, lab: &Lab) -> Result<String, BookError> {
        let recording = self.shelf.recording(&lab.metadata.name)?;
        Ok(lab::chapter(lab, recording.as_ref(), self.edition).replace("{{#", r"\{{#"))
    }
}

/// The folder of the chapters below one.
fn below_of(chapter: &Chapter) -> PathBuf {
    chapter.path.as_deref().unwrap_or(Path::new("labs.md")).with_extension("")
}
