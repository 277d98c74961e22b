//! What is wrong with a lab: where, in which way, and what to write instead.

use std::{cell::RefCell, fmt, sync::Arc};

use crate::lab::{
    drawing::{Canvas, Drawing, Severity},
    nearest::nearest,
    position::Span,
};

/// A text that errors quote from: a lab file, a template, or what a template rendered to.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file as messages name it.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
}

impl Source {
    /// Where `part` stands at or after the beginning of `from`; `from` itself if it is not there.
    pub fn locate(&self, from: Span, part: &str) -> Span {
        let Some(found) = self.text.get(from.offset..).and_then(|rest| rest.find(part)).filter(|_| !part.is_empty())
        else {
            return from;
        };
        let offset = from.offset + found;
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        Span { line, column, offset, length: part.len() }
    }
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
    /// The hints of a step cost more than it gives.
    #[error("the hints cost {costs} points, the step gives only {points}")]
    Costs {
        /// What all hints cost.
        costs: u32,
        /// What the step gives.
        points: u32,
    },
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
    /// A template, or a text of the lab file, uses a variable that nothing defines.
    #[error("{message}")]
    Undefined {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: String,
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
    /// A value for a template that does not read it.
    #[error("the template does not read `{name}`")]
    Unread {
        /// The value's name.
        name: String,
        /// The names that the template reads.
        known: Vec<String>,
    },
    /// A check that would pass whatever is seen.
    #[error("{message}")]
    Vacuous {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: Option<String>,
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
            Self::Costs { .. } => Some("raise the step's `points`, or lower the costs".to_owned()),
            Self::Duplicate { first, .. } => Some(format!("the first one is at line {}", first.line)),
            Self::DuplicateKey(_) => Some("keep one of them".to_owned()),
            Self::Invalid { hint, .. }
            | Self::Syntax { hint, .. }
            | Self::Template { hint, .. }
            | Self::Vacuous { hint, .. } => hint.clone(),
            Self::Undefined { hint, .. } => Some(hint.clone()),
            Self::Unread { name, known } => {
                Some(suggestion(name, known).unwrap_or_else(|| format!("it reads: {}", known.join(", "))))
            }
            Self::MissingKey { key, example, .. } => Some(format!("add `{key}: {example}`")),
            Self::Unknown { name, known, .. } => Some(suggestion(name, known).unwrap_or_else(|| match &known[..] {
                [] => "none are declared".to_owned(),
                known => format!("there are: {}", known.join(", ")),
            })),
            Self::UnknownKey { key, known, .. } => {
                Some(suggestion(key, known).unwrap_or_else(|| format!("its keys are: {}", known.join(", "))))
            }
            Self::WrongType { expected: "a text", found: "a number" | "true or false", .. } => {
                Some("put it in quotes".to_owned())
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

    /// The file that it is in.
    pub fn source(&self) -> &Source {
        &self.source
    }

    fn drawing(&self) -> Drawing<'_> {
        let Self { kind, source, at } = self;
        let (message, hint) = (kind.to_string(), kind.hint());
        Drawing { severity: Severity::Error, code: None, source, at: *at, message, hint }
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

    /// Gives the problems away; at least one.
    pub fn into_iter(self) -> impl Iterator<Item = Problem> {
        self.0.into_iter()
    }

    /// For a person: an excerpt for each, a caret under the place, and what to write instead.
    pub fn draw(&self, colour: bool) -> String {
        let canvas = Canvas { colour, ..Canvas::default() };
        let drawn: Vec<String> = self.0.iter().map(|problem| problem.drawing().draw(canvas)).collect();
        drawn.join("\n").trim_end().to_owned()
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
