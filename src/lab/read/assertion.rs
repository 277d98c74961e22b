//! Reads what holds for a text or a document.

use crate::lab::{
    check::{Assertion, HeaderAssertion, Test},
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
        let items = self.some_assertions(fields, key)?;
        collect(items.iter().map(|item| self.assertion(item, about)))
    }

    fn some_assertions<'n>(&self, fields: &mut Fields<'n>, key: &'static str) -> Option<&'n [Node]> {
        let Some(node) = fields.optional(key) else { return Some(&[]) };
        let items = list(self.problems, key, node)?;
        if items.is_empty() {
            self.problems.add(node.at, ProblemKind::Empty("an empty list of assertions would always hold"));
            return None;
        }
        Some(items)
    }

    fn assertion(&self, node: &Node, about: About) -> Option<Assertion> {
        let mut fields = Fields::open(self.problems, "an assertion", node)?;
        let (at, json) = (fields.at(), fields.optional_text("json"));
        let test = self.one_test(fields);
        let json = self.pointer(json?, at, about)?;
        Some(Assertion { json, test: test? })
    }

    /// A list of assertions about headers that must not be empty; none if the key is not there.
    pub(super) fn header_assertions(&self, fields: &mut Fields<'_>, key: &'static str) -> Option<Vec<HeaderAssertion>> {
        let items = self.some_assertions(fields, key)?;
        collect(items.iter().map(|item| self.header_assertion(item)))
    }

    fn header_assertion(&self, node: &Node) -> Option<HeaderAssertion> {
        let mut fields = Fields::open(self.problems, "an assertion about a header", node)?;
        let name = fields.text("header", "the header's name");
        let test = self.one_test(fields);
        let name = name?;
        if name.parse::<http::HeaderName>().is_err() {
            self.problems.invalid(name.at, format!("`{}` is not the name of a header", name.value), None);
            return None;
        }
        Some(HeaderAssertion { name: name.to_ascii_lowercase(), test: test? })
    }

    /// The one thing that an assertion says; nothing else may be in it.
    fn one_test(&self, mut fields: Fields<'_>) -> Option<Located<Test>> {
        let tests: Vec<(Span, &'static str, &Node)> = ["absent", "contains", "equals", "matches"]
            .into_iter()
            .filter_map(|key| fields.entry(key).map(|(at, node)| (at, key, node)))
            .collect();
        let at = fields.at();
        fields.finish();
        let [(at, key, node)] = tests[..] else {
            let hint = Some("one of: absent, contains, equals, matches".to_owned());
            self.problems.invalid(at, "an assertion says one thing", hint);
            return None;
        };
        self.test(key, node).map(|value| Located { value, at })
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
