//! `labctl book`: mdBook's preprocessor, and the recordings that it shows.

mod record;

use std::io;

use clap::{Args, CommandFactory, Subcommand};

use super::{Cli, CliError, EXIT_CODES, output::print};
use crate::book::{BookError, Edition, Shelf, Writer, mdbook};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
In the book.toml of an mdBook (0.5):
  [preprocessor.labctl]
  command = \"labctl book\"
  before = [\"links\"]
  edition = \"trainer\"                  with solutions; \"learner\" is the default

In its chapters:
  {{#labctl lab mtls-strict}}          the chapter of a lab, bundled or ./my-lab
  {{#labctl labs}}                     a list of the bundled labs, and a chapter for each
  {{#labctl reference cli}}            also exit-codes, lab-format, mesh, verdicts

Examples:
  MDBOOK_PREPROCESSOR__LABCTL__EDITION=trainer mdbook build book
  labctl book record                   run all labs, and write what they show to book/recorded
  labctl book record --check           run them, and say what differs from that";

/// Fills in an mdBook with labs, as its preprocessor
#[derive(Debug, Args)]
pub struct BookArgs {
    #[command(subcommand)]
    command: Option<BookCommand>,
}

#[derive(Debug, Subcommand)]
enum BookCommand {
    /// Run labs, and record what they show
    Record(record::RecordArgs),
    /// Say whether this renderer can be filled in, as mdBook asks before a build
    Supports {
        /// `html`, ...
        renderer: String,
    },
}

impl BookArgs {
    /// Without a subcommand reads a book from standard input and writes it, filled in, to standard output.
    ///
    /// # Errors
    /// Exit code 2 for what is no book and a directive that there is not, 6 for a lab that is not sound.
    pub fn execute(self) -> Result<u8, CliError> {
        match self.command {
            None => preprocess().map(|()| 0),
            Some(BookCommand::Record(arguments)) => arguments.execute(),
            Some(BookCommand::Supports { renderer: _ }) => Ok(0), // It is all Markdown.
        }
    }
}

fn preprocess() -> Result<(), CliError> {
    let (context, mut book) = mdbook::read(io::stdin().lock()).map_err(|error| failed(&error))?;
    let edition = context.edition().map_err(|error| failed(&error))?;
    writer(edition, context.shelf()).book(&mut book).map_err(|error| failed(&error))?;
    print(&serde_json::to_string(&book).expect("a book is JSON"))
}

/// Who fills in a book.
pub(super) fn writer(edition: Edition, shelf: Shelf) -> Writer {
    Writer { edition, shelf, command: Cli::command(), exit_codes: EXIT_CODES }
}

/// The error of a book that cannot be filled in.
pub(super) fn failed(error: &BookError) -> CliError {
    let code = match error {
        BookError::Directive { .. } | BookError::Edition(_) | BookError::Input(_) | BookError::NoLab(_) => 2,
        BookError::Recording { .. } | BookError::Unreadable { .. } => 4,
        BookError::Lab { .. } => 6,
    };
    CliError::new(code, error.to_string()).hint(error.hint())
}
