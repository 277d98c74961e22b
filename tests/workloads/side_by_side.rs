//! Our curl beside the system's own: the same exit code and, where curl's versions agree, the same message.

use std::process::Stdio;

use crate::{
    host::{Ran, TestHost, run_on},
    server::{Behaviour, Clients, Pki, Server, TLS12, TLS13, closed_port},
};

/// How far the two must agree.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Agree {
    /// On exit code, output and message.
    Fully,
    /// On exit code and output: the message is that of the TLS library.
    OnCode,
}

/// The system's curl; `None`, visibly, where there is none.
async fn system_curl(arguments: &[&str]) -> Option<Ran> {
    let output = tokio::process::Command::new("curl")
        .args(arguments)
        .env("NO_PROXY", "*")
        .env_remove("CURL_CA_BUNDLE")
        .env_remove("SSL_CERT_FILE")
        .stdin(Stdio::null())
        .output()
        .await;
    match output {
        Ok(output) => Some(Ran {
            code: output.status.code().and_then(|code| code.try_into().ok())?,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
        Err(error) => {
            eprintln!("SKIPPED: the system has no curl to compare with: {error}");
            None
        }
    }
}

/// The first line of a message, with what changes from run to run taken out.
fn message(ran: &Ran) -> String {
    let line = ran.stderr.lines().next().unwrap_or_default();
    regex::Regex::new(r"\d+ (ms|milliseconds)").unwrap().replace_all(line, "N $1").into_owned()
}

async fn compare(agree: Agree, arguments: &[&str]) {
    let Some(theirs) = system_curl(arguments).await else { return };
    let ours = run_on(TestHost::knowing(&[("localhost", "127.0.0.1")]), "curl", arguments).await;
    assert_eq!((ours.code, &ours.stdout), (theirs.code, &theirs.stdout), "{arguments:?}\n{ours:?}\n{theirs:?}");
    if agree == Agree::Fully {
        assert_eq!(message(&ours), message(&theirs), "{arguments:?}");
    }
}

#[tokio::test]
async fn plain_failures() {
    let (_taken, port) = closed_port();
    compare(Agree::Fully, &["-sS", "http://nosuch.invalid/"]).await;
    compare(Agree::Fully, &["-sS", &format!("http://127.0.0.1:{port}/")]).await;
    compare(Agree::OnCode, &["-sS", "foo://x"]).await;
    compare(Agree::OnCode, &["-sS", "http://a b/"]).await;
    compare(Agree::Fully, &["--bogus"]).await;
    compare(Agree::OnCode, &["-m", "x", "http://x"]).await;
    let format = "%{http_code} %{exitcode} %{size_download} %{errormsg}";
    for behaviour in [
        Behaviour::Answer(""),
        Behaviour::AnswerThenReset(""),
        Behaviour::Answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        Behaviour::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        Behaviour::Answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nabc"),
        Behaviour::Answer("\u{16}\u{3}\u{1}not http\r\n\r\n"),
    ] {
        let server = Server::start(behaviour).await;
        compare(Agree::Fully, &["-sS", "-w", format, &server.url()]).await;
        compare(Agree::Fully, &["-sSf", "-w", format, &server.url()]).await;
    }
    let silent = Server::start(Behaviour::AnswerThenSilence("")).await;
    compare(Agree::Fully, &["-sS", "-m", "0.2", &silent.url()]).await;
}

#[tokio::test]
async fn tls_failures() {
    let pki = Pki::new("test root");
    let ca = pki.file("ca.pem");
    let (certificate, key) = (pki.file("client.pem"), pki.file("client.key"));
    let any = Server::start(pki.server(Clients::Any, TLS13, |_| {})).await;
    let url = |server: &Server| format!("https://localhost:{}/", server.port());
    compare(Agree::Fully, &["-sS", "-4", "--cacert", &ca, &url(&any)]).await;
    compare(Agree::Fully, &["-sS", "-4", "--cacert", &Pki::new("other root").file("ca.pem"), &url(&any)]).await;
    compare(Agree::OnCode, &["-sS", "-4", "--cacert", "/nowhere/ca", &url(&any)]).await;
    compare(Agree::OnCode, &["-sS", "--cacert", &ca, &format!("https://127.0.0.1:{}/", any.port())]).await;
    let strict = Server::start(pki.server(Clients::Certified, TLS12, |_| {})).await;
    compare(Agree::OnCode, &["-sS", "-4", "--cacert", &ca, &url(&strict)]).await;
    compare(Agree::Fully, &["-sS", "-4", "--cacert", &ca, "--cert", &certificate, "--key", &key, &url(&strict)]).await;
    for behaviour in
        [Behaviour::Answer(""), Behaviour::AnswerThenReset(""), Behaviour::Answer("HTTP/1.1 400 No\r\n\r\n")]
    {
        let server = Server::start(behaviour).await;
        compare(Agree::OnCode, &["-sSk", "-4", &url(&server)]).await;
    }
}

#[tokio::test]
async fn answers() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc";
    let server = Server::start(Behaviour::Answer(answer)).await;
    let format = "|%{http_code}|%{remote_ip}|%{remote_port}|%{num_connects}|%{size_download}|%{http_version}|%{method}|%{url_effective}|%{content_type}|%{num_redirects}|%%|%{exitcode}\\n";
    for arguments in
        [&["-s"][..], &["-si"], &["-sI"], &["-s", "-d", "a=b"], &["-s", "-G", "-d", "a=b"], &["-s", "-o", "/dev/null"]]
    {
        let url = server.url();
        let mut all = arguments.to_vec();
        all.extend(["-w", format, &url]);
        compare(Agree::Fully, &all).await;
    }
}
