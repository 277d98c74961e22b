//! The proofs of labs: for people, for programs, for CI servers, and for GitHub. Knows not how they come about.

pub mod github;
pub mod junit;
pub mod text;

use serde_json::{Value, json};

use crate::{
    report::ReportError,
    run::test::{Fate, Mutation, Proof, Series, StepProof, StepSeries},
};

/// The proofs as JSON, with a newline at its end.
pub fn json(labs: &[Series]) -> String {
    format!("{:#}\n", document(labs))
}

/// The proofs as YAML.
///
/// # Errors
/// [`ReportError::Yaml`].
pub fn yaml(labs: &[Series]) -> Result<String, ReportError> {
    serde_yaml::to_string(&document(labs)).map_err(ReportError::Yaml)
}

/// What programs read. Fields are only ever added to a version.
fn document(labs: &[Series]) -> Value {
    let holds = labs.iter().all(Series::holds);
    let flaky: Vec<Value> =
        labs.iter().flat_map(|lab| lab.steps().into_iter().filter_map(move |step| rate(lab, &step))).collect();
    let runs: Vec<Value> =
        labs.iter().flat_map(|lab| lab.runs.iter().enumerate().map(|(index, proof)| run(lab, index, proof))).collect();
    json!({ "apiVersion": "labctl/v1", "kind": "LabProofs", "holds": holds, "flaky": flaky, "labs": runs })
}

fn rate(lab: &Series, step: &StepSeries<'_>) -> Option<Value> {
    let rate = json!({ "lab": lab.lab, "step": step.name, "held": step.held(), "runs": step.reached() });
    step.is_flaky().then_some(rate)
}

/// A proof with the number of its run, from 1.
fn run(lab: &Series, index: usize, proof: &Proof) -> Value {
    let mut document = json!(proof);
    document["file"] = json!(lab.file);
    document["run"] = (index + 1).into();
    document
}

/// What does not hold of a step, apart from changes that nobody notices.
fn defects(step: &StepProof) -> Vec<String> {
    let idle =
        (step.red_before == 0).then(|| "cannot fail: all its checks are green before anything is done".to_owned());
    let red = step.red_after.iter().map(|title| format!("red although it is solved: {title}"));
    idle.into_iter().chain(red).chain(step.problem.iter().map(|problem| problem.message.clone())).collect()
}

/// What does not hold of a lab beyond its steps.
fn lab_defects(proof: &Proof) -> Vec<String> {
    let left = proof.leftovers.iter().map(|left| format!("left over: {}: {}", left.object, left.why));
    proof.problem.iter().map(|problem| problem.message.clone()).chain(left).collect()
}

/// A change to a policy, and what became of it.
fn told(Mutation { object, change, fate }: &Mutation) -> String {
    let fate = match fate {
        Fate::Noticed(check) => format!("noticed by: {check}"),
        Fate::Refused(why) => format!("refused: {why}"),
        Fate::Survived { alike: false } => "no check notices".to_owned(),
        Fate::Survived { alike: true } => {
            "no check notices, and no traffic could: every proxy is configured as before".to_owned()
        }
    };
    format!("{object} {change}: {fate}")
}

/// How often a step held.
fn often(step: &StepSeries<'_>) -> String {
    format!("holds in {} of {} runs", step.held(), step.reached())
}

/// Each text once, in the order of its first time, with how many times it is there.
fn counted(texts: impl IntoIterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    counts
}

/// What does not hold of a step in any of its runs. Of several runs it is said in how many, where that is not all.
fn all_defects(step: &StepSeries<'_>) -> Vec<String> {
    let flaky = step.is_flaky().then(|| format!("flaky: {}", often(step)));
    let found = step.proofs.iter().flat_map(|proof| defects(proof));
    flaky.into_iter().chain(in_runs(counted(found), step.reached())).collect()
}

/// The changes to a step's policies that no check noticed in one of its runs.
fn all_survivors(step: &StepSeries<'_>) -> Vec<String> {
    let found = step.proofs.iter().flat_map(|proof| proof.survivors().map(told));
    in_runs(counted(found), step.reached())
}

/// What does not hold of a lab beyond its steps, in any of its runs.
fn all_lab_defects(lab: &Series) -> Vec<String> {
    in_runs(counted(lab.runs.iter().flat_map(lab_defects)), lab.runs.len())
}

fn in_runs(counts: Vec<(String, usize)>, runs: usize) -> Vec<String> {
    let said = |(text, count)| if count == runs { text } else { format!("{text} (in {count} of {runs} runs)") };
    counts.into_iter().map(said).collect()
}
