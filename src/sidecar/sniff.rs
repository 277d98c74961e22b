//! Looks at the first bytes of a connection: TLS, HTTP or something else. Consumes nothing that is not given back.

use std::io;

use bytes::{Bytes, BytesMut};
use rustls::server::{Accepted, Acceptor};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// The content type of a TLS handshake record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;
/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest request line that is looked at, and the longest ClientHello.
const MOST: usize = 64 * 1024;
/// Room for the first read: a usual ClientHello or request head.
const FIRST_READ: usize = 4 * 1024;

/// How a connection begins.
#[derive(Debug)]
pub enum First {
    /// It ended before its first byte.
    Nothing,
    /// Not TLS. All bytes read so far.
    Plaintext(Bytes),
    /// A ClientHello.
    Tls(Box<Hello>),
    /// A handshake record that holds no ClientHello we can read. All bytes read so far.
    Unreadable(Bytes),
}

/// A ClientHello, and what it takes either to answer it or to pass it on.
#[derive(Debug)]
pub struct Hello {
    /// The handshake, ready to be answered.
    pub accepted: Accepted,
    /// The protocols offered, in the client's order.
    pub alpn: Vec<Vec<u8>>,
    /// All bytes read so far, the ClientHello included.
    pub raw: Bytes,
    /// Those of them that came after what `accepted` has taken.
    pub rest: Bytes,
}

/// What plaintext looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guess {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// Anything else.
    Opaque,
}

/// Reads until it is clear whether `stream` begins with TLS, and then to the end of the ClientHello.
///
/// There is no time limit: Istio's `protocolDetectionTimeout` is 0, so a server that speaks first waits for ever.
///
/// # Errors
/// As `read(2)`.
pub async fn first(stream: &mut TcpStream) -> io::Result<First> {
    let mut buffer = BytesMut::with_capacity(FIRST_READ);
    if stream.read_buf(&mut buffer).await? == 0 {
        return Ok(First::Nothing);
    }
    if buffer[0] != HANDSHAKE {
        return Ok(First::Plaintext(buffer.freeze()));
    }
    let mut reader = HelloReader::default();
    loop {
        match reader.feed(&buffer) {
            Step::Done(accepted) => {
                return Ok(First::Tls(Box::new(Hello::new(*accepted, buffer.freeze(), reader.fed))));
            }
            Step::Unreadable => return Ok(First::Unreadable(buffer.freeze())),
            Step::More => {}
        }
        if buffer.len() >= MOST || stream.read_buf(&mut buffer).await? == 0 {
            return Ok(First::Unreadable(buffer.freeze()));
        }
    }
}

/// What a client says in the clear before it encrypts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Offered {
    /// Whom it wants to talk to, if it says so (SNI).
    pub server_name: Option<String>,
    /// The protocols it offers, in its order.
    pub alpn: Vec<Vec<u8>>,
}

/// Reads what a whole ClientHello offers; `None` if `bytes` hold none.
pub fn offered(bytes: &[u8]) -> Option<Offered> {
    match HelloReader::default().feed(bytes) {
        Step::Done(accepted) => {
            let server_name = accepted.client_hello().server_name().map(str::to_owned);
            Some(Offered { server_name, alpn: alpn(&accepted) })
        }
        Step::More | Step::Unreadable => None,
    }
}

impl Hello {
    fn new(accepted: Accepted, raw: Bytes, fed: usize) -> Self {
        Self { alpn: alpn(&accepted), accepted, rest: raw.slice(fed..), raw }
    }

    /// Whether a protocol was offered.
    pub fn offers(&self, protocol: &[u8]) -> bool {
        self.alpn.iter().any(|offered| offered == protocol)
    }
}

fn alpn(accepted: &Accepted) -> Vec<Vec<u8>> {
    accepted.client_hello().alpn().into_iter().flatten().map(<[u8]>::to_vec).collect()
}

/// Feeds a growing buffer to rustls, each byte once.
#[derive(Default)]
struct HelloReader {
    acceptor: Acceptor,
    fed: usize,
}

enum Step {
    Done(Box<Accepted>),
    More,
    Unreadable,
}

impl HelloReader {
    fn feed(&mut self, buffer: &[u8]) -> Step {
        while self.fed < buffer.len() {
            let mut unread = &buffer[self.fed..];
            match self.acceptor.read_tls(&mut unread) {
                Ok(taken) if taken > 0 => self.fed += taken,
                _ => return Step::Unreadable,
            }
            match self.acceptor.accept() {
                Ok(Some(accepted)) => return Step::Done(Box::new(accepted)),
                Ok(None) => {}
                Err(_) => return Step::Unreadable,
            }
        }
        Step::More
    }
}

/// Tells HTTP from other plaintext, reading more into `prefix` as long as it could still become either.
///
/// # Errors
/// As `read(2)`.
pub async fn http(stream: &mut TcpStream, prefix: Bytes) -> io::Result<(Guess, Bytes)> {
    if let Some(guess) = guess(&prefix) {
        return Ok((guess, prefix));
    }
    let mut buffer = BytesMut::from(prefix);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok((Guess::Opaque, buffer.freeze()));
        }
        if let Some(guess) = guess(&buffer) {
            return Ok((guess, buffer.freeze()));
        }
    }
}

/// Tells HTTP from other plaintext by its first bytes; `None` if more of them are needed.
///
/// Empty lines before the request line are skipped, as HTTP servers do (RFC 9112, section 2.2): otherwise a
/// request behind one would pass as opaque bytes, with headers that nobody has cleaned.
pub fn guess(bytes: &[u8]) -> Option<Guess> {
    if bytes.len() >= HTTP2_PREFACE.len() && bytes.starts_with(HTTP2_PREFACE) {
        return Some(Guess::Http2);
    }
    if HTTP2_PREFACE.starts_with(bytes) {
        return None;
    }
    let line = match bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) {
        Some(start) => &bytes[start..],
        None => return (bytes.len() >= MOST).then_some(Guess::Opaque),
    };
    match line.iter().position(|&byte| byte == b'\n') {
        Some(end) => Some(if is_request_line(&line[..end]) { Guess::Http1 } else { Guess::Opaque }),
        None if bytes.len() < MOST && may_become_request_line(line) => None,
        None => Some(Guess::Opaque),
    }
}

/// Whether a whole line, without its line feed, asks for something over HTTP/1.
fn is_request_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let version = line.iter().rposition(|&byte| byte == b' ').map(|space| &line[space + 1..]);
    matches!(version, Some(b"HTTP/1.0" | b"HTTP/1.1")) && may_become_request_line(line)
}

/// Whether these bytes can be the beginning of a request line: a method, one space, text.
fn may_become_request_line(line: &[u8]) -> bool {
    const LONGEST_METHOD: usize = 32;
    let method = line.iter().take_while(|&&byte| is_token(byte)).count();
    match line.get(method) {
        None => method <= LONGEST_METHOD,
        Some(b' ') => {
            (1..=LONGEST_METHOD).contains(&method)
                && line[method..].iter().all(|&byte| byte >= b' ' || byte == b'\t' || byte == b'\r')
        }
        Some(_) => false,
    }
}

/// A character of a method (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_is_told_apart() {
        let table: &[(&[u8], Option<Guess>)] = &[
            (b"GET / HTTP/1.1\r\n", Some(Guess::Http1)),
            (b"\r\nGET / HTTP/1.1\r\n", Some(Guess::Http1)),
            (b"POST /a b HTTP/1.0\n", Some(Guess::Http1)),
            (b"GET / HT", None),
            (b"GE", None),
            (b"", None),
            (b"\r\n", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00", Some(Guess::Http2)),
            (b"PRI * HTTP/2.0\r\n\r\nS", None),
            (b"PRI", None),
            (b"GET key\r\n", Some(Guess::Opaque)),
            (b"*1\r\n$4\r\nPING\r\n", Some(Guess::Opaque)),
            (b"PING\r\n", Some(Guess::Opaque)),
            (b"\x00\x01\x02", Some(Guess::Opaque)),
            (b"SSH-2.0-OpenSSH\r\n", Some(Guess::Opaque)),
            (b" GET / HTTP/1.1\r\n", Some(Guess::Opaque)),
            (b"HTTP/1.1 200 OK\r\n", Some(Guess::Opaque)),
        ];
        for (bytes, expected) in table {
            assert_eq!(guess(bytes), *expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn endless_line_is_opaque() {
        let mut bytes = b"GET /".to_vec();
        bytes.resize(MOST - 1, b'a');
        assert_eq!(guess(&bytes), None);
        bytes.push(b'a');
        assert_eq!(guess(&bytes), Some(Guess::Opaque));
    }
}
