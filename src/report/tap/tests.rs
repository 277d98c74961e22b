use super::*;
use crate::wire::{reader::Reader, record::Version};

fn piece(direction: Direction, piece: Piece) -> Event {
    Event { connection: 1, after: Duration::from_micros(1250), what: Happened::Piece { direction, piece } }
}

fn bytes(bytes: &[u8]) -> Event {
    piece(Direction::ToServer, Piece::Bytes(bytes.to_vec()))
}

fn handshake(message: Message) -> Event {
    let header = Record { content: Content::Handshake, version: Version(1), length: 512 };
    piece(Direction::ToServer, Piece::Record(header, Readable::Messages(vec![message])))
}

/// One of each.
fn events() -> Vec<Event> {
    let what = |what| Event { connection: 12, after: Duration::from_secs(11), what };
    let (client, server) = ("10.244.0.2:40000".parse().unwrap(), "10.244.0.3:8080".parse().unwrap());
    let name = "outbound_.8000_._.httpbin.foo.svc.cluster.local".to_owned();
    let alpn = ["istio-peer-exchange".to_owned(), "istio".to_owned()].to_vec();
    let chosen = "TLS13_AES_256_GCM_SHA384".to_owned();
    let mut records = Reader::default();
    let records = records.feed(&[20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 116, 23, 3, 3, 0, 99]);
    let mut events = vec![
        what(Happened::Opened { client, server, since: Duration::from_millis(20) }),
        handshake(Message::ClientHello { server_name: Some(name), alpn }),
        handshake(Message::ServerHello { version: Version(4), cipher_suite: chosen, retry: false }),
        handshake(Message::ClientHello { server_name: None, alpn: Vec::new() }),
    ];
    events.extend(records.into_iter().map(|record| piece(Direction::ToClient, record)));
    events.extend([
        bytes(b"GET /headers HTTP/1.1\r\nHost: httpbin.foo:8000\r\n\r\n"),
        bytes(b"*1\0\xff binary, of course, but longer than a line"),
        what(Happened::Lost { bytes: 70000 }),
        what(Happened::Closed { to_server: 1, to_client: 1234 }),
    ]);
    events
}

#[test]
fn people_read_columns() {
    let text: String = events().iter().map(|event| table(event, Style::PLAIN)).collect();
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn programs_read_objects() {
    let text: Vec<String> = events().iter().map(|event| json(event).to_string()).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn long_things_are_cut() {
    let long = "x".repeat(100) + "\n" + &"line\n".repeat(500);
    let text = table(&bytes(long.as_bytes()), Style::PLAIN);
    assert_eq!(text.lines().count(), 1 + 1 + TEXT.0 + 1);
    assert!(text.lines().all(|line| line.len() <= 80) && text.ends_with("... and 2385 bytes more\n"), "{text}");
    let text = table(&bytes(&[0; 100]), Style::PLAIN);
    assert_eq!(text.lines().count(), 1 + BYTES.0 + 1);
}

#[test]
fn a_terminal_obeys_no_stranger() {
    // What is not all text is shown as bytes.
    assert!(!table(&bytes(b"first a line of text\n\x1b[2J"), Style::PLAIN).contains('\x1b'));
    let hello = Message::ClientHello { server_name: None, alpn: vec!["\x1b[2J".to_owned()] };
    assert!(!table(&handshake(hello), Style::PLAIN).contains('\x1b'));
}
