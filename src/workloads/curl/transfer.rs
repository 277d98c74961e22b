//! One URL: requests along redirects, tries after failures, and what is printed about it.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, Method, header};
use tokio::time::timeout;

use super::{
    arguments::{Fail, Options},
    connect::{self, tell},
    exchange::{self, Answer, Asked},
    failure::Failure,
    output::Sink,
    report::{Phase, Report},
    url::Url,
    write_out,
};
use crate::{
    host::{Host, Output},
    host_println,
};

const DEFAULT_USER_AGENT: &str = concat!("curl (labctl/", env!("CARGO_PKG_VERSION"), ")");
const DEFAULT_MAX_REDIRECTS: u32 = 50;
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(1);
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(600);

/// Asks for one URL as often as the options say; the last try counts.
pub(super) async fn run(
    host: &dyn Host,
    options: &Options,
    url: &str,
    output: Option<&str>,
    body: Option<&Bytes>,
) -> Result<(), Failure> {
    let started = tokio::time::Instant::now();
    let mut delay = FIRST_RETRY_DELAY;
    let mut left = options.retry.times;
    loop {
        let mut transfer = Transfer::new(host, options, output, url);
        let outcome = transfer.within_time(url, body).await;
        let outcome = transfer.write_files(outcome);
        transfer.report.total = transfer.report.elapsed();
        let problem = transfer.passing_problem(&outcome);
        let pause = options.retry.delay.unwrap_or(delay);
        let in_time = options.retry.within.is_none_or(|within| started.elapsed() + pause < within);
        let Some(problem) = problem.filter(|_| left > 0 && in_time) else {
            if let Some(format) = &options.write_out {
                write_out::print(host, format, &transfer.report, outcome.as_ref().err());
            }
            return outcome;
        };
        if !options.silent {
            let seconds = pause.as_secs_f64().ceil();
            host_println!(
                host,
                Output::Stderr,
                "Warning: Problem: {problem}. Will retry in {seconds} seconds. {left} retries left."
            );
        }
        tokio::time::sleep(pause).await;
        delay = (delay * 2).min(LONGEST_RETRY_DELAY);
        left -= 1;
    }
}

struct Transfer<'a> {
    host: &'a dyn Host,
    options: &'a Options,
    /// Where the answer goes.
    output: Sink<'a>,
    /// Where its headers go as well (`-D`).
    headers_output: Sink<'a>,
    report: Report,
}

impl<'a> Transfer<'a> {
    fn new(host: &'a dyn Host, options: &'a Options, output: Option<&str>, url: &str) -> Self {
        let headers = options.dump_header.as_deref();
        let headers_output = headers.map_or(Sink::Nothing, |path| Sink::new(host, Some(path)));
        Self { host, options, output: Sink::new(host, output), headers_output, report: Report::new(url) }
    }

    /// Files get what has arrived, even of a transfer that failed.
    fn write_files(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        let is_complete = outcome.is_ok();
        let written = self.output.finish(is_complete).and(self.headers_output.finish(is_complete));
        outcome.and(written)
    }

    async fn within_time(&mut self, url: &str, body: Option<&Bytes>) -> Result<(), Failure> {
        let Some(limit) = self.options.max_time else { return self.follow(url, body).await };
        match timeout(limit, self.follow(url, body)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.report.timed_out()),
        }
    }

    /// What may be better the next time, if anything was wrong at all.
    fn passing_problem(&self, outcome: &Result<(), Failure>) -> Option<String> {
        match outcome {
            Err(failure) if self.options.retries_after(failure) => Some(match failure.code {
                Failure::TIMED_OUT => "timeout".to_owned(),
                Failure::COULD_NOT_CONNECT => "connection refused".to_owned(),
                _ => failure.message.clone(),
            }),
            _ if matches!(self.report.status, 408 | 429 | 500 | 502 | 503 | 504) => Some("HTTP error".to_owned()),
            _ => None,
        }
    }

    /// Asks, and asks again where a redirect leads if that was asked for.
    async fn follow(&mut self, url: &str, body: Option<&Bytes>) -> Result<(), Failure> {
        let mut asked = self.first_request(url, body)?;
        let most = self.options.max_redirects.unwrap_or(DEFAULT_MAX_REDIRECTS);
        loop {
            let answer = self.ask(&asked).await?;
            let Some(location) = self.redirect(&answer, &asked.url) else { return self.finish(answer).await };
            if self.report.redirects >= most {
                self.report.redirect_url = location.to_string();
                return Err(Failure::too_many_redirects(most));
            }
            self.report.redirects += 1;
            self.report.redirected = self.report.elapsed();
            tell(self.host, self.options, || format!("Issue another request to this URL: '{location}'"));
            self.show_head(&answer);
            asked = self.next_request(asked, location, answer.status())?;
            answer.receive(&mut Sink::Nothing, &mut self.report).await?;
        }
    }

    /// Where the answer wants us to go, if we are to go there.
    fn redirect(&mut self, answer: &Answer, from: &Url) -> Option<Url> {
        let location = answer.headers().get(header::LOCATION).filter(|_| (300..400).contains(&answer.status()))?;
        let location = from.join(location.to_str().ok()?).ok()?;
        if !self.options.follow {
            self.report.redirect_url = location.to_string();
            return None;
        }
        Some(location)
    }

    fn first_request(&mut self, url: &str, body: Option<&Bytes>) -> Result<Asked, Failure> {
        let options = self.options;
        let mut url = Url::parse(url)?;
        let mut body = body.cloned();
        if options.is_get_with_data
            && let Some(data) = body.take()
        {
            let separator = if url.path.contains('?') { '&' } else { '?' };
            url.path.push(separator);
            url.path.push_str(&String::from_utf8_lossy(&data));
        }
        let method = match &options.method {
            Some(method) => Method::from_bytes(method.as_bytes()).map_err(|_| Failure::malformed_url())?,
            None if options.head => Method::HEAD,
            None if body.is_some() => Method::POST,
            None => Method::GET,
        };
        let headers = self.headers(&url, body.as_ref(), true)?;
        Ok(Asked { method, url, headers, body })
    }

    /// The request after a redirect. As browsers do, a POST becomes a GET unless the status forbids it.
    fn next_request(&self, asked: Asked, location: Url, status: u16) -> Result<Asked, Failure> {
        let becomes_get = asked.method == Method::POST && matches!(status, 301..=303) && self.options.method.is_none();
        let (method, body) = if becomes_get { (Method::GET, None) } else { (asked.method, asked.body) };
        let origin = Url::parse(&self.report.url)?;
        let headers = self.headers(&location, body.as_ref(), origin.is_same_server(&location))?;
        Ok(Asked { method, url: location, headers, body })
    }

    /// The request's headers; credentials only for the server that they were given for.
    fn headers(&self, url: &Url, body: Option<&Bytes>, is_trusted: bool) -> Result<http::HeaderMap, Failure> {
        let options = self.options;
        let user_agent = options.user_agent.clone().unwrap_or_else(|| DEFAULT_USER_AGENT.to_owned());
        let mut defaults: Vec<(HeaderName, String)> = vec![(header::HOST, url.authority())];
        let user = options.user.as_ref().filter(|_| is_trusted).or(url.user.as_ref());
        if let Some(user) = user {
            let user = if user.contains(':') { user.clone() } else { format!("{user}:") };
            defaults.push((header::AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(user))));
        }
        if !user_agent.is_empty() {
            defaults.push((header::USER_AGENT, user_agent));
        }
        defaults.push((header::ACCEPT, "*/*".to_owned()));
        if let Some(body) = body {
            defaults.push((header::CONTENT_LENGTH, body.len().to_string()));
            defaults.push((header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned()));
        }
        let is_secret = |line: &String| {
            let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
            matches!(name.as_str(), "authorization" | "cookie")
        };
        let custom: Vec<String> =
            options.headers.iter().filter(|line| is_trusted || !is_secret(line)).cloned().collect();
        exchange::headers(&defaults, &custom)
    }

    /// Connects, sends the request, waits for the answer's headers.
    async fn ask(&mut self, asked: &Asked) -> Result<Answer, Failure> {
        self.report.method = asked.method.to_string();
        self.report.url = asked.url.to_string();
        self.report.scheme = asked.url.scheme.name();
        let connecting = connect::connect(self.host, self.options, &asked.url, &mut self.report);
        let connection = match self.options.connect_timeout {
            None => connecting.await?,
            Some(limit) => match timeout(limit, connecting).await {
                Ok(outcome) => outcome?,
                Err(_) => return Err(self.report.timed_out()),
            },
        };
        self.report.phase = Phase::Exchanging;
        self.report.sending = self.report.elapsed();
        self.show_request(asked, connection.is_http2);
        let answer = exchange::send(connection, asked).await?;
        self.note(&answer, asked);
        Ok(answer)
    }

    fn note(&mut self, answer: &Answer, asked: &Asked) {
        let report = &mut self.report;
        report.answered = report.elapsed();
        report.status = answer.status();
        report.http_version = answer.version();
        report.headers = answer.headers().clone();
        report.header_size += answer.head().len() as u64;
        report.body_length = answer.body_length().filter(|_| asked.method != Method::HEAD);
        report.body_size = 0;
        report.upload_size = asked.body.as_ref().map_or(0, |body| body.len() as u64);
        if self.options.verbose {
            for line in answer.head().split_inclusive("\r\n") {
                self.host.print(Output::Stderr, format!("< {}\n", line.trim_end()).as_bytes());
            }
        }
    }

    fn show_request(&self, asked: &Asked, is_http2: bool) {
        if !self.options.verbose {
            return;
        }
        let version = if is_http2 { "2" } else { "1.1" };
        let mut text = format!("> {} {} HTTP/{version}\n", asked.method, asked.url.path);
        for (name, value) in &asked.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            text.push_str(&format!("> {}: {value}\n", exchange::show_name(name, is_http2)));
        }
        text.push_str("> \n");
        self.host.print(Output::Stderr, text.as_bytes());
    }

    /// Shows an answer's headers where they were asked for (`-i`, `-I`, `-D`).
    fn show_head(&mut self, answer: &Answer) {
        let head = answer.head();
        if self.options.include_headers || self.options.head {
            self.output.write(head.as_bytes());
        }
        self.headers_output.write(head.as_bytes());
    }

    /// Receives the last answer.
    async fn finish(&mut self, answer: Answer) -> Result<(), Failure> {
        let status = answer.status();
        let is_refused = status >= 400 && self.options.fail != Fail::Never;
        if is_refused && self.options.fail == Fail::WithoutBody {
            return Err(Failure::http_status(status));
        }
        self.show_head(&answer);
        answer.receive(&mut self.output, &mut self.report).await?;
        if is_refused { Err(Failure::http_status(status)) } else { Ok(()) }
    }
}
