//! Kubernetes manifests: YAML documents to objects and back. The only module that knows `serde_yaml`.

use serde_json::Value;

use crate::render::{Excerpt, RenderError, object::Object};

/// Reads all objects of a text of one or more YAML documents. Empty documents are skipped.
///
/// # Errors
/// `Manifest`, with the place in `text`, which messages call `file`.
pub fn read(file: &str, text: &str) -> Result<Vec<Object>, RenderError> {
    let mut objects = Vec::new();
    for (first_line, document) in documents(text) {
        let at = |line: usize| Excerpt::line_of(file, text, first_line + line.max(1) - 1);
        let value: serde_yaml::Value = serde_yaml::from_str(document).map_err(|error| {
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
