//! Finds what is wrong with labs without a cluster: what the loader says, under stable codes, and rules over a lab that
//! is sound. Among them is a prediction of every step; where it cannot tell, it is silent.

pub mod catalogue;
mod content;
mod finding;
mod markdown;
mod predict;
mod replay;
mod rules;
mod suppress;
mod world;

use std::{
    cell::RefCell,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

pub use catalogue::{Code, Rule};
pub use finding::Finding;

use crate::{
    lab::{
        Found, LoadError,
        action::{Action, Apply},
        check::Check,
        model::Lab,
        position::{Located, Span},
    },
    render::Templates,
};
use replay::Replay;

/// What rules look at, and where they note what they find.
struct Subject<'a> {
    lab: &'a Lab,
    found: &'a Found,
    replay: Replay,
    findings: RefCell<Vec<Finding>>,
}

impl Subject<'_> {
    /// Notes something.
    fn note(&self, code: Code, at: Span, message: impl Into<String>, hint: impl Into<String>) {
        let (message, hint) = (message.into(), Some(hint.into()).filter(|hint| !hint.is_empty()));
        let source = self.found.source().clone();
        self.findings.borrow_mut().push(Finding { code, source, at, message, hint });
    }

    /// Every `apply` of the lab, in order.
    fn applies(&self) -> impl Iterator<Item = &Apply> {
        let solutions = self.lab.steps.iter().flat_map(|step| &step.solve);
        self.lab.setup.iter().chain(solutions).filter_map(|action| match &action.value {
            Action::Apply(apply) => Some(apply),
            _ => None,
        })
    }

    /// Every check of the lab, in order.
    fn checks(&self) -> impl Iterator<Item = &Located<Check>> {
        self.lab.steps.iter().flat_map(|step| &step.expect)
    }

    fn templates(&self) -> &Templates {
        self.found.templates()
    }
}

/// Everything there is to say about a lab, in the order of its file.
pub fn lint(found: &Found) -> Vec<Finding> {
    let lab = match found.load(&[]) {
        Ok(lab) => lab,
        Err(LoadError::Content(problems)) => return problems.into_iter().map(content::finding).collect(),
        Err(LoadError::Setting(_)) => unreachable!("nothing was set"),
    };
    let subject = Subject { lab: &lab, found, replay: Replay::of(&lab), findings: RefCell::default() };
    rules::ALL.iter().for_each(|rule| rule(&subject));
    let mut findings = suppress::allowed(found, &lab, subject.findings.into_inner());
    findings.sort_by(|a, b| (a.at.offset, a.code).cmp(&(b.at.offset, b.code)));
    findings
}

/// Looks at many labs, on all processors; the answers are in the order of the labs.
pub fn lint_all(labs: &[Found]) -> Vec<Vec<Finding>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::from_fn(|| {
            let index = next.fetch_add(1, Ordering::Relaxed);
            Some((index, lint(labs.get(index)?)))
        });
        taken.collect::<Vec<_>>()
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(labs.len());
    let mut findings: Vec<(usize, Vec<Finding>)> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|worker| worker.join().expect("a rule does not panic")).collect()
    });
    findings.sort_by_key(|(index, _)| *index);
    findings.into_iter().map(|(_, findings)| findings).collect()
}
