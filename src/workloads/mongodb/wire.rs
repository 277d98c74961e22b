//! MongoDB's messages: `OP_MSG`, and `OP_QUERY` with `OP_REPLY`, by which older clients say hello.
//!
//! Shape: length of all, id, id of what is answered and kind, 4 bytes each, little-endian; then by kind. Source: the
//! MongoDB wire protocol. What a peer sends is bounded.

use super::bson::{Bson, BsonError, Document};

/// The longest message.
pub const MAX_MESSAGE: usize = 1 << 20;
/// The length of a message's head.
const HEAD: usize = 16;

const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;

const CHECKSUM_PRESENT: u32 = 1;
const MORE_TO_COME: u32 = 1 << 1;
/// Flags among the first sixteen must be understood.
const REQUIRED_FLAGS: u32 = 0xffff;

/// A command or its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What an answer names it by.
    pub id: i32,
    /// What it answers; 0 for a command.
    pub answers: i32,
    /// Whether it came as `OP_QUERY`, and wants an `OP_REPLY`.
    pub is_legacy: bool,
    /// Whether it wants no answer at all.
    pub is_silent: bool,
    /// What it says; sequences of documents are arrays in it.
    pub body: Document,
}

/// Bytes that are no message; the connection cannot go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WireError {
    /// A document in it is none.
    #[error(transparent)]
    Bson(#[from] BsonError),
    /// A flag that has to be understood.
    #[error("the message has the unknown flags {0:#x}")]
    Flags(u32),
    /// A kind that is not known.
    #[error("the message has the unknown kind {0}")]
    Kind(i32),
    /// A length that does not fit what is there.
    #[error("the message has a wrong length")]
    Length,
    /// A section that is not known, a second body, or none.
    #[error("the message has a wrong section")]
    Section,
}

/// Reads the first message of `bytes` and says how many bytes it took; `None` as long as there is not all of it.
///
/// # Errors
/// If no further bytes can make it one.
pub fn read(bytes: &[u8]) -> Result<Option<(Message, usize)>, WireError> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| WireError::Length)?;
    if !(HEAD..=MAX_MESSAGE).contains(&length) {
        return Err(WireError::Length);
    }
    let Some(message) = bytes.get(..length) else { return Ok(None) };
    let (id, answers, kind) = (number(message, 4)?, number(message, 8)?, number(message, 12)?);
    let rest = &message[HEAD..];
    let (is_legacy, is_silent, body) = match kind {
        OP_MSG => {
            let (is_silent, body) = op_msg(rest)?;
            (false, is_silent, body)
        }
        OP_QUERY => (true, false, op_query(rest)?),
        other => return Err(WireError::Kind(other)),
    };
    Ok(Some((Message { id, answers, is_legacy, is_silent, body }, length)))
}

fn number(bytes: &[u8], at: usize) -> Result<i32, WireError> {
    let four = bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk());
    four.map(|bytes| i32::from_le_bytes(*bytes)).ok_or(WireError::Length)
}

/// Flags, then sections: one body, and any number of sequences, each with the name it has in the body.
fn op_msg(bytes: &[u8]) -> Result<(bool, Document), WireError> {
    let flags = number(bytes, 0)?.cast_unsigned();
    if flags & REQUIRED_FLAGS & !(CHECKSUM_PRESENT | MORE_TO_COME) != 0 {
        return Err(WireError::Flags(flags));
    }
    let mut sections = &bytes[4..];
    if flags & CHECKSUM_PRESENT != 0 {
        // TCP has a checksum of its own.
        sections = sections.split_last_chunk::<4>().ok_or(WireError::Length)?.0;
    }
    let (mut body, mut sequences) = (None, Vec::new());
    while let Some((kind, rest)) = sections.split_first() {
        sections = match kind {
            0 if body.is_none() => {
                let (document, length) = Document::read_first(rest)?;
                body = Some(document);
                &rest[length..]
            }
            1 => {
                let (sequence, rest) = sequence(rest)?;
                sequences.push(sequence);
                rest
            }
            _ => return Err(WireError::Section),
        };
    }
    let mut body = body.ok_or(WireError::Section)?;
    body.0.extend(sequences);
    Ok((flags & MORE_TO_COME != 0, body))
}

/// Its length, its name, its documents.
fn sequence(bytes: &[u8]) -> Result<((String, Bson), &[u8]), WireError> {
    let length = usize::try_from(number(bytes, 0)?).map_err(|_| WireError::Length)?;
    let (own, rest) = bytes.split_at_checked(length).ok_or(WireError::Length)?;
    let own = own.get(4..).ok_or(WireError::Length)?;
    let (name, mut own) = cstring(own)?;
    let mut documents = Vec::new();
    while !own.is_empty() {
        let (document, length) = Document::read_first(own)?;
        documents.push(Bson::Document(document));
        own = &own[length..];
    }
    Ok(((name, Bson::Array(documents)), rest))
}

fn cstring(bytes: &[u8]) -> Result<(String, &[u8]), WireError> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(WireError::Length)?;
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| BsonError::Value)?;
    Ok((text.to_owned(), &bytes[end + 1..]))
}

/// Flags, a collection's name, how many to skip and to return, and the question.
fn op_query(bytes: &[u8]) -> Result<Document, WireError> {
    let (_, rest) = cstring(bytes.get(4..).ok_or(WireError::Length)?)?;
    let (question, _) = Document::read_first(rest.get(8..).ok_or(WireError::Length)?)?;
    // Some clients wrap the question, to have room for how they want it answered.
    Ok(question.document("$query").cloned().unwrap_or(question))
}

impl Message {
    /// A command.
    pub fn command(id: i32, body: Document) -> Self {
        Self { id, answers: 0, is_legacy: false, is_silent: false, body }
    }

    /// The answer to this command, in the form that it wants.
    #[must_use]
    pub fn answer(&self, id: i32, body: Document) -> Self {
        Self { id, answers: self.id, is_legacy: self.is_legacy, is_silent: false, body }
    }

    /// Writes a command as `OP_MSG`, an answer as `OP_MSG` or `OP_REPLY`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = if self.is_legacy { OP_REPLY } else { OP_MSG };
        [0, self.id, self.answers, kind].iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        if self.is_legacy {
            // No flags, no cursor, from the first one, one document.
            out.extend_from_slice(&[0; 16]);
            out.extend_from_slice(&1_i32.to_le_bytes());
        } else {
            out.extend_from_slice(&[0; 5]);
        }
        self.body.write(out);
        let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}
