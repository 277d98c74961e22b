//! The commands by name: how many arguments each takes, and what it does to the store.

use super::{
    hashes, keys,
    resp::Frame,
    store::{CommandError, Store},
    strings,
};

/// What a command does with its arguments, its own name left out.
type Run = fn(&mut Store, &[Vec<u8>]) -> Result<Frame, CommandError>;

/// The words of a command, its own name included: exactly so many, or at least so many.
#[derive(Clone, Copy)]
enum Arity {
    AtLeast(usize),
    Exactly(usize),
}

use Arity::{AtLeast, Exactly};

const COMMANDS: &[(&str, Arity, Run)] = &[
    ("APPEND", Exactly(3), strings::append),
    ("DBSIZE", Exactly(1), keys::dbsize),
    ("DECR", Exactly(2), strings::decr),
    ("DECRBY", Exactly(3), strings::decrby),
    ("DEL", AtLeast(2), keys::del),
    ("EXISTS", AtLeast(2), keys::exists),
    ("EXPIRE", Exactly(3), keys::expire),
    ("FLUSHALL", AtLeast(1), keys::flush),
    ("FLUSHDB", AtLeast(1), keys::flush),
    ("GET", Exactly(2), strings::get),
    ("GETDEL", Exactly(2), strings::getdel),
    ("HDEL", AtLeast(3), hashes::hdel),
    ("HEXISTS", Exactly(3), hashes::hexists),
    ("HGET", Exactly(3), hashes::hget),
    ("HGETALL", Exactly(2), hashes::hgetall),
    ("HINCRBY", Exactly(4), hashes::hincrby),
    ("HKEYS", Exactly(2), hashes::hkeys),
    ("HLEN", Exactly(2), hashes::hlen),
    ("HMGET", AtLeast(3), hashes::hmget),
    ("HMSET", AtLeast(4), hashes::hmset),
    ("HSET", AtLeast(4), hashes::hset),
    ("HVALS", Exactly(2), hashes::hvals),
    ("INCR", Exactly(2), strings::incr),
    ("INCRBY", Exactly(3), strings::incrby),
    ("INFO", AtLeast(1), keys::info),
    ("KEYS", Exactly(2), keys::keys),
    ("MGET", AtLeast(2), strings::mget),
    ("MSET", AtLeast(3), strings::mset),
    ("PERSIST", Exactly(2), keys::persist),
    ("PEXPIRE", Exactly(3), keys::pexpire),
    ("PTTL", Exactly(2), keys::pttl),
    ("SCAN", AtLeast(2), keys::scan),
    ("SET", AtLeast(3), strings::set),
    ("STRLEN", Exactly(2), strings::strlen),
    ("TTL", Exactly(2), keys::ttl),
    ("TYPE", Exactly(2), keys::kind),
    ("UNLINK", AtLeast(2), keys::del),
];

/// Runs a command on the store.
pub(super) fn run(store: &mut Store, name: &str, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
    let found = COMMANDS.iter().find(|(known, _, _)| *known == name);
    let &(_, arity, run) = found.ok_or_else(|| unknown(name, arguments))?;
    let words = arguments.len() + 1;
    let fits = match arity {
        AtLeast(least) => words >= least,
        Exactly(count) => words == count,
    };
    if fits { run(store, arguments) } else { Err(CommandError::Arity(name.to_lowercase())) }
}

fn unknown(name: &str, arguments: &[Vec<u8>]) -> CommandError {
    const MAX_QUOTED: usize = 128;
    let quoted: Vec<String> = arguments.iter().take(8).map(|word| format!("'{}'", word.escape_ascii())).collect();
    let quote = |text: &str| text.chars().take(MAX_QUOTED).collect();
    CommandError::Unknown { name: quote(name), arguments: quote(&quoted.join(" ")) }
}

/// A whole number.
pub(super) fn integer(word: &[u8]) -> Result<i64, CommandError> {
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).ok_or(CommandError::Integer)
}

/// A count as it is answered.
pub(super) fn count(count: usize) -> Frame {
    Frame::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Bytes that may not be there.
pub(super) fn bulk(bytes: Option<&[u8]>) -> Frame {
    bytes.map_or(Frame::Null, |bytes| Frame::Bulk(bytes.to_vec()))
}

/// The answer of a command that has none.
pub(super) fn ok() -> Frame {
    Frame::Simple("OK".to_owned())
}
