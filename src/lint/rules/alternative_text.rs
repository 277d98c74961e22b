//! Images whose readers may not see them.

use crate::lint::{Code, Subject, markdown};

pub(super) fn check(subject: &Subject<'_>) {
    for step in &subject.lab.steps {
        for text in std::iter::once(&step.text).chain(step.hints.iter().map(|hint| &hint.text)) {
            for image in markdown::images_without_text(text) {
                let at = subject.found.source().locate(text.at, &image);
                let hint = "say between the brackets what it shows: `![the client's proxy opens TLS](flow.svg)`";
                subject.note(Code::MissingAltText, at, "the image has no alternative text", hint);
            }
        }
    }
}
