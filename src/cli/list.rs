//! `labctl list`: the bundled labs.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use crate::{
    cli::{CliError, labs::LabArgs, output::print},
    lab::{self, model::Lab},
    report::style::{Paint, Style},
};

/// How the list is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Lists the bundled labs.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How to write the list
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl ListArgs {
    /// Prints the list.
    ///
    /// # Errors
    /// If a bundled lab is not sound, or nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        let load = |name: String| LabArgs { lab: name, set: Vec::new() }.load();
        let labs: Vec<Lab> = lab::bundled().into_iter().map(load).collect::<Result<_, _>>()?;
        print(&match self.output {
            Format::Json => json(&labs),
            Format::Table => table(&labs, Style::of_stdout()),
        })?;
        Ok(0)
    }
}

fn json(labs: &[Lab]) -> String {
    let labs: Vec<_> = labs
        .iter()
        .map(|lab| {
            serde_json::json!({
                "name": lab.metadata.name,
                "title": lab.metadata.title,
                "summary": lab.metadata.summary,
                "steps": lab.steps.len(),
                "points": lab.points(),
                "minutes": lab.metadata.minutes,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::json!({ "version": 1, "labs": labs }))
}

fn table(labs: &[Lab], style: Style) -> String {
    let names = labs.iter().map(|lab| lab.metadata.name.len()).max().unwrap_or_default().max("NAME".len());
    let titles = labs.iter().map(|lab| lab.metadata.title.chars().count()).max().unwrap_or_default();
    let row = |name: &str, title: &str, steps: &str, points: &str, minutes: &str| {
        format!("{name:names$}  {title:titles$}  {steps:>5}  {points:>6}  {minutes:>7}")
    };
    let mut text = style.paint(Paint::Dim, &row("NAME", "TITLE", "STEPS", "POINTS", "MINUTES")) + "\n";
    for lab in labs {
        let (steps, points) = (lab.steps.len().to_string(), lab.points().to_string());
        let minutes = lab.metadata.minutes.to_string();
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}", row(&lab.metadata.name, &lab.metadata.title, &steps, &points, &minutes));
    }
    text
}
