//! How something that is wrong with a file is drawn: an excerpt, a caret under the place, and what to write instead.

use std::{fmt, sync::Arc};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, ThemeStyles};

use crate::lab::{plain::printable, position::Span, problem::Source};

/// The longest line that is quoted, in bytes. A stranger's file may have one that would fill screens.
const MAX_LINE: usize = 400;

/// How much it matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It is wrong.
    Error,
    /// It may be wrong.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What is drawn on.
#[derive(Clone, Copy, Debug)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Whether escape sequences for colour are written.
    pub colour: bool,
}

impl Default for Canvas {
    fn default() -> Self {
        Self { width: 80, colour: false }
    }
}

/// Something to say about a stretch of a file.
#[derive(Clone, Debug)]
pub struct Drawing<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// What stands over it, `LAB014` for instance.
    pub code: Option<String>,
    /// The file.
    pub source: &'a Source,
    /// The stretch.
    pub at: Span,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Drawing<'_> {
    /// Draws it; the last line has its end.
    pub fn draw(&self, canvas: Canvas) -> String {
        let mut theme = GraphicalTheme::unicode_nocolor();
        theme.characters.uarrow = '^';
        theme.characters.underline = '^';
        theme.characters.underbar = '^';
        theme.characters.error = "✗".to_owned();
        theme.characters.warning = "!".to_owned();
        if canvas.colour {
            theme.styles = ThemeStyles::ansi();
        }
        let handler = GraphicalReportHandler::new_themed(theme).with_width(canvas.width).without_cause_chain();
        let mut text = String::new();
        // Writing to a `String` cannot fail; what cannot be drawn still has its message.
        if handler.render_report(&mut text, &Quoted::new(self)).is_err() {
            text = format!("{}\n", self.with_place());
        }
        text
    }

    fn with_place(&self) -> String {
        format!("{}:{}:{}: {}", self.source.name, self.at.line, self.at.column, self.message)
    }
}

/// The place stands over the excerpt, so it is only in the message where there is none.
struct Quoted<'a> {
    drawing: &'a Drawing<'a>,
    excerpt: Option<NamedSource<Arc<str>>>,
}

impl<'a> Quoted<'a> {
    fn new(drawing: &'a Drawing<'a>) -> Self {
        let Drawing { source, at, .. } = drawing;
        let short = source.text.lines().nth(at.line.saturating_sub(1)).is_none_or(|line| line.len() <= MAX_LINE);
        let excerpt = short.then(|| NamedSource::new(&source.name, Arc::from(printable(&source.text))));
        Self { drawing, excerpt }
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.excerpt {
            Some(_) => f.write_str(&printable(&self.drawing.message)),
            None => f.write_str(&printable(&self.drawing.with_place())),
        }
    }
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.drawing.fmt(f)
    }
}

impl std::error::Error for Quoted<'_> {}

impl Diagnostic for Quoted<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.drawing.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.drawing.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.drawing.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { offset, length, .. } = self.drawing.at;
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, (offset, length)))))
    }
}
