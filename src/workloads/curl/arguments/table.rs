//! The options, one line each.

use std::{str::FromStr, time::Duration};

use super::{ConnectTo, Data, Fail, Family, HttpVersion, Options, Resolve};

/// What an option does with its value, or with being there.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// A switch; `--no-...` turns it off.
    Nothing(fn(&mut Options, bool)),
    /// The next argument; an error says what was expected.
    Value(fn(&mut Options, String) -> Result<(), String>),
}

pub(super) struct Opt {
    pub(super) short: Option<char>,
    pub(super) long: &'static str,
    help: &'static str,
    pub(super) takes: Takes,
}

const fn switch(short: Option<char>, long: &'static str, help: &'static str, apply: fn(&mut Options, bool)) -> Opt {
    Opt { short, long, help, takes: Takes::Nothing(apply) }
}

const fn value(
    short: Option<char>,
    long: &'static str,
    help: &'static str,
    apply: fn(&mut Options, String) -> Result<(), String>,
) -> Opt {
    Opt { short, long, help, takes: Takes::Value(apply) }
}

pub(super) const OPTIONS: &[Opt] = &[
    value(None, "cacert", "trust the certificates of this file", |o, v| set(&mut o.ca_certificates, v)),
    value(Some('E'), "cert", "the client's certificate", |o, v| set(&mut o.client_certificate, v)),
    value(None, "connect-timeout", "seconds that connecting may take", |o, v| {
        o.connect_timeout = seconds(&v)?;
        Ok(())
    }),
    value(None, "connect-to", "HOST1:PORT1:HOST2:PORT2: connect to 2 instead of 1", |o, v| {
        o.connect_to.push(ConnectTo::parse(&v).ok_or("expected HOST1:PORT1:HOST2:PORT2")?);
        Ok(())
    }),
    value(Some('d'), "data", "send this as the body of a POST; @FILE sends a file", |o, v| data(o, v, false)),
    value(None, "data-ascii", "the same as --data", |o, v| data(o, v, false)),
    value(None, "data-binary", "as --data, but a file as it is", |o, v| data(o, v, true)),
    value(None, "data-raw", "as --data, but @ means nothing", |o, v| {
        o.data.push(Data::Text(v));
        Ok(())
    }),
    value(Some('D'), "dump-header", "write the answer's headers to this file", |o, v| set(&mut o.dump_header, v)),
    switch(Some('f'), "fail", "fail on statuses from 400 on, without output", |o, on| {
        o.fail = if on { Fail::WithoutBody } else { Fail::Never };
    }),
    switch(None, "fail-with-body", "fail on statuses from 400 on, with output", |o, on| {
        o.fail = if on { Fail::WithBody } else { Fail::Never };
    }),
    switch(Some('G'), "get", "put the data into the URL's query", |o, on| o.is_get_with_data = on),
    switch(Some('g'), "globoff", "URLs mean what they say (they always do here)", |_, _| {}),
    switch(Some('I'), "head", "ask for the headers only", |o, on| o.head = on),
    value(Some('H'), "header", "send this header (NAME: VALUE)", |o, v| {
        o.headers.push(v);
        Ok(())
    }),
    switch(None, "http1.1", "speak HTTP/1.1", |o, on| set_version(o, HttpVersion::One, on)),
    switch(None, "http2", "speak HTTP/2 where TLS agrees on it", |o, on| set_version(o, HttpVersion::Negotiated, on)),
    switch(None, "http2-prior-knowledge", "speak HTTP/2 without asking first", |o, on| {
        set_version(o, HttpVersion::TwoPriorKnowledge, on);
    }),
    switch(Some('i'), "include", "show the answer's headers", |o, on| o.include_headers = on),
    switch(Some('k'), "insecure", "trust any server", |o, on| o.insecure = on),
    switch(Some('4'), "ipv4", "use IPv4 addresses only", |o, _| o.family = Some(Family::V4)),
    switch(Some('6'), "ipv6", "use IPv6 addresses only", |o, _| o.family = Some(Family::V6)),
    value(None, "json", "POST this as JSON", |o, v| {
        for header in ["Content-Type: application/json", "Accept: application/json"] {
            o.headers.push(header.to_owned());
        }
        data(o, v, true)
    }),
    value(None, "key", "the client's private key", |o, v| set(&mut o.client_key, v)),
    switch(Some('L'), "location", "follow redirects", |o, on| o.follow = on),
    value(None, "max-redirs", "follow at most so many (50)", |o, v| {
        o.max_redirects = Some(number(&v)?);
        Ok(())
    }),
    value(Some('m'), "max-time", "seconds that all may take", |o, v| {
        o.max_time = seconds(&v)?;
        Ok(())
    }),
    switch(Some('N'), "no-buffer", "show data as it comes (always so here)", |_, _| {}),
    switch(None, "no-progress-meter", "show no progress (always so here)", |_, _| {}),
    value(Some('o'), "output", "write the body to this file", |o, v| {
        o.outputs.push(v);
        Ok(())
    }),
    value(Some('X'), "request", "the request's method", |o, v| set(&mut o.method, v)),
    value(None, "resolve", "HOST:PORT:ADDRESS[,ADDRESS] instead of a look-up", |o, v| {
        o.resolve.push(resolve(&v).ok_or("expected HOST:PORT:ADDRESS")?);
        Ok(())
    }),
    value(None, "retry", "try again so many times after a passing problem", |o, v| {
        o.retry.times = number(&v)?;
        Ok(())
    }),
    switch(None, "retry-all-errors", "any problem may pass", |o, on| o.retry.always = on),
    switch(None, "retry-connrefused", "a refused connection may pass", |o, on| o.retry.when_refused = on),
    value(None, "retry-delay", "seconds between two tries", |o, v| {
        o.retry.delay = seconds(&v)?;
        Ok(())
    }),
    value(None, "retry-max-time", "no more tries after so many seconds", |o, v| {
        o.retry.within = seconds(&v)?;
        Ok(())
    }),
    switch(Some('S'), "show-error", "show errors even when silent", |o, on| o.show_error = on),
    switch(Some('s'), "silent", "show no errors", |o, on| o.silent = on),
    value(None, "url", "a URL to ask for", |o, v| {
        o.urls.push(v);
        Ok(())
    }),
    value(Some('u'), "user", "USER:PASSWORD", |o, v| set(&mut o.user, v)),
    value(Some('A'), "user-agent", "what to call ourselves", |o, v| set(&mut o.user_agent, v)),
    switch(Some('v'), "verbose", "tell what happens", |o, on| o.verbose = on),
    value(Some('w'), "write-out", "print this afterwards, variables filled in", |o, v| set(&mut o.write_out, v)),
];

/// The text of `--help`.
pub(super) fn help() -> String {
    let mut text = "Usage: curl [OPTIONS] URL...\n".to_owned();
    for option in OPTIONS {
        let short = option.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        let value = if matches!(option.takes, Takes::Value(_)) { " <value>" } else { "" };
        let names = format!("{short}--{}{value}", option.long);
        text.push_str(&format!("  {names:<34}{}\n", option.help));
    }
    text
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all options with a value")]
fn set(place: &mut Option<String>, value: String) -> Result<(), String> {
    *place = Some(value);
    Ok(())
}

fn set_version(options: &mut Options, version: HttpVersion, on: bool) {
    options.http = if on { version } else { HttpVersion::Negotiated };
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all options with a value")]
fn data(options: &mut Options, value: String, keeps_line_ends: bool) -> Result<(), String> {
    options.data.push(match value.strip_prefix('@') {
        Some(path) => Data::File { path: path.to_owned(), keeps_line_ends },
        None => Data::Text(value),
    });
    Ok(())
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    if text.starts_with('-') && text[1..].parse::<f64>().is_ok() {
        return Err("expected a positive numerical parameter".to_owned());
    }
    text.parse().map_err(|_| "expected a proper numerical parameter".to_owned())
}

/// Seconds, fractions allowed; 0 is no limit.
fn seconds(text: &str) -> Result<Option<Duration>, String> {
    let duration = Duration::try_from_secs_f64(number(text)?);
    let duration = duration.map_err(|_| "expected a proper numerical parameter".to_owned())?;
    Ok(Some(duration).filter(|duration| !duration.is_zero()))
}

fn resolve(text: &str) -> Option<Resolve> {
    let (host, rest) = text.trim_start_matches('+').split_once(':')?;
    let (port, addresses) = rest.split_once(':')?;
    let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let addresses = addresses.split(',').map(address).collect::<Option<Vec<_>>>()?;
    Some(Resolve { host: host.to_ascii_lowercase(), port: port.parse().ok()?, addresses })
}
