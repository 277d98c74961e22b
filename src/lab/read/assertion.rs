//! Reads what holds for a text or a document.

use crate::lab::{
    check::{Assertion, Test},
    fields::{Fields, collect, list, text},
    parameters::one_line,
    position::{Located, Span},
    problem::ProblemKind,
    read::Reader,
    yaml::{Node, Value},
};

/// Whether an assertion may be about the whole text.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum About {
    /// It names a place in a document.
    Document,
    /// It names a place in a document, or is about the whole text.
    Text,
}

impl Reader<'_> {
    /// A list of assertions that must not be empty; none if the key is not there.
    pub(super) fn assertions(
        &self,
        fields: &mut Fields<'_>,
        key: &'static str,
        about: About,
    ) -> Option<Vec<Assertion>> {
        let Some(node) = fields.optional(key) else { return Some(Vec::new()) };
        let items = list(self.problems, key, node)?;
        if items.is_empty() {
            self.problems.add(node.at, ProblemKind::Empty("an empty list of assertions would always hold"));
            return None;
        }
        collect(items.iter().map(|item| self.assertion(item, about)))
    }

    fn assertion(&self, node: &Node, about: About) -> Option<Assertion> {
        let mut fields = Fields::open(self.problems, "an assertion", node)?;
        let json = fields.optional_text("json");
        let tests: Vec<(Span, &'static str, &Node)> = ["absent", "contains", "equals", "matches"]
            .into_iter()
            .filter_map(|key| fields.entry(key).map(|(at, node)| (at, key, node)))
            .collect();
        let at = fields.at();
        fields.finish();
        let json = self.pointer(json?, at, about)?;
        let [(at, key, node)] = tests[..] else {
            let hint = Some("one of: absent, contains, equals, matches".to_owned());
            self.problems.invalid(at, "an assertion says one thing", hint);
            return None;
        };
        let test = self.test(key, node)?;
        Some(Assertion { json, test: Located { value: test, at } })
    }

    fn pointer(&self, json: Option<Located<String>>, at: Span, about: About) -> Option<Option<String>> {
        let hint =
            || Some("a JSON pointer, as in `json: /metadata/labels/app` (`/` in a key is written `~1`)".to_owned());
        match json {
            Some(json) if json.starts_with('/') => Some(Some(json.value)),
            Some(json) => {
                self.problems.invalid(json.at, "`json` begins with `/`", hint());
                None
            }
            None if about == About::Document => {
                self.problems.invalid(at, "an assertion about an object needs `json`", hint());
                None
            }
            None => Some(None),
        }
    }

    fn test(&self, key: &'static str, node: &Node) -> Option<Test> {
        match key {
            "absent" if node.value == Value::Bool(true) => Some(Test::Absent),
            "absent" => {
                self.problems.invalid(
                    node.at,
                    "`absent` is always `true`",
                    Some("say with `matches` what is there".to_owned()),
                );
                None
            }
            "contains" => Some(Test::Contains(text(self.problems, key, node)?.value)),
            "equals" => Some(Test::Equals(node.to_json())),
            _ => self.regex(&text(self.problems, key, node)?).map(Test::Matches),
        }
    }

    fn regex(&self, pattern: &Located<String>) -> Option<regex::Regex> {
        match regex::RegexBuilder::new(pattern).size_limit(1 << 20).build() {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.problems.invalid(pattern.at, "`matches` is not a regular expression", Some(one_line(&error)));
                None
            }
        }
    }
}
