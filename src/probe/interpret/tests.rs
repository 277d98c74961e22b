//! What both ends say, and what is concluded from it.

use serde_json::{Value, json};

use super::*;

const SERVER: Server<'static> = Server { name: "httpbin.foo", ready: 1, has_sidecar: true };
const NAKED: Server<'static> = Server { name: "httpbin.legacy", ready: 1, has_sidecar: false };
const SLEEP: &str = "spiffe://cluster.local/ns/foo/sa/sleep";

/// A sidecar's line: the usual one, with `changes`.
fn line(changes: impl Into<Value>) -> AccessLog {
    let changes: Value = changes.into();
    let mut line = json!({
        "time": "2026-01-01T00:00:00Z", "direction": "inbound", "source": "10.244.0.9:41000",
        "destination": "10.244.0.4:8080", "mode": "PERMISSIVE", "transport": "plaintext", "status": 200, "flags": "",
        "bytesReceived": 0, "bytesSent": 0, "durationMs": 1,
    });
    let fields = line.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    serde_json::from_value(line).unwrap()
}

fn mutual(peer: &str) -> AccessLog {
    line(json!({"transport": "mtls", "peer": peer}))
}

fn answer(exit: u8, status: u16, message: &str) -> Answer {
    Answer { exit, status, message: message.to_owned(), ..Answer::default() }
}

/// An answer of httpbin's `/headers`.
fn echoed(xfcc: Option<&str>) -> Answer {
    let headers = xfcc.map_or(json!({}), |uri| json!({"X-Forwarded-Client-Cert": [format!("By=x;Hash=00;URI={uri}")]}));
    Answer { body: json!({"headers": headers}).to_string(), ..answer(0, 200, "") }
}

fn reset() -> Answer {
    answer(56, 0, "curl: (56) Recv failure: Connection reset by peer")
}

/// Verdict, cause and doubt; `caller` is what the caller's sidecar says, if it has one.
fn concluded(
    server: Option<Server<'_>>,
    answer: &Answer,
    caller: Option<Option<&AccessLog>>,
    at_server: Option<&AccessLog>,
) -> String {
    let exchange = Exchange {
        through_gateway: false,
        witnessed: true,
        request: &Request::get("http://httpbin.foo:8000/headers"),
        caller: "sleep.foo",
        caller_has_sidecar: caller.is_some(),
        server,
        answer,
        at_caller: caller.flatten(),
        at_server,
    };
    let finding = interpret(&exchange);
    let verdict = finding.verdict.map_or_else(|| "nothing".to_owned(), |verdict| verdict.to_string());
    let part = |name: &str, text: Option<String>| text.map(|text| format!("; {name}: {text}")).unwrap_or_default();
    format!("{verdict}{}{}", part("cause", finding.cause), part("doubt", finding.doubt))
}

#[test]
fn mutual_tls_is_what_both_ends_agree_on() {
    let seen = |answer: &Answer, line: Option<&AccessLog>| concluded(Some(SERVER), answer, Some(None), line);
    insta::assert_snapshot!(seen(&echoed(Some(SLEEP)), Some(&mutual(SLEEP))), @"mtls(spiffe://cluster.local/ns/foo/sa/sleep)");
    insta::assert_snapshot!(seen(&answer(0, 200, ""), Some(&mutual(SLEEP))), @"mtls(spiffe://cluster.local/ns/foo/sa/sleep)");
    insta::assert_snapshot!(seen(&echoed(Some(SLEEP)), None), @"nothing; doubt: the sidecar of httpbin.foo says nothing about this request");
    insta::assert_snapshot!(seen(&echoed(None), Some(&mutual(SLEEP))), @"mtls(spiffe://cluster.local/ns/foo/sa/sleep); doubt: the sidecar of httpbin.foo met spiffe://cluster.local/ns/foo/sa/sleep, but did not tell the application");
    insta::assert_snapshot!(seen(&echoed(Some(SLEEP)), Some(&line(json!({})))), @"plaintext; doubt: httpbin.foo was told that spiffe://cluster.local/ns/foo/sa/sleep is calling, but its sidecar saw plaintext");
    let other = mutual("spiffe://cluster.local/ns/foo/sa/other");
    insta::assert_snapshot!(seen(&echoed(Some(SLEEP)), Some(&other)), @"mtls(spiffe://cluster.local/ns/foo/sa/other); doubt: httpbin.foo was told that spiffe://cluster.local/ns/foo/sa/sleep is calling, but its sidecar met spiffe://cluster.local/ns/foo/sa/other");
}

#[test]
fn plaintext_is_what_reaches_the_server_so() {
    let plain = line(json!({}));
    insta::assert_snapshot!(concluded(Some(SERVER), &echoed(None), None, Some(&plain)), @"plaintext; cause: sleep.foo has no sidecar");
    insta::assert_snapshot!(concluded(Some(NAKED), &echoed(None), Some(None), None), @"plaintext; cause: httpbin.legacy has no sidecar");
    insta::assert_snapshot!(concluded(Some(NAKED), &echoed(Some(SLEEP)), Some(None), None), @"plaintext; cause: httpbin.legacy has no sidecar; doubt: httpbin.legacy has no sidecar, yet was told that spiffe://cluster.local/ns/foo/sa/sleep is calling");
}

#[test]
fn a_reset_counts_if_a_sidecar_did_it() {
    let refused =
        line(json!({"status": null, "mode": "STRICT", "flags": "DPE", "cause": "the client spoke plaintext"}));
    insta::assert_snapshot!(concluded(Some(SERVER), &reset(), None, Some(&refused)), @"reset; cause: the client spoke plaintext");
    insta::assert_snapshot!(concluded(Some(SERVER), &reset(), None, Some(&line(json!({})))), @"reset; doubt: the sidecar of httpbin.foo let it through: the application closed it");
    let crashed = line(json!({"status": null, "flags": "UC", "cause": "the application closed the connection"}));
    insta::assert_snapshot!(concluded(Some(SERVER), &reset(), None, Some(&crashed)), @"reset; doubt: the sidecar of httpbin.foo let it through: the application closed the connection");
    insta::assert_snapshot!(concluded(Some(SERVER), &reset(), None, None), @"reset; doubt: the sidecar of httpbin.foo says nothing about this connection");
    insta::assert_snapshot!(concluded(Some(NAKED), &reset(), None, None), @"reset; doubt: httpbin.legacy has no sidecar that could refuse: the application, or the network, closed it");
    let empty = answer(52, 0, "curl: (52) Empty reply from server");
    insta::assert_snapshot!(concluded(Some(SERVER), &empty, None, Some(&refused)), @"reset; cause: the client spoke plaintext");
}

#[test]
fn a_status_is_explained_by_who_sent_it() {
    let unavailable = Answer { body: "upstream connect error".to_owned(), ..answer(0, 503, "") };
    let outbound =
        line(json!({"direction": "outbound", "status": 503, "flags": "UC", "cause": "the server closed it"}));
    insta::assert_snapshot!(concluded(Some(SERVER), &unavailable, Some(Some(&outbound)), None), @"http(503); cause: the server closed it");
    insta::assert_snapshot!(concluded(Some(SERVER), &unavailable, Some(None), None), @"http(503); cause: upstream connect error; doubt: the sidecar of sleep.foo says nothing about this request");
    insta::assert_snapshot!(concluded(Some(SERVER), &answer(0, 404, ""), None, Some(&line(json!({"status": 404})))), @"http(404); cause: answered with status 404");
    let nobody = line(json!({"direction": "outbound", "status": 503, "flags": "UH", "cause": "no endpoint"}));
    insta::assert_snapshot!(concluded(Some(SERVER), &unavailable, Some(Some(&nobody)), None), @"no-endpoint; cause: httpbin.foo has no ready pod");
}

#[test]
fn a_server_that_is_down_is_not_a_policy() {
    let reason = "upstream connect error. reset reason: remote connection failure, transport failure reason: delayed \
                  connect error: Connection refused";
    let unavailable = Answer { body: reason.to_owned(), ..answer(0, 503, "") };
    let failed = line(json!({"status": 503, "flags": "UF,URX", "cause": "nothing listens there"}));
    let at_caller = concluded(Some(SERVER), &unavailable, Some(Some(&failed)), None);
    assert_eq!(at_caller, "refused; cause: nothing listens there");
    assert_eq!(concluded(Some(SERVER), &unavailable, None, Some(&failed)), at_caller);
    let late = Answer { body: "upstream connect error. reset reason: connection timeout".to_owned(), ..unavailable };
    assert_eq!(concluded(Some(SERVER), &late, Some(None), None), "timeout");
}

#[test]
fn without_pods_there_is_nothing_to_say() {
    let gone = Server { ready: 0, has_sidecar: false, ..SERVER };
    for (exit, message) in [(7, "refused"), (28, "timed out"), (56, "Connection reset by peer")] {
        let seen = concluded(Some(gone), &answer(exit, 0, message), None, None);
        assert_eq!(seen, "no-endpoint; cause: httpbin.foo has no ready pod", "exit {exit}");
    }
}

#[test]
fn exit_codes_of_curl_are_told_apart() {
    let seen = |exit, message: &str| concluded(None, &answer(exit, 0, message), None, None);
    assert_eq!(seen(6, "curl: (6) Could not resolve host: x"), "dns");
    assert_eq!(seen(7, "curl: (7) Failed to connect"), "refused");
    assert_eq!(seen(28, "curl: (28) Operation timed out"), "timeout");
    assert_eq!(seen(35, "curl: (35) Recv failure: Connection reset by peer"), "reset");
    let alert = "curl: (56) OpenSSL SSL_read: tlsv13 alert certificate required, errno 0";
    assert_eq!(seen(56, alert), "tls-alert(certificate required)");
    assert_eq!(seen(35, "curl: (35) received fatal alert: CertificateUnknown"), "tls-alert(certificate unknown)");
    insta::assert_snapshot!(seen(60, "curl: (60) self-signed certificate"), @"nothing; doubt: curl: (60) self-signed certificate (exit code 60)");
    insta::assert_snapshot!(seen(2, ""), @"nothing; doubt: 000, exit code 2");
}
