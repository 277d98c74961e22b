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
        // Flags, a cursor, where it stands, and how many documents there are: the first is the answer.
        OP_REPLY => (true, false, Document::read_first(rest.get(20..).ok_or(WireError::Length)?)?.0),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.write(&mut bytes);
        bytes
    }

    fn op_msg_of(flags: u32, sections: &[&[u8]]) -> Vec<u8> {
        let rest = [&flags.to_le_bytes()[..], &sections.concat()].concat();
        let head = [HEAD + rest.len(), 5, 0, 2013].map(|number| i32::try_from(number).unwrap().to_le_bytes());
        [head.concat(), rest].concat()
    }

    #[test]
    fn sequences_become_arrays_of_the_body() {
        let one = Document::default().with("a", 1);
        let mut document = Vec::new();
        one.write(&mut document);
        let body = [&[0][..], &document].concat();
        let mut sequence = [b"xxxxdocuments\0".as_slice(), &document, &document].concat();
        let length = i32::try_from(sequence.len()).unwrap();
        sequence.splice(..4, length.to_le_bytes());
        let sequence = [&[1][..], &sequence].concat();
        let bytes = op_msg_of(MORE_TO_COME | CHECKSUM_PRESENT, &[&body, &sequence, &[0; 4]]);
        let (message, taken) = read(&bytes).unwrap().unwrap();
        assert_eq!((taken, message.is_silent, message.id), (bytes.len(), true, 5));
        let expected = one.clone().with("documents", vec![Bson::Document(one.clone()), Bson::Document(one)]);
        assert_eq!(message.body, expected);
        for (bytes, error) in [
            (op_msg_of(4, &[&body]), WireError::Flags(4)),
            (op_msg_of(0, &[&body, &body]), WireError::Section),
            (op_msg_of(0, &[&[2]]), WireError::Section),
            (op_msg_of(0, &[]), WireError::Section),
            (op_msg_of(0, &[&[0, 9]]), WireError::Bson(BsonError::Length)),
            (op_msg_of(CHECKSUM_PRESENT, &[&[0, 9]]), WireError::Length),
            (vec![1, 0, 0, 0], WireError::Length),
            (i32::MAX.to_le_bytes().to_vec(), WireError::Length),
        ] {
            assert_eq!(read(&bytes), Err(error), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_and_writing_are_inverses(id in any::<i32>(), answers in any::<i32>(), is_legacy in any::<bool>(), text in ".{0,20}") {
            let body = Document::default().with("text", text.as_str());
            let message = Message { id, answers, is_legacy, is_silent: false, body };
            let bytes = written(&message);
            prop_assert_eq!(read(&bytes), Ok(Some((message, bytes.len()))));
            for end in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..end]), Ok(None));
            }
        }

        #[test]
        fn any_bytes_are_a_message_or_not(mut bytes in prop::collection::vec(any::<u8>(), 16..200), kind in 0_usize..3) {
            let length = i32::try_from(bytes.len()).unwrap();
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            bytes[12..16].copy_from_slice(&[OP_REPLY, OP_QUERY, OP_MSG][kind].to_le_bytes());
            let _ = read(&bytes);
        }
    }
}
