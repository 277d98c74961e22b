//! Why something could not be rendered, with the place in the template or in what it rendered to.

use std::{fmt, ops::Range, sync::Arc};

/// A stretch of a text that can be shown.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The file, as messages name it.
    pub file: String,
    /// Its text.
    pub text: Arc<str>,
    /// Which bytes of it.
    pub range: Range<usize>,
}

impl Excerpt {
    /// The bytes of `range`, moved onto characters of the text.
    pub fn new(file: impl Into<String>, text: impl Into<Arc<str>>, range: Range<usize>) -> Self {
        let text = text.into();
        let start = floor(&text, range.start);
        let end = floor(&text, range.end.max(start));
        Self { file: file.into(), text, range: start..end }
    }

    /// A whole line, counted from 1, without the spaces before it.
    pub fn line_of(file: impl Into<String>, text: impl Into<Arc<str>>, line: usize) -> Self {
        let text = text.into();
        let start = offset_of_line(&text, line);
        let content = text[start..].lines().next().unwrap_or_default();
        let indent = content.len() - content.trim_start().len();
        let range = start + indent..start + content.trim_end().len().max(indent);
        Self { file: file.into(), text, range }
    }

    /// Line and column of the first character, in characters from 1.
    pub fn position(&self) -> (usize, usize) {
        let before = &self.text[..self.range.start];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// Where a line begins, in bytes; the end of the text for a line that it does not have.
pub(super) fn offset_of_line(text: &str, line: usize) -> usize {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1));
    starts.take(line.max(1)).last().unwrap_or_default()
}

fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default()
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}", self.file)
    }
}

/// A template that gives no Kubernetes objects.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// What it rendered to is not a Kubernetes object, or not even YAML.
    #[error("{at}: {message}")]
    Manifest {
        /// Where in the rendered text.
        at: Excerpt,
        /// What is wrong.
        message: String,
    },
    /// No template has this name.
    #[error("the template `{name}` is not there")]
    NotFound {
        /// The name.
        name: String,
        /// The templates that there are.
        known: Vec<String>,
    },
    /// The name could lead out of the folders for templates.
    #[error("the template `{name}` is refused: {reason}")]
    Refused {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// It takes too much time or memory, or renders to too much.
    #[error("the template `{name}` is given up: {reason}")]
    TooMuch {
        /// The name.
        name: String,
        /// Of what.
        reason: String,
    },
    /// The template itself is wrong.
    #[error("{at}: {message}")]
    Template {
        /// Where in the template.
        at: Excerpt,
        /// What is wrong.
        message: String,
    },
    /// The template's file cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The template uses a variable that nothing defines.
    #[error("{at}: `{name}` is not defined")]
    Undefined {
        /// Where in the template.
        at: Excerpt,
        /// The variable, or the expression that has no value.
        name: String,
        /// The variables that there are.
        known: Vec<String>,
    },
}
