//! Saying what to type when something is in the way of a lab.

use std::collections::BTreeSet;

use super::{context::Context, result::Problem};
use crate::cluster::{Clash, ClusterError, error::way_out};

impl Context<'_> {
    /// The problem of objects that are there already, with a way out for this lab on this cluster.
    pub(super) fn told_of_clash(&self, error: ClusterError) -> Problem {
        let ClusterError::Clash(clashes) = &error else { return error.into() };
        let mut hints = vec![way_out(clashes, &self.target.arguments())];
        hints.extend(self.other_names(clashes));
        Problem { hint: Some(hints.join("\n")), ..Problem::from(error) }
    }

    /// How the lab can go into other namespaces, if it has parameters for those that are taken.
    fn other_names(&self, clashes: &[Clash]) -> Option<String> {
        let taken: BTreeSet<&str> = clashes
            .iter()
            .filter_map(|clash| match clash.object.kind.as_str() {
                "Namespace" => Some(clash.object.name.as_str()),
                _ => clash.object.namespace.as_deref(),
            })
            .collect();
        let fitting = self.lab.parameters.iter().filter(|parameter| taken.contains(parameter.value.as_str()));
        let set: Vec<String> = fitting.map(|parameter| format!(" --set {}=...", parameter.name.value)).collect();
        (!set.is_empty()).then(|| format!("or give the lab another place with{}", set.concat()))
    }
}
