//! The part of `kubectl`'s JSONPath that definitions of custom resources use to point at one value.

use serde_json::Value;

/// A path into an object, such as `.status.conditions[?(@.type=="Ready")].status`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct JsonPath(Vec<Segment>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    /// Every entry.
    All,
    /// The entries in which something has a value.
    Equal(JsonPath, Value),
    Field(String),
    /// An entry, counted from the end if negative.
    Index(i64),
}

impl JsonPath {
    /// Reads a path. One that has no meaning points nowhere.
    pub fn parse(text: &str) -> Self {
        Self::try_parse(text).unwrap_or_else(|| Self(vec![Segment::Field(text.to_owned())]))
    }

    fn try_parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut rest = text.trim().trim_start_matches('$');
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let end = closing_bracket(inside)?;
                segments.push(bracket(&inside[..end])?);
                rest = &inside[end + 1..];
                continue;
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let (field, after) = field(rest);
            match field.as_str() {
                "" if after.starts_with('[') || after.is_empty() => {}
                "" => return None,
                "*" => segments.push(Segment::All),
                _ => segments.push(Segment::Field(field)),
            }
            rest = after;
        }
        Some(Self(segments))
    }

    /// The first value it points at.
    pub fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.all(object).into_iter().next()
    }

    fn all<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        self.0
            .iter()
            .fold(vec![object], |values, segment| values.into_iter().flat_map(|value| segment.follow(value)).collect())
    }
}

impl Segment {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::All, Value::Array(entries)) => entries.iter().collect(),
            (Self::All, Value::Object(fields)) => fields.values().collect(),
            (Self::Equal(path, wanted), Value::Array(entries)) => {
                entries.iter().filter(|entry| path.first(entry) == Some(wanted)).collect()
            }
            (Self::Field(name), Value::Object(fields)) => fields.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(entries)) => {
                let from_end =
                    usize::try_from(index.unsigned_abs()).ok().and_then(|back| entries.len().checked_sub(back));
                let index = if *index < 0 { from_end } else { usize::try_from(*index).ok() };
                index.and_then(|index| entries.get(index)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A field's name, in which a backslash protects a dot, and what comes after it.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '.' | '[' => return (name, &text[place..]),
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            _ => name.push(letter),
        }
    }
    (name, "")
}

/// Where a bracket closes that is not part of a text in quotes.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut quote = None;
    for (place, letter) in text.char_indices() {
        match (quote, letter) {
            (None, ']') => return Some(place),
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
    }
    None
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn bracket(inside: &str) -> Option<Segment> {
    let inside = inside.trim();
    if inside == "*" {
        return Some(Segment::All);
    }
    if let Some(name) = quoted(inside) {
        return Some(Segment::Field(name.to_owned()));
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|filter| filter.strip_suffix(')')) {
        let (path, wanted) = filter.split_once("==")?;
        let wanted = wanted.trim();
        let wanted = match quoted(wanted) {
            Some(text) => text.into(),
            None => serde_json::from_str(wanted).ok()?,
        };
        return Some(Segment::Equal(JsonPath::try_parse(path.trim().strip_prefix('@')?)?, wanted));
    }
    inside.parse().ok().map(Segment::Index)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_point_at_the_first_value() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "spec": {"hosts": ["one", "two"]},
            "status": {"conditions": [{"type": "A", "status": "no"}, {"type": "Ready", "status": "yes", "n": 3}]},
        });
        let cases = [
            (".spec.hosts", Some(json!(["one", "two"]))),
            (".spec.hosts[0]", Some(json!("one"))),
            (".spec.hosts[-1]", Some(json!("two"))),
            (".spec.hosts[*]", Some(json!("one"))),
            (".spec.hosts[7]", None),
            (".spec['hosts'][1]", Some(json!("two"))),
            (r".metadata.annotations.a\.b/c", Some(json!("x"))),
            (".metadata.annotations['a.b/c']", Some(json!("x"))),
            (r#".status.conditions[?(@.type=="Ready")].status"#, Some(json!("yes"))),
            (".status.conditions[?(@.n==3)].type", Some(json!("Ready"))),
            (".status.conditions[?(@.type=='B')].status", None),
            (".nothing.here", None),
            (".spec.hosts[", None),
        ];
        for (path, expected) in cases {
            assert_eq!(JsonPath::parse(path).first(&object), expected.as_ref(), "{path}");
        }
    }
}
