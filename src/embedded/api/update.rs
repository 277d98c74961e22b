//! Replacing objects: read, change, write, and again if somebody was faster.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::Value;

use super::{
    Server,
    admission::Operation,
    body::{self, Body},
    call::Call,
    kinds::keep,
    managed,
    metadata::{self, text},
    resource::Rules,
    status::Status,
};
use crate::embedded::{
    objects::field_error::FieldError,
    store::{Key, WriteError, revision_of},
};

/// How often a write is tried again that lost a race without having asked for a certain revision.
const ATTEMPTS: usize = 16;

impl Server {
    /// Replaces the object in the path with the one in the body.
    pub(super) async fn update(&self, call: &Call) -> Result<Response<Body>, Status> {
        let mut warnings = call.deprecations();
        let sent = body::parse(&call.headers, &call.body)?;
        call.check_type(&mut sent.clone())?;
        call.check_name(&sent)?;
        let writer = managed::Writer::update(call)?;
        let missing = self.store().get(&call.resource.table, &call.key()).is_none();
        if missing && call.target.subresource.is_none() && call.creates_on_update() {
            let object = self.create_object(call, sent, &writer, &mut warnings).await?;
            return Ok(call.answer_with(StatusCode::CREATED, &object, &warnings));
        }
        let object = self.modify(call, &writer, &mut warnings, |_| Ok(sent.clone())).await?;
        Ok(call.answer_with(StatusCode::OK, &object, &warnings))
    }

    /// Changes the object in the path by `change`, which sees it in the caller's version.
    pub(super) async fn modify(
        &self,
        call: &Call,
        writer: &managed::Writer,
        warnings: &mut Vec<String>,
        change: impl Fn(&Value) -> Result<Value, Status>,
    ) -> Result<Value, Status> {
        for _ in 0..ATTEMPTS {
            let stored = self.store().get(&call.resource.table, &call.key()).ok_or_else(|| call.not_found())?;
            let mut before = stored.as_ref().clone();
            before["apiVersion"] = call.api_version().into();
            let mut news = Vec::new();
            let wanted = change(&before)?;
            call.check_name(&wanted)?;
            let wanted = self.read_change(call, writer, wanted, &mut news)?;
            call.check_preconditions(&wanted, &before)?;
            let insists = !is_any_revision(text(&wanted, "resourceVersion"));
            let mut object = self.next_state(call, writer, wanted, &before, &mut news).await?;
            let lease = self.allocate(call, &mut object, Some(&before))?;
            match self.commit(call, object, &stored, &before) {
                Ok(object) => {
                    if !call.is_dry_run()? {
                        lease.keep();
                        self.release_unused(call, &before, &object);
                    }
                    warnings.append(&mut news);
                    return Ok(object);
                }
                Err(WriteError::Missing) => return Err(call.not_found()),
                Err(_) if insists && writer.is_exact() => break,
                Err(_) => {}
            }
        }
        Err(Status::modified(call.resource.name(), call.name()))
    }

    /// Reads what a change has made of an object. What a patch has spoilt is the patch's fault.
    fn read_change(
        &self,
        call: &Call,
        writer: &managed::Writer,
        wanted: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let shown = wanted.to_string();
        call.canonical(wanted, warnings).map_err(|status| {
            if !writer.is_patch() || call.resource.is_custom() || status.code != StatusCode::BAD_REQUEST {
                return status;
            }
            Status::invalid("", "", "", &[FieldError::invalid("patch", shown, status.message)])
        })
    }

    /// What becomes of an object that is `before`, if `wanted` is what its author asks for.
    async fn next_state(
        &self,
        call: &Call,
        writer: &managed::Writer,
        wanted: Value,
        before: &Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let mut object = call.keep_other_parts(wanted, before);
        if let Some(namespace) = call.namespace() {
            object["metadata"]["namespace"] = namespace.into();
        }
        let fixed = call.check_fixed_metadata(&object, before);
        call.go_on(&mut object, before);
        // What admission adds belongs to nobody.
        writer.record(call, &mut object, Some(before));
        let object = self.admit(call, Operation::Update, object, Some(before), warnings).await?;
        let mut errors = fixed;
        errors.extend(call.check_changed_metadata(&object, before));
        errors.extend(call.resource.validate(&call.target.version, &object, Some(before)));
        if !errors.is_empty() {
            return Err(Status::invalid(&call.resource.group, &call.resource.kind, call.name(), &errors));
        }
        self.judge(call, Operation::Update, &object, Some(before), warnings).await?;
        self.check_escalation(call, &object, Some(before))?;
        Ok(object)
    }

    /// Writes the next state of an object, or its end if that was all it waited for.
    fn commit(&self, call: &Call, mut object: Value, stored: &Arc<Value>, before: &Value) -> Result<Value, WriteError> {
        if call.is_dry_run().unwrap_or(true) || object == *before {
            return Ok(object);
        }
        let (table, key) = (&call.resource.table, call.key());
        let seen = revision_of(stored);
        call.to_storage(&mut object);
        if may_go(&object) {
            // Watchers are told what was stored last; that nothing keeps it any more never was.
            self.remove(call, &key, stored, seen)?;
            return Ok(object);
        }
        let written = self.store().update(table, key, seen, object)?;
        self.after_write(call, &written);
        Ok(written.as_ref().clone())
    }

    /// Removes an object whose last state is `object`.
    pub(super) fn remove(&self, call: &Call, key: &Key, object: &Value, seen: u64) -> Result<Arc<Value>, WriteError> {
        let gone = self.store().delete(&call.resource.table, key.clone(), seen, object.clone())?;
        self.after_removal(call, &gone);
        Ok(gone)
    }
}

/// Whether an object is on its way out and nobody has anything left to do.
fn may_go(object: &Value) -> bool {
    metadata::is_terminating(object)
        && !metadata::has_finalizers(object)
        && object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
}

impl Call {
    fn creates_on_update(&self) -> bool {
        matches!(&self.resource.rules, Rules::Builtin(builtin) if builtin.create_on_update)
    }

    /// Makes sure that the object is the one in the path.
    pub(super) fn check_name(&self, object: &Value) -> Result<(), Status> {
        let (name, namespace) = (text(object, "name"), text(object, "namespace"));
        if name.is_empty() {
            let why = "was undeterminable: name must be provided";
            return Err(Status::bad_request(format!("the name of the object ({} based on URL) {why}", self.name())));
        }
        if name != self.name() {
            let message =
                format!("the name of the object ({name}) does not match the name on the URL ({})", self.name());
            return Err(Status::bad_request(message));
        }
        match self.namespace() {
            Some(expected) if !namespace.is_empty() && namespace != expected => Err(Status::bad_request(format!(
                "the namespace of the object ({namespace}) does not match the namespace on the request ({expected})"
            ))),
            _ => Ok(()),
        }
    }

    /// Makes sure that the author has seen the object as it is, and means this one.
    fn check_preconditions(&self, wanted: &Value, before: &Value) -> Result<(), Status> {
        let (seen, is) = (text(wanted, "resourceVersion"), text(before, "resourceVersion"));
        if seen.is_empty() && self.resource.is_custom() && self.verb == super::path::Verb::Update {
            return Err(Status::unversioned(self.resource.name(), self.name()));
        }
        if !is_any_revision(seen) && seen.parse::<u64>().is_err() {
            let message = format!("strconv.ParseUint: parsing {seen:?}: invalid syntax");
            return Err(Status::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
        }
        if !is_any_revision(seen) && seen != is {
            return Err(Status::modified(self.resource.name(), self.name()));
        }
        let (meant, is) = (text(wanted, "uid"), text(before, "uid"));
        // To a patch, the uid is a field like others, which it cannot change.
        if self.verb == super::path::Verb::Update && !meant.is_empty() && meant != is {
            let why = format!("Precondition failed: UID in precondition: {meant}, UID in object meta: {is}");
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: {why}",
                self.storage_path()
            );
            return Err(Status::conflict(self.resource.name(), self.name(), &why));
        }
        Ok(())
    }

    /// Where a real API server keeps the object, which its messages tell.
    fn storage_path(&self) -> String {
        let resource = &self.resource;
        let place = match resource.plural.as_str() {
            plural if resource.is_custom() => format!("{}/{plural}", resource.group),
            plural @ ("endpoints" | "services") => format!("services/{}", plural.replace("services", "specs")),
            "nodes" => "minions".to_owned(),
            plural => plural.to_owned(),
        };
        let namespace = self.namespace().map(|namespace| format!("/{namespace}")).unwrap_or_default();
        format!("/registry/{place}{namespace}/{}", self.name())
    }

    /// Of a request to a subresource only that part counts; of one to the object, everything else.
    fn keep_other_parts(&self, wanted: Value, before: &Value) -> Value {
        match (self.target.subresource.as_deref(), &self.resource.rules) {
            (Some("status"), Rules::Custom(_)) => with_field(before, &wanted, "status"),
            (Some("status"), Rules::Builtin(builtin)) => {
                let mut object = with_field(before, &wanted, "status");
                object["metadata"] = wanted["metadata"].clone();
                for field in builtin.kept_by_status {
                    keep(&mut object["metadata"], &before["metadata"], field);
                }
                object
            }
            (Some("finalize"), _) => with_field(&wanted, before, "status"),
            (_, Rules::Builtin(builtin)) => {
                let mut object = wanted;
                (builtin.prepare_update)(&mut object, before);
                object
            }
            (_, Rules::Custom(_)) if self.resource.has(&self.target.version, "status") => {
                with_field(&wanted, before, "status")
            }
            (_, Rules::Custom(_)) => wanted,
        }
    }
}

/// Whether a change may be made to whatever is there by now.
fn is_any_revision(seen: &str) -> bool {
    matches!(seen, "" | "0")
}

/// `object` with a field as it is in `other`.
fn with_field(object: &Value, other: &Value, field: &str) -> Value {
    let mut object = object.clone();
    match other.get(field) {
        Some(value) => object[field] = value.clone(),
        None => {
            object.as_object_mut().map(|fields| fields.remove(field));
        }
    }
    object
}
