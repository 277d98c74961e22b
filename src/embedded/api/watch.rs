//! Following changes: what there is, then what happens, then bookmarks when nothing does.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures::stream;
use http::Response;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Server,
    body::{self, Body, View},
    call::Call,
    form::{self, Form, META, metadata_of},
    read::{Selection, too_large},
    status::Status,
    table::revision_of,
};
use crate::embedded::{
    objects::field_error::FieldError,
    store::{Change, Expired, Revision},
};

/// How often a watcher that wants bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lasts unless the caller says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How long a watch is said to last at most by a caller who does not care.
const LONGEST_TIMEOUT: u64 = 24 * 60 * 60;

/// One line of a watch.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    object: View<'a>,
}

impl Server {
    /// Answers with a stream of changes.
    pub(super) fn watch(&self, call: Call) -> Result<Response<Body>, Status> {
        let selection = Selection::of(&call)?;
        let initial_events = wants_initial_events(&call)?;
        let timeout = call
            .query
            .number("timeoutSeconds")?
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|&seconds| seconds > 0)
            .map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(seconds.min(LONGEST_TIMEOUT)));
        let form = Form::of(&call.headers)?;
        if form::wants_yaml(&call.headers) {
            return Err(Status::no_such_stream());
        }
        call.printer()?;
        let tip = self.store().subscribe(&call.resource.table);
        let mut watcher = Watcher {
            form,
            described: false,
            bookmarks: call.query.flag("allowWatchBookmarks"),
            server: self.clone(),
            api_version: call.api_version(),
            selection,
            tip,
            revision: 0,
            lines: VecDeque::new(),
            next_bookmark: Instant::now() + BOOKMARK_EVERY,
            end: Instant::now() + timeout,
            stopped: self.stopped(),
            ended: false,
            call,
        };
        watcher.start(initial_events)?;
        let lines = stream::unfold(watcher, async |mut watcher| {
            let line = watcher.next_line().await?;
            Some((Ok(line), watcher))
        });
        Ok(body::stream("application/json", lines))
    }
}

/// Whether the watch starts with what there is, marked by a bookmark at its end; nothing if the caller leaves it open.
fn wants_initial_events(call: &Call) -> Result<Option<bool>, Status> {
    let asked = call.query.value("sendInitialEvents").map(|_| call.query.flag("sendInitialEvents"));
    let matching = call.query.value("resourceVersionMatch");
    let mut errors = Vec::new();
    if asked.is_some() && matching != Some("NotOlderThan") {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden("resourceVersionMatch", detail));
    }
    if asked.is_none() && matching.is_some() {
        let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden("resourceVersionMatch", detail));
    }
    if errors.is_empty() { Ok(asked) } else { Err(Status::invalid("meta.k8s.io", "ListOptions", "", &errors)) }
}

struct Watcher {
    server: Server,
    call: Call,
    api_version: String,
    selection: Selection,
    tip: watch::Receiver<Revision>,
    /// Everything up to here has been looked at.
    revision: Revision,
    lines: VecDeque<Bytes>,
    form: Form,
    /// Whether the columns have been described.
    described: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    end: Instant,
    stopped: CancellationToken,
    ended: bool,
}

impl Watcher {
    fn start(&mut self, initial_events: Option<bool>) -> Result<(), Status> {
        let asked = self.call.query.revision("resourceVersion")?;
        let current = self.server.store().revision();
        if asked > current {
            return Err(too_large(asked, current));
        }
        if initial_events.unwrap_or(asked == 0) {
            let (objects, revision) = self.server.store().list(&self.call.resource.table, self.call.namespace());
            self.revision = revision;
            for object in &objects {
                if self.selection.matches(object) {
                    let line = self.line("ADDED", object);
                    self.lines.push_back(line);
                }
            }
        } else {
            self.revision = if asked == 0 { current } else { asked };
        }
        if initial_events == Some(true) && self.bookmarks {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            let bookmark = self.bookmark(Some(annotations));
            self.lines.push_back(bookmark);
        }
        Ok(())
    }

    async fn next_line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            self.tip.borrow_and_update();
            match self.server.store().changes(&self.call.resource.table, self.revision) {
                Ok((changes, revision)) => {
                    let lines: Vec<Bytes> = changes.iter().filter_map(|change| self.tell(change)).collect();
                    self.lines.extend(lines);
                    self.revision = revision;
                }
                Err(expired) => self.give_up(expired),
            }
            if self.lines.is_empty() && !self.ended {
                self.wait().await;
            }
        }
    }

    async fn wait(&mut self) {
        let bookmark_at = if self.bookmarks { self.next_bookmark } else { self.end };
        tokio::select! {
            changed = self.tip.changed() => self.ended |= changed.is_err(),
            () = self.stopped.cancelled() => self.ended = true,
            () = tokio::time::sleep_until(bookmark_at.min(self.end)) => {
                if self.bookmarks {
                    let bookmark = self.bookmark(None);
                    self.lines.push_back(bookmark);
                }
                self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                self.ended |= Instant::now() >= self.end;
            }
        }
    }

    /// The caller is so slow, or asked for a past so long ago, that changes are forgotten.
    fn give_up(&mut self, expired: Expired) {
        let status = Status::expired(expired.to_string()).body();
        self.lines.push_back(line("ERROR", View { object: &status, types: Some(("v1", "Status")) }));
        self.ended = true;
    }

    /// What a change means to this watcher: an object may enter and leave its selection.
    fn tell(&mut self, change: &Change) -> Option<Bytes> {
        if self.call.namespace().is_some_and(|namespace| namespace != change.key.namespace) {
            return None;
        }
        let matched = change.before.as_ref().is_some_and(|before| self.selection.matches(before));
        let matches = !change.deleted && self.selection.matches(&change.object);
        match (matched, matches) {
            (false, false) => None,
            (false, true) => Some(self.line("ADDED", &change.object)),
            (true, true) => Some(self.line("MODIFIED", &change.object)),
            (true, false) if change.deleted => Some(self.line("DELETED", &change.object)),
            // The last state that the watcher knew, at the revision at which it left.
            (true, false) => {
                let mut last = change.before.as_deref()?.clone();
                last["metadata"]["resourceVersion"] = change.revision.to_string().into();
                Some(self.line("DELETED", &last))
            }
        }
    }

    fn line(&mut self, kind: &'static str, object: &Value) -> Bytes {
        match self.form {
            Form::Metadata => {
                line(kind, View { object: &metadata_of(object), types: Some((META, "PartialObjectMetadata")) })
            }
            Form::Object => line(kind, View { object, types: Some((&self.api_version, &self.call.resource.kind)) }),
            Form::Table => {
                let described = std::mem::replace(&mut self.described, true);
                let printer = self.call.printer().expect("the query was read when the watch began");
                let table = printer.table(revision_of(object), [object], !described);
                line(kind, View { object: &table, types: Some((META, "Table")) })
            }
        }
    }

    fn bookmark(&mut self, annotations: Option<Value>) -> Bytes {
        let mut object = json!({"metadata": {"resourceVersion": self.revision.to_string()}});
        if let Some(annotations) = annotations {
            object["metadata"]["annotations"] = annotations;
        }
        self.line("BOOKMARK", &object)
    }
}

fn line(kind: &'static str, object: View<'_>) -> Bytes {
    let mut bytes = serde_json::to_vec(&Event { kind, object }).expect("JSON values can be written as JSON");
    bytes.push(b'\n');
    bytes.into()
}
