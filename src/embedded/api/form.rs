//! The forms an object can be asked for in: whole, as rows of a table for people, or its metadata alone.

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{path::Query, status::Status};

/// The group and version of the forms that are not the object's own.
pub(super) const META: &str = "meta.k8s.io/v1";

const YAML: &str = "application/yaml";

/// A form of objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// The metadata alone (`PartialObjectMetadata`).
    Metadata,
    /// The object itself.
    Object,
    /// Rows of a table (`Table`), as `kubectl get` prints them.
    Table,
}

impl Form {
    /// The first form that the caller accepts and the server has.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(headers: &HeaderMap) -> Result<Self, Status> {
        let Some(accepted) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
            return Ok(Self::Object);
        };
        accepted.split(',').find_map(Self::of_item).ok_or_else(|| {
            let spoken = accepted.split(',').any(|item| is_spoken(media_type(item)));
            if spoken { Status::no_such_form() } else { Status::not_acceptable() }
        })
    }

    fn of_item(item: &str) -> Option<Self> {
        if !is_spoken(media_type(item)) {
            return None;
        }
        let parts = item.split(';').skip(1).map(str::trim);
        let (mut wanted, mut version, mut group) = (None, None, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key {
                "as" => wanted = Some(value),
                "g" => group = Some(value),
                "v" => version = Some(value),
                _ => {}
            }
        }
        let form = match wanted {
            None => return Some(Self::Object),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Self::Metadata,
            Some("Table") => Self::Table,
            Some(_) => return None,
        };
        (group == Some("meta.k8s.io") && version == Some("v1")).then_some(form)
    }
}

fn media_type(item: &str) -> &str {
    item.split(';').next().unwrap_or_default().trim()
}

fn is_spoken(media_type: &str) -> bool {
    matches!(media_type, "application/json" | YAML | "application/*" | "*/*" | "")
}

/// Whether the caller would rather read YAML than JSON.
pub(super) fn wants_yaml(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').find(|item| is_spoken(media_type(item))).is_some_and(|item| media_type(item) == YAML)
}

/// What a table's rows carry beside their cells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Include {
    /// The object's metadata.
    Metadata,
    /// Nothing.
    None,
    /// The whole object.
    Object,
}

impl Include {
    /// Reads the query's `includeObject`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn of(query: &Query) -> Result<Self, Status> {
        match query.value("includeObject") {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::None),
            Some("Object") => Ok(Self::Object),
            Some(other) => {
                let rule = "must be 'Metadata', 'Object', 'None', or empty";
                let why = format!("includeObject: Invalid value: {other:?}: {rule}");
                Err(Status::bad_request(format!("Unable to convert to Table as requested: {why}")))
            }
        }
    }
}

/// An object's metadata as an object of its own.
pub(super) fn metadata_of(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": object["metadata"]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accepted: &'static str) -> Option<Form> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, http::HeaderValue::from_static(accepted))]);
        Form::of(&headers).ok()
    }

    #[test]
    fn the_first_form_that_the_server_has_is_taken() {
        let cases = [
            ("application/json", Some(Form::Object)),
            ("application/vnd.kubernetes.protobuf,application/json", Some(Form::Object)),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some(Form::Table)),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Some(Form::Object)),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Some(Form::Metadata)),
            ("application/json;as=Heap;g=meta.k8s.io;v=v1", None),
            ("application/vnd.kubernetes.protobuf", None),
        ];
        for (accepted, expected) in cases {
            assert_eq!(form(accepted), expected, "{accepted}");
        }
    }
}
