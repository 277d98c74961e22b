//! The records of TLS, told apart by their headers, which are never encrypted (RFC 8446, section 5.1).

use std::fmt;

/// The length of a record's header.
pub(super) const HEADER: usize = 5;
/// The longest record that any version of TLS allows: 2^14 bytes and 2048 of expansion (RFC 5246, section 6.2.3).
const LONGEST: u16 = (1 << 14) + 2048;

/// What a record says that it carries. TLS 1.3 calls everything `ApplicationData` once it is encrypted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Content {
    /// 20: a relic that TLS 1.3 still sends to look like TLS 1.2.
    ChangeCipherSpec,
    /// 21: a warning or the end.
    Alert,
    /// 22: the handshake, as long as it is readable.
    Handshake,
    /// 23: what applications wrote, and all else that is encrypted.
    ApplicationData,
}

impl Content {
    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            _ => None,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ChangeCipherSpec => "change cipher spec",
            Self::Alert => "alert",
            Self::Handshake => "handshake",
            Self::ApplicationData => "application data",
        })
    }
}

/// A version of TLS, by its minor number: 3 is TLS 1.2, as records go on to say in TLS 1.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version(pub u8);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.pad("SSL 3.0"),
            minor => f.pad(&format!("TLS 1.{}", minor - 1)),
        }
    }
}

/// One record's header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record {
    /// What it carries.
    pub content: Content,
    /// What it says of its version.
    pub version: Version,
    /// How many bytes follow the header.
    pub length: u16,
}

impl Record {
    /// Reads a header; nothing if it is none.
    pub fn read([content, major, minor, high, low]: [u8; HEADER]) -> Option<Self> {
        let length = u16::from_be_bytes([high, low]);
        let content = Content::from_code(content)?;
        // SSL 3.0 to TLS 1.2; TLS 1.3 says that it is 1.2.
        (major == 3 && minor <= 4 && length <= LONGEST).then_some(Self { content, version: Version(minor), length })
    }
}

/// Finds the records in one direction of a connection, however its bytes arrive.
#[derive(Clone, Debug, Default)]
pub struct Records {
    header: Vec<u8>,
    /// How much of the current record is still to come.
    missing: usize,
    broken: bool,
}

impl Records {
    /// Takes the next bytes, and answers the records that begin in them.
    ///
    /// Bytes that are no record end it: whatever follows them cannot be told apart any more.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Record> {
        let mut found = Vec::new();
        while !bytes.is_empty() && !self.broken {
            let skipped = self.missing.min(bytes.len());
            self.missing -= skipped;
            let wanted = (HEADER - self.header.len()).min(bytes.len() - skipped);
            self.header.extend_from_slice(&bytes[skipped..skipped + wanted]);
            bytes = &bytes[skipped + wanted..];
            if let Ok(header) = <[u8; HEADER]>::try_from(&self.header[..]) {
                self.header.clear();
                match Record::read(header) {
                    Some(record) => {
                        self.missing = record.length.into();
                        found.push(record);
                    }
                    None => self.broken = true,
                }
            }
        }
        found
    }

    /// Whether something came that is no record.
    pub fn is_broken(&self) -> bool {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_told_apart_by_their_headers() {
        let mut records = Records::default();
        let bytes = [22, 3, 1, 0, 2, 0xAA, 0xBB, 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 0, 21, 3, 3, 0, 2, 2];
        let found: Vec<String> =
            records.feed(&bytes).iter().map(|it| format!("{} {} {}", it.version, it.content, it.length)).collect();
        let expected =
            ["TLS 1.0 handshake 2", "TLS 1.2 change cipher spec 1", "TLS 1.2 application data 0", "TLS 1.2 alert 2"];
        assert_eq!(found, expected);
        assert!(!records.is_broken());
    }

    #[test]
    fn what_is_no_record_ends_it() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], &[22, 2, 0, 0, 0], &[24, 3, 3, 0, 0], &[23, 3, 3, 0xFF, 0xFF]] {
            let mut records = Records::default();
            assert_eq!(records.feed(bytes), []);
            assert!(records.is_broken(), "{bytes:?}");
            assert_eq!(records.feed(&[22, 3, 3, 0, 0]), []);
        }
    }

    proptest! {
        /// It does not matter in which pieces the bytes arrive.
        #[test]
        fn pieces_make_no_difference(
            lengths in prop::collection::vec((20u8..24, 0u16..600), 0..12),
            cuts in prop::collection::vec(0usize..4000, 0..12),
            rubbish in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut bytes: Vec<u8> = Vec::new();
            for (content, length) in &lengths {
                bytes.extend([*content, 3, 3]);
                bytes.extend(length.to_be_bytes());
                bytes.extend(std::iter::repeat_n(0x5A, usize::from(*length)));
            }
            bytes.extend(rubbish);
            let mut whole = Records::default();
            let expected = whole.feed(&bytes);
            prop_assert!(expected.len() >= lengths.len());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut pieces = Records::default();
            let found: Vec<Record> = cuts.windows(2).flat_map(|cut| pieces.feed(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(pieces.is_broken(), whole.is_broken());
        }
    }
}
