//! Commands on keys, whatever they hold, and on the whole store.

use std::time::Duration;

use super::{
    commands::{count, integer, ok},
    resp::Frame,
    store::{CommandError, Store, Value},
};

/// `DEL key...`: how many were there.
pub(super) fn del(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(count(arguments.iter().filter(|key| store.remove(key)).count()))
}

/// `EXISTS key...`: how many are there; a key given twice counts twice.
pub(super) fn exists(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(count(arguments.iter().filter(|key| store.value(key).is_some()).count()))
}

/// `TYPE key`.
pub(super) fn kind(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let kind = match store.value(&arguments[0]) {
        None => "none",
        Some(Value::Hash(_)) => "hash",
        Some(Value::String(_)) => "string",
    };
    Ok(Frame::Simple(kind.to_owned()))
}

/// `EXPIRE key seconds`.
pub(super) fn expire(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    expire_after(store, arguments, Duration::from_secs)
}

/// `PEXPIRE key milliseconds`.
pub(super) fn pexpire(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    expire_after(store, arguments, Duration::from_millis)
}

/// A time that is over already forgets the key at once.
fn expire_after(store: &mut Store, arguments: &[Vec<u8>], of: fn(u64) -> Duration) -> Result<Frame, CommandError> {
    let was_there = match u64::try_from(integer(&arguments[1])?) {
        Ok(number) if number > 0 => store.expire(&arguments[0], Some(of(number))),
        _ => store.remove(&arguments[0]),
    };
    Ok(count(usize::from(was_there)))
}

/// `PERSIST key`: whether it would have been forgotten.
pub(super) fn persist(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let is_temporary = store.value(&arguments[0]).is_some() && store.time_left(&arguments[0]).is_some();
    store.expire(&arguments[0], None);
    Ok(count(usize::from(is_temporary)))
}

/// `TTL key`: -1 for a key without an end, -2 for none.
pub(super) fn ttl(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    time_left(store, &arguments[0], |left| (left.as_millis() + 500) / 1000)
}

/// `PTTL key`.
pub(super) fn pttl(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    time_left(store, &arguments[0], |left| left.as_millis())
}

fn time_left(store: &mut Store, key: &[u8], unit: fn(Duration) -> u128) -> Result<Frame, CommandError> {
    let is_there = store.value(key).is_some();
    Ok(Frame::Integer(match store.time_left(key) {
        Some(left) => i64::try_from(unit(left)).unwrap_or(i64::MAX),
        None if is_there => -1,
        None => -2,
    }))
}

/// `KEYS pattern`.
pub(super) fn keys(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(Frame::Array(matching(store, &arguments[0])))
}

/// `SCAN cursor [MATCH pattern] [COUNT number]`: all keys at once, so that the cursor is always at the end.
pub(super) fn scan(store: &mut Store, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    integer(&arguments[0])?;
    let mut pattern: &[u8] = b"*";
    for option in arguments[1..].chunks(2) {
        match (option[0].to_ascii_uppercase().as_slice(), option.get(1)) {
            (b"COUNT", Some(number)) => drop(integer(number)?),
            (b"MATCH", Some(given)) => pattern = given,
            _ => return Err(CommandError::Syntax),
        }
    }
    Ok(Frame::Array(vec![Frame::text("0"), Frame::Array(matching(store, pattern))]))
}

fn matching(store: &mut Store, pattern: &[u8]) -> Vec<Frame> {
    let keys = store.keys().into_iter().filter(|key| is_match(pattern, key));
    keys.map(|key| Frame::Bulk(key.to_vec())).collect()
}

/// Whether a text fits a pattern of `*` and `?`; a backslash takes what follows it as it is.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    // After a mismatch, the last `*` takes one byte more.
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, from));
                continue;
            }
            Some(b'?') => at += 1,
            Some(b'\\') if pattern.get(at + 1) == Some(&text[from]) => at += 2,
            Some(byte) if *byte == text[from] && *byte != b'\\' => at += 1,
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (at, from) = (after, taken + 1);
                continue;
            }
        }
        from += 1;
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// `DBSIZE`.
pub(super) fn dbsize(store: &mut Store, _: &[Vec<u8>]) -> Result<Frame, CommandError> {
    Ok(count(store.size().0))
}

/// `FLUSHALL`, `FLUSHDB`.
pub(super) fn flush(store: &mut Store, _: &[Vec<u8>]) -> Result<Frame, CommandError> {
    store.clear();
    Ok(ok())
}

/// `INFO`: what there is to say of any section.
pub(super) fn info(store: &mut Store, _: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let (version, (keys, used)) = (env!("CARGO_PKG_VERSION"), store.size());
    Ok(Frame::text(format!(
        "# Server\r\nredis_version:0.0.0-labctl-{version}\r\nredis_mode:standalone\r\n\r\n# Memory\r\nused_memory:{used}\r\n\r\n\
         # Keyspace\r\ndb0:keys={keys}\r\n"
    )))
}

#[cfg(test)]
mod tests {
    use super::is_match;

    #[test]
    fn patterns() {
        let cases = [
            ("*", "", true),
            ("*", "cart:1", true),
            ("cart:*", "cart:1", true),
            ("cart:*", "card:1", false),
            ("*:?", "cart:1", true),
            ("*:?", "cart:12", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("", "x", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(is_match(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
