//! The messages of the binary encoding: which field has which number, name and type.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Value, json};

/// A message.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<Field>);

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub number: u32,
    /// The name in JSON; `-` if the fields inside belong to the message around.
    pub name: &'static str,
    pub kind: Kind,
    pub shape: Shape,
    /// Whether zero is more than "not set".
    pub zero_counts: bool,
}

/// What a field is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Boolean,
    Bytes,
    Decimal,
    IntOrText,
    Json,
    Message(&'static str),
    Number,
    Quantity,
    Text,
    Time,
    TimeMicro,
}

/// How often a field is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    List,
    Map,
    One,
}

impl Kind {
    /// What stands for a value that is empty in the encoding.
    pub fn zero(self) -> Value {
        match self {
            Self::Boolean => json!(false),
            Self::Decimal | Self::IntOrText | Self::Number => json!(0),
            Self::Bytes | Self::Quantity | Self::Text => json!(""),
            Self::Json | Self::Message(_) => json!({}),
            Self::Time | Self::TimeMicro => Value::Null,
        }
    }
}

impl Message {
    /// The field of a number.
    pub fn field(&self, number: u32) -> Option<&Field> {
        self.0.iter().find(|field| field.number == number)
    }
}

static MESSAGES: LazyLock<HashMap<&'static str, Message>> = LazyLock::new(|| {
    let mut messages = HashMap::new();
    let mut name = "";
    let lines = include_str!("messages.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        if let Some(next) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name = next;
            messages.insert(name, Message::default());
        } else {
            messages.entry(name).or_default().0.push(field(line).expect("the table is well formed"));
        }
    }
    messages
});

fn field(line: &'static str) -> Option<Field> {
    let mut words = line.split(' ');
    let (number, name, kind) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
    let (kind, zero_counts) = kind.strip_suffix('!').map_or((kind, false), |kind| (kind, true));
    let (kind, shape) = match kind.as_bytes().first()? {
        b'*' => (&kind[1..], Shape::List),
        b'{' => (&kind[1..], Shape::Map),
        _ => (kind, Shape::One),
    };
    let kind = match kind {
        "F" => Kind::Json,
        "I" => Kind::IntOrText,
        "M" => Kind::TimeMicro,
        "Q" => Kind::Quantity,
        "T" => Kind::Time,
        "b" => Kind::Boolean,
        "d" => Kind::Decimal,
        "i" => Kind::Number,
        "s" => Kind::Text,
        "y" => Kind::Bytes,
        message => Kind::Message(message),
    };
    Some(Field { number, name, kind, shape, zero_counts })
}

/// A message by its name.
pub(super) fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.get(name)
}

/// The message of a kind. Options are the same in all groups.
pub(super) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Message> {
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let group = group.split('.').next().unwrap_or_default();
    message(&format!("{group}.{version}.{kind}")).or_else(|| message(&format!("meta.v1.{kind}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        for (name, fields) in MESSAGES.iter() {
            for field in &fields.0 {
                if let Kind::Message(inner) = field.kind {
                    assert!(message(inner).is_some(), "{name} has a field of {inner}");
                }
            }
        }
    }
}
