//! Webhooks: which of them have a say in a request, and in which order they are asked.

use futures::future::join_all;
use serde_json::Value;

use super::{
    super::{Server, call::Call, status::Status},
    Operation,
    review::{Refusal, Review, Verdict},
    rules::{Equivalent, covers},
};
use crate::embedded::{
    objects::{patch, selector::LabelSelector},
    store::Key,
};

/// Whose turn it is: those who change objects, or those who only judge what became of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Mutating,
    Validating,
}

impl Stage {
    fn table(self) -> &'static str {
        match self {
            Self::Mutating => "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            Self::Validating => "validatingwebhookconfigurations.admissionregistration.k8s.io",
        }
    }
}

/// What is asked about: an operation, and the object after and before it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub call: &'a Call,
    pub operation: Operation,
    pub object: &'a Value,
    pub before: Option<&'a Value>,
}

/// A webhook that has been asked, and may have to be asked again.
struct Asked {
    webhook: Value,
    /// The object as it was answered with.
    left: Value,
}

impl Server {
    /// Lets the mutating webhooks change an object, one after the other: each sees what those before it made of it.
    pub(in crate::embedded::api) async fn mutate(
        &self,
        call: &Call,
        operation: Operation,
        mut object: Value,
        before: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let mut asked = Vec::new();
        for webhook in self.webhooks(Stage::Mutating, call) {
            if let Some(changed) = self.let_change(&webhook, call, operation, &object, before, warnings).await? {
                object = changed;
                asked.push(Asked { webhook, left: object.clone() });
            }
        }
        // Those who care are asked once more if others have changed the object since.
        for Asked { webhook, left } in asked {
            if webhook["reinvocationPolicy"] == "IfNeeded" && left != object {
                let changed = self.let_change(&webhook, call, operation, &object, before, warnings).await?;
                object = changed.unwrap_or(object);
            }
        }
        Ok(object)
    }

    /// Asks a webhook what should become of an object; nothing if it has no say.
    async fn let_change(
        &self,
        webhook: &Value,
        call: &Call,
        operation: Operation,
        object: &Value,
        before: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Value>, Status> {
        let subject = Subject { call, operation, object, before };
        let Some(equivalent) = self.is_wanted(webhook, subject) else { return Ok(None) };
        let verdict = self.verdict(webhook, Stage::Mutating, subject, equivalent).await?;
        warnings.extend(verdict.warnings);
        verdict.patch.map_or_else(|| Ok(object.clone()), |patch| patched(call, object, &patch)).map(Some)
    }

    /// Lets the validating webhooks refuse what an object has become; all are asked at the same time.
    pub(in crate::embedded::api) async fn judge(
        &self,
        call: &Call,
        operation: Operation,
        object: &Value,
        before: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Status> {
        let subject = Subject { call, operation, object, before };
        let webhooks = self.webhooks(Stage::Validating, call);
        let wanted = webhooks.iter().filter_map(|webhook| Some((webhook, self.is_wanted(webhook, subject)?)));
        let verdicts =
            wanted.map(|(webhook, equivalent)| self.verdict(webhook, Stage::Validating, subject, equivalent));
        for verdict in join_all(verdicts).await {
            warnings.extend(verdict?.warnings);
        }
        Ok(())
    }

    /// The webhooks of a stage, in the order of their configurations' names.
    fn webhooks(&self, stage: Stage, call: &Call) -> Vec<Value> {
        // Webhooks have no say in themselves, or a broken one could never be repaired.
        if call.resource.group == "admissionregistration.k8s.io" {
            return Vec::new();
        }
        let configurations = self.store().list(stage.table(), None).0;
        let webhooks = configurations.iter().flat_map(|one| one["webhooks"].as_array().into_iter().flatten());
        webhooks.cloned().collect()
    }

    /// Whether a webhook has a say in a request, and as which version it wants to see it.
    fn is_wanted(&self, webhook: &Value, subject: Subject<'_>) -> Option<Equivalent> {
        let Subject { call, operation, object, before } = subject;
        let equivalent = covers(webhook, call, operation)?;
        let selects = |selector: &Value, labels: &Value| {
            // A selector that makes no sense was refused when it was written.
            LabelSelector::from_object(selector).is_ok_and(|selector| selector.matches(labels.get("labels")))
        };
        let mut states = [Some(object), before].into_iter().flatten().filter(|state| !state.is_null());
        let namespace_matches = match (call.namespace(), call.resource.table.as_str()) {
            (Some(namespace), _) => self
                .store()
                .get("namespaces", &Key::new("", namespace))
                .is_some_and(|namespace| selects(&webhook["namespaceSelector"], &namespace["metadata"])),
            (None, "namespaces") => {
                states.clone().next().is_some_and(|state| selects(&webhook["namespaceSelector"], &state["metadata"]))
            }
            (None, _) => true,
        };
        let matches = namespace_matches && states.any(|state| selects(&webhook["objectSelector"], &state["metadata"]));
        matches.then_some(equivalent)
    }

    /// What a webhook says; what it would say if it could be asked is its configuration's to decide.
    async fn verdict(
        &self,
        webhook: &Value,
        stage: Stage,
        subject: Subject<'_>,
        equivalent: Equivalent,
    ) -> Result<Verdict, Status> {
        let name = webhook["name"].as_str().unwrap_or_default();
        let review = Review::new(subject, &equivalent);
        let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(10);
        let answer = self.call_webhook(&webhook["clientConfig"], &review.body, seconds).await;
        let answer = answer.map_err(|why| Refusal::Failed(format!("failed to call webhook: {why}")));
        match answer.and_then(|answer| review.verdict(name, &answer, stage)) {
            Ok(verdict) => Ok(verdict),
            Err(Refusal::Denied(status)) => Err(*status),
            Err(Refusal::Failed(_)) if webhook["failurePolicy"] == "Ignore" => Ok(Verdict::default()),
            Err(Refusal::Failed(why)) => Err(Status::internal(&format!("failed calling webhook {name:?}: {why}"))),
        }
    }
}

/// The object as the webhook wants it, in its canonical form.
fn patched(call: &Call, object: &Value, operations: &Value) -> Result<Value, Status> {
    let patched = patch::json(object, operations).map_err(|error| Status::internal(&error.to_string()))?;
    // What the webhook got wrong is not for the author of the object to hear.
    call.canonical(patched, &mut Vec::new())
}
