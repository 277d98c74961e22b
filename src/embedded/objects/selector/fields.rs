//! Field selectors: `metadata.name=x,status.phase!=Running`.

use serde_json::Value;

/// What can be wrong with a field selector; answered with 400.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum FieldSelectorError {
    /// A backslash may only protect a comma, an equals sign or itself.
    #[error("invalid field selector: invalid escape sequence: \\{0}")]
    Escape(String),
    /// A term without `=`, `==` or `!=`.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Syntax {
        /// The whole text.
        selector: String,
        /// The term.
        term: String,
    },
    /// Objects of a kind without rules of its own cannot be selected by that field.
    #[error("{0:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")]
    Unknown(String),
    /// This kind cannot be selected by that field.
    #[error("field label not supported: {0}")]
    Unsupported(String),
}

impl FieldSelectorError {
    /// The same in the words for built-in kinds that have no rules of their own.
    #[must_use]
    pub fn of_any_kind(self) -> Self {
        match self {
            Self::Unsupported(field) => Self::Unknown(field),
            other => other,
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Term {
    path: String,
    equal: bool,
    value: String,
}

/// A condition on an object's fields; the empty one matches everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

impl FieldSelector {
    /// Reads the text form.
    ///
    /// # Errors
    /// The first term that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, FieldSelectorError> {
        let terms = split_terms(text).into_iter().filter(|term| !term.is_empty());
        Ok(Self { terms: terms.map(|term| Term::parse(text, term)).collect::<Result<_, _>>()? })
    }

    /// Makes sure that only the `supported` fields are used.
    ///
    /// # Errors
    /// `Unsupported` names the first other field.
    pub fn only(self, supported: &[&str]) -> Result<Self, FieldSelectorError> {
        match self.terms.iter().find(|term| !supported.contains(&term.path.as_str())) {
            Some(term) => Err(FieldSelectorError::Unsupported(term.path.clone())),
            None => Ok(self),
        }
    }

    /// Whether the selector matches everything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The one value that `field` must have for a match, if the selector says so (`metadata.name=x`).
    pub fn requires_exact_match(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.equal && term.path == field).map(|term| term.value.as_str())
    }

    /// Whether `object` satisfies every term. A field that is not there is the empty text.
    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| (field_text(object, &term.path) == term.value) == term.equal)
    }
}

impl Term {
    fn parse(selector: &str, term: &str) -> Result<Self, FieldSelectorError> {
        let bytes = term.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            let (equal, length) = match &bytes[index..] {
                [b'\\', ..] => {
                    index += 2;
                    continue;
                }
                [b'!', b'=', ..] => (false, 2),
                [b'=', b'=', ..] => (true, 2),
                [b'=', ..] => (true, 1),
                _ => {
                    index += 1;
                    continue;
                }
            };
            return Ok(Self { path: term[..index].to_owned(), equal, value: unescape(&term[index + length..])? });
        }
        Err(FieldSelectorError::Syntax { selector: selector.to_owned(), term: term.to_owned() })
    }
}

/// Splits at commas that no backslash protects.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn unescape(text: &str) -> Result<String, FieldSelectorError> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(protected @ ('\\' | ',' | '=')) => plain.push(protected),
                other => return Err(FieldSelectorError::Escape(other.map(String::from).unwrap_or_default())),
            },
            other => plain.push(other),
        }
    }
    Ok(plain)
}

fn field_text(object: &Value, path: &str) -> String {
    let place = if path == "source" { "source.component" } else { path };
    let value = place.split('.').try_fold(object, |value, name| value.get(name));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        // Fields that Kubernetes compares as booleans and numbers are there even when they were left out.
        _ => match path {
            "spec.unschedulable" | "spec.hostNetwork" => "false".to_owned(),
            _ => String::new(),
        },
    }
}

/// The fields by which objects of any kind can be selected.
pub const ANY_KIND: &[&str] = &["metadata.name", "metadata.namespace"];

/// The fields by which objects of a built-in kind can be selected; custom resources have the first two.
pub fn supported_fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "Event" => &[
            "metadata.name",
            "metadata.namespace",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "Namespace" => &["metadata.name", "metadata.namespace", "status.phase"],
        "Node" => &["metadata.name", "metadata.namespace", "spec.unschedulable"],
        "Pod" => &[
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        "Secret" => &["metadata.name", "metadata.namespace", "type"],
        "Service" => &["metadata.name", "metadata.namespace", "spec.clusterIP", "spec.type"],
        _ => ANY_KIND,
    }
}
