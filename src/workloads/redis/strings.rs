//! Commands on strings.

use std::time::Duration;

use super::{
    commands::{bulk, count, integer, ok},
    resp::Frame,
    store::{CommandError, Store, Value},
};

/// `GET key`.
pub(super) fn get(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(bulk(store.string(&arguments[0])?))
}

/// `GETDEL key`.
pub(super) fn getdel(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let before = bulk(store.string(&arguments[0])?);
    store.remove(&arguments[0]);
    Ok(before)
}

/// `MGET key...`: what is no string is as if it were not there.
pub(super) fn mget(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(Frame::Array(arguments.iter().map(|key| bulk(store.string(key).ok().flatten())).collect()))
}

/// `MSET key value...`.
pub(super) fn mset(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    if !arguments.len().is_multiple_of(2) {
        return Err(CommandError::Arity("mset".to_owned()));
    }
    for pair in arguments.chunks_exact(2) {
        store.put(&pair[0], Value::String(pair[1].clone()))?;
        store.expire(&pair[0], None);
    }
    Ok(ok())
}

/// `STRLEN key`.
pub(super) fn strlen(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(count(store.string(&arguments[0])?.map_or(0, <[u8]>::len)))
}

/// `APPEND key value`.
pub(super) fn append(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let mut bytes = store.string(&arguments[0])?.unwrap_or_default().to_vec();
    bytes.extend_from_slice(&arguments[1]);
    let length = bytes.len();
    store.put(&arguments[0], Value::String(bytes))?;
    Ok(count(length))
}

/// What `SET` is asked besides key and value.
#[derive(Default)]
struct SetOptions {
    expires: Option<Duration>,
    if_there: Option<bool>,
    is_answered_with_old: bool,
    keeps_expiry: bool,
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]`.
pub(super) fn set(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let (key, options) = (&arguments[0], set_options(&arguments[2..])?);
    let old = if options.is_answered_with_old { bulk(store.string(key)?) } else { Frame::Null };
    let is_there = store.value(key).is_some();
    if options.if_there.is_some_and(|wanted| wanted != is_there) {
        return Ok(old);
    }
    store.put(key, Value::String(arguments[1].clone()))?;
    if !options.keeps_expiry {
        store.expire(key, options.expires);
    }
    Ok(if options.is_answered_with_old { old } else { ok() })
}

fn set_options(words: &[Vec<u8>]) -> Result<SetOptions, CommandError> {
    let (mut options, mut words) = (SetOptions::default(), words.iter());
    while let Some(word) = words.next() {
        match word.to_ascii_uppercase().as_slice() {
            b"NX" if options.if_there.is_none() => options.if_there = Some(false),
            b"XX" if options.if_there.is_none() => options.if_there = Some(true),
            b"GET" => options.is_answered_with_old = true,
            b"KEEPTTL" if options.expires.is_none() => options.keeps_expiry = true,
            unit @ (b"EX" | b"PX") if options.expires.is_none() && !options.keeps_expiry => {
                let number = integer(words.next().ok_or(CommandError::Syntax)?)?;
                let number = u64::try_from(number).ok().filter(|number| *number > 0);
                let number = number.ok_or(CommandError::InvalidExpire("set"))?;
                let of = if unit == b"EX" { Duration::from_secs } else { Duration::from_millis };
                options.expires = Some(of(number));
            }
            _ => return Err(CommandError::Syntax),
        }
    }
    Ok(options)
}

/// `INCR key`.
pub(super) fn incr(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    add(store, &arguments[0], 1)
}

/// `INCRBY key number`.
pub(super) fn incrby(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    add(store, &arguments[0], integer(&arguments[1])?)
}

/// `DECR key`.
pub(super) fn decr(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    add(store, &arguments[0], -1)
}

/// `DECRBY key number`.
pub(super) fn decrby(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    add(store, &arguments[0], integer(&arguments[1])?.checked_neg().ok_or(CommandError::Overflow)?)
}

fn add(store: &mut Store, key: &[u8], number: i64) -> Result<Frame, CommandError> {
    let before = store.string(key)?.map(integer).transpose()?.unwrap_or_default();
    let after = before.checked_add(number).ok_or(CommandError::Overflow)?;
    store.put(key, Value::String(after.to_string().into_bytes()))?;
    Ok(Frame::Integer(after))
}
