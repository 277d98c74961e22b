//! `${name}`: what a case learns from its answers.

use std::collections::BTreeMap;

use serde_json::Value;

/// The shortest value that is looked for anywhere; a shorter one is looked for in messages only.
const TELLING: usize = 8;

/// The values of a case, by name.
#[derive(Debug, Default)]
pub struct Variables(BTreeMap<String, Value>);

impl Variables {
    pub fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// A text with the values in place of the names.
    pub fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.0 {
            text = text.replace(&format!("${{{name}}}"), &plain(value));
        }
        text
    }

    /// The same for all texts and keys in a value. A text that is only a name becomes its value, whatever its type.
    pub fn fill_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                let value = whole.and_then(|name| self.0.get(name));
                value.cloned().unwrap_or_else(|| self.fill(text).into())
            }
            Value::Array(items) => items.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| (self.fill(key), self.fill_value(value)));
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    /// Puts the names where an answer has the values.
    pub fn hide(&self, answer: &mut Value) {
        // The longest first: a value may be a part of another.
        let mut known: Vec<(&String, String)> = self.0.iter().map(|(name, value)| (name, plain(value))).collect();
        known.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        hide(answer, &known, false);
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn hide(value: &mut Value, known: &[(&String, String)], is_message: bool) {
    match value {
        Value::String(text) => {
            for (name, value) in known.iter().filter(|(_, value)| value.len() >= TELLING) {
                *text = text.replace(value, &format!("${{{name}}}"));
            }
            let short = known.iter().filter(|(_, value)| is_message && value.len() < TELLING);
            for (name, value) in short {
                *text = replace_words(text, value, &format!("${{{name}}}"));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, known, is_message)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (key, mut value) in old {
                hide(&mut value, known, key == "message");
                let mut key = Value::String(key);
                hide(&mut key, known, false);
                fields.insert(plain(&key), value);
            }
        }
        _ => {}
    }
}

fn replace_words(text: &str, word: &str, by: &str) -> String {
    let mut answer = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let inside = |letter: char| letter.is_alphanumeric();
        let end = at + word.len();
        let whole = !rest[..at].ends_with(inside) && !rest[end..].starts_with(inside);
        answer.push_str(&rest[..at]);
        answer.push_str(if whole { by } else { word });
        rest = &rest[end..];
    }
    answer + rest
}
