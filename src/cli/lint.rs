//! `labctl lint`: what is wrong with labs, without a cluster.

mod explain;
mod github;
mod json;
mod sarif;
mod text;

use std::path::Path;

use clap::{Args, ValueEnum};

use crate::{
    cli::{
        CliError,
        labs::{self, LabsArgs},
        output::print,
    },
    lab::{Collection, Found, drawing::Severity},
    lint::{Code, Finding, lint_all},
    report::style::Style,
};

/// What the help shows besides the options.
pub const EXAMPLES: &str = "\
Examples:
  labctl lint                         the labs here: ./lab.yaml, */lab.yaml or labs/*/lab.yaml
  labctl lint ./my-lab -o github      one lab, as annotations of a pull request
  labctl lint labs -o sarif > lint.sarif
  labctl lint --explain LAB014        why a code matters, wrong and right
  labctl lint --list                  all codes

A lab that knows better says so in its file: `metadata: {allow: [LAB026]}`.

Exit codes: 0 nothing to say, 2 usage error or no lab there, 3 warnings only, 6 errors";

/// How the findings are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

/// Finds what is wrong with labs
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Labs: a lab's folder or `lab.yaml`, a folder of labs, or a bundled lab's name [default: the labs in `.` or `labs`]
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// All labs that `labctl list` shows
    #[arg(long, conflicts_with = "paths")]
    all: bool,
    #[command(flatten)]
    from: LabsArgs,
    /// How to write the findings
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Say why a code matters, with an example
    #[arg(long, value_name = "CODE", conflicts_with_all = ["paths", "all", "output", "list"])]
    explain: Option<String>,
    /// List all codes
    #[arg(long, conflicts_with_all = ["paths", "all", "output"])]
    list: bool,
}

/// What was found, and in how many labs it was looked for.
struct Report {
    labs: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity() == severity).count()
    }

    fn exit_code(&self) -> u8 {
        match (self.count(Severity::Error), self.count(Severity::Warning)) {
            (0, 0) => 0,
            (0, _) => 3,
            _ => 6,
        }
    }
}

impl LintArgs {
    /// Prints what was found.
    ///
    /// # Errors
    /// Exit code 2 for a path or a code that is not there, 6 for a lab that cannot be read.
    pub fn execute(self) -> Result<u8, CliError> {
        if let Some(code) = &self.explain {
            print(&explain::rule(known(code)?.rule(), Style::of_stdout()))?;
            return Ok(0);
        }
        if self.list {
            print(&explain::list(Style::of_stdout()))?;
            return Ok(0);
        }
        let labs = self.labs()?;
        let report = Report { labs: labs.len(), findings: lint_all(&labs).into_iter().flatten().collect() };
        print(&match self.output {
            Format::Github => github::lines(&report),
            Format::Json => json::document(&report),
            Format::Sarif => sarif::document(&report),
            Format::Text => text::report(&report, Style::of_stdout()),
        })?;
        Ok(report.exit_code())
    }

    fn labs(&self) -> Result<Vec<Found>, CliError> {
        let collection = self.from.collection()?;
        let named = match (self.all, &self.paths[..]) {
            (true, _) => labs::list(&collection)?.into_keys().collect(),
            (false, []) => here(&collection)?,
            (false, paths) => labs::search(&collection, paths)?,
        };
        named.iter().map(|name| labs::find(&collection, name)).collect()
    }
}

/// The labs of the current directory, or else of `labs` in it.
fn here(collection: &Collection) -> Result<Vec<String>, CliError> {
    let places = [".", "labs"].map(str::to_owned);
    let searched = places.iter().filter(|place| Path::new(place).is_dir());
    let found = searched.filter_map(|place| collection.search(std::slice::from_ref(place)).ok()).next();
    found.ok_or_else(|| {
        CliError::new(2, "no lab is here: neither `.` nor `labs` has a `lab.yaml`, or folders with one")
            .hint("name a lab's folder, or a folder of labs")
            .hint("`labctl lint --all` looks at the bundled labs")
    })
}

fn known(code: &str) -> Result<Code, CliError> {
    code.parse().map_err(|error: crate::lint::catalogue::UnknownCode| {
        let hint = match &error.nearest {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`labctl lint --list` shows all codes".to_owned(),
        };
        CliError::new(2, error.to_string()).hint(hint)
    })
}
