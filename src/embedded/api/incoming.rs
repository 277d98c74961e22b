//! From a body to an object: its type checked, unknown fields dropped and told, defaults filled in.

use http::StatusCode;
use serde_json::Value;

use super::{
    builtin::{self, Builtin},
    call::Call,
    custom::Custom,
    decode::{Decoded, typed},
    resource::Rules,
    status::Status,
};
use crate::embedded::objects::{
    apply::ApplyError,
    field_error::FieldError,
    quantity::{self, Quantity},
};

/// What happens to fields that the kind does not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FieldValidation {
    Ignore,
    Strict,
    Warn,
}

impl Call {
    /// Brings an object that somebody sent into its canonical form; adds what they should know to `warnings`.
    pub(super) fn canonical(&self, mut object: Value, warnings: &mut Vec<String>) -> Result<Value, Status> {
        self.check_type(&mut object)?;
        let decoded = match &self.resource.rules {
            Rules::Builtin(builtin) => decode_builtin(builtin, &object),
            Rules::Custom(custom) => decode_custom(custom, &self.target.version, object),
        };
        let Decoded { mut object, unknown } =
            decoded.map_err(|error| self.cannot_be_handled(&format!("json: {error}")))?;
        let complaints: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        match self.field_validation()? {
            FieldValidation::Strict if !complaints.is_empty() => {
                return Err(self.cannot_be_handled(&format!("strict decoding error: {}", complaints.join(", "))));
            }
            FieldValidation::Warn => warnings.extend(complaints),
            FieldValidation::Ignore | FieldValidation::Strict => {}
        }
        self.fill_defaults(&mut object);
        Ok(object)
    }

    /// Fills in what the author left out.
    pub(super) fn fill_defaults(&self, object: &mut Value) {
        match &self.resource.rules {
            Rules::Builtin(builtin) => {
                (builtin.default)(object);
                strip_nulls(object);
            }
            Rules::Custom(custom) => custom.fill_defaults(&self.target.version, object),
        }
    }

    /// Makes sure that a configuration that is applied has only fields that the kind has, of the right types.
    pub(super) fn check_declared(&self, config: &Value) -> Result<(), Status> {
        let Rules::Builtin(builtin) = &self.resource.rules else { return Ok(()) };
        let mut config = config.clone();
        self.check_type(&mut config)?;
        let failed = |message: String| Status::new(StatusCode::INTERNAL_SERVER_ERROR, "", message);
        let decoded = decode_builtin(builtin, &config)
            .map_err(|error| failed(format!("failed to create typed patch object: {error}")))?;
        if decoded.unknown.is_empty() { Ok(()) } else { Err(failed(ApplyError::Unknown(decoded.unknown).to_string())) }
    }

    /// Makes sure that the object is of the kind that the path promises.
    pub(super) fn check_type(&self, object: &mut Value) -> Result<(), Status> {
        if !object.is_object() {
            return Err(Status::bad_request("the object provided is unrecognized (must be of type JSON object)"));
        }
        let (api_version, kind) = (self.api_version(), &self.resource.kind);
        let given = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let (given_version, given_kind) = (given("apiVersion"), given("kind"));
        if self.resource.is_custom() && given_kind.is_empty() {
            return Err(Status::bad_request(format!("Object 'Kind' is missing in '{object}'")));
        }
        let is_custom = self.resource.is_custom();
        let differs = |given: &str, own: &str| !given.is_empty() && given != own;
        if !is_custom && (differs(&given_version, &api_version) || differs(&given_kind, kind)) {
            return Err(self.cannot_be_converted(&given_version, &given_kind));
        }
        if !given_version.is_empty() && given_version != api_version {
            return Err(Status::bad_request(format!(
                "the API version in the data ({given_version}) does not match the expected API version ({api_version})"
            )));
        }
        if self.resource.is_custom() && given_kind != *kind {
            let error = FieldError::invalid("kind", given_kind.as_str(), format!("must be {kind}"));
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            return Err(Status::invalid(&self.resource.group, &given_kind, name, &[error]));
        }
        if !given_kind.is_empty() && given_kind != *kind {
            return Err(Status::bad_request(format!(
                "{given_kind} in version {:?} cannot be handled as a {kind}: converting ({given_kind}) to ({kind}): \
                 unknown conversion",
                self.target.version
            )));
        }
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.as_str().into();
        Ok(())
    }

    /// Refuses an object of another built-in kind, or of one that nobody knows.
    fn cannot_be_converted(&self, api_version: &str, kind: &str) -> Status {
        let own_version = self.api_version();
        let api_version = if api_version.is_empty() { &own_version } else { api_version };
        let own = &self.resource.kind;
        let kind = if kind.is_empty() { own } else { kind };
        let version = api_version.rsplit('/').next().unwrap_or_default();
        // Go's packages of internal types are called after the first part of the group.
        let package = match self.resource.group.split('.').next() {
            None | Some("") => "core",
            Some(package) => package,
        };
        let why = if builtin::is_known(api_version, kind) {
            format!("converting ({version}.{kind}) to ({package}.{own}): unknown conversion")
        } else {
            let scheme = "pkg/api/legacyscheme/scheme.go:30";
            format!("no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}")
        };
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {own}: {why}"))
    }

    fn cannot_be_handled(&self, why: &str) -> Status {
        let kind = &self.resource.kind;
        Status::bad_request(format!("{kind} in version {:?} cannot be handled as a {kind}: {why}", self.target.version))
    }

    fn field_validation(&self) -> Result<FieldValidation, Status> {
        match self.query.value("fieldValidation") {
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some("Warn") | None => Ok(FieldValidation::Warn),
            Some(other) => Err(Status::bad_request(format!(
                "invalid fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Warn\", \"Strict\""
            ))),
        }
    }
}

fn decode_builtin(builtin: &Builtin, object: &Value) -> Result<Decoded, serde_json::Error> {
    let decoded = (builtin.model.decode)(object)?;
    if let Some(pod) = ["/spec", "/spec/template/spec"].into_iter().find_map(|place| {
        let spec = decoded.object.pointer(place)?;
        spec["containers"].is_array().then_some(spec)
    }) {
        check_quantities(pod)?;
    }
    Ok(decoded)
}

/// Amounts of resources have a type of their own.
fn check_quantities(pod: &Value) -> Result<(), serde_json::Error> {
    let lists = ["containers", "initContainers"].into_iter().filter_map(|list| pod[list].as_array());
    let resources =
        lists.flatten().flat_map(|container| ["limits", "requests"].map(|list| &container["resources"][list]));
    let mut amounts =
        resources.filter_map(Value::as_object).flat_map(serde_json::Map::values).filter_map(Value::as_str);
    match amounts.find(|amount| Quantity::parse(amount).is_none()) {
        Some(_) => Err(serde::de::Error::custom(quantity::PATTERN)),
        None => Ok(()),
    }
}

fn decode_custom(custom: &Custom, version: &str, mut object: Value) -> Result<Decoded, serde_json::Error> {
    type Metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    let mut unknown = custom.prune(version, &mut object);
    if let Some(metadata) = object.get_mut("metadata").filter(|metadata| !metadata.is_null()) {
        let decoded = typed::<Metadata>(metadata)?;
        *metadata = decoded.object;
        unknown.extend(decoded.unknown.iter().map(|path| format!("metadata.{path}")));
    }
    Ok(Decoded { object, unknown })
}

/// Removes nulls, which say nothing in objects of built-in kinds.
fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}
