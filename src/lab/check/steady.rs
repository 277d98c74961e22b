//! The `steady` check: a request that is made again and again, through several steps.

use crate::{
    lab::{check::Http, outside::Outside, position::Located},
    probe::verdict::Verdict,
};

/// A loop of requests that begins in one step and is judged in this one.
#[derive(Clone, Debug)]
pub struct Steady {
    /// One line for people.
    pub title: String,
    /// The step in which it begins: this one or an earlier one.
    pub since: Located<String>,
    /// What is asked.
    pub request: Asks,
    /// The steps in which every request must fail, and how; in all others every one must be answered.
    pub fails: Vec<(Located<String>, Verdict)>,
}

/// A request, and from where it is made.
#[derive(Clone, Debug)]
pub enum Asks {
    /// By a workload; it expects nothing by itself.
    Inside(Http),
    /// From outside of the cluster.
    Outside(Outside),
}

impl Steady {
    /// How requests must fail in a step; nothing if they must be answered.
    pub fn fails_in(&self, step: &str) -> Option<&Verdict> {
        self.fails.iter().find(|(name, _)| name.value == step).map(|(_, verdict)| verdict)
    }
}
