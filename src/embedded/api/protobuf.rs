//! Kubernetes' binary encoding, as far as clients send it: `kubectl create` and others write the built-in kinds so.
//! The server answers in JSON, which those clients accept too.
//!
//! An object is four bytes, and a message (`runtime.Unknown`) with its type and the object itself inside.

mod messages;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::messages::{Field, Kind, Message, Shape, message};

/// The name of the encoding.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every object starts with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages may be nested.
const DEPTH: usize = 64;

/// Bytes that are not an object in this encoding.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ProtobufError {
    #[error("the object ends early")]
    EndsEarly,
    #[error("a number is longer than ten bytes")]
    LongNumber,
    #[error("the object does not start as the encoding says")]
    NoMagic,
    #[error("a text is not UTF-8")]
    NotText,
    #[error("the object is nested too deeply")]
    TooDeep,
    #[error("{0} is not a kind that this server reads in the binary encoding; send JSON instead")]
    UnknownKind(String),
    #[error("field {0} has another type")]
    WrongType(u32),
}

/// Reads an object.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let bytes = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::NoMagic)?;
    let (mut types, mut raw) = (&[][..], &[][..]);
    each_field(bytes, |number, wire| {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => types = bytes,
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
        Ok(())
    })?;
    let (mut api_version, mut kind) = ("", "");
    each_field(types, |number, wire| {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => api_version = text(bytes)?,
            (2, Wire::Bytes(bytes)) => kind = text(bytes)?,
            _ => {}
        }
        Ok(())
    })?;
    let unknown = || ProtobufError::UnknownKind(format!("{api_version} {kind}"));
    let message = messages::of_kind(api_version, kind).ok_or_else(unknown)?;
    let mut object = decode(message, raw, DEPTH)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

/// What a field carries.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Bytes(&'a [u8]),
    Fixed64([u8; 8]),
    Fixed32,
    Number(u64),
}

fn text(bytes: &[u8]) -> Result<&str, ProtobufError> {
    std::str::from_utf8(bytes).map_err(|_| ProtobufError::NotText)
}

fn number(bytes: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(ProtobufError::EndsEarly)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ProtobufError::LongNumber)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], ProtobufError> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(ProtobufError::EndsEarly)?;
    *bytes = rest;
    Ok(taken)
}

/// Goes through the fields of a message.
fn each_field<'a>(
    mut bytes: &'a [u8],
    mut visit: impl FnMut(u32, Wire<'a>) -> Result<(), ProtobufError>,
) -> Result<(), ProtobufError> {
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let field = u32::try_from(tag >> 3).map_err(|_| ProtobufError::LongNumber)?;
        let wire = match tag & 7 {
            0 => Wire::Number(number(&mut bytes)?),
            1 => Wire::Fixed64(take(&mut bytes, 8)?.try_into().map_err(|_| ProtobufError::EndsEarly)?),
            2 => {
                let length = usize::try_from(number(&mut bytes)?).map_err(|_| ProtobufError::EndsEarly)?;
                Wire::Bytes(take(&mut bytes, length)?)
            }
            5 => {
                take(&mut bytes, 4)?;
                Wire::Fixed32
            }
            _ => return Err(ProtobufError::WrongType(field)),
        };
        visit(field, wire)?;
    }
    Ok(())
}

fn decode(message: &Message, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, ProtobufError> {
    let depth = depth.checked_sub(1).ok_or(ProtobufError::TooDeep)?;
    let mut object = Map::new();
    each_field(bytes, |number, wire| {
        // Fields of a newer release are skipped, as JSON's would be.
        let Some(field) = message.field(number) else { return Ok(()) };
        match field.shape {
            Shape::List => {
                let value = value(field, wire, depth)?.unwrap_or_else(|| field.kind.zero());
                let list = object.entry(field.name).or_insert_with(|| json!([]));
                list.as_array_mut().expect("a list's entry is made as one").push(value);
            }
            Shape::Map => {
                let Wire::Bytes(entry) = wire else { return Err(ProtobufError::WrongType(number)) };
                let (key, value) = map_entry(field, entry, depth)?;
                object.entry(field.name).or_insert_with(|| json!({}))[key] = value;
            }
            Shape::One => match value(field, wire, depth)? {
                Some(Value::Object(inner)) if field.name == "-" => object.extend(inner),
                Some(value) => _ = object.insert(field.name.to_owned(), value),
                None => {}
            },
        }
        Ok(())
    })?;
    Ok(object)
}

fn map_entry(field: &Field, entry: &[u8], depth: usize) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut found) = (String::new(), field.kind.zero());
    each_field(entry, |number, wire| {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => text(bytes)?.clone_into(&mut key),
            (2, wire) => found = value(field, wire, depth)?.unwrap_or_else(|| field.kind.zero()),
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, found))
}

/// A value; nothing if it is what the encoding writes for a field that is not set.
fn value(field: &Field, wire: Wire<'_>, depth: usize) -> Result<Option<Value>, ProtobufError> {
    let kept = |value: Value, zero: bool| if zero && !field.zero_counts { None } else { Some(value) };
    Ok(match (field.kind, wire) {
        (Kind::Boolean, Wire::Number(value)) => kept(json!(value != 0), value == 0),
        (Kind::Bytes, Wire::Bytes(bytes)) => kept(STANDARD.encode(bytes).into(), bytes.is_empty()),
        (Kind::Decimal, Wire::Fixed64(bytes)) => {
            let value = f64::from_le_bytes(bytes);
            kept(json!(value), value == 0.0)
        }
        (Kind::IntOrText, Wire::Bytes(bytes)) => Some(int_or_text(bytes)?),
        (Kind::Json, Wire::Bytes(bytes)) => json_of(bytes)?,
        (Kind::Message(name), Wire::Bytes(bytes)) => {
            let message = message(name).expect("the table is complete");
            Some(inner(name, decode(message, bytes, depth)?))
        }
        (Kind::Number, Wire::Number(value)) => kept(json!(value.cast_signed()), value == 0),
        (Kind::Quantity, Wire::Bytes(bytes)) => Some(first_text(bytes)?.into()),
        (Kind::Text, Wire::Bytes(bytes)) => kept(text(bytes)?.into(), bytes.is_empty()),
        (Kind::Time, Wire::Bytes(bytes)) => time(bytes, 0)?,
        (Kind::TimeMicro, Wire::Bytes(bytes)) => time(bytes, 6)?,
        _ => return Err(ProtobufError::WrongType(field.number)),
    })
}

/// The encoding wraps lists that are the values of maps.
fn inner(name: &str, mut object: Map<String, Value>) -> Value {
    if name.ends_with(".ExtraValue") {
        return object.remove("items").unwrap_or_else(|| json!([]));
    }
    Value::Object(object)
}

fn first_text(bytes: &[u8]) -> Result<String, ProtobufError> {
    let mut found = String::new();
    each_field(bytes, |number, wire| {
        if let (1, Wire::Bytes(bytes)) = (number, wire) {
            text(bytes)?.clone_into(&mut found);
        }
        Ok(())
    })?;
    Ok(found)
}

fn int_or_text(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let (mut is_text, mut int, mut words) = (false, 0, "");
    each_field(bytes, |number, wire| {
        match (number, wire) {
            (1, Wire::Number(kind)) => is_text = kind == 1,
            (2, Wire::Number(value)) => int = value.cast_signed(),
            (3, Wire::Bytes(bytes)) => words = text(bytes)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(if is_text { words.into() } else { int.into() })
}

fn json_of(bytes: &[u8]) -> Result<Option<Value>, ProtobufError> {
    let mut found = None;
    each_field(bytes, |number, wire| {
        if let (1, Wire::Bytes(bytes)) = (number, wire) {
            found = serde_json::from_slice(bytes).ok();
        }
        Ok(())
    })?;
    Ok(found)
}

/// A moment; the encoding of no moment is empty.
fn time(bytes: &[u8], digits: usize) -> Result<Option<Value>, ProtobufError> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    each_field(bytes, |number, wire| {
        match (number, wire) {
            (1, Wire::Number(value)) => seconds = value.cast_signed(),
            (2, Wire::Number(value)) => nanoseconds = i32::try_from(value).unwrap_or_default(),
            _ => {}
        }
        Ok(())
    })?;
    let moment = Timestamp::new(seconds, nanoseconds).ok().filter(|_| !bytes.is_empty());
    Ok(moment.map(|moment| format!("{moment:.digits$}").into()))
}
