//! Reads loops of requests, and whether their steps come in the right order.

use std::cmp::Ordering;

use crate::{
    lab::{
        check::{
            Check,
            steady::{Asks, Steady},
        },
        fields::{Fields, collect, mapping, text},
        model::Step,
        position::{Located, Span},
        problem::ProblemKind,
        read::Reader,
        yaml::Node,
    },
    probe::verdict::{Expected, Verdict},
};

impl Reader<'_> {
    pub(super) fn steady(&self, node: &Node, key: Span) -> Option<Steady> {
        let mut fields = Fields::open(self.problems, "a steady check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let since = fields.text("since", "the step in which the loop begins");
        let request = match fields.optional("from") {
            Some(_) => self.request(&mut fields).map(Asks::Inside),
            None => self.outside(&mut fields).map(Asks::Outside),
        };
        let fails = fields.optional("fails");
        fields.finish();
        let fails = fails.map_or(Some(Vec::new()), |node| {
            collect(mapping(self.problems, "fails", node)?.iter().map(|(step, how)| self.failure(step, how)))
        });
        Some(Steady { title: title?.value, since: since?, request: request?, fails: fails? })
    }

    /// A step in which requests fail, and how: as far as their caller can tell.
    fn failure(&self, step: &Located<String>, how: &Node) -> Option<(Located<String>, Verdict)> {
        let written = text(self.problems, step, how)?;
        let verdict = match self.expected(&written)?.value {
            Expected::Exactly(verdict) if !verdict.answered() && verdict != Verdict::NoEndpoint => verdict,
            _ => {
                let hint = "as in `reset`, `refused`, `timeout` or `http(503)`; without `fails` all are answered";
                let message = format!("`{}` is not how a caller sees a request fail", written.value);
                self.problems.invalid(written.at, message, Some(hint.to_owned()));
                return None;
            }
        };
        Some((step.clone(), verdict))
    }

    /// Notes loops of a step that begin, or fail, when nobody asks. `names` are those of all steps.
    pub(super) fn check_loops(&self, index: usize, step: &Step, names: &[String]) {
        for check in &step.expect {
            let Check::Steady(steady) = &check.value else { continue };
            let since = self.place(&steady.since, names);
            if since.is_some_and(|since| since > index) {
                let message = format!("`{}` comes after this step", steady.since.value);
                let hint = Some("a loop begins in the step that judges it, or in an earlier one".to_owned());
                self.problems.invalid(steady.since.at, message, hint);
            }
            for (name, _) in &steady.fails {
                if let (Some(place), Some(since)) = (self.place(name, names), since) {
                    self.check_failure(name, place, since);
                }
            }
        }
    }

    /// Notes a step in which a loop cannot fail.
    fn check_failure(&self, name: &Located<String>, place: usize, since: usize) {
        let (message, hint) = match place.cmp(&since) {
            Ordering::Less => (format!("nobody asks in `{}` yet", name.value), "the loop begins later, in `since`"),
            Ordering::Equal => (
                format!("the loop begins in `{}`, so it must be answered there", name.value),
                "only what has been answered is known to fail for a reason: begin in an earlier step",
            ),
            Ordering::Greater => return,
        };
        self.problems.invalid(name.at, message, Some(hint.to_owned()));
    }

    fn place(&self, name: &Located<String>, names: &[String]) -> Option<usize> {
        let found = names.iter().position(|known| *known == name.value);
        if found.is_none() {
            let (name, known, at) = (name.value.clone(), names.to_vec(), name.at);
            self.problems.add(at, ProblemKind::Unknown { what: "the step", name, known });
        }
        found
    }
}
