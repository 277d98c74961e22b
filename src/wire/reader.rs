//! One direction of a connection, told piece by piece as it goes by.

use std::mem::take;

use super::{
    handshake::Message,
    record::{Content, HEADER, Record},
};
/// The longest message that is put together from several records: as much as a sidecar takes for a ClientHello.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// What went by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// Bytes that are no records.
    Bytes(Vec<u8>),
    /// A record of TLS, and what can be read of it.
    Record(Record, Readable),
}

/// What an eavesdropper can read of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Readable {
    /// Why the connection ends, by the number of the alert.
    Alert(u8),
    /// The messages that end in it; none if one of them goes on in the next record.
    Messages(Vec<Message>),
    /// That it is there.
    Nothing,
}

/// Reads one direction, however its bytes arrive.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    state: State,
    /// What came and has not been told yet.
    waiting: Vec<u8>,
    /// The beginning of a handshake message.
    message: Vec<u8>,
    /// Whether what follows is encrypted, as far as TLS 1.2 says so.
    encrypted: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// A record's header comes next, or the very first bytes.
    #[default]
    Header,
    /// So many bytes of a record that nobody can read.
    Inside(usize),
    /// No records, or none any more.
    Raw,
}

impl Reader {
    /// Takes the next bytes, and tells what can be told by now. A record that can be read is told when it is whole, any
    /// other one when it begins.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.waiting.extend_from_slice(bytes);
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Tells what is left when the connection ends.
    pub fn end(&mut self) -> Option<Piece> {
        let rest = take(&mut self.waiting);
        (!rest.is_empty()).then_some(Piece::Bytes(rest))
    }

    fn next(&mut self) -> Option<Piece> {
        if let State::Inside(missing) = self.state {
            let skipped = missing.min(self.waiting.len());
            self.waiting.drain(..skipped);
            self.state = if skipped == missing { State::Header } else { State::Inside(missing - skipped) };
        }
        let &first = self.waiting.first()?;
        if self.state == State::Header {
            let Some(content) = Content::from_code(first) else { return self.raw() };
            let &header = self.waiting.first_chunk::<HEADER>()?;
            let Some(record) = Record::read(header) else { return self.raw() };
            return match content {
                Content::Alert | Content::Handshake => self.whole(record),
                Content::ApplicationData | Content::ChangeCipherSpec => {
                    self.encrypted = true;
                    self.waiting.drain(..HEADER);
                    self.state = State::Inside(record.length.into());
                    Some(Piece::Record(record, Readable::Nothing))
                }
            };
        }
        self.raw()
    }

    fn raw(&mut self) -> Option<Piece> {
        self.state = State::Raw;
        self.end()
    }

    /// A record that may be read, once it is whole.
    fn whole(&mut self, record: Record) -> Option<Piece> {
        let end = HEADER + usize::from(record.length);
        if self.waiting.len() < end {
            return None;
        }
        let whole: Vec<u8> = self.waiting.drain(..end).collect();
        let readable = self.readable(record.content, &whole[HEADER..]);
        Some(Piece::Record(record, readable))
    }

    fn readable(&mut self, content: Content, body: &[u8]) -> Readable {
        match (content, body) {
            (Content::Alert, &[1 | 2, code]) => Readable::Alert(code),
            (Content::Handshake, _) => self.messages(body),
            _ => Readable::Nothing,
        }
    }

    fn messages(&mut self, body: &[u8]) -> Readable {
        self.message.extend_from_slice(body);
        let (mut found, mut rest) = (Vec::new(), &self.message[..]);
        while let Some((message, after)) = Message::take(rest) {
            found.push(message);
            rest = after;
        }
        // An encrypted message looks like the beginning of one, if it looks like anything.
        let goes_on = !self.encrypted && rest.len() < LONGEST_MESSAGE;
        let readable = found.is_empty() && !goes_on;
        self.message = if goes_on { rest.to_vec() } else { Vec::new() };
        if readable { Readable::Nothing } else { Readable::Messages(found) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(content: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[content, 3, 3], &length[..], body].concat()
    }

    /// What is told of bytes that come at once.
    fn told(bytes: &[u8]) -> Vec<String> {
        let mut reader = Reader::default();
        let mut pieces = reader.feed(bytes);
        pieces.extend(reader.end());
        pieces.iter().map(tell).collect()
    }

    fn tell(piece: &Piece) -> String {
        match piece {
            Piece::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Piece::Record(record, readable) => match readable {
                Readable::Alert(alert) => format!("{}: {alert}", record.content),
                Readable::Messages(messages) => format!("{}: {messages:?}", record.content),
                Readable::Nothing => record.content.to_string(),
            },
        }
    }

    #[test]
    fn what_is_in_the_clear_is_read() {
        let done = [14, 0, 0, 0];
        assert_eq!(
            told(&record(22, &[done, done].concat())),
            ["handshake: [Other(\"ServerHelloDone\"), Other(\"ServerHelloDone\")]"]
        );
        assert_eq!(told(&record(21, &[2, 116])), ["alert: 116"]);
        assert_eq!(told(b"GET / HTTP/1.1\r\n"), ["16 bytes"]);
        // What might have become a record.
        assert_eq!(told(&[22, 3]), ["2 bytes"]);
    }

    #[test]
    fn what_is_encrypted_is_there() {
        let after = [record(20, &[1]), record(22, &[9; 40]), record(21, &[9; 26]), record(23, &[0; 5])].concat();
        assert_eq!(told(&after), ["change cipher spec", "handshake", "alert", "application data"]);
    }

    #[test]
    fn a_message_may_take_several_records() {
        let parts = [record(22, &[11, 0, 0]), record(22, &[1]), record(22, &[5])].concat();
        assert_eq!(told(&parts), ["handshake: []", "handshake: []", "handshake: [Other(\"Certificate\")]"]);
    }

    proptest! {
        /// It does not matter in which pieces the bytes arrive, but for where raw bytes are cut.
        #[test]
        fn pieces_make_no_difference(
            records in prop::collection::vec((20u8..24, prop::collection::vec(any::<u8>(), 0..60)), 0..12),
            cuts in prop::collection::vec(0usize..800, 0..12),
        ) {
            let bytes: Vec<u8> = records.iter().flat_map(|(content, body)| record(*content, body)).collect();
            let expected = Reader::default().feed(&bytes);
            prop_assert_eq!(expected.len(), records.len());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut pieces = Reader::default();
            let found: Vec<Piece> = cuts.windows(2).flat_map(|cut| pieces.feed(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
