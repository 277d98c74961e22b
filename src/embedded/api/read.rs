//! Getting one object, and listing many.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Server,
    body::{self, Body, View},
    call::Call,
    form::{Form, META, metadata_of},
    status::Status,
};
use crate::embedded::{
    objects::{
        field_error::FieldError,
        selector::{ANY_KIND, FieldSelector, LabelSelector},
    },
    store::Revision,
};

/// What a list or a watch is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    /// Reads the selectors of a query.
    pub fn of(call: &Call) -> Result<Self, Status> {
        let labels = call.query.value("labelSelector").map_or(Ok(LabelSelector::default()), |text| {
            LabelSelector::parse(text).map_err(|error| Status::bad_request(error.to_string()))
        })?;
        let fields = call.query.value("fieldSelector").map_or(Ok(FieldSelector::default()), |text| {
            let supported = call.resource.selectable(&call.target.version);
            let plain = !call.resource.is_custom() && supported == ANY_KIND;
            let parsed = FieldSelector::parse(text).and_then(|selector| selector.only(&supported));
            parsed.map_err(|error| Status::bad_request(if plain { error.of_any_kind() } else { error }.to_string()))
        })?;
        Ok(Self { labels, fields })
    }

    /// Whether it takes everything.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it takes an object.
    pub fn matches(&self, object: &Value) -> bool {
        self.labels.matches_object(object) && self.fields.matches(object)
    }
}

/// Where the next page of a list begins, and at which revision the first one was read.
#[derive(Deserialize, Serialize)]
struct Continue {
    revision: Revision,
    namespace: String,
    name: String,
}

impl Continue {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("plain data can be written as JSON"))
    }

    fn decode(text: &str) -> Result<Self, Status> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
            let why = "server does not recognize this encoded version \"\"";
            Status::bad_request(format!("invalid continue token: continue key is not valid: {why}"))
        })
    }

    fn is_before(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let place = |field: &str| metadata[field].as_str().unwrap_or_default();
        (self.namespace.as_str(), self.name.as_str()) < (place("namespace"), place("name"))
    }
}

/// What a list is made of.
struct Snapshot {
    objects: Vec<Arc<Value>>,
    /// When it was so.
    revision: Revision,
    /// Where the page starts.
    start: Option<Continue>,
}

#[derive(Serialize)]
struct List<'a> {
    kind: &'a str,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    metadata: Map<String, Value>,
    items: Vec<View<'a>>,
}

impl Server {
    /// Answers with one object.
    pub(super) fn read(&self, call: &Call) -> Result<Response<Body>, Status> {
        let (asked, current) = (call.query.revision("resourceVersion")?, self.store().revision());
        if asked > current {
            return Err(too_large(asked, current));
        }
        let object = self.store().get(&call.resource.table, &call.key()).ok_or_else(|| call.not_found())?;
        Ok(call.answer(StatusCode::OK, &object))
    }

    /// Answers with the objects that match, a page of them if there is a limit.
    pub(super) fn list(&self, call: &Call) -> Result<Response<Body>, Status> {
        let selection = Selection::of(call)?;
        check_list_options(call)?;
        let limit = call.query.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.filter(|&limit| limit > 0).unwrap_or(usize::MAX);
        let Snapshot { objects, revision, start } = self.objects_for_list(call)?;
        let mut matching = objects
            .iter()
            .filter(|object| start.as_ref().is_none_or(|start| start.is_before(object)))
            .filter(|object| selection.matches(object));
        let page: Vec<&Arc<Value>> = matching.by_ref().take(limit).collect();
        let remaining = matching.count();

        let mut metadata = Map::new();
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        if call.resource.is_custom() && Form::of(&call.headers)? != Form::Table {
            // Lists of custom resources say so when they are at their end.
            metadata.insert("continue".to_owned(), "".into());
        }
        if remaining > 0
            && let Some(last) = page.last()
        {
            let place = |field: &str| last["metadata"][field].as_str().unwrap_or_default().to_owned();
            let next = Continue { revision, namespace: place("namespace"), name: place("name") };
            metadata.insert("continue".to_owned(), next.encode().into());
            if selection.is_empty() {
                metadata.insert("remainingItemCount".to_owned(), remaining.into());
            }
        }
        answer_list(call, metadata, page.into_iter().map(Arc::as_ref))
    }

    /// The objects a list is made of.
    fn objects_for_list(&self, call: &Call) -> Result<Snapshot, Status> {
        let (table, namespace) = (&call.resource.table, call.namespace());
        if let Some(token) = call.query.value("continue") {
            let start = Continue::decode(token)?;
            if call.query.revision("resourceVersion")? > 0 {
                return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
            }
            let objects = self.store().list_at(table, namespace, start.revision).map_err(|_| {
                Status::expired(
                    "The provided continue parameter is too old to display a consistent list result. You must start a \
                     new list without the continue parameter.",
                )
            })?;
            return Ok(Snapshot { objects, revision: start.revision, start: Some(start) });
        }
        let asked = call.query.revision("resourceVersion")?;
        if asked > self.store().revision() {
            return Err(too_large(asked, self.store().revision()));
        }
        if call.query.value("resourceVersionMatch") == Some("Exact") {
            let objects = self.store().list_at(table, namespace, asked);
            let too_old = |_| Status::expired("The resourceVersion for the provided list is too old.");
            let objects = objects.map_err(too_old)?;
            return Ok(Snapshot { objects, revision: asked, start: None });
        }
        let (objects, revision) = self.store().list(table, namespace);
        Ok(Snapshot { objects, revision, start: None })
    }
}

/// Complains about resource versions that are to be matched in a way that makes no sense.
fn check_list_options(call: &Call) -> Result<(), Status> {
    let Some(matching) = call.query.value("resourceVersionMatch") else { return Ok(()) };
    let mut errors = Vec::new();
    let mut forbid = |detail: &str| errors.push(FieldError::forbidden("resourceVersionMatch", detail));
    if call.query.value("continue").is_some() {
        forbid("resourceVersionMatch is forbidden when continue is provided");
    } else if call.query.value("resourceVersion").is_none() {
        forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
    } else if matching == "Exact" && call.query.value("resourceVersion") == Some("0") {
        forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
    if !matches!(matching, "Exact" | "NotOlderThan") {
        let known = ["Exact", "NotOlderThan", ""];
        errors.push(FieldError::not_supported("resourceVersionMatch", matching, known));
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid("meta.k8s.io", "ListOptions", "", &errors)) }
}

/// The caller has seen a future that this server does not know.
pub(super) fn too_large(asked: Revision, current: Revision) -> Status {
    let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
    let mut status = Status::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
    let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
    status.details = Some(json!({"causes": [cause], "retryAfterSeconds": 1}));
    status
}

/// Answers with a list; items of built-in kinds leave out their type, which is the list's.
pub(super) fn answer_list<'a>(
    call: &'a Call,
    metadata: Map<String, Value>,
    objects: impl Iterator<Item = &'a Value>,
) -> Result<Response<Body>, Status> {
    match Form::of(&call.headers)? {
        Form::Metadata => {
            let items: Vec<Value> = objects.map(metadata_of).collect();
            let list = json!({
                "kind": "PartialObjectMetadataList", "apiVersion": META, "metadata": metadata, "items": items,
            });
            return Ok(body::json(StatusCode::OK, &list));
        }
        Form::Object => {}
        Form::Table => return Ok(body::json(StatusCode::OK, &call.printer()?.table(metadata, objects, true))),
    }
    let api_version = call.api_version();
    let types = call.resource.is_custom().then_some((api_version.as_str(), call.resource.kind.as_str()));
    let items = objects.map(|object| View { object, types }).collect();
    let list = List { kind: &call.resource.list_kind, api_version: &api_version, metadata, items };
    Ok(body::json(StatusCode::OK, &list))
}
