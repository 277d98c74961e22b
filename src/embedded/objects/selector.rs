//! Which objects a request or a controller means: label selectors and field selectors.

mod fields;
mod parse;

use serde_json::{Map, Value};

pub use fields::{ANY_KIND, FieldSelector, FieldSelectorError, supported_fields};

use super::{field_error::FieldError, names};

/// What can be wrong with a label selector written as text (`?labelSelector=`); answered with 400.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SelectorError {
    /// The text broke off, or went on, where a whole requirement was expected.
    #[error("found '{found}', expected: {expected}")]
    Syntax {
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// One requirement makes no sense.
    #[error("unable to parse requirement: {0}")]
    Requirement(#[from] RequirementError),
}

/// What can be wrong with one requirement of a label selector.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum RequirementError {
    /// Something else was expected.
    #[error("found '{found}', expected: {expected}")]
    Syntax {
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// The values of a set must open with a parenthesis. (Kubernetes leaves out this message's comma.)
    #[error("found '{0}' expected: '('")]
    NoParenthesis(String),
    /// A key or a value that no label can have.
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// How a requirement compares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operator {
    /// The label is absent.
    DoesNotExist,
    /// The label is there, with any value.
    Exists,
    /// The label is an integer above the value.
    GreaterThan,
    /// The label has one of the values.
    In,
    /// The label is an integer below the value.
    LessThan,
    /// The label is absent or has none of the values.
    NotIn,
}

/// One condition on one label.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

/// A condition on an object's labels; the empty one matches everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

impl LabelSelector {
    /// Reads the text form: `app=web,tier in (a, b),!legacy,size>3`.
    ///
    /// # Errors
    /// The first place where the text is no selector.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { requirements: parse::requirements(text)? })
    }

    /// Reads a `LabelSelector` object (`matchLabels`, `matchExpressions`); the empty one matches everything.
    /// Where an absent one matches nothing, as in Kubernetes, is the caller's to say.
    ///
    /// # Errors
    /// The first key, operator or value that cannot be. Fields are relative to the selector.
    pub fn from_object(selector: &Value) -> Result<Self, FieldError> {
        let mut requirements = Vec::new();
        if let Some(labels) = selector.get("matchLabels").and_then(Value::as_object) {
            for (key, value) in labels {
                let value = value.as_str().unwrap_or_default().to_owned();
                requirements.push(Requirement::new(key, Operator::In, vec![value])?);
            }
        }
        let expressions = selector.get("matchExpressions").and_then(Value::as_array);
        for (index, expression) in expressions.into_iter().flatten().enumerate() {
            requirements.push(match_expression(&format!("matchExpressions[{index}]"), expression)?);
        }
        Ok(Self { requirements })
    }

    /// A selector for exactly these labels, as Services and replication controllers have it.
    pub fn from_labels(labels: &Map<String, Value>) -> Self {
        let one = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            operator: Operator::In,
            values: vec![value.as_str().unwrap_or_default().to_owned()],
        };
        Self { requirements: labels.iter().map(one).collect() }
    }

    /// Whether the selector matches everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether `labels` (`metadata.labels`) satisfy every requirement; no labels at all may do.
    pub fn matches(&self, labels: Option<&Value>) -> bool {
        let labels = labels.and_then(Value::as_object);
        self.requirements.iter().all(|requirement| {
            let label = labels.and_then(|labels| labels.get(&requirement.key)).and_then(Value::as_str);
            requirement.matches(label)
        })
    }

    /// Whether an object's `metadata.labels` satisfy every requirement.
    pub fn matches_object(&self, object: &Value) -> bool {
        self.matches(object.pointer("/metadata/labels"))
    }
}

impl Requirement {
    fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, FieldError> {
        if let Some(problem) = names::qualified_name(key) {
            return Err(FieldError::invalid("key", key, problem));
        }
        let count = values.len();
        let problem = match operator {
            Operator::In | Operator::NotIn if count == 0 => {
                Some("for 'in', 'notin' operators, values set can't be empty")
            }
            Operator::Exists | Operator::DoesNotExist if count > 0 => {
                Some("values set must be empty for exists and does not exist")
            }
            Operator::GreaterThan | Operator::LessThan if count != 1 => {
                Some("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            Operator::GreaterThan | Operator::LessThan if values[0].parse::<i64>().is_err() => {
                let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                return Err(FieldError::invalid("values[0]", values[0].clone(), detail));
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(FieldError::invalid("values", values, problem));
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(problem) = names::label_value(value) {
                return Err(FieldError::invalid(format!("values[{index}][{key}]"), value.clone(), problem));
            }
        }
        Ok(Self { key: key.to_owned(), operator, values })
    }

    fn matches(&self, label: Option<&str>) -> bool {
        let listed = |label: &str| self.values.iter().any(|value| value == label);
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = || self.values.first().and_then(|value| number(value));
        match self.operator {
            Operator::DoesNotExist => label.is_none(),
            Operator::Exists => label.is_some(),
            Operator::GreaterThan => label.and_then(number) > bound() && bound().is_some(),
            Operator::In => label.is_some_and(listed),
            Operator::LessThan => label.and_then(number).is_some_and(|label| Some(label) < bound()),
            Operator::NotIn => !label.is_some_and(listed),
        }
    }
}

fn match_expression(path: &str, expression: &Value) -> Result<Requirement, FieldError> {
    let text = |name: &str| expression.get(name).and_then(Value::as_str);
    let listed = expression.get("values").and_then(Value::as_array);
    let values: Vec<String> = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let operator = match text("operator").unwrap_or_default() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(FieldError::invalid(format!("{path}.operator"), other, "not a valid selector operator")),
    };
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            Err(FieldError::required(format!("{path}.values"), detail))
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            Err(FieldError::forbidden(format!("{path}.values"), detail))
        }
        _ => Requirement::new(text("key").unwrap_or_default(), operator, values)
            .map_err(|error| FieldError { field: format!("{path}.{}", error.field), ..error }),
    }
}
