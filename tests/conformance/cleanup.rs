//! What a case leaves behind, and its removal.

use serde_json::Value;

use crate::{answer::Answer, case::Step, server::Server, variables::Variables};

/// Objects that do not leave with the namespace of their case.
#[derive(Debug, Default)]
pub struct Leftovers(Vec<String>);

impl Leftovers {
    /// Notes what an answered request made.
    pub fn note(&mut self, step: &Step, answer: &Answer, variables: &Variables) {
        let request = variables.fill(&step.request);
        let Some((method, path)) = request.split_once(' ') else { return };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let name = answer.body.pointer("/metadata/name").and_then(Value::as_str);
        let own = variables.fill("/namespaces/${ns}/");
        if answer.code != 201 || query.contains("dryRun") || path.contains(&own) {
            return;
        }
        match name {
            Some(name) if method == "POST" && answer.body["kind"] != "Status" => self.0.push(format!("{path}/{name}")),
            _ if method == "PATCH" || method == "PUT" => self.0.push(path.to_owned()),
            _ => {}
        }
    }

    /// Removes it all, the last first, with the namespace at the end.
    pub async fn remove(&self, server: &Server, variables: &Variables) {
        let own = variables.fill("/api/v1/namespaces/${ns}");
        for path in self.0.iter().rev().chain([&own]) {
            let step = Step::new(&format!("DELETE {path}"));
            // What the case has deleted itself is gone; what cannot be deleted is seen by the next who looks.
            _ = server.ask(&step, variables).await;
        }
    }
}
