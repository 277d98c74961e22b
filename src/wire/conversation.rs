//! One connection as an eavesdropper knows it: who spoke first, in what, and how much.

use std::{collections::BTreeMap, fmt};

use super::record::{Content, Record, Records};
use crate::sidecar::sniff::{self, Offered};

/// How much of each direction is kept for a search. Beyond it nothing can be said about what was not seen.
const KEPT: usize = 1 << 20;
/// How many of the first bytes decide whether they are text.
const LOOKED_AT: usize = 256;
/// How many of the first bytes are shown.
const SHOWN: usize = 64;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// From the server back.
    ToClient,
    /// From whoever connected.
    ToServer,
}

/// What bytes are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Neither text nor TLS.
    Bytes,
    /// Nothing has come yet.
    Nothing,
    /// Text that a person can read.
    Text,
    /// Records of TLS, from the first byte on.
    Tls,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bytes => "bytes",
            Self::Nothing => "nothing",
            Self::Text => "text",
            Self::Tls => "TLS",
        })
    }
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct Side {
    kept: Vec<u8>,
    bytes: u64,
    records: Records,
    counts: BTreeMap<Content, usize>,
}

impl Side {
    /// Takes the next bytes, and answers the records that begin in them.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Record> {
        let room = KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.bytes += bytes.len() as u64;
        let found = self.records.feed(bytes);
        found.iter().for_each(|record| *self.counts.entry(record.content).or_default() += 1);
        found
    }

    /// What it is, as far as can be told by now.
    pub fn kind(&self) -> Kind {
        let first = &self.kept[..self.kept.len().min(LOOKED_AT)];
        match (first, self.counts.is_empty()) {
            ([], _) => Kind::Nothing,
            (_, false) if !self.records.is_broken() => Kind::Tls,
            _ if is_text(first) => Kind::Text,
            _ => Kind::Bytes,
        }
    }

    /// How many bytes there were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many records of each content there were.
    pub fn counts(&self) -> &BTreeMap<Content, usize> {
        &self.counts
    }

    /// The first bytes as a person reads them: text with escapes, or hexadecimal digits.
    pub fn first(&self) -> String {
        let first = &self.kept[..self.kept.len().min(SHOWN)];
        match self.kind() {
            Kind::Text => String::from_utf8_lossy(first).escape_debug().to_string(),
            _ => first.iter().take(SHOWN / 4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        }
    }

    /// Whether this stands there as it is.
    pub fn contains(&self, wanted: &str) -> bool {
        memchr::memmem::find(&self.kept, wanted.as_bytes()).is_some()
    }

    /// Whether more went by than was kept.
    pub fn is_cut(&self) -> bool {
        self.bytes > self.kept.len() as u64
    }
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// From whoever connected.
    pub to_server: Side,
    /// Back to them.
    pub to_client: Side,
}

impl Conversation {
    /// Takes the next bytes of a direction, and answers the records that begin in them.
    pub fn feed(&mut self, direction: Direction, bytes: &[u8]) -> Vec<Record> {
        match direction {
            Direction::ToClient => self.to_client.feed(bytes),
            Direction::ToServer => self.to_server.feed(bytes),
        }
    }

    /// What is spoken: what the client began with, or the server where the client is silent.
    pub fn kind(&self) -> Kind {
        match self.to_server.kind() {
            Kind::Nothing => self.to_client.kind(),
            kind => kind,
        }
    }

    /// The name and the protocols that the client offers in the clear, if it began with TLS.
    pub fn offered(&self) -> Option<Offered> {
        sniff::offered(&self.to_server.kept)
    }

    /// Whether a direction has this in it as it is.
    pub fn contains(&self, wanted: &str) -> bool {
        self.to_server.contains(wanted) || self.to_client.contains(wanted)
    }

    /// Whether more went by than was kept.
    pub fn is_cut(&self) -> bool {
        self.to_server.is_cut() || self.to_client.is_cut()
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (there, back) = (self.to_server.bytes(), self.to_client.bytes());
        match self.kind() {
            Kind::Nothing => f.write_str("no byte"),
            Kind::Tls => write!(
                f,
                "TLS: {} to the server, {} back",
                counted(self.to_server.counts()),
                counted(self.to_client.counts())
            ),
            Kind::Text => write!(f, "text: \"{}\"", self.to_server.first()),
            Kind::Bytes => {
                write!(f, "{there} bytes to the server, {back} back, which begin with {}", self.to_server.first())
            }
        }
    }
}

fn counted(counts: &BTreeMap<Content, usize>) -> String {
    let all: usize = counts.values().sum();
    match all {
        1 => "1 record".to_owned(),
        all => format!("{all} records"),
    }
}

/// Whether a person would call it text: no control characters but the usual ones, and UTF-8 up to a cut at the end.
pub fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && valid.chars().all(|char| !char.is_control() || matches!(char, '\r' | '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(bytes: &[u8]) -> Side {
        let mut side = Side::default();
        side.feed(bytes);
        side
    }

    #[test]
    fn what_bytes_are() {
        let table: [(&[u8], Kind); 9] = [
            (b"", Kind::Nothing),
            (b"GET / HTTP/1.1\r\nHost: a\r\n", Kind::Text),
            ("grüße".as_bytes(), Kind::Text),
            (&"grüße".as_bytes()[..3], Kind::Text),
            (b"\xff\xfe", Kind::Bytes),
            (b"a\0b", Kind::Bytes),
            (&[22, 3, 1, 0, 1, 1], Kind::Tls),
            (&[22, 3, 1], Kind::Bytes),
            // Records, and then something else: that is no TLS.
            (&[22, 3, 1, 0, 0, b'G', b'E', b'T', b' ', b'/'], Kind::Bytes),
        ];
        for (bytes, kind) in table {
            assert_eq!(side(bytes).kind(), kind, "{bytes:?}");
        }
    }

    #[test]
    fn a_search_sees_across_pieces() {
        let mut conversation = Conversation::default();
        conversation.feed(Direction::ToServer, b"GET /sec");
        conversation.feed(Direction::ToServer, b"ret HTTP/1.1\r\n");
        assert!(conversation.contains("/secret"));
        insta::assert_snapshot!(conversation, @r#"text: "GET /secret HTTP/1.1\r\n""#);
    }

    #[test]
    fn only_so_much_is_kept() {
        let mut long = side(&vec![b'a'; KEPT]);
        assert!(!long.is_cut());
        long.feed(b"b");
        assert!(long.is_cut() && !long.contains("b"));
        assert_eq!(long.bytes(), KEPT as u64 + 1);
    }
}
