//! `-w`: what is printed about a finished transfer.

use std::{path::Path, time::Duration};

use http::header;
use serde_json::{Map, Value, json};

use super::{failure::Failure, report::Report};
use crate::{
    host::{Host, Output},
    host_println,
};

/// Prints `format` with its variables (`%{http_code}`, `%header{name}`) filled in; `@file` reads it from a file.
pub(super) fn print(host: &dyn Host, format: &str, report: &Report, failure: Option<&Failure>) {
    let format = match format.strip_prefix('@') {
        None => format.to_owned(),
        Some(path) => match host.read(Path::new(path)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => {
                host_println!(host, Output::Stderr, "curl: cannot read the --write-out format from {path}");
                return;
            }
        },
    };
    let mut output = Output::Stdout;
    for piece in pieces(&format) {
        let text = match piece {
            Piece::Text(text) => text,
            Piece::Header(name) => header_text(report, name),
            Piece::Variable("stderr") => {
                output = Output::Stderr;
                continue;
            }
            Piece::Variable("stdout") => {
                output = Output::Stdout;
                continue;
            }
            // What follows is for failures only.
            Piece::Variable("onerror") if failure.is_none() => return,
            Piece::Variable("onerror") => continue,
            Piece::Variable(name) => match variable(name, report, failure) {
                Some(value) => value,
                None => {
                    host_println!(host, Output::Stderr, "curl: unknown --write-out variable: '{name}'");
                    continue;
                }
            },
        };
        host.print(output, text.as_bytes());
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Piece<'a> {
    Header(&'a str),
    Text(String),
    Variable(&'a str),
}

fn pieces(format: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let named = |prefix: &str| rest.strip_prefix(prefix)?.split_once('}');
        let piece = named("%{").map(|(name, after)| (Piece::Variable(name), after));
        let piece = piece.or_else(|| named("%header{").map(|(name, after)| (Piece::Header(name), after)));
        if let Some((piece, after)) = piece {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
            rest = after;
            continue;
        }
        const ESCAPES: [(&str, char); 4] = [("%%", '%'), ("\\n", '\n'), ("\\r", '\r'), ("\\t", '\t')];
        match ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, meant)) => {
                text.push(*meant);
                rest = &rest[escape.len()..];
            }
            None => {
                text.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

fn header_text(report: &Report, name: &str) -> String {
    let value = report.headers.get(name.to_ascii_lowercase());
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn variable(name: &str, report: &Report, failure: Option<&Failure>) -> Option<String> {
    Some(match name {
        "header_json" => header_json(report).to_string(),
        "http_code" | "response_code" => format!("{:03}", report.status),
        "json" => json(report, failure).to_string(),
        _ => match value(name, report, failure)? {
            Value::Null => String::new(),
            Value::Number(number) if name.starts_with("time_") => {
                format!("{:.6}", number.as_f64().unwrap_or_default())
            }
            Value::String(text) => text,
            other => other.to_string(),
        },
    })
}

/// The variables, in alphabetical order.
const NAMES: [&str; 34] = [
    "content_type",
    "errormsg",
    "exitcode",
    "http_code",
    "http_connect",
    "http_version",
    "local_ip",
    "local_port",
    "method",
    "num_connects",
    "num_headers",
    "num_redirects",
    "redirect_url",
    "referer",
    "remote_ip",
    "remote_port",
    "response_code",
    "scheme",
    "size_download",
    "size_header",
    "size_upload",
    "speed_download",
    "speed_upload",
    "ssl_verify_result",
    "time_appconnect",
    "time_connect",
    "time_namelookup",
    "time_pretransfer",
    "time_redirect",
    "time_starttransfer",
    "time_total",
    "url",
    "url_effective",
    "urlnum",
];

fn value(name: &str, report: &Report, failure: Option<&Failure>) -> Option<Value> {
    let seconds = |time: Duration| Value::from(time.as_secs_f64());
    let speed = |size: u64| Value::from((size as f64 / report.total.as_secs_f64().max(1e-6)) as u64);
    let optional = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    Some(match name {
        "content_type" => optional(&header_text(report, header::CONTENT_TYPE.as_str())),
        "errormsg" => failure.map_or(Value::Null, |failure| Value::from(failure.message.clone())),
        "exitcode" => Value::from(failure.map_or(0, |failure| failure.code)),
        "http_code" | "response_code" => Value::from(report.status),
        "http_connect" | "urlnum" => Value::from(0),
        "http_version" => Value::from(report.http_version),
        "local_ip" => Value::from(report.local.map(|address| address.ip().to_string()).unwrap_or_default()),
        "local_port" => Value::from(report.local.map_or(0, |address| address.port())),
        "method" => Value::from(report.method.as_str()),
        "num_connects" => Value::from(report.connects),
        "num_headers" => Value::from(report.headers.len()),
        "num_redirects" => Value::from(report.redirects),
        "redirect_url" => optional(&report.redirect_url),
        "referer" => Value::Null,
        "remote_ip" => Value::from(report.remote.map(|address| address.ip().to_string()).unwrap_or_default()),
        "remote_port" => Value::from(report.remote.map_or(0, |address| address.port())),
        "scheme" => optional(&report.scheme.to_uppercase()),
        "size_download" => Value::from(report.body_size),
        "size_header" => Value::from(report.header_size),
        "size_upload" => Value::from(report.upload_size),
        "speed_download" => speed(report.body_size),
        "speed_upload" => speed(report.upload_size),
        "ssl_verify_result" => Value::from(report.verify_result),
        "time_appconnect" => seconds(report.shaken),
        "time_connect" => seconds(report.connected),
        "time_namelookup" => seconds(report.resolved),
        "time_pretransfer" => seconds(report.sending),
        "time_redirect" => seconds(report.redirected),
        "time_starttransfer" => seconds(report.answered),
        "time_total" => seconds(report.total),
        "url" | "url_effective" => Value::from(report.url.as_str()),
        _ => return None,
    })
}

fn json(report: &Report, failure: Option<&Failure>) -> Value {
    let all = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), value(name, report, failure)?)));
    Value::Object(all.collect())
}

fn header_json(report: &Report) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &report.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match headers.entry(name.as_str()).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(Value::from(value)),
            _ => unreachable!("every entry is made as a list"),
        }
    }
    Value::Object(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_cut_into_pieces() {
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(pieces("a%{b}\\n%%%header{c}"), [text("a"), Piece::Variable("b"), text("\n%"), Piece::Header("c")]);
        assert_eq!(pieces("%{open"), [text("%{open")]);
        assert_eq!(pieces("100% \\x"), [text("100% \\x")]);
    }

    #[test]
    fn every_variable_has_a_value() {
        let report = Report::new("http://x/");
        for name in NAMES {
            assert!(variable(name, &report, None).is_some(), "{name}");
        }
        assert_eq!(variable("nosuch", &report, None), None);
    }
}
