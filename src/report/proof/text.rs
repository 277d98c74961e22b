//! The proofs of a lab as text.

use std::fmt::Write as _;

use super::{all_defects, all_lab_defects, all_survivors, counted, in_runs, told};
use crate::{
    report::{
        columns::columns,
        style::{Paint, Style},
    },
    run::test::{Fate, Series, StepProof, StepSeries},
};

/// A line for each step, then what does not hold.
pub fn series(lab: &Series, wide: bool, style: Style) -> String {
    let mut text = heading(lab, style);
    let (steps, repeated) = (lab.steps(), lab.runs.len() > 1);
    let mutated = steps.iter().flat_map(|step| &step.proofs).any(|step| !step.mutations.is_empty());
    let mut headings =
        if repeated { vec!["  STEP", "HOLDS", "TOOK"] } else { vec!["  STEP", "BEFORE", "AFTER", "TOOK"] };
    if mutated {
        headings.insert(headings.len() - 1, "CHANGES NOTICED");
    }
    let rows: Vec<Vec<String>> = steps.iter().map(|step| row(step, repeated, mutated)).collect();
    for (place, line) in columns(&headings, &rows).iter().enumerate() {
        let line = if place == 0 { style.paint(Paint::Dim, line) } else { line.clone() };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    let mut say = |paint, what: &str| {
        let _ = writeln!(text, "  {}", style.paint(paint, what));
    };
    for step in &steps {
        let found = all_defects(step).into_iter().chain(all_survivors(step));
        found.for_each(|defect| say(Paint::Red, &format!("{}: {defect}", step.name)));
    }
    if wide {
        let noticed = steps.iter().flat_map(|step| noticed(step).into_iter().map(move |line| (step, line)));
        noticed.for_each(|(step, line)| say(Paint::Dim, &format!("{}: {line}", step.name)));
    }
    all_lab_defects(lab).iter().for_each(|defect| say(Paint::Red, defect));
    if lab.runs.iter().any(|proof| proof.interrupted) {
        say(Paint::Yellow, "interrupted");
    }
    text
}

/// One line about all labs together, where there are several.
pub fn summary(labs: &[Series]) -> Option<String> {
    let flaky = labs.iter().filter(|lab| lab.steps().iter().any(StepSeries::is_flaky)).count();
    let flaky = if flaky == 0 { String::new() } else { format!(", {flaky} flaky") };
    let held = labs.iter().filter(|lab| lab.holds()).count();
    (labs.len() > 1).then(|| format!("{held} of {} labs hold{flaky}\n", labs.len()))
}

fn heading(lab: &Series, style: Style) -> String {
    let (held, runs) = (lab.held(), lab.runs.len());
    let (paint, word) = match lab.holds() {
        true => (Paint::Green, "holds"),
        false if lab.steps().iter().any(StepSeries::is_flaky) => (Paint::Red, "is flaky"),
        false => (Paint::Red, "does not hold"),
    };
    let often = if runs > 1 { format!(", {held} of {runs} runs hold") } else { String::new() };
    format!("{} {}{often}, {}\n", style.paint(Paint::Bold, &lab.lab), style.paint(paint, word), seconds(lab.took()))
}

fn row(step: &StepSeries<'_>, repeated: bool, mutated: bool) -> Vec<String> {
    let mut cells = vec![format!("  {}", step.name)];
    match repeated {
        true => cells.push(format!("{} of {}", step.held(), step.reached())),
        false => step.proofs.iter().for_each(|proof| cells.extend(before_and_after(proof))),
    }
    if mutated {
        let mutations = || step.proofs.iter().flat_map(|proof| &proof.mutations);
        let survivors = step.proofs.iter().flat_map(|proof| proof.survivors()).count();
        let all = mutations().count();
        cells.push(if all == 0 { "-".to_owned() } else { format!("{} of {all}", all - survivors) });
    }
    cells.push(seconds(step.took()));
    cells
}

fn before_and_after(step: &StepProof) -> [String; 2] {
    let after = match (&step.problem, step.red_after.len()) {
        (Some(_), _) => "not solved".to_owned(),
        (None, 0) => "green".to_owned(),
        (None, red) => format!("{red} red"),
    };
    [format!("{} of {} red", step.red_before, step.checks), after]
}

/// The changes that a check noticed, or the cluster refused.
fn noticed(step: &StepSeries<'_>) -> Vec<String> {
    let mutations = step.proofs.iter().flat_map(|proof| &proof.mutations);
    let noticed = mutations.filter(|mutation| !matches!(mutation.fate, Fate::Survived { .. })).map(told);
    in_runs(counted(noticed), step.reached())
}

fn seconds(duration: std::time::Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
