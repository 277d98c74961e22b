//! Commands on hashes. Fields are answered in their own order.

use super::{
    commands::{bulk, count, integer, ok},
    resp::Frame,
    store::{CommandError, Store},
};

/// `HSET key field value...`: how many fields are new.
pub(super) fn hset(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    put(store, arguments, "hset").map(count)
}

/// `HMSET key field value...`.
pub(super) fn hmset(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    put(store, arguments, "hmset").map(|_| ok())
}

fn put(store: &mut Store, arguments: &[Vec<u8>], name: &str) -> Result<usize, CommandError> {
    let pairs = &arguments[1..];
    if !pairs.len().is_multiple_of(2) {
        return Err(CommandError::Arity(name.to_owned()));
    }
    store.change_hash(&arguments[0], |fields| {
        let put = |pair: &[Vec<u8>]| usize::from(fields.insert(pair[0].clone(), pair[1].clone()).is_none());
        Ok(pairs.chunks_exact(2).map(put).sum())
    })
}

/// `HGET key field`.
pub(super) fn hget(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let fields = store.hash(&arguments[0])?;
    Ok(bulk(fields.and_then(|fields| fields.get(&arguments[1])).map(Vec::as_slice)))
}

/// `HMGET key field...`.
pub(super) fn hmget(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let fields = store.hash(&arguments[0])?;
    let value = |field: &Vec<u8>| bulk(fields.and_then(|fields| fields.get(field)).map(Vec::as_slice));
    Ok(Frame::Array(arguments[1..].iter().map(value).collect()))
}

/// `HGETALL key`.
pub(super) fn hgetall(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let fields = store.hash(&arguments[0])?.into_iter().flatten();
    Ok(Frame::Map(fields.map(|(field, value)| (Frame::Bulk(field.clone()), Frame::Bulk(value.clone()))).collect()))
}

/// `HKEYS key`.
pub(super) fn hkeys(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let fields = store.hash(&arguments[0])?.into_iter().flatten();
    Ok(Frame::Array(fields.map(|(field, _)| Frame::Bulk(field.clone())).collect()))
}

/// `HVALS key`.
pub(super) fn hvals(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let fields = store.hash(&arguments[0])?.into_iter().flatten();
    Ok(Frame::Array(fields.map(|(_, value)| Frame::Bulk(value.clone())).collect()))
}

/// `HLEN key`.
pub(super) fn hlen(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(count(store.hash(&arguments[0])?.map_or(0, std::collections::BTreeMap::len)))
}

/// `HEXISTS key field`.
pub(super) fn hexists(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let fields = store.hash(&arguments[0])?;
    Ok(count(usize::from(fields.is_some_and(|fields| fields.contains_key(&arguments[1])))))
}

/// `HDEL key field...`: how many were there.
pub(super) fn hdel(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    store.change_hash(&arguments[0], |fields| {
        Ok(count(arguments[1..].iter().filter(|field| fields.remove(*field).is_some()).count()))
    })
}

/// `HINCRBY key field number`.
pub(super) fn hincrby(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let number = integer(&arguments[2])?;
    store.change_hash(&arguments[0], |fields| {
        let before = fields.get(&arguments[1]).map(|value| integer(value)).transpose();
        let before = before.map_err(|_| CommandError::HashInteger)?.unwrap_or_default();
        let after = before.checked_add(number).ok_or(CommandError::Overflow)?;
        fields.insert(arguments[1].clone(), after.to_string().into_bytes());
        Ok(Frame::Integer(after))
    })
}
