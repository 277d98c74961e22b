//! What does not hold, as annotations at the steps of the lab files.

use super::{all_defects, all_lab_defects, all_survivors};
use crate::{
    lab::position::Span,
    report::github::{Annotation, Level, Place},
    run::test::Series,
};

/// One for each step that does not hold, and one for what does not hold of the lab itself.
pub fn annotations(lab: &Series) -> Vec<Annotation> {
    let steps = lab.steps().into_iter().map(|step| {
        let defects = [all_defects(&step), all_survivors(&step)].concat();
        annotation(lab, step.at, &format!("{}: {}", lab.lab, step.name), &defects)
    });
    let beyond = annotation(lab, Span { line: 1, column: 1, ..Span::default() }, &lab.lab, &all_lab_defects(lab));
    steps.chain([beyond]).flatten().collect()
}

fn annotation(lab: &Series, at: Span, title: &str, defects: &[String]) -> Option<Annotation> {
    let place =
        Place { file: lab.file.display().to_string(), line: at.line, column: Some(at.column), end_column: None };
    let annotation =
        Annotation { level: Level::Error, place: Some(place), title: title.to_owned(), message: defects.join("\n") };
    (!defects.is_empty()).then_some(annotation)
}
