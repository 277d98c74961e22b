//! Whether a mesh resource is accepted: what its schema says, then what Istio's webhook says.
//!
//! Works on the object as it was written, before anything is left out, so that every field gets a word: a field that
//! Istio does not know is an error, one that it knows but that has no effect here is a warning.

mod catalogue;
mod destination_rule;
mod gateway;
mod legacy;
mod names;
mod peer_authentication;
mod schema;
mod selector;
mod virtual_service;

use std::fmt;

use serde_json::Value;

pub(crate) use catalogue::spec as fields;
pub(crate) use schema::Shape;

use super::resources::Kind;

/// What there is to say about an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Why it is refused; accepted if empty.
    pub violations: Vec<Violation>,
    /// What is accepted but surely not meant.
    pub warnings: Vec<Remark>,
    /// What Istio knows but has no effect here.
    pub without_effect: Vec<Remark>,
}

/// Why an object is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// What kind of mistake it is.
    pub mistake: Mistake,
    /// Who refuses it.
    pub stages: Stages,
    /// Where it is.
    pub field: Path,
    /// What is wrong, in words.
    pub message: String,
}

/// Something to know about a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remark {
    /// Where it is.
    pub field: Path,
    /// What to know, in words.
    pub message: String,
}

/// The kinds of mistakes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mistake {
    /// Not one of the names that are allowed.
    BadEnum,
    /// Not a host.
    BadHost,
    /// Not a name.
    BadName,
    /// Not a port.
    BadPort,
    /// A value of the wrong type.
    BadType,
    /// Fields that exclude each other.
    ConflictingFields,
    /// The same thing twice.
    Duplicate,
    /// A key that is empty.
    EmptyKey,
    /// A map that must not be empty.
    EmptyMap,
    /// An object that says nothing.
    EmptyObject,
    /// TLS that needs a certificate or key.
    MissingCertificate,
    /// A field that must be there.
    Required,
    /// A field that makes sense only with a selector.
    RequiresSelector,
    /// A field that nobody knows.
    UnknownField,
    /// A selector with a wildcard.
    WildcardSelector,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadEnum => "bad_enum",
            Self::BadHost => "bad_host",
            Self::BadName => "bad_name",
            Self::BadPort => "bad_port",
            Self::BadType => "bad_type",
            Self::ConflictingFields => "conflicting_fields",
            Self::Duplicate => "duplicate",
            Self::EmptyKey => "empty_key",
            Self::EmptyMap => "empty_map",
            Self::EmptyObject => "empty_object",
            Self::MissingCertificate => "missing_certificate",
            Self::Required => "required",
            Self::RequiresSelector => "requires_selector",
            Self::UnknownField => "unknown_field",
            Self::WildcardSelector => "wildcard_selector",
        })
    }
}

/// Who refuses an object: the API server by the schema of the CRD, or Istio's webhook, or either.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stages {
    /// Either would.
    Both,
    /// The schema of the CRD.
    Schema,
    /// The webhook.
    Webhook,
}

impl Stages {
    /// The names of the stages.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["schema", "webhook"],
            Self::Schema => &["schema"],
            Self::Webhook => &["webhook"],
        }
    }
}

/// Where in an object something is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Path(pub Vec<Segment>);

/// One step into an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segment {
    /// Into a list.
    Index(usize),
    /// Into a map.
    Key(String),
}

impl Path {
    /// The path of fields with these names.
    pub fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Segment::Key((*key).to_owned())).collect())
    }

    /// One step further, into a map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.join(Segment::Key(key.to_owned()))
    }

    /// One step further, into a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.join(Segment::Index(index))
    }

    fn join(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain([segment]).collect())
    }
}

impl fmt::Display for Path {
    /// `spec.subsets[0].name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl Report {
    /// Whether the object is accepted.
    pub fn accepted(&self) -> bool {
        self.violations.is_empty()
    }

    fn refuse(&mut self, mistake: Mistake, stages: Stages, field: &Path, message: impl Into<String>) {
        self.violations.push(Violation { mistake, stages, field: field.clone(), message: message.into() });
    }

    fn warn(&mut self, field: &Path, message: impl Into<String>) {
        self.warnings.push(Remark { field: field.clone(), message: message.into() });
    }
}

/// Examines an object of a kind, as it was written.
pub fn validate(kind: Kind, object: &Value) -> Report {
    let mut report = Report::default();
    names::metadata(object, &mut report);
    let spec_path = Path::of(&["spec"]);
    let spec = match object.get("spec") {
        None | Some(Value::Null) => &Value::Object(serde_json::Map::new()),
        Some(spec) => spec,
    };
    // The old API never had a schema: there the webhook is the first to look.
    let stages = match kind {
        Kind::MeshPolicy | Kind::Policy => Stages::Webhook,
        _ => Stages::Schema,
    };
    schema::check(catalogue::spec(kind), spec, &spec_path, stages, &mut report);
    match kind {
        Kind::DestinationRule => destination_rule::check(object, spec, &mut report),
        Kind::Gateway => gateway::check(spec, &mut report),
        Kind::MeshPolicy => legacy::check_mesh_policy(object, spec, &mut report),
        Kind::PeerAuthentication => peer_authentication::check(spec, &mut report),
        Kind::Policy => legacy::check_policy(object, spec, &mut report),
        Kind::VirtualService => virtual_service::check(spec, &mut report),
    }
    report
}

/// The entries of a list; none if it is absent or no list.
fn items(value: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    value.and_then(Value::as_array).into_iter().flatten().enumerate()
}

/// A text that is there and not empty.
fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether a field is there with a value.
fn has(value: &Value, field: &str) -> bool {
    value.get(field).is_some_and(|value| !value.is_null())
}
