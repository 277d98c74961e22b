//! `labctl list`: the labs that can be named.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use crate::{
    cli::{
        CliError,
        labs::{self, LabsArgs, load},
        output::print,
    },
    lab::{Origin, model::Lab},
    mesh::install::Settings,
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

/// Lists the labs that can be named.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    from: LabsArgs,
    /// How to write the list
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A lab, the name under which it is found, and where.
struct Listed {
    name: String,
    origin: Origin,
    lab: Lab,
}

impl ListArgs {
    /// Prints the list.
    ///
    /// # Errors
    /// If a lab is not sound, or nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        let collection = self.from.collection()?;
        let mut listed = Vec::new();
        for (name, origin) in labs::list(&collection)? {
            let lab = load(&collection, &name, &[], &Settings::default().image)?;
            listed.push(Listed { name, origin, lab });
        }
        print(&match self.output {
            Format::Json => json(&listed),
            Format::Table => table(&listed, Style::of_stdout()),
        })?;
        Ok(0)
    }
}

fn json(labs: &[Listed]) -> String {
    let entry = |Listed { name, origin, lab }: &Listed| {
        let (from, shadows) = match origin {
            Origin::Bundled => (None, false),
            Origin::Own { from, shadows } => (Some(from.display().to_string()), *shadows),
        };
        serde_json::json!({
            "name": name,
            "title": lab.metadata.title,
            "summary": lab.metadata.summary,
            "steps": lab.steps.len(),
            "points": lab.points(),
            "minutes": lab.metadata.minutes,
            "from": from,
            "shadowsBundled": shadows,
        })
    };
    let labs: Vec<_> = labs.iter().map(entry).collect();
    format!("{:#}\n", serde_json::json!({ "version": 1, "labs": labs }))
}

/// Where each lab is from is a column only if not all of them are bundled.
fn table(labs: &[Listed], style: Style) -> String {
    let names = labs.iter().map(|listed| listed.name.len()).max().unwrap_or_default().max("NAME".len());
    let titles = labs.iter().map(|listed| listed.lab.metadata.title.chars().count()).max().unwrap_or_default();
    let with_origin = labs.iter().any(|listed| listed.origin != Origin::Bundled);
    let row = |name: &str, title: &str, steps: &str, points: &str, minutes: &str, from: &str| {
        let row = format!("{name:names$}  {title:titles$}  {steps:>5}  {points:>6}  {minutes:>7}");
        if with_origin { format!("{row}  {from}") } else { row }
    };
    let mut text = style.paint(Paint::Dim, &row("NAME", "TITLE", "STEPS", "POINTS", "MINUTES", "FROM")) + "\n";
    for Listed { name, origin, lab } in labs {
        let (steps, points) = (lab.steps.len().to_string(), lab.points().to_string());
        let minutes = lab.metadata.minutes.to_string();
        let from = match origin {
            Origin::Bundled => "bundled".to_owned(),
            Origin::Own { from, shadows: false } => from.display().to_string(),
            Origin::Own { from, shadows: true } => format!("{}, not the bundled one", from.display()),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}", row(name, &lab.metadata.title, &steps, &points, &minutes, &from));
    }
    text
}
