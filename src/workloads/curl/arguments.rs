//! curl's command line.

mod connect_to;
mod table;

use std::{net::IpAddr, path::Path, time::Duration};

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;

use super::{failure::Failure, url::Url};
use crate::host::Host;
use connect_to::ConnectTo;
use table::{OPTIONS, Takes};

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) urls: Vec<String>,
    /// Where the answers go, one per URL; standard output where there is none.
    pub(super) outputs: Vec<String>,
    pub(super) ca_certificates: Option<String>,
    pub(super) client_certificate: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) connect_to: Vec<ConnectTo>,
    /// Headers go to this file as well (`-` is standard output).
    pub(super) dump_header: Option<String>,
    pub(super) fail: Fail,
    pub(super) family: Option<Family>,
    pub(super) follow: bool,
    /// `Name: value`, `Name:` to leave one out, `Name;` for an empty one.
    pub(super) headers: Vec<String>,
    pub(super) head: bool,
    pub(super) http: HttpVersion,
    pub(super) include_headers: bool,
    pub(super) insecure: bool,
    pub(super) is_get_with_data: bool,
    pub(super) max_redirects: Option<u32>,
    pub(super) max_time: Option<Duration>,
    pub(super) method: Option<String>,
    pub(super) resolve: Vec<Resolve>,
    pub(super) retry: Retry,
    pub(super) show_error: bool,
    pub(super) silent: bool,
    pub(super) user: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) verbose: bool,
    pub(super) write_out: Option<String>,
    data: Vec<Data>,
}

/// What `-f` asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Fail {
    /// A status from 400 on is an answer like any other.
    #[default]
    Never,
    /// It is a failure, and its body is not shown.
    WithoutBody,
    /// It is a failure, and its body is shown.
    WithBody,
}

/// Which addresses may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn has(self, address: &IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum HttpVersion {
    /// What TLS agrees on; HTTP/1.1 without TLS.
    #[default]
    Negotiated,
    /// HTTP/1.1 only.
    One,
    /// HTTP/2 without asking first.
    TwoPriorKnowledge,
}

/// When to try again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retry {
    pub(super) times: u32,
    /// Between two tries; without one, 1 s that doubles every time.
    pub(super) delay: Option<Duration>,
    /// No new try after this long.
    pub(super) within: Option<Duration>,
    pub(super) when_refused: bool,
    pub(super) always: bool,
}

/// An answer to a look-up, given beforehand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Resolve {
    /// `*` is any name.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) addresses: Vec<IpAddr>,
}

/// A part of the body, from the command line or from a file.
#[derive(Clone, Debug)]
enum Data {
    File { path: String, keeps_line_ends: bool },
    Text(String),
}

/// What a command line means.
#[derive(Debug)]
pub(super) enum Parsed {
    Options(Box<Options>),
    /// Only this is to be printed (`--help`, `--version`).
    Text(String),
}

/// Reads the command line; the error is a usage error, in curl's words.
pub(super) fn parse(arguments: &[String]) -> Result<Parsed, String> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-h" | "--help" => return Ok(Parsed::Text(table::help())),
            "-V" | "--version" => return Ok(Parsed::Text(version())),
            _ if argument.starts_with("--") => parse_long(&mut options, argument, &mut rest)?,
            _ if argument.len() > 1 && argument.starts_with('-') => parse_short(&mut options, argument, &mut rest)?,
            _ => options.urls.push(argument.clone()),
        }
    }
    if options.urls.is_empty() {
        return Err("no URL specified".to_owned());
    }
    Ok(Parsed::Options(Box::new(options)))
}

fn version() -> String {
    format!("curl (labctl {})\nProtocols: http https\nFeatures: HTTP2 IPv6 SSL\n", env!("CARGO_PKG_VERSION"))
}

type Rest<'a> = std::slice::Iter<'a, String>;

fn parse_long(options: &mut Options, argument: &str, rest: &mut Rest<'_>) -> Result<(), String> {
    let name = &argument[2..];
    let find = |name: &str| OPTIONS.iter().find(|option| option.long == name);
    if let Some(option) = find(name) {
        return match option.takes {
            Takes::Nothing(apply) => {
                apply(options, true);
                Ok(())
            }
            Takes::Value(apply) => apply(options, value(argument, rest)?).map_err(|problem| wrong(argument, &problem)),
        };
    }
    match name.strip_prefix("no-").and_then(find).map(|option| option.takes) {
        Some(Takes::Nothing(apply)) => {
            apply(options, false);
            Ok(())
        }
        _ => Err(format!("option {argument}: is unknown")),
    }
}

/// Reads `-sSo file`: switches together, and at the end one option with its value, attached or not.
fn parse_short(options: &mut Options, argument: &str, rest: &mut Rest<'_>) -> Result<(), String> {
    for (index, letter) in argument[1..].char_indices() {
        let Some(option) = OPTIONS.iter().find(|option| option.short == Some(letter)) else {
            return Err(format!("option {argument}: is unknown"));
        };
        match option.takes {
            Takes::Nothing(apply) => apply(options, true),
            Takes::Value(apply) => {
                let attached = &argument[1 + index + letter.len_utf8()..];
                let value = if attached.is_empty() { value(argument, rest)? } else { attached.to_owned() };
                return apply(options, value).map_err(|problem| wrong(argument, &problem));
            }
        }
    }
    Ok(())
}

fn value(argument: &str, rest: &mut Rest<'_>) -> Result<String, String> {
    rest.next().cloned().ok_or_else(|| wrong(argument, "requires parameter"))
}

fn wrong(argument: &str, problem: &str) -> String {
    format!("option {argument}: {problem}")
}

impl Options {
    /// The body to send, if there is one: all `-d` joined by `&`.
    pub(super) async fn body(&self, host: &dyn Host) -> Result<Option<Bytes>, Failure> {
        if self.data.is_empty() {
            return Ok(None);
        }
        let mut body = Vec::new();
        for (index, data) in self.data.iter().enumerate() {
            if index > 0 {
                body.push(b'&');
            }
            body.extend(data.read(host).await?);
        }
        Ok(Some(body.into()))
    }

    /// Where to connect for `url`: where the first `--connect-to` about it says, else to its own host and port.
    pub(super) fn target(&self, url: &Url) -> (String, u16) {
        let instead = self.connect_to.iter().find_map(|other| other.instead(&url.host, url.port));
        instead.unwrap_or_else(|| (url.host.clone(), url.port))
    }

    /// Whether to try again after a failure of this kind.
    pub(super) fn retries_after(&self, failure: &Failure) -> bool {
        self.retry.always
            || failure.is_transient()
            || (self.retry.when_refused && failure.code == Failure::COULD_NOT_CONNECT)
    }
}

impl Data {
    async fn read(&self, host: &dyn Host) -> Result<Vec<u8>, Failure> {
        let (path, keeps_line_ends) = match self {
            Self::Text(text) => return Ok(text.clone().into_bytes()),
            Self::File { path, keeps_line_ends } => (path, *keeps_line_ends),
        };
        let mut bytes = if path == "-" {
            let mut bytes = Vec::new();
            host.stdin().read_to_end(&mut bytes).await.map_err(|_| Failure::not_read(path))?;
            bytes
        } else {
            host.read(Path::new(path)).map_err(|_| Failure::not_read(path))?
        };
        if !keeps_line_ends {
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match parse(&arguments)? {
            Parsed::Options(options) => Ok(*options),
            Parsed::Text(text) => Err(text),
        }
    }

    #[test]
    fn short_options_combine() {
        let options = parsed("-sSo /dev/null -XPOST -m 2.5 -w%{http_code} http://x").unwrap();
        assert!(options.silent && options.show_error);
        assert_eq!(options.outputs, ["/dev/null"]);
        assert_eq!(options.method.as_deref(), Some("POST"));
        assert_eq!(options.max_time, Some(Duration::from_millis(2500)));
        assert_eq!(options.write_out.as_deref(), Some("%{http_code}"));
        assert_eq!(options.urls, ["http://x"]);
    }

    #[test]
    fn switches_can_be_taken_back() {
        assert!(!parsed("-s --no-silent x").unwrap().silent);
        assert!(!parsed("-k --no-insecure x").unwrap().insecure);
    }

    #[test]
    fn wrong_command_lines_say_what_curl_says() {
        let cases = [
            ("--bogus x", "option --bogus: is unknown"),
            ("-s~ x", "option -s~: is unknown"),
            ("-m abc x", "option -m: expected a proper numerical parameter"),
            ("--max-time -1 x", "option --max-time: expected a positive numerical parameter"),
            ("x -H", "option -H: requires parameter"),
            ("--retry x x", "option --retry: expected a proper numerical parameter"),
            ("--resolve x x", "option --resolve: expected HOST:PORT:ADDRESS"),
            ("--connect-to x x", "option --connect-to: expected HOST1:PORT1:HOST2:PORT2"),
            ("--no-output x", "option --no-output: is unknown"),
            ("-s", "no URL specified"),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn resolve_takes_hosts_ports_and_addresses() {
        let options = parsed("--resolve h:80:127.0.0.1,[::1] x").unwrap();
        let addresses = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(options.resolve, [Resolve { host: "h".to_owned(), port: 80, addresses }]);
    }
}
