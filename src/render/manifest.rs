//! Kubernetes manifests: YAML documents to objects and back. The only module that knows `serde_yaml`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{EnumAccess, MapAccess, SeqAccess, VariantAccess as _, Visitor},
};
use serde_json::Value;

use crate::render::{Excerpt, RenderError, object::Object};

/// How much text a document may have once its aliases (`*name`) are written out, in bytes.
const MAX_EXPANDED: usize = 4 << 20;

/// Reads all objects of a text of one or more YAML documents. Empty documents are skipped.
///
/// # Errors
/// `Manifest`, with the place in `text`, which messages call `file`.
pub fn read(file: &str, text: &str) -> Result<Vec<Object>, RenderError> {
    let mut objects = Vec::new();
    for (first_line, document) in documents(text) {
        let at = |line: usize| Excerpt::line_of(file, text, first_line + line.max(1) - 1);
        let has_aliases = document.contains('&') && document.contains('*');
        let bounded = if has_aliases { serde_yaml::from_str(document) } else { Ok(Expanded(0)) };
        let value = bounded.and_then(|_| serde_yaml::from_str::<serde_yaml::Value>(document)).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            RenderError::Manifest { at: at(line), message: format!("not YAML: {}", without_place(&error)) }
        })?;
        let start = 1 + document.lines().take_while(|line| is_blank(line)).count();
        let value = serde_json::to_value(value)
            .map_err(|error| RenderError::Manifest { at: at(start), message: error.to_string() })?;
        if value != Value::Null {
            let object = Object::new(value);
            objects.push(object.map_err(|error| RenderError::Manifest { at: at(start), message: error.to_string() })?);
        }
    }
    Ok(objects)
}

/// The bytes of all texts of a value, aliases written out; reading it fails when there are too many of them.
#[derive(Clone, Copy)]
struct Expanded(usize);

impl Expanded {
    fn and<E: serde::de::Error>(self, other: Self) -> Result<Self, E> {
        let sum = self.0.saturating_add(other.0);
        if sum > MAX_EXPANDED {
            return Err(E::custom("its aliases repeat more than 4 MiB of text"));
        }
        Ok(Self(sum))
    }
}

impl<'de> Deserialize<'de> for Expanded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;

        impl<'de> Visitor<'de> for Sizes {
            type Value = Expanded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Expanded, E> {
                Ok(Expanded(1))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Expanded, E> {
                Ok(Expanded(1))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Expanded, E> {
                Ok(Expanded(1))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Expanded, E> {
                Ok(Expanded(1))
            }

            fn visit_unit<E>(self) -> Result<Expanded, E> {
                Ok(Expanded(1))
            }

            fn visit_str<E>(self, text: &str) -> Result<Expanded, E> {
                Ok(Expanded(text.len()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Expanded, A::Error> {
                let mut size = Expanded(1);
                while let Some(item) = items.next_element::<Expanded>()? {
                    size = size.and(item)?;
                }
                Ok(size)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Expanded, A::Error> {
                let mut size = Expanded(1);
                while let Some((key, value)) = entries.next_entry::<Expanded, Expanded>()? {
                    size = size.and(key)?.and(value)?;
                }
                Ok(size)
            }

            fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Expanded, A::Error> {
                let (tag, content) = tagged.variant::<String>()?;
                content.newtype_variant::<Expanded>()?.and(Expanded(tag.len()))
            }
        }

        deserializer.deserialize_any(Sizes)
    }
}

/// Writes objects as YAML documents.
pub fn write<'a>(objects: impl IntoIterator<Item = &'a Object>) -> String {
    let documents = objects.into_iter().map(|object| {
        // Only a map with keys that are no text cannot be written; JSON has none.
        serde_yaml::to_string(object.value()).expect("JSON is YAML")
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// The documents with the number of their first line. A `---` at the start of a line is always a separator: inside
/// a block text it would be indented.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut start, mut first_line, mut offset) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        offset += line.len();
        if line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty()) {
            documents.push((first_line, &text[start..offset - line.len()]));
            (start, first_line) = (offset, index + 2);
        }
    }
    documents.push((first_line, &text[start..]));
    documents
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The parser counts lines within the document; the excerpt says where it is in the file.
fn without_place(error: &serde_yaml::Error) -> String {
    let message = error.to_string();
    match message.find(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}
