//! Whether something holds for a text, or for a place in a document.

use serde_json::Value;

use super::result::Line;
use crate::lab::check::{Assertion, HeaderAssertion, Test};

/// How many characters of a text are shown.
const SHOWN: usize = 240;

/// Tests a text; with a JSON pointer, what stands there in the document that the text is.
pub fn of_text(subject: &str, text: &str, assertion: &Assertion) -> Line {
    match &assertion.json {
        None => line(subject, &Value::from(text), &assertion.test.value),
        Some(pointer) => match serde_json::from_str::<Value>(text) {
            Ok(document) => of_document(subject, &document, assertion),
            Err(_) => Line::new(format!("{subject} {pointer}"), expected(&assertion.test.value), "no JSON", false),
        },
    }
}

/// Tests a document, or what stands at a JSON pointer in it.
pub fn of_document(subject: &str, document: &Value, assertion: &Assertion) -> Line {
    let found = match &assertion.json {
        Some(pointer) => document.pointer(pointer),
        None => Some(document),
    };
    line(&subject_of(subject, assertion), found.unwrap_or(&Value::Null), &assertion.test.value)
}

/// Tests a header among those of an answer, whose names are in lower case.
pub fn of_header(headers: &[(String, String)], assertion: &HeaderAssertion) -> Line {
    let values =
        headers.iter().filter(|(name, _)| *name == assertion.name).map(|(_, value)| Value::from(value.as_str()));
    let mut values: Vec<Value> = values.collect();
    let found = match values.len() {
        0 => Value::Null,
        1 => values.remove(0),
        _ => Value::Array(values),
    };
    line(&format!("header {}", assertion.name), &found, &assertion.test.value)
}

/// Whether it holds for a text; the cheap way for many lines.
pub fn holds_for_text(text: &str, assertion: &Assertion) -> bool {
    match &assertion.json {
        None => holds(&Value::from(text), &assertion.test),
        Some(pointer) => serde_json::from_str::<Value>(text)
            .is_ok_and(|document| holds(document.pointer(pointer).unwrap_or(&Value::Null), &assertion.test)),
    }
}

/// What must hold, in words.
pub fn expected(test: &Test) -> String {
    match test {
        Test::Absent => "nothing".to_owned(),
        Test::Contains(part) => format!("contains {part:?}"),
        Test::Equals(value) => format!("equals {value}"),
        Test::Matches(pattern) => format!("matches /{pattern}/"),
    }
}

fn line(subject: &str, found: &Value, test: &Test) -> Line {
    Line::new(subject, expected(test), shown(found, test), holds(found, test))
}

fn subject_of(subject: &str, assertion: &Assertion) -> String {
    match &assertion.json {
        Some(pointer) => format!("{subject} {pointer}"),
        None => subject.to_owned(),
    }
}

fn holds(found: &Value, test: &Test) -> bool {
    match (test, found) {
        (Test::Absent, Value::Null) => true,
        (Test::Absent, Value::Array(values)) => values.is_empty(),
        (Test::Absent, _) => false,
        (Test::Equals(value), found) if value == found => true,
        (test, Value::Array(values)) => values.iter().any(|value| holds(value, test)),
        (Test::Contains(part), found) => text(found).is_some_and(|text| text.contains(part.as_str())),
        (Test::Matches(pattern), found) => text(found).is_some_and(|text| pattern.is_match(&text)),
        (Test::Equals(_), _) => false,
    }
}

/// A value as a text; a document is its JSON.
fn text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        other => Some(other.to_string().into()),
    }
}

/// What is there, at most [`SHOWN`] characters of it: the beginning, unless what is looked for stands further on.
fn shown(value: &Value, test: &Test) -> String {
    let Some(text) = text(value) else { return "nothing".to_owned() };
    let text = text.trim();
    let length = text.chars().count();
    if length <= SHOWN {
        return text.to_owned();
    }
    let found = match test {
        Test::Contains(part) => text.find(part.as_str()).map(|start| start..start + part.len()),
        Test::Matches(pattern) => pattern.find(text).map(|found| found.range()),
        Test::Absent | Test::Equals(_) => None,
    };
    let characters = |bytes: std::ops::Range<usize>| text[bytes].chars().count();
    let (before, wide) = found.map_or((0, 0), |found| (characters(0..found.start), characters(found)));
    let start = match before + wide <= SHOWN {
        true => 0,
        false => before.saturating_sub(SHOWN.saturating_sub(wide) / 2).min(length - SHOWN),
    };
    let part: String = text.chars().skip(start).take(SHOWN).collect();
    let cut = |is_cut: bool| if is_cut { "..." } else { "" };
    format!("{}{part}{}", cut(start > 0), cut(start + SHOWN < length))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lab::position::Located;

    fn assertion(json: Option<&str>, test: Test) -> Assertion {
        Assertion { json: json.map(str::to_owned), test: Located { value: test, at: Default::default() } }
    }

    #[test]
    fn a_list_passes_if_one_of_it_does() {
        let header = |test| assertion(Some("/headers/X"), test);
        let body = json!({"headers": {"X": ["a=1", "URI=spiffe://b"]}}).to_string();
        assert!(holds_for_text(&body, &header(Test::Contains("URI=".to_owned()))));
        assert!(holds_for_text(&body, &header(Test::Equals(json!("a=1")))));
        assert!(holds_for_text(&body, &header(Test::Matches(regex::Regex::new("^URI=spiffe://.$").unwrap()))));
        assert!(!holds_for_text(&body, &header(Test::Absent)));
        assert!(holds_for_text(&body, &assertion(Some("/headers/Y"), Test::Absent)));
    }

    #[test]
    fn a_header_may_be_there_several_times_or_not_at_all() {
        let headers = [("location", "/a"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let of = |name: &str, test| {
            let test = Located { value: test, at: Default::default() };
            of_header(&headers, &HeaderAssertion { name: name.to_owned(), test }).outcome
        };
        let (pass, fail) = (super::super::judge::Outcome::Pass, super::super::judge::Outcome::Fail);
        assert_eq!(of("location", Test::Equals(json!("/a"))), pass);
        assert_eq!(of("set-cookie", Test::Contains("b=".to_owned())), pass);
        assert_eq!(of("set-cookie", Test::Absent), fail);
        assert_eq!(of("server", Test::Absent), pass);
        assert_eq!(of("server", Test::Contains(String::new())), fail);
    }

    #[test]
    fn of_a_long_text_the_part_that_is_looked_for_is_shown() {
        let text = format!("{}needle{}", "<".repeat(500), "é".repeat(500));
        let seen = |text: &str, test| of_text("body", text, &assertion(None, test)).seen;
        let shown = seen(&text, Test::Contains("needle".to_owned()));
        assert_eq!(shown, format!("...{}needle{}...", "<".repeat(117), "é".repeat(117)));
        let at_end = seen(&text, Test::Matches(regex::Regex::new("é$").unwrap()));
        assert_eq!(at_end, format!("...{}", "é".repeat(240)));
        let beginning = format!("{}...", "<".repeat(240));
        assert_eq!(seen(&text, Test::Contains("<".to_owned())), beginning);
        assert_eq!(seen(&text, Test::Contains("hay".to_owned())), beginning);
        assert_eq!(seen("needle", Test::Contains("needle".to_owned())), "needle");
    }

    #[test]
    fn what_a_stranger_answers_is_made_fit_to_be_shown() {
        let answer = "\u{1b}]0;pwned\u{7}\r\u{202e}ok\u{9b}2J";
        assert_eq!(of_text("body", answer, &assertion(None, Test::Absent)).seen, "?]0;pwned? \u{fffd}ok¿2J");
    }

    #[test]
    fn a_line_says_what_is_there_instead() {
        let line = of_text("body", "{\"a\": 7}", &assertion(Some("/a"), Test::Equals(json!(8))));
        assert_eq!((line.subject.as_str(), line.expected.as_str(), line.seen.as_str()), ("body /a", "equals 8", "7"));
        let line = of_text("body", "<html>", &assertion(Some("/a"), Test::Absent));
        assert_eq!((line.seen.as_str(), line.outcome), ("no JSON", super::super::judge::Outcome::Fail));
    }
}
