//! Annotations of GitHub Actions: lines of standard output that the runner shows at a place of a file.
//!
//! The form is that of [workflow commands] and their escapes those of the toolkit's `command.ts`.
//!
//! [workflow commands]: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions

use std::fmt;

/// How much it matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Something is wrong.
    Error,
    /// Something is worth to know.
    Notice,
    /// Something may be wrong.
    Warning,
}

/// Where it is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The file, relative to the repository.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column of the first character, from 1; none for the whole line.
    pub column: Option<usize>,
    /// The column of the last character.
    pub end_column: Option<usize>,
}

/// What is said; written as a line without its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Annotation {
    /// How much it matters.
    pub level: Level,
    /// Where; none if it is about no file.
    pub place: Option<Place>,
    /// The heading.
    pub title: String,
    /// What stands under the heading; may have several lines.
    pub message: String,
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Notice => "notice",
            Level::Warning => "warning",
        };
        write!(f, "::{level} ")?;
        if let Some(Place { file, line, column, end_column }) = &self.place {
            // Annotations are shown at the path as the repository has it.
            let file = file.strip_prefix("./").unwrap_or(file);
            write!(f, "file={},line={line},", property(file))?;
            for (key, number) in [("col", column), ("endColumn", end_column)] {
                if let Some(number) = number {
                    write!(f, "{key}={number},")?;
                }
            }
        }
        write!(f, "title={}::{}", property(&self.title), data(&self.message))
    }
}

/// A text after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_property_or_the_line_is_escaped() {
        let place = Place { file: "./labs/a,b/lab.yaml".to_owned(), line: 7, column: Some(3), end_column: Some(9) };
        let annotation = Annotation {
            level: Level::Error,
            place: Some(place),
            title: "50%: a, b".to_owned(),
            message: "one: 1,\r\n::warning::two %0A".to_owned(),
        };
        let line = "::error file=labs/a%2Cb/lab.yaml,line=7,col=3,endColumn=9,title=50%25%3A a%2C b::\
                    one: 1,%0D%0A::warning::two %250A";
        assert_eq!(annotation.to_string(), line);
    }

    #[test]
    fn what_is_about_no_file_has_no_place() {
        let annotation =
            Annotation { level: Level::Notice, place: None, title: "t".to_owned(), message: "m".to_owned() };
        assert_eq!(annotation.to_string(), "::notice title=t::m");
        let place = Place { file: "lab.yaml".to_owned(), line: 2, column: None, end_column: None };
        let annotation = Annotation { level: Level::Warning, place: Some(place), ..annotation };
        assert_eq!(annotation.to_string(), "::warning file=lab.yaml,line=2,title=t::m");
    }
}
