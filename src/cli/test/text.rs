//! The proof of a lab as text.

use std::fmt::Write as _;

use crate::{
    report::{
        columns::columns,
        style::{Paint, Style},
    },
    run::test::{Fate, Mutation, Proof, StepProof},
};

/// A line for each step, then what does not hold.
pub(super) fn proof(proof: &Proof, wide: bool, style: Style) -> String {
    let word =
        if proof.holds() { style.paint(Paint::Green, "holds") } else { style.paint(Paint::Red, "does not hold") };
    let mut text = format!("{} {word}, {}\n", style.paint(Paint::Bold, &proof.lab), seconds(proof.took));
    let mutated = proof.steps.iter().any(|step| !step.mutations.is_empty());
    let mut headings = vec!["  STEP", "BEFORE", "AFTER", "TOOK"];
    if mutated {
        headings.insert(3, "CHANGES NOTICED");
    }
    let rows: Vec<Vec<String>> = proof.steps.iter().map(|step| row(step, mutated)).collect();
    for (place, line) in columns(&headings, &rows).iter().enumerate() {
        let line = if place == 0 { style.paint(Paint::Dim, line) } else { line.clone() };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    let mut say = |paint, what: &str| {
        let _ = writeln!(text, "  {}", style.paint(paint, what));
    };
    proof.steps.iter().for_each(|step| defects(step, &mut say));
    if wide {
        let all = proof.steps.iter().flat_map(|step| step.mutations.iter().map(move |mutation| (step, mutation)));
        all.filter(|(_, mutation)| !survived(mutation)).for_each(|(step, it)| say(Paint::Dim, &told(step, it)));
    }
    proof.problem.iter().for_each(|problem| say(Paint::Red, &problem.message));
    proof.leftovers.iter().for_each(|left| say(Paint::Red, &format!("left over: {}: {}", left.object, left.why)));
    if proof.interrupted {
        say(Paint::Yellow, "interrupted");
    }
    text
}

fn row(step: &StepProof, mutated: bool) -> Vec<String> {
    let before = format!("{} of {} red", step.red_before, step.checks);
    let after = match (&step.problem, step.red_after.len()) {
        (Some(_), _) => "not solved".to_owned(),
        (None, 0) => "green".to_owned(),
        (None, red) => format!("{red} red"),
    };
    let mut cells = vec![format!("  {}", step.name), before, after, seconds(step.took)];
    if mutated {
        let (all, survivors) = (step.mutations.len(), step.survivors().count());
        cells.insert(3, if all == 0 { "-".to_owned() } else { format!("{} of {all}", all - survivors) });
    }
    cells
}

/// Everything about a step that does not hold, in words.
fn defects(step: &StepProof, say: &mut impl FnMut(Paint, &str)) {
    let name = &step.name;
    if step.red_before == 0 {
        say(Paint::Red, &format!("{name}: cannot fail: all its checks are green before anything is done"));
    }
    for title in &step.red_after {
        say(Paint::Red, &format!("{name}: red although it is solved: {title}"));
    }
    step.problem.iter().for_each(|problem| say(Paint::Red, &format!("{name}: {}", problem.message)));
    step.survivors().for_each(|mutation| say(Paint::Red, &told(step, mutation)));
}

fn told(step: &StepProof, Mutation { object, change, fate }: &Mutation) -> String {
    let fate = match fate {
        Fate::Noticed(check) => format!("noticed by: {check}"),
        Fate::Refused(why) => format!("refused: {why}"),
        Fate::Survived { alike: false } => "no check notices".to_owned(),
        Fate::Survived { alike: true } => {
            "no check notices, and no traffic could: every proxy is configured as before".to_owned()
        }
    };
    format!("{}: {object} {change}: {fate}", step.name)
}

fn survived(mutation: &Mutation) -> bool {
    matches!(mutation.fate, Fate::Survived { .. })
}

fn seconds(duration: std::time::Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
