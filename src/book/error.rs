//! Why a chapter cannot be filled in.

use std::{io, path::PathBuf};

use crate::{
    book::{UnknownEdition, directive::UnknownDirective},
    lab::{FindError, LoadError},
};

/// Why a book cannot be filled in.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A directive that there is not.
    #[error("{chapter}:{line}: {source}")]
    Directive {
        /// The chapter's file.
        chapter: String,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong with it.
        source: UnknownDirective,
    },
    /// The book's configuration names an edition that there is not.
    #[error("in `[preprocessor.labctl]` of book.toml: {0}")]
    Edition(#[from] UnknownEdition),
    /// What mdBook sent is not a book.
    #[error("standard input is not what mdBook 0.5 sends to a preprocessor: {0}")]
    Input(serde_json::Error),
    /// A lab is not sound.
    #[error("`{lab}` cannot be read: {source}")]
    Lab {
        /// As the directive names it.
        lab: String,
        /// Why.
        source: LoadError,
    },
    /// There is no such lab.
    #[error(transparent)]
    NoLab(#[from] FindError),
    /// A recording is not one.
    #[error("`{}` is not a recording: {source}", .path.display())]
    Recording {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A recording cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BookError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Directive { .. } => "a directive that is to be shown, not followed, is written with a `\\` before it",
            Self::Edition(_) => "MDBOOK_PREPROCESSOR__LABCTL__EDITION=trainer sets it for one build",
            Self::Input(_) => "this command is for mdBook: `command = \"labctl book\"` in its book.toml",
            Self::Lab { .. } => "`labctl show LAB` says what is wrong with it, and where",
            Self::NoLab(_) => "`labctl list` shows the bundled labs; one of your own is given by its path",
            Self::Recording { .. } | Self::Unreadable { .. } => "`labctl book record LAB` writes it anew",
        }
    }
}
