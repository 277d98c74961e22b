use crate::{
    host::{Ran, TestHost, curl, run_on},
    server::{Behaviour, Server, closed_port},
};

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX-Was: here\r\n\r\nabc";

/// The message with what changes from run to run taken out.
fn told(ran: &Ran) -> String {
    let message = regex::Regex::new(r"\d+ (ms|milliseconds)").unwrap().replace_all(&ran.stderr, "N $1");
    let message = regex::Regex::new(r"port \d+").unwrap().replace_all(&message, "port P");
    format!("{} [{}] {}", ran.code, ran.stdout, message.trim_end())
}

#[tokio::test]
async fn closed_connection_is_an_empty_reply() {
    let server = Server::start(Behaviour::Answer("")).await;
    let ran = curl(&["-sS", "-o", "/dev/null", "-w", "%{http_code}", &server.url()]).await;
    insta::assert_snapshot!(told(&ran), @"52 [000] curl: (52) Empty reply from server");
}

#[tokio::test]
async fn reset_connection_is_a_receive_failure() {
    let server = Server::start(Behaviour::AnswerThenReset("")).await;
    let ran = curl(&["-sS", "-o", "/dev/null", "-w", "%{http_code} %{exitcode}", &server.url()]).await;
    insta::assert_snapshot!(told(&ran), @"56 [000 56] curl: (56) Recv failure: Connection reset by peer");
}

#[tokio::test]
async fn reset_in_the_middle_is_a_receive_failure_too() {
    let server = Server::start(Behaviour::AnswerThenReset("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")).await;
    let ran = curl(&["-sS", "-o", "/dev/null", &server.url()]).await;
    insta::assert_snapshot!(told(&ran), @"56 [] curl: (56) Recv failure: Connection reset by peer");
}

#[tokio::test]
async fn short_body_is_told_from_a_whole_one() {
    let server = Server::start(Behaviour::Answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")).await;
    insta::assert_snapshot!(told(&curl(&["-sS", &server.url()]).await), @"18 [abc] curl: (18) transfer closed with 7 bytes remaining to read");
    let server =
        Server::start(Behaviour::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")).await;
    insta::assert_snapshot!(told(&curl(&["-sS", &server.url()]).await), @"18 [abc] curl: (18) transfer closed with outstanding read data remaining");
    let server = Server::start(Behaviour::Answer("HTTP/1.1 200 OK\r\n\r\nuntil the end")).await;
    insta::assert_snapshot!(told(&curl(&["-sS", &server.url()]).await), @"0 [until the end]");
}

#[tokio::test]
async fn answer_that_is_no_http_is_refused() {
    let server = Server::start(Behaviour::Answer("\u{16}\u{3}\u{1}not http\r\n\r\n")).await;
    insta::assert_snapshot!(told(&curl(&["-sS", &server.url()]).await), @"1 [] curl: (1) Received HTTP/0.9 when not allowed");
}

#[tokio::test]
async fn timeouts_say_how_far_it_came() {
    let server = Server::start(Behaviour::AnswerThenSilence("")).await;
    insta::assert_snapshot!(told(&curl(&["-sS", "-m", "0.3", &server.url()]).await), @"28 [] curl: (28) Operation timed out after N milliseconds with 0 bytes received");
    let https = format!("https://{}/", server.address);
    insta::assert_snapshot!(told(&curl(&["-sS", "--connect-timeout", "0.5", &https]).await), @"28 [] curl: (28) SSL connection timeout");
    let server = Server::start(Behaviour::AnswerThenSilence("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")).await;
    insta::assert_snapshot!(told(&curl(&["-sS", "-m", "0.5", &server.url()]).await), @"28 [abc] curl: (28) Operation timed out after N milliseconds with 3 out of 10 bytes received");
}

#[tokio::test]
async fn names_and_ports_that_are_not_there() {
    insta::assert_snapshot!(told(&curl(&["-sS", "http://nosuch.foo/"]).await), @"6 [] curl: (6) Could not resolve host: nosuch.foo");
    let (_taken, port) = closed_port();
    let ran = run_on(TestHost::knowing(&[("web", "127.0.0.1")]), "curl", &["-sS", &format!("http://web:{port}")]).await;
    insta::assert_snapshot!(told(&ran), @"7 [] curl: (7) Failed to connect to web port P after N ms: Couldn't connect to server");
    assert_eq!(curl(&["-s", &format!("http://127.0.0.1:{port}")]).await.stderr, "");
}

#[tokio::test]
async fn wrong_urls_and_options() {
    insta::assert_snapshot!(told(&curl(&["foo://x"]).await), @r#"1 [] curl: (1) Protocol "foo" not supported"#);
    insta::assert_snapshot!(told(&curl(&["http://a b/"]).await), @"3 [] curl: (3) URL using bad/illegal format or missing URL");
    insta::assert_snapshot!(told(&curl(&["--bogus", "x"]).await), @r"
    2 [] curl: option --bogus: is unknown
    curl: try 'curl --help' for more information
    ");
    insta::assert_snapshot!(told(&curl(&["-d", "@/nowhere/x", "http://x"]).await), @"26 [] curl: (26) Failed to open /nowhere/x");
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    insta::assert_snapshot!(told(&curl(&["-sS", "-o", "/nowhere/x", &server.url()]).await), @"23 [] curl: (23) Failure writing output to destination");
}

#[tokio::test]
async fn fail_makes_a_status_a_failure() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    insta::assert_snapshot!(told(&curl(&["-s", &server.url()]).await), @"0 [abc]");
    insta::assert_snapshot!(told(&curl(&["-fsS", &server.url()]).await), @"22 [] curl: (22) The requested URL returned error: 404");
    insta::assert_snapshot!(told(&curl(&["--fail-with-body", "-sS", &server.url()]).await), @"22 [abc] curl: (22) The requested URL returned error: 404");
}

#[tokio::test]
async fn headers_are_shown_where_asked() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    let head = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX-Was: here\r\n\r\n";
    assert_eq!(curl(&["-si", &server.url()]).await.stdout, format!("{head}abc"));
    assert_eq!(curl(&["-sI", &server.url()]).await.stdout, head);
    assert_eq!(curl(&["-s", "-D", "-", "-o", "/dev/null", &server.url()]).await.stdout, head);
    assert_eq!(curl(&["-s", "-o", "/dev/null", "-w", "%header{x-was}", &server.url()]).await.stdout, "here");
}

#[tokio::test]
async fn verbose_tells_the_conversation() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    let ran = curl(&["-sv", "-A", "me", "-H", "X-A: b", "-H", "Accept:", &server.url()]).await;
    let told = ran.stderr.replace(&server.port().to_string(), "PORT");
    insta::assert_snapshot!(told, @r"
    *   Trying 127.0.0.1:PORT...
    * Connected to 127.0.0.1 (127.0.0.1) port PORT
    > GET / HTTP/1.1
    > Host: 127.0.0.1:PORT
    > User-Agent: me
    > X-A: b
    > 
    < HTTP/1.1 404 Not Found
    < Content-Length: 3
    < X-Was: here
    <
    ");
}

#[tokio::test]
async fn output_goes_to_files_one_for_each_url() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let url = server.url();
    let ran = curl(&["-s", "-o", &file("a"), "-o", &file("b"), &url, &url, &url]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "abc"));
    assert_eq!(std::fs::read(file("a")).unwrap(), b"abc");
    assert_eq!(std::fs::read(file("b")).unwrap(), b"abc");
}

#[tokio::test]
async fn write_out_knows_both_ends_of_the_connection() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    let format = "%{http_code}|%{local_ip}|%{remote_ip}|%{remote_port}|%{num_connects}|%{size_download}|%{http_version}|%{scheme}|%{method}|%{url_effective}";
    let ran = curl(&["-s", "-o", "/dev/null", "-w", format, &server.url()]).await;
    let port = server.port();
    assert_eq!(ran.stdout, format!("404|127.0.0.1|127.0.0.1|{port}|1|3|1.1|HTTP|GET|http://127.0.0.1:{port}/"));
    let ran = curl(&["-s", "-o", "/dev/null", "-w", "%{json}", &server.url()]).await;
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&json["http_code"], &json["exitcode"]), (&404.into(), &0.into()));
    let ran = curl(&["-s", "-w", "%{nosuch}%{stderr}x", &server.url()]).await;
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("abc", "curl: unknown --write-out variable: 'nosuch'\nx"));
}

#[tokio::test]
async fn resolve_replaces_the_lookup() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    let port = server.port();
    let resolve = format!("web.foo:{port}:127.0.0.1");
    let ran = curl(&["-s", "--resolve", &resolve, &format!("http://web.foo:{port}/")]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "abc"));
}

#[tokio::test]
async fn connect_to_changes_where_the_connection_goes() {
    let server = Server::start(Behaviour::Answer(NOT_FOUND)).await;
    let there = format!("web.foo:80:127.0.0.1:{}", server.port());
    let ran = curl(&["-s", "--connect-to", &there, "-w", " %{url_effective} %{remote_port}", "http://web.foo/x"]).await;
    assert_eq!((ran.code, ran.stdout), (0, format!("abc http://web.foo/x {}", server.port())));
}

#[tokio::test]
async fn retries_follow_the_rules() {
    let server =
        Server::start(Behaviour::Answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1\r\n\r\nx")).await;
    let retry = ["-w", "%{http_code}", "--retry", "2", "--retry-delay", "0.01"];
    let with = |rest: &[&str]| retry.iter().chain(rest).map(|part| (*part).to_owned()).collect::<Vec<String>>();
    let run =
        |arguments: Vec<String>| async move { curl(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await };
    let ran = run(with(&[&server.url()])).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "xxx503"));
    insta::assert_snapshot!(ran.stderr, @r"
    Warning: Problem: HTTP error. Will retry in 1 seconds. 2 retries left.
    Warning: Problem: HTTP error. Will retry in 1 seconds. 1 retries left.
    ");
    let (_taken, port) = closed_port();
    let refused = format!("http://127.0.0.1:{port}/");
    assert!(!run(with(&[&refused])).await.stderr.contains("Will retry"));
    assert!(run(with(&["--retry-connrefused", &refused])).await.stderr.contains("1 retries left"));
}

#[tokio::test]
async fn ends_when_its_machine_does() {
    let server = Server::start(Behaviour::AnswerThenSilence("")).await;
    let host = TestHost::default();
    host.shutdown.cancel();
    assert_eq!(run_on(host, "curl", &["-s", &server.url()]).await.code, 143);
}
