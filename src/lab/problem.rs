//! What is wrong with a lab: where, in which way, and what to write instead.

use std::{cell::RefCell, fmt, sync::Arc};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, ThemeStyles};

use crate::lab::{nearest::nearest, plain::printable, position::Span};

/// A text that errors quote from: a lab file, a template, or what a template rendered to.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file as messages name it.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}:{}:{}: {kind}", source.name, at.line, at.column)]
pub struct Problem {
    #[source]
    kind: ProblemKind,
    source: Source,
    at: Span,
}

/// In which way something is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ProblemKind {
    /// Two things of a lab have the same name.
    #[error("{what} `{name}` is there twice")]
    Duplicate {
        /// `step`, ...
        what: &'static str,
        /// The name.
        name: String,
        /// Where the first one is.
        first: Span,
    },
    /// A mapping has a key twice.
    #[error("the key `{0}` is there twice")]
    DuplicateKey(String),
    /// A list or text must not be empty.
    #[error("{0}")]
    Empty(&'static str),
    /// A value is not one that is possible there.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: Option<String>,
    },
    /// A key that must be there is not.
    #[error("{what} needs `{key}`")]
    MissingKey {
        /// `a step`, ...
        what: &'static str,
        /// The key.
        key: &'static str,
        /// What stands there.
        example: &'static str,
    },
    /// The text is not YAML, or is more than a lab may ask of a reader.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: Option<String>,
    },
    /// A template, or a text of the lab file, cannot be rendered.
    #[error("{message}")]
    Template {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: Option<String>,
    },
    /// Something of the lab is called by a name that nothing has.
    #[error("{what} `{name}` is not there")]
    Unknown {
        /// `workload`, ...
        what: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A key that nobody reads.
    #[error("{what} has no key `{key}`")]
    UnknownKey {
        /// `a step`, ...
        what: &'static str,
        /// The key.
        key: String,
        /// The keys that are read.
        known: Vec<&'static str>,
    },
    /// Something else than the expected shape.
    #[error("{what} is {expected}, this is {found}")]
    WrongType {
        /// `` `points` ``, ...
        what: String,
        /// `a number`, ...
        expected: &'static str,
        /// `a text`, ...
        found: &'static str,
    },
}

impl ProblemKind {
    /// What the reader can change.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Duplicate { first, .. } => Some(format!("the first one is at line {}", first.line)),
            Self::DuplicateKey(_) => Some("keep one of them".to_owned()),
            Self::Invalid { hint, .. } | Self::Syntax { hint, .. } | Self::Template { hint, .. } => hint.clone(),
            Self::MissingKey { key, example, .. } => Some(format!("add `{key}: {example}`")),
            Self::Unknown { name, known, .. } => Some(suggestion(name, known).unwrap_or_else(|| match &known[..] {
                [] => "none are declared".to_owned(),
                known => format!("there are: {}", known.join(", ")),
            })),
            Self::UnknownKey { key, known, .. } => {
                Some(suggestion(key, known).unwrap_or_else(|| format!("its keys are: {}", known.join(", "))))
            }
            Self::Empty(_) | Self::WrongType { .. } => None,
        }
    }
}

/// `did you mean ...?`, if one of the known names is near.
pub(crate) fn suggestion(name: &str, known: &[impl AsRef<str>]) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}

impl Problem {
    /// Points at a stretch of `source`.
    pub fn new(source: &Source, at: Span, kind: ProblemKind) -> Self {
        Self { kind, source: source.clone(), at }
    }

    /// Where it is, in the file that [`Problem::file`] names.
    pub fn at(&self) -> Span {
        self.at
    }

    /// The file, as messages name it.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// In which way something is wrong.
    pub fn kind(&self) -> &ProblemKind {
        &self.kind
    }
}

/// A problem as it is drawn: the place stands over the excerpt, so it is not repeated in the message.
struct Drawn<'a> {
    problem: &'a Problem,
    excerpt: Option<NamedSource<Arc<str>>>,
}

impl<'a> Drawn<'a> {
    /// Without an excerpt if the line would fill screens, as a stranger's file may.
    fn new(problem: &'a Problem) -> Self {
        let Problem { source, at, .. } = problem;
        let short = source.text.lines().nth(at.line.saturating_sub(1)).is_none_or(|line| line.len() <= MAX_LINE);
        let excerpt = short.then(|| NamedSource::new(&source.name, Arc::from(printable(&source.text))));
        Self { problem, excerpt }
    }
}

/// The longest line that is quoted, in bytes.
const MAX_LINE: usize = 400;

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.excerpt.is_some() { self.problem.kind.to_string() } else { self.problem.to_string() };
        f.write_str(&printable(&message))
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.kind.hint().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { offset, length, .. } = self.problem.at;
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, (offset, length)))))
    }
}

/// Everything that is wrong with a lab, in the order of the file.
#[derive(Debug)]
pub struct Problems(Vec<Problem>);

impl std::error::Error for Problems {}

impl Problems {
    /// The problems; at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// For a person: an excerpt for each, a caret under the place, and what to write instead.
    pub fn draw(&self, colour: bool) -> String {
        let mut theme = GraphicalTheme::unicode_nocolor();
        theme.characters.uarrow = '^';
        theme.characters.underline = '^';
        theme.characters.underbar = '^';
        theme.characters.error = "✗".to_owned();
        if colour {
            theme.styles = ThemeStyles::ansi();
        }
        let handler = GraphicalReportHandler::new_themed(theme).with_width(80).without_cause_chain();
        let mut text = String::new();
        for problem in &self.0 {
            // Writing to a `String` cannot fail; a problem that cannot be drawn still has its message.
            if handler.render_report(&mut text, &Drawn::new(problem)).is_err() {
                text.push_str(&problem.to_string());
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
            if let Some(hint) = problem.kind.hint() {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}

/// Collects what is wrong with one lab file while it is read.
#[derive(Debug)]
pub(super) struct Collector {
    source: Source,
    found: RefCell<Vec<Problem>>,
}

impl Collector {
    /// For the lab file `source`.
    pub fn new(source: Source) -> Self {
        Self { source, found: RefCell::default() }
    }

    /// The lab file.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Notes a problem of the lab file.
    pub fn add(&self, at: Span, kind: ProblemKind) {
        self.add_elsewhere(Problem::new(&self.source, at, kind));
    }

    /// Notes a value that is not possible there.
    pub fn invalid(&self, at: Span, message: impl Into<String>, hint: Option<String>) {
        self.add(at, ProblemKind::Invalid { message: message.into(), hint });
    }

    /// Notes a problem of another file.
    pub fn add_elsewhere(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Everything noted, in the order of the file; other files after it.
    pub fn into_problems(self) -> Option<Problems> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| (problem.source.name != self.source.name, problem.at.offset));
        (!found.is_empty()).then_some(Problems(found))
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
