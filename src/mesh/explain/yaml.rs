//! YAML with positions, so that every message about a manifest can say where.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Error, Location, Spanned};

use crate::mesh::validate::{Path, Segment};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
}

/// A value of YAML, as far as Kubernetes uses it.
#[derive(Clone, Debug)]
pub enum Data {
    /// A list.
    List(Vec<Node>),
    /// A map, in the order it was written; keys that are no text are taken as they are written.
    Map(Vec<(Node, Node)>),
    /// Anything else.
    Scalar(Value),
}

/// A text that is not YAML.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct YamlError {
    /// The line, from 1; 0 if it is not known.
    pub line: u64,
    /// The column, from 1; 0 if it is not known.
    pub column: u64,
    /// What is wrong.
    pub message: String,
}

/// Parses all documents of a text; empty documents are left out.
///
/// # Errors
/// [`YamlError`] if it is not YAML, or has the same key twice.
pub fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
    // Files of cases lean heavily on aliases; how much these may repeat is still limited.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { enforce_alias_anchor_ratio: false },
        strict_booleans: true,
        with_snippet: false,
    };
    let documents: Vec<Spanned<Data>> = serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location();
        YamlError {
            line: place.as_ref().map_or(0, Location::line),
            column: place.as_ref().map_or(0, Location::column),
            message: message(error),
        }
    })?;
    Ok(documents.into_iter().map(Node::from).filter(|node| !matches!(node.data, Data::Scalar(Value::Null))).collect())
}

/// What is wrong, without the place, which is shown in our own way.
fn message(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            format!("the key `{}` is there twice", key.as_deref().unwrap_or("?"))
        }
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => format!("not YAML: {msg}"),
        other => {
            let text = other.to_string();
            let line = text.lines().next().unwrap_or_default();
            let line = line.strip_prefix("error: ").unwrap_or(line);
            line.rsplit_once(" at line ").map_or(line, |(message, _)| message).to_owned()
        }
    }
}

impl From<Spanned<Data>> for Node {
    fn from(spanned: Spanned<Data>) -> Self {
        Self { data: spanned.value, line: spanned.referenced.line(), column: spanned.referenced.column() }
    }
}

impl Node {
    /// The value without its positions.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Data::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.to_key(), value.to_value()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
            Data::Scalar(value) => value.clone(),
        }
    }

    /// The deepest node on a path that is there: the place of a missing field is that of the object that lacks it.
    pub fn nearest(&self, path: &Path) -> &Self {
        let mut node = self;
        for segment in &path.0 {
            match node.step(segment) {
                Some((_, next)) => node = next,
                None => break,
            }
        }
        node
    }

    /// The name of the last field of a path, if it is there; otherwise as [`Self::nearest`].
    pub fn nearest_key(&self, path: &Path) -> &Self {
        let Some((last, above)) = path.0.split_last() else { return self };
        let owner = self.nearest(&Path(above.to_vec()));
        owner.step(last).map_or(owner, |(key, _)| key)
    }

    /// One step into a list or a map: the key (of a list, the item itself) and the value.
    fn step(&self, segment: &Segment) -> Option<(&Self, &Self)> {
        match (&self.data, segment) {
            (Data::List(items), Segment::Index(index)) => items.get(*index).map(|item| (item, item)),
            (Data::Map(entries), Segment::Key(key)) => {
                entries.iter().find(|(name, _)| name.to_key() == *key).map(|(name, value)| (name, value))
            }
            _ => None,
        }
    }

    fn to_key(&self) -> String {
        match &self.data {
            Data::Scalar(Value::String(text)) => text.clone(),
            Data::Scalar(Value::Null) => String::new(),
            Data::Scalar(other) => other.to_string(),
            Data::List(_) | Data::Map(_) => String::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
                Ok(Data::Scalar(Value::Bool(value)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
                Ok(Data::Scalar(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
                Ok(Data::Scalar(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
                Ok(Data::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Data, E> {
                Ok(Data::Scalar(value.into()))
            }
            fn visit_unit<E>(self) -> Result<Data, E> {
                Ok(Data::Scalar(Value::Null))
            }
            fn visit_none<E>(self) -> Result<Data, E> {
                Ok(Data::Scalar(Value::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
                Data::deserialize(deserializer)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element::<Spanned<Data>>()? {
                    list.push(item.into());
                }
                Ok(Data::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
                let mut map = Vec::new();
                while let Some((key, value)) = entries.next_entry::<Spanned<Data>, Spanned<Data>>()? {
                    map.push((key.into(), value.into()));
                }
                Ok(Data::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
