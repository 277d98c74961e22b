//! `labctl show`: what a trainee reads, and what a trainer gives away.

mod guide;
mod json;
mod markdown;
mod solution;

use clap::{Args, ValueEnum};

use crate::{
    cli::{
        CliError,
        labs::{LabArgs, step},
        output::print,
        render::manifests,
    },
    report::style::Style,
};

/// How a lab is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Shows a lab's guide.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    lab: LabArgs,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Unfold the hints
    #[arg(long)]
    hints: bool,
    /// Show how each step is solved
    #[arg(long)]
    solution: bool,
    /// Only the manifests that the solution applies, as `labctl render` prints them
    #[arg(long, conflicts_with_all = ["hints", "solution", "output"])]
    manifests: bool,
    /// How to write the lab
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// What is unfolded.
#[derive(Clone, Copy, Debug)]
struct Unfold {
    hints: bool,
    solution: bool,
}

impl ShowArgs {
    /// Prints the guide.
    ///
    /// # Errors
    /// If there is no such lab or step, or the lab is not sound.
    pub fn execute(self) -> Result<u8, CliError> {
        let lab = self.lab.load()?;
        let steps = match &self.step {
            Some(name) => vec![step(&lab, name)?],
            None => lab.steps.iter().enumerate().collect(),
        };
        let unfold = Unfold { hints: self.hints, solution: self.solution };
        print(&match self.output {
            _ if self.manifests => manifests(&lab, self.step.as_ref().map(|_| steps[0].1)),
            Format::Json => json::document(&lab, &steps, unfold),
            Format::Text if self.step.is_some() => guide::steps(&lab, &steps, unfold, Style::of_stdout()),
            Format::Text => guide::whole(&lab, &steps, unfold, Style::of_stdout()),
        })?;
        Ok(0)
    }
}
