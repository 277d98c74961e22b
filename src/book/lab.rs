//! The chapter of a lab: task, what was seen, hints and solution folded.

use std::{fmt::Write as _, path::Path};

use super::{Edition, counted, recording::Recording, seen, solution};
use crate::lab::model::{Lab, Parameter, Step};

// Writing to a `String` cannot fail, so what `write!` answers is dropped throughout.

/// The labs, each with a link to its chapter in the folder `below`.
pub(super) fn list(labs: &[Lab], below: &Path) -> String {
    let mut out = "| lab | what it is about | steps | points | minutes |\n|---|---|---|---|---|\n".to_owned();
    for lab in labs {
        let about = &lab.metadata;
        let folder = below.file_name().unwrap_or_default().display();
        let _ = writeln!(
            out,
            "| [{name}]({folder}/{name}.md) | {title} | {steps} | {points} | {minutes} |",
            name = about.name,
            title = plain(&about.title),
            steps = lab.steps.len(),
            points = lab.points(),
            minutes = about.minutes,
        );
    }
    out
}

/// The whole chapter.
pub(super) fn chapter(lab: &Lab, recording: Option<&Recording>, edition: Edition) -> String {
    let about = &lab.metadata;
    let facts = [
        counted(lab.steps.len(), "step"),
        counted(lab.points() as usize, "point"),
        format!("about {}", counted(about.minutes as usize, "minute")),
    ];
    let mut out = format!("# {}\n\n{}\n\n{}\n", plain(&about.title), about.summary, seen::facts(&facts.join(" · ")));
    let made = lab.namespaces_of_steps();
    let (first, delete) = match made[..] {
        [] => ("then do", String::new()),
        _ => (
            "remove what it has made, do",
            format!("kubectl delete namespace {}    # in another terminal\n", made.join(" ")),
        ),
    };
    let _ = write!(
        out,
        "The tour does every step, and grades itself. With `--keep` it stays up afterwards, and says how `kubectl`\n\
         reaches the cluster: {first} the steps again by hand, and look around.\n\n\
         ```sh\nlabctl run {name} --keep\n{delete}```\n\n",
        name = about.name,
    );
    parameters(&mut out, &lab.parameters);
    for (index, step) in lab.steps.iter().enumerate() {
        let recorded = recording.and_then(|recording| recording.steps.iter().find(|seen| seen.name == step.name.value));
        let _ = writeln!(out, "## {}. {} {{#{}}}\n", index + 1, plain(&step.title), step.name.value);
        let facts = format!("<code>{}</code> · {}", step.name.value, counted(step.points as usize, "point"));
        let _ = writeln!(out, "{}\n{}\n", seen::facts(&facts), step.text.trim_end());
        let _ = writeln!(out, "### What must be seen {{#{}-seen}}\n", step.name.value);
        for (place, check) in step.expect.iter().enumerate() {
            let recorded = recorded.and_then(|step| step.checks.get(place)).filter(|seen| seen.title == check.title());
            out += &seen::check(lab, check, recorded, edition);
        }
        hints(&mut out, step);
        if edition == Edition::Trainer {
            out += &folded("solution", "Solution", &solution::block(lab, step));
        }
    }
    out
}

fn parameters(out: &mut String, parameters: &[Parameter]) {
    if parameters.is_empty() {
        return;
    }
    *out += "What can be set, with `--set NAME=VALUE`:\n\n| parameter | value | |\n|---|---|---|\n";
    for parameter in parameters {
        let value = if parameter.value.is_empty() { String::new() } else { format!("`{}`", parameter.value) };
        let _ = writeln!(out, "| `{}` | {value} | {} |", parameter.name.value, plain(&parameter.description));
    }
    out.push('\n');
}

fn hints(out: &mut String, step: &Step) {
    for (index, hint) in step.hints.iter().enumerate() {
        let heading = format!("Hint {} ({})", index + 1, counted(hint.cost.value as usize, "point"));
        *out += &folded("hint", &heading, &hint.text);
    }
}

/// Something to unfold.
pub(super) fn folded(class: &str, heading: &str, text: &str) -> String {
    format!("<details class=\"{class}\"><summary>{heading}</summary>\n\n{}\n\n</details>\n\n", text.trim_end())
}

/// A line of text as Markdown: what would be HTML or a cell's end is not.
pub(super) fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', r"\|")
}
