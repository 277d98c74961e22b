//! Making objects.

use http::{Response, StatusCode};
use serde_json::Value;

use super::{
    Server,
    admission::Operation,
    body::{self, Body},
    call::Call,
    managed,
    metadata::{self, text},
    path::Verb,
    resource::Rules,
    status::Status,
};
use crate::embedded::{
    objects::field_error::FieldError,
    store::{Key, WriteError},
};

impl Server {
    /// Makes the object in the body.
    pub(super) async fn create(&self, call: &Call) -> Result<Response<Body>, Status> {
        let mut warnings = call.deprecations();
        let sent = body::parse(&call.headers, &call.body)?;
        let object = self.create_object(call, sent, &managed::Writer::update(call)?, &mut warnings).await?;
        Ok(call.answer_with(StatusCode::CREATED, &object, &warnings))
    }

    /// Makes `sent`.
    pub(super) async fn create_object(
        &self,
        call: &Call,
        sent: Value,
        writer: &managed::Writer,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let dry_run = call.is_dry_run()?;
        let mut object = call.canonical(sent, warnings)?;
        call.settle_namespace(&mut object)?;
        // A revision that is no number counts as none.
        if text(&object, "resourceVersion").parse::<u64>().is_ok_and(|revision| revision > 0) {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Status::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
        }
        self.check_namespace(call, text(&object, "name"))?;
        self.check_definition(call)?;
        call.strip(&mut object);
        // What admission and the server add belongs to nobody, and the status is not the author's.
        if call.resource.has(&call.target.version, "status") {
            object.as_object_mut().map(|fields| fields.remove("status"));
        }
        writer.record(call, &mut object, None);
        object = self.admit(call, Operation::Create, object, None, warnings).await?;
        call.begin(&mut object);
        if let Rules::Builtin(builtin) = &call.resource.rules {
            (builtin.prepare_create)(&mut object);
        }
        // Labels and the like may depend on a name that has only now been made up.
        call.fill_defaults(&mut object);

        let mut errors = call.check_new_metadata(&object);
        errors.extend(call.resource.validate(&call.target.version, &object, None));
        let name = text(&object, "name").to_owned();
        if !errors.is_empty() {
            return Err(Status::invalid(&call.resource.group, &call.resource.kind, &name, &errors));
        }
        self.judge(call, Operation::Create, &object, None, warnings).await?;
        let key = Key::new(text(&object, "namespace"), &name);
        if let Some(there) = self.store().get(&call.resource.table, &key) {
            let mut status = Status::already_exists(call.resource.name(), &name);
            if metadata::is_terminating(&there) {
                status.message = format!("object is being deleted: {}", status.message);
            }
            return Err(status);
        }
        self.check_escalation(call, &object, None)?;
        let lease = self.allocate(call, &mut object, None)?;
        if dry_run {
            return Ok(object);
        }
        call.to_storage(&mut object);
        let stored = self.store().create(&call.resource.table, key, object).map_err(|error| match error {
            WriteError::Exists => Status::already_exists(call.resource.name(), &name),
            WriteError::Missing | WriteError::Modified => Status::internal(&error.to_string()),
        })?;
        lease.keep();
        self.after_write(call, &stored);
        Ok(stored.as_ref().clone())
    }

    /// Makes sure that the definition of a new custom object is there to stay.
    fn check_definition(&self, call: &Call) -> Result<(), Status> {
        let Rules::Custom(custom) = &call.resource.rules else { return Ok(()) };
        let definition = self.store().get(super::effects::DEFINITIONS, &Key::new("", &custom.definition));
        if definition.is_some_and(|definition| metadata::is_terminating(&definition)) {
            let message = "create not allowed while custom resource definition is terminating";
            let status = Status::verb_not_supported(call.resource.name(), call.verb.as_str());
            return Err(Status { message: message.to_owned(), ..status });
        }
        Ok(())
    }

    /// Makes sure that the namespace of a new object is there to stay.
    fn check_namespace(&self, call: &Call, name: &str) -> Result<(), Status> {
        let Some(namespace) = call.namespace() else { return Ok(()) };
        let found = self.store().get("namespaces", &Key::new("", namespace));
        let namespaces = super::status::GroupResource { group: "", resource: "namespaces" };
        let found = found.ok_or_else(|| Status::not_found(namespaces, namespace))?;
        if metadata::is_terminating(&found) {
            return Err(Status::namespace_terminating(call.resource.name(), name, namespace));
        }
        Ok(())
    }
}

impl Call {
    /// Whether the write is only tried.
    pub(super) fn is_dry_run(&self) -> Result<bool, Status> {
        let asked = self.dry_run();
        if asked.iter().all(|value| value == "All") {
            return Ok(!asked.is_empty());
        }
        let error = FieldError::not_supported("dryRun", asked, ["All"]);
        Err(Status::invalid("meta.k8s.io", self.options(), "", &[error]))
    }

    /// The kind of the query's options.
    pub(super) fn options(&self) -> &'static str {
        match self.verb {
            Verb::Create => "CreateOptions",
            Verb::Patch => "PatchOptions",
            _ => "UpdateOptions",
        }
    }

    /// What the query says of trying only.
    pub(super) fn dry_run(&self) -> Vec<String> {
        self.query.values("dryRun").map(str::to_owned).collect()
    }

    /// What the caller should know about the version it uses.
    pub(super) fn deprecations(&self) -> Vec<String> {
        let version = self.resource.version(&self.target.version);
        version.and_then(|version| version.deprecation.clone()).into_iter().collect()
    }

    /// Answers with an object and with warnings.
    pub(super) fn answer_with(&self, code: StatusCode, object: &Value, warnings: &[String]) -> Response<Body> {
        let mut response = self.answer(code, object);
        // Nobody is told the same twice.
        for (_, warning) in warnings.iter().enumerate().filter(|(index, one)| !warnings[..*index].contains(one)) {
            body::warn(response.headers_mut(), warning);
        }
        response
    }

    /// Puts an object into the version that is stored.
    pub(super) fn to_storage(&self, object: &mut Value) {
        object["apiVersion"] = self.resource.api_version(&self.resource.storage_version).into();
        object["kind"] = self.resource.kind.as_str().into();
        if let Rules::Custom(custom) = &self.resource.rules {
            // What the stored version does not know is not kept.
            custom.prune(&self.resource.storage_version, object);
        }
    }
}
