//! The messages of a handshake that travel in the clear (RFC 8446, section 4; RFC 5246, section 7.4).

use std::fmt;

use rustls::{CipherSuite, HandshakeType};

use super::record::Version;
use crate::sidecar::sniff;

/// The length of a message's header: its type and the length of its body.
const HEADER: usize = 4;
/// The `random` by which a ServerHello asks for another ClientHello (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];
/// The extension in which TLS 1.3 says its version (RFC 8446, section 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

/// One message, and what an eavesdropper learns from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A client begins.
    ClientHello {
        /// Whom it wants to talk to, if it says so (SNI).
        server_name: Option<String>,
        /// The protocols that it offers (ALPN), in its order.
        alpn: Vec<String>,
    },
    /// Any other message, by the RFC's name.
    Other(&'static str),
    /// A server chooses.
    ServerHello {
        /// The version that both go on with.
        version: Version,
        /// The ciphers that both go on with.
        cipher_suite: String,
        /// Whether it asks for another ClientHello instead.
        retry: bool,
    },
}

impl Message {
    /// Takes the first message off `bytes`; nothing if it is not whole, or none.
    pub(super) fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let (body, rest) = rest.split_at_checked(length(header))?;
        let message = match HandshakeType::from(header[0]) {
            HandshakeType::ClientHello => client_hello(&bytes[..HEADER + body.len()])?,
            HandshakeType::ServerHello => server_hello(body)?,
            other => Self::Other(other.as_str()?),
        };
        Some((message, rest))
    }

    /// The RFC's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientHello { .. } => "ClientHello",
            Self::Other(name) => name,
            Self::ServerHello { retry: true, .. } => "HelloRetryRequest",
            Self::ServerHello { .. } => "ServerHello",
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How long the body of the message is that begins with `header`.
fn length(header: &[u8; HEADER]) -> usize {
    let [_, high, middle, low] = *header;
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

/// Reads a whole message, as rustls reads it when it comes in a record.
fn client_hello(message: &[u8]) -> Option<Message> {
    let length = u16::try_from(message.len()).ok()?.to_be_bytes();
    let record = [&[22, 3, 1], &length[..], message].concat();
    let offered = sniff::offered(&record)?;
    let alpn = offered.alpn.iter().map(|protocol| String::from_utf8_lossy(protocol).into_owned()).collect();
    Some(Message::ClientHello { server_name: offered.server_name, alpn })
}

fn server_hello(body: &[u8]) -> Option<Message> {
    let ([_, minor], rest) = body.split_first_chunk()?;
    let (random, rest) = rest.split_first_chunk::<32>()?;
    let (&session, rest) = rest.split_first()?;
    let (cipher_suite, rest) = rest.get(session.into()..)?.split_first_chunk()?;
    let (_compression, extensions) = rest.split_first()?;
    let cipher_suite = CipherSuite::from(u16::from_be_bytes(*cipher_suite));
    let cipher_suite = cipher_suite.as_str().map_or_else(|| format!("{cipher_suite:?}"), str::to_owned);
    let version = Version(newer_version(extensions).unwrap_or(*minor));
    Some(Message::ServerHello { version, cipher_suite, retry: *random == RETRY })
}

/// The minor number of the version that an extension names.
fn newer_version(extensions: &[u8]) -> Option<u8> {
    let (_length, mut extensions) = extensions.split_first_chunk::<2>()?;
    loop {
        let (&[a, b, c, d], rest) = extensions.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(u16::from_be_bytes([c, d]).into())?;
        if u16::from_be_bytes([a, b]) == SUPPORTED_VERSIONS {
            return body.get(1).copied();
        }
        extensions = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ServerHello without a session, with these bytes as extensions.
    fn server_hello(random: [u8; 32], extensions: &[u8]) -> Vec<u8> {
        let length = u8::try_from(extensions.len()).unwrap();
        let body = [&[3, 3], &random[..], &[0, 0x13, 0x01, 0, 0, length], extensions].concat();
        [&[2, 0, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    }

    #[test]
    fn a_server_chooses() {
        let table = [
            (server_hello([7; 32], &[0, 43, 0, 2, 3, 4]), "ServerHello", "TLS 1.3"),
            (server_hello([7; 32], &[0, 51, 0, 1, 9, 0, 43, 0, 2, 3, 4]), "ServerHello", "TLS 1.3"),
            (server_hello([7; 32], &[]), "ServerHello", "TLS 1.2"),
            (server_hello(RETRY, &[0, 43, 0, 2, 3, 4]), "HelloRetryRequest", "TLS 1.3"),
        ];
        for (bytes, name, chosen) in table {
            let (message, rest) = Message::take(&bytes).unwrap();
            let Message::ServerHello { version, cipher_suite, .. } = &message else { panic!("{message:?}") };
            assert_eq!((message.name(), version.to_string().as_str()), (name, chosen));
            assert_eq!((cipher_suite.as_str(), rest), ("TLS13_AES_128_GCM_SHA256", &[][..]));
        }
    }

    #[test]
    fn what_is_no_whole_message_is_none() {
        let whole = server_hello([7; 32], &[]);
        for end in 0..whole.len() {
            assert_eq!(Message::take(&whole[..end]), None, "{end}");
        }
        for bytes in [&[99, 0, 0, 0][..], &[1, 0, 0, 1, 0], &[2, 0, 0, 1, 0]] {
            assert_eq!(Message::take(bytes), None, "{bytes:?}");
        }
        assert_eq!(Message::take(&[14, 0, 0, 0, 5]), Some((Message::Other("ServerHelloDone"), &[5][..])));
    }
}
