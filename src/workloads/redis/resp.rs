//! RESP, the protocol of Redis: requests as a server reads them, replies in both directions.
//!
//! Source: the Redis serialization protocol specification, versions 2 and 3. What a peer sends is bounded.

/// The most bytes of a request or a reply.
pub const MAX_FRAME: usize = 1 << 20;
/// The most arguments of a request.
const MAX_ARGUMENTS: usize = 1024;
/// The longest request on one line.
const MAX_INLINE: usize = 64 << 10;
/// The longest first line of anything else: a type, a number.
const MAX_HEAD: usize = 64;
/// How deep arrays may hold each other.
const MAX_DEPTH: usize = 8;

/// A reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame {
    /// Several replies in one.
    Array(Vec<Frame>),
    /// Bytes.
    Bulk(Vec<u8>),
    /// A failure; its first word is its kind.
    Error(String),
    /// A number.
    Integer(i64),
    /// Pairs of keys and values; in version 2 an array of both in turn.
    Map(Vec<(Frame, Frame)>),
    /// Nothing.
    Null,
    /// A short text without line ends.
    Simple(String),
}

/// The arguments of a request, the command's name first.
pub type Request = Vec<Vec<u8>>;

/// Bytes that are not RESP; the connection cannot go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// A bulk string of another length than any can have.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// An array inside of an array inside of ...
    #[error("Protocol error: nested too deeply")]
    Depth,
    /// An array of another length than any can have.
    #[error("Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// A request that is too long.
    #[error("Protocol error: too big request")]
    TooBig,
    /// A request on one line that is too long.
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    /// A quote that is not closed, or not followed by a space.
    #[error("Protocol error: unbalanced quotes in request")]
    Quotes,
    /// Another type than is allowed there.
    #[error("Protocol error: expected '{expected}', got '{}'", got.escape_ascii())]
    Type {
        /// What is allowed.
        expected: char,
        /// What is there.
        got: u8,
    },
}

/// What was read, and how many bytes it took; `None` as long as there is not all of it.
pub type Read<T> = Result<Option<(T, usize)>, ProtocolError>;

/// Reads a request: an array of bulk strings, or words on one line. A request without words is an empty list.
///
/// # Errors
/// If no further bytes can make it one.
pub fn request(bytes: &[u8]) -> Read<Request> {
    match bytes.first() {
        None => Ok(None),
        Some(b'*') => multibulk(bytes),
        Some(_) => inline(bytes),
    }
}

fn multibulk(bytes: &[u8]) -> Read<Request> {
    let Some((count, mut at)) = number(bytes, ProtocolError::MultibulkLength)? else { return Ok(None) };
    let count = usize::try_from(count.max(0)).ok().filter(|count| *count <= MAX_ARGUMENTS);
    let count = count.ok_or(ProtocolError::MultibulkLength)?;
    let mut arguments = Vec::new();
    for _ in 0..count {
        match bytes.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&got) => return Err(ProtocolError::Type { expected: '$', got }),
        }
        let Some((argument, length)) = bulk(&bytes[at..])? else { return Ok(None) };
        arguments.push(argument.ok_or(ProtocolError::BulkLength)?.to_vec());
        at += length;
        if at > MAX_FRAME {
            return Err(ProtocolError::TooBig);
        }
    }
    Ok(Some((arguments, at)))
}

fn inline(bytes: &[u8]) -> Read<Request> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() > MAX_INLINE { Err(ProtocolError::TooBigInline) } else { Ok(None) };
    };
    if end > MAX_INLINE {
        return Err(ProtocolError::TooBigInline);
    }
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    Ok(Some((words(line)?, end + 1)))
}

/// The words of a line; quotes keep spaces, and inside of double quotes a backslash keeps what follows it.
fn words(line: &[u8]) -> Result<Request, ProtocolError> {
    let (mut words, mut rest) = (Vec::new(), line.trim_ascii());
    while let Some(&first) = rest.first() {
        if words.len() == MAX_ARGUMENTS {
            return Err(ProtocolError::TooBigInline);
        }
        let word = match first {
            b'"' | b'\'' => {
                let (word, length) = quoted(&rest[1..], first).ok_or(ProtocolError::Quotes)?;
                rest = &rest[1 + length..];
                if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    return Err(ProtocolError::Quotes);
                }
                word
            }
            _ => {
                let length = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                let word = rest[..length].to_vec();
                rest = &rest[length..];
                word
            }
        };
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    Ok(words)
}

/// What stands before the closing quote, and how many bytes it took with that.
fn quoted(bytes: &[u8], quote: u8) -> Option<(Vec<u8>, usize)> {
    let (mut word, mut at) = (Vec::new(), 0);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        match byte {
            _ if byte == quote => return Some((word, at)),
            b'\\' if quote == b'"' => {
                word.push(match *bytes.get(at)? {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => other,
                });
                at += 1;
            }
            _ => word.push(byte),
        }
    }
}

/// Reads a reply of version 2, as a client does.
///
/// # Errors
/// If no further bytes can make it one.
pub fn reply(bytes: &[u8]) -> Read<Frame> {
    reply_at_depth(bytes, 0)
}

fn reply_at_depth(bytes: &[u8], depth: usize) -> Read<Frame> {
    let Some(&kind) = bytes.first() else { return Ok(None) };
    let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
    match kind {
        b'+' | b'-' => Ok(line(bytes, MAX_INLINE, ProtocolError::TooBig)?.map(|(line, length)| {
            let text = text(line);
            (if kind == b'+' { Frame::Simple(text) } else { Frame::Error(text) }, length)
        })),
        b':' => Ok(number(bytes, ProtocolError::BulkLength)?.map(|(number, at)| (Frame::Integer(number), at))),
        b'$' => {
            let read = bulk(bytes)?;
            Ok(read.map(|(bytes, at)| (bytes.map_or(Frame::Null, |bytes| Frame::Bulk(bytes.to_vec())), at)))
        }
        b'*' if depth == MAX_DEPTH => Err(ProtocolError::Depth),
        b'*' => array(bytes, depth),
        got => Err(ProtocolError::Type { expected: '*', got }),
    }
}

fn array(bytes: &[u8], depth: usize) -> Read<Frame> {
    let Some((count, mut at)) = number(bytes, ProtocolError::MultibulkLength)? else { return Ok(None) };
    if count < 0 {
        return Ok(Some((Frame::Null, at)));
    }
    let mut frames = Vec::new();
    for _ in 0..count {
        let Some((frame, length)) = reply_at_depth(&bytes[at..], depth + 1)? else { return Ok(None) };
        frames.push(frame);
        at += length;
        if at > MAX_FRAME {
            return Err(ProtocolError::TooBig);
        }
    }
    Ok(Some((Frame::Array(frames), at)))
}

/// A bulk string, which may be none at all.
fn bulk(bytes: &[u8]) -> Read<Option<&[u8]>> {
    let Some((length, at)) = number(bytes, ProtocolError::BulkLength)? else { return Ok(None) };
    if length == -1 {
        return Ok(Some((None, at)));
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_FRAME);
    let end = at + length.ok_or(ProtocolError::BulkLength)?;
    match bytes.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some((Some(&bytes[at..end]), end + 2))),
        Some(_) => Err(ProtocolError::BulkLength),
    }
}

/// The number of a first line; `wrong` if it is none.
fn number(bytes: &[u8], wrong: ProtocolError) -> Read<i64> {
    let Some((digits, length)) = line(bytes, MAX_HEAD, wrong.clone())? else { return Ok(None) };
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    Ok(Some((number.ok_or(wrong)?, length)))
}

/// The first line without its type and its end.
fn line(bytes: &[u8], max: usize, too_long: ProtocolError) -> Read<&[u8]> {
    let window = &bytes[..bytes.len().min(max)];
    match window.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => Ok(Some((&bytes[1..end.max(1)], end + 2))),
        None if window.len() == max => Err(too_long),
        None => Ok(None),
    }
}

impl Frame {
    /// A bulk string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Bulk(text.into().into_bytes())
    }

    /// Writes the reply as version 2 or 3 of the protocol has it.
    pub fn write(&self, version: u8, out: &mut Vec<u8>) {
        match self {
            Self::Array(frames) => {
                head(out, '*', frames.len());
                frames.iter().for_each(|frame| frame.write(version, out));
            }
            Self::Bulk(bytes) => {
                head(out, '$', bytes.len());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::Error(text) => head(out, '-', one_line(text)),
            Self::Integer(number) => head(out, ':', number),
            Self::Map(pairs) => {
                if version == 3 {
                    head(out, '%', pairs.len());
                } else {
                    head(out, '*', pairs.len() * 2);
                }
                for (key, value) in pairs {
                    key.write(version, out);
                    value.write(version, out);
                }
            }
            Self::Null if version == 3 => out.extend_from_slice(b"_\r\n"),
            Self::Null => out.extend_from_slice(b"$-1\r\n"),
            Self::Simple(text) => head(out, '+', one_line(text)),
        }
    }
}

fn head(out: &mut Vec<u8>, kind: char, rest: impl std::fmt::Display) {
    out.extend_from_slice(format!("{kind}{rest}\r\n").as_bytes());
}

/// A text that quotes its sender must not end the line.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// Writes a request as an array of bulk strings.
pub fn write_request(arguments: &[&str], out: &mut Vec<u8>) {
    head(out, '*', arguments.len());
    for argument in arguments {
        Frame::text(*argument).write(2, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_frame() -> impl Strategy<Value = Frame> {
        let line = "[^\r\n]{0,20}";
        let leaf = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Frame::Bulk),
            line.prop_map(Frame::Error),
            any::<i64>().prop_map(Frame::Integer),
            Just(Frame::Null),
            line.prop_map(Frame::Simple),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Frame::Array))
    }

    proptest! {
        #[test]
        fn reading_and_writing_are_inverses(frame in any_frame()) {
            let mut bytes = Vec::new();
            frame.write(2, &mut bytes);
            prop_assert_eq!(reply(&bytes), Ok(Some((frame, bytes.len()))));
            for end in 0..bytes.len() {
                prop_assert_eq!(reply(&bytes[..end]), Ok(None));
            }
        }

        #[test]
        fn requests_arrive_as_they_were_sent(words in prop::collection::vec(".{0,20}", 1..6)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut bytes = Vec::new();
            write_request(&words, &mut bytes);
            let sent = words.iter().map(|word| word.as_bytes().to_vec()).collect();
            prop_assert_eq!(request(&bytes), Ok(Some((sent, bytes.len()))));
            for end in 0..bytes.len() {
                prop_assert_eq!(request(&bytes[..end]), Ok(None));
            }
        }

        #[test]
        fn any_bytes_are_bounded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for read in [request(&bytes).map(|read| read.map(|read| read.1)), reply(&bytes).map(|read| read.map(|read| read.1))] {
                if let Ok(Some(length)) = read {
                    prop_assert!(length > 0 && length <= bytes.len());
                }
            }
        }
    }

    #[test]
    fn what_is_no_reply() {
        let nested = [b"*1\r\n".repeat(MAX_DEPTH + 1), b":1\r\n".to_vec()].concat();
        assert_eq!(reply(&nested), Err(ProtocolError::Depth));
        assert_eq!(reply(b"!x\r\n"), Err(ProtocolError::Type { expected: '*', got: b'!' }));
        assert_eq!(reply(b":x\r\n"), Err(ProtocolError::BulkLength));
        assert_eq!(reply(b"$2\r\nabcd"), Err(ProtocolError::BulkLength));
        assert_eq!(reply(b"*x\r\n"), Err(ProtocolError::MultibulkLength));
        assert_eq!(reply(&[b"+".as_slice(), &[b'x'; MAX_INLINE]].concat()), Err(ProtocolError::TooBig));
    }

    #[test]
    fn words_of_a_line() {
        let words = |line: &str| request(format!("{line}\r\n").as_bytes()).map(|read| read.unwrap().0);
        let some = |words: &[&str]| Ok(words.iter().map(|word| word.as_bytes().to_vec()).collect::<Request>());
        assert_eq!(words("  SET a  1 "), some(&["SET", "a", "1"]));
        assert_eq!(words(r#"SET "a b" 'c "d' "e\"\n""#), some(&["SET", "a b", "c \"d", "e\"\n"]));
        assert_eq!(words(""), some(&[]));
        assert_eq!(words("\"a\"b"), Err(ProtocolError::Quotes));
        assert_eq!(words("'a"), Err(ProtocolError::Quotes));
    }
}
