//! What `labctl down` says to people.

use jiff::Timestamp;

use crate::cluster::{
    clean::Leftover,
    owner,
    survey::{Found, FoundRun, Survey},
};

/// All runs with their objects, and the mesh that stays.
pub fn survey(survey: &Survey) -> String {
    let mut text: String = survey.runs.iter().map(run).collect::<Vec<_>>().join("\n");
    if !survey.runs.is_empty() {
        text.push('\n');
    }
    text + &aside(survey)
}

/// The end: what was deleted, and what is left with what holds it.
pub fn end(after: &Survey, deleted: &[String], leftovers: &[Leftover]) -> String {
    let mut text = String::new();
    for id in deleted {
        if !after.runs.iter().any(|run| run.id == *id) {
            text.push_str(&format!("run {id} is gone: nothing on the cluster has its label\n"));
        }
    }
    if after.runs.is_empty() {
        if deleted.is_empty() {
            text.push_str("nothing is left of any run\n");
        }
        return text + &aside(after);
    }
    text.push_str("still there:\n\n");
    text.push_str(&survey(after));
    for left in leftovers {
        text.push_str(&format!("{}: {}\n", left.object, left.why));
    }
    text
}

/// What is no leftover, and what could not be seen.
fn aside(survey: &Survey) -> String {
    let mut text = String::new();
    if !survey.mesh.is_empty() {
        text.push_str(
            "A mesh that `labctl mesh install` made is there too and stays; `labctl mesh uninstall` removes it.\n",
        );
    }
    for unseen in &survey.unseen {
        text.push_str(&format!("not looked at: {unseen}\n"));
    }
    text
}

fn run(run: &FoundRun) -> String {
    let lab = run.lab.as_ref().map(|lab| format!(" of the lab {lab}")).unwrap_or_default();
    let began =
        run.created.map(|created| format!(", began {}", owner::ago(created, Timestamp::now()))).unwrap_or_default();
    let lines = run.by_namespace().map(|(found, inside)| line(found, inside));
    format!("run {}{lab}{began}\n{}", run.id, lines.collect::<String>())
}

fn line(found: &Found, inside: usize) -> String {
    let mut text = format!("  {}", found.object);
    match inside {
        0 => (),
        1 => text.push_str(" and 1 object in it"),
        several => text.push_str(&format!(" and {several} objects in it")),
    }
    text.push('\n');
    if let Some(since) = found.deletion_timestamp {
        text.push_str(&format!("    being deleted since {since}\n"));
    }
    // Every definition has a finalizer that means no harm; it is worth a word only where it is in the way.
    let harmless = found.deletion_timestamp.is_none() && found.object.kind == "CustomResourceDefinition";
    if !found.finalizers.is_empty() && !harmless {
        text.push_str(&format!("    finalizers: {}\n", found.finalizers.join(", ")));
    }
    for blocked in &found.blocked_by {
        text.push_str(&format!("    blocked: {blocked}\n"));
    }
    text
}
