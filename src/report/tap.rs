//! What travels between two pods, as it happens: lines for people, or a line of JSON for each event.

use std::{borrow::Cow, fmt::Write as _, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::style::{Paint, Style};
use crate::{
    host::tap::Direction,
    probe::{
        alert::Alert,
        tap::live::{Event, Happened},
    },
    wire::{
        conversation::is_text,
        handshake::Message,
        reader::{Piece, Readable},
        record::{Content, Record},
    },
};

/// Where the second and all further lines of an event begin.
const INDENT: usize = 19;
/// How many lines of text are shown of what comes at once, and of how many bytes.
const TEXT: (usize, usize) = (24, 2048);
/// How many lines of bytes are shown of what comes at once, and how many are on each.
const BYTES: (usize, usize) = (4, 16);

/// One event for people.
pub fn table(event: &Event, style: Style) -> String {
    let mut text = style.paint(Paint::Dim, &format!("{:<4}", format!("#{}", event.connection)));
    match &event.what {
        Happened::Opened { client, server, since } => {
            let ends = style.paint(Paint::Bold, &format!("{client} -> {server}"));
            let since = style.paint(Paint::Dim, &format!("  begins after {}", span(*since).trim_start()));
            line(&mut text, &format!("{ends}{since}"));
        }
        Happened::Piece { direction, piece } => {
            text.push_str(&style.paint(Paint::Dim, &span(event.after)));
            match piece {
                Piece::Bytes(bytes) => raw(&mut text, *direction, bytes, style),
                Piece::Record(header, readable) => record(&mut text, *direction, header, readable, style),
            }
        }
        Happened::Closed { to_server, to_client } => {
            let words = format!("      closed after {} there, {} back", counted(*to_server), counted(*to_client));
            line(&mut text, &style.paint(Paint::Dim, &(span(event.after) + &words)));
        }
        Happened::Lost { bytes } => {
            let words = format!("      {} were not looked at: too much came at once", counted(*bytes));
            line(&mut text, &(span(event.after) + &style.paint(Paint::Red, &words)));
        }
    }
    text
}

/// The columns that all pieces have.
fn columns(text: &mut String, direction: Direction, what: (Paint, &str), version: &str, length: usize, style: Style) {
    let arrow = match direction {
        Direction::ToClient => "<-",
        Direction::ToServer => "->",
    };
    let what = style.paint(what.0, &format!("{:<20}", what.1));
    // Writing to a String cannot fail.
    let _ = write!(text, "  {arrow}  {what}{version:<7}{length:>7}");
}

fn record(text: &mut String, direction: Direction, header: &Record, readable: &Readable, style: Style) {
    let paint = if header.content == Content::Alert { Paint::Red } else { Paint::Green };
    let what = (paint, header.content.to_string());
    columns(text, direction, (what.0, &what.1), &header.version.to_string(), header.length.into(), style);
    match readable {
        Readable::Alert(code) => line(text, &format!("  {}", alert(*code))),
        Readable::Messages(messages) => {
            let names: Vec<&str> = messages.iter().map(Message::name).collect();
            let names = if names.is_empty() { "(goes on)".to_owned() } else { names.join(", ") };
            line(text, &format!("  {}", style.paint(Paint::Bold, &names)));
            messages.iter().flat_map(facts).for_each(|(word, fact)| {
                let word = style.paint(Paint::Dim, &format!("{word:<13}"));
                line(text, &format!("{:INDENT$}{word}{fact}", ""));
            });
        }
        Readable::Nothing if header.content == Content::ChangeCipherSpec => line(text, ""),
        Readable::Nothing => line(text, &style.paint(Paint::Dim, "  encrypted")),
    }
}

/// What a message tells besides its name.
fn facts(message: &Message) -> Vec<(&'static str, String)> {
    match message {
        Message::ClientHello { server_name, alpn } => {
            let name = ("server name", server_name.clone().unwrap_or_else(|| "(none)".to_owned()));
            let name = (name.0, plain(&name.1));
            let offers = (!alpn.is_empty()).then(|| ("offers", plain(&alpn.join(", "))));
            std::iter::once(name).chain(offers).collect()
        }
        Message::Other(_) => Vec::new(),
        Message::ServerHello { version, cipher_suite, .. } => vec![("chooses", format!("{version}, {cipher_suite}"))],
    }
}

fn raw(text: &mut String, direction: Direction, bytes: &[u8], style: Style) {
    let shown = &bytes[..bytes.len().min(TEXT.1)];
    let (word, lines, seen) = if is_text(shown) { readable(shown) } else { dump(bytes) };
    columns(text, direction, (Paint::Yellow, word), "", bytes.len(), style);
    line(text, "  bytes");
    let width = style.width.saturating_sub(INDENT);
    lines.iter().flat_map(|one| wrapped(one, width)).for_each(|one| line(text, &format!("{:INDENT$}{one}", "")));
    if seen < bytes.len() {
        let rest = format!("{:INDENT$}... and {} more", "", counted((bytes.len() - seen) as u64));
        line(text, &style.paint(Paint::Dim, &rest));
    }
}

/// Text line by line, and how many bytes of it that is.
fn readable(bytes: &[u8]) -> (&'static str, Vec<String>, usize) {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').take(TEXT.0).collect();
    let seen = lines.iter().map(|line| line.len()).sum();
    let lines = lines.iter().map(|line| plain(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n'])));
    ("text", lines.collect(), seen)
}

/// Bytes as digits beside the characters that they might be.
fn dump(bytes: &[u8]) -> (&'static str, Vec<String>, usize) {
    let (most, width) = BYTES;
    let dumped = bytes.chunks(width).take(most).map(|chunk| {
        let pairs: Vec<String> = chunk.chunks(2).map(hexadecimal).collect();
        let printable = |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' };
        format!("{:<39}  {}", pairs.join(" "), chunk.iter().map(printable).collect::<String>())
    });
    ("bytes", dumped.collect(), bytes.len().min(most * width))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A stranger's text, with nothing in it that a terminal would obey.
fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.replace('\t', "    ").chars().map(safe).collect()
}

/// A line in pieces of this width, cut within words only where they are longer.
fn wrapped(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    let options = textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options.word_separator(textwrap::WordSeparator::AsciiSpace))
}

/// Adds the end of a line, without blanks at it.
fn line(text: &mut String, end: &str) {
    text.push_str(end);
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

/// `  1.5 ms`, 10 columns wide.
fn span(span: Duration) -> String {
    match span.as_secs_f64() {
        seconds if seconds < 10.0 => format!("{:>7.1} ms", seconds * 1e3),
        seconds => format!("{seconds:>8.1} s"),
    }
}

fn counted(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

fn alert(code: u8) -> String {
    Alert::from_code(code).map_or_else(|| format!("alert {code}"), |alert| alert.to_string())
}

/// One event for programs, without the end of a line. Fields are only ever added.
pub fn json(event: &Event) -> Value {
    let (name, more) = match &event.what {
        Happened::Closed { to_server, to_client } => {
            ("closed", json!({ "bytesToServer": to_server, "bytesToClient": to_client }))
        }
        Happened::Lost { bytes } => ("lost", json!({ "bytes": bytes })),
        Happened::Opened { client, server, since } => {
            ("opened", json!({ "client": client, "server": server, "since": since.as_secs_f64() }))
        }
        Happened::Piece { direction, piece: Piece::Bytes(bytes) } => ("bytes", raw_json(*direction, bytes)),
        Happened::Piece { direction, piece: Piece::Record(header, readable) } => {
            ("record", record_json(*direction, header, readable))
        }
    };
    let mut object = json!({ "connection": event.connection, "after": event.after.as_secs_f64(), "event": name });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn raw_json(direction: Direction, bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes).ok().filter(|_| is_text(bytes)) {
        Some(text) => json!({ "direction": direction, "length": bytes.len(), "text": text }),
        None => json!({ "direction": direction, "length": bytes.len(), "base64": BASE64_STANDARD.encode(bytes) }),
    }
}

fn record_json(direction: Direction, header: &Record, readable: &Readable) -> Value {
    let mut record = json!({
        "direction": direction,
        "content": header.content.to_string(),
        "version": header.version.to_string(),
        "length": header.length,
    });
    match readable {
        Readable::Alert(code) => record["alert"] = alert(*code).into(),
        Readable::Messages(messages) => record["messages"] = messages.iter().map(message_json).collect(),
        Readable::Nothing => {}
    }
    record
}

fn message_json(message: &Message) -> Value {
    match message {
        Message::ClientHello { server_name, alpn } => {
            json!({ "type": message.name(), "serverName": server_name, "alpn": alpn })
        }
        Message::Other(name) => json!({ "type": name }),
        Message::ServerHello { version, cipher_suite, .. } => {
            json!({ "type": message.name(), "version": version.to_string(), "cipherSuite": cipher_suite })
        }
    }
}

#[cfg(test)]
mod tests;
