//! Cells of events.

use serde_json::Value;

use super::age;

/// How often it happened.
pub(super) fn count(event: &Value) -> Value {
    let times = event["series"]["count"].as_i64().or_else(|| event["count"].as_i64());
    times.unwrap_or(1).max(1).into()
}

fn first_time(event: &Value) -> &Value {
    if event["firstTimestamp"].is_string() { &event["firstTimestamp"] } else { &event["eventTime"] }
}

/// When it happened first.
pub(super) fn first_seen(event: &Value) -> Value {
    age::since(first_time(event)).into()
}

/// When it happened last, and how often since when.
pub(super) fn last_seen(event: &Value) -> Value {
    let series = &event["series"]["lastObservedTime"];
    let last = [series, &event["lastTimestamp"]].into_iter().find(|time| time.is_string());
    age::since(last.unwrap_or_else(|| first_time(event))).into()
}

/// What it happened to.
pub(super) fn object(event: &Value) -> Value {
    let about = |field: &str| event["involvedObject"][field].as_str().unwrap_or_default();
    let kind = about("kind").to_lowercase();
    if about("name").is_empty() { kind.into() } else { format!("{kind}/{}", about("name")).into() }
}

/// Who tells.
pub(super) fn source(event: &Value) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut component = text(&event["source"]["component"]);
    if component.is_empty() {
        component = text(&event["reportingComponent"]);
    }
    let host = text(&event["source"]["host"]);
    if host.is_empty() { component.into() } else { format!("{component}, {host}").into() }
}
