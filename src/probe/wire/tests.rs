use super::*;
use crate::{
    cluster::exec::ContainerRef,
    lab::{check::CurlShows, model::WorkloadName, position::Located},
    wire::conversation::{Conversation, Direction},
};

fn located<T>(value: T) -> Located<T> {
    Located { value, at: Default::default() }
}

fn wanted(travels: Kind, readable: &[&str], hidden: &[&str]) -> Wire {
    let name = |name: &str| located(WorkloadName(name.to_owned()));
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let request = Http {
        title: String::new(),
        from: name("sleep.foo"),
        container: "sleep".to_owned(),
        to: Some(name("httpbin.foo")),
        url: "http://httpbin.foo:8000/status/200?secret".to_owned(),
        method: "GET".to_owned(),
        headers: [("X-Key".to_owned(), "hush".to_owned())].into(),
        data: None,
        verdict: None,
        control: None,
        shows: CurlShows::default(),
        response: Vec::new(),
        body: Vec::new(),
    };
    let (readable, hidden) = (owned(readable), owned(hidden));
    Wire { title: "t".to_owned(), request, travels: located(travels), sni: None, readable, hidden }
}

fn overheard(there: &[u8], back: &[u8]) -> Overheard {
    let container = |name: &str| name.to_owned();
    let at =
        ContainerRef { namespace: container("foo"), pod: container("sleep-1"), container: container("istio-proxy") };
    let mut said = Conversation::default();
    said.feed(Direction::ToServer, there);
    said.feed(Direction::ToClient, back);
    Overheard { at, ends: "10.244.0.2:4000 -> 10.244.0.3:8080".to_owned(), said, lost: 0 }
}

/// Two records: a handshake that is none, and data.
const TLS: &[u8] = &[22, 3, 3, 0, 1, 0, 23, 3, 3, 0, 2, 7, 7];
const TEXT: &[u8] = b"GET /status/200?secret HTTP/1.1\r\nX-Key: hush\r\n\r\n";

fn answered(exit: u8) -> Finding {
    let message = if exit == 0 { String::new() } else { "curl: (56) reset".to_owned() };
    let status = if exit == 0 { 200 } else { 0 };
    Finding { answer: Some(Answer { exit, status, message, ..Answer::default() }), ..Finding::default() }
}

/// The outcomes, and why they are no pass.
fn judged(wire: &Wire, overheard: &[Overheard], finding: &Finding) -> String {
    let line = |line: &Line| {
        let why = line.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        format!("{} {}: {} / {}{why}", line.outcome, line.subject, line.expected, line.seen)
    };
    judge("a -> b", wire, overheard, finding).iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn encrypted() {
    let wire = wanted(Kind::Tls, &[], &["/status/200?secret", "hush", "never said"]);
    insta::assert_snapshot!(judged(&wire, &[overheard(TLS, TLS)], &answered(0)), @r#"
    pass a -> b: TLS and nothing else / TLS: 2 records to the server, 2 records back
    pass a -> b: "/status/200?secret": cannot be read / not seen
    pass a -> b: "hush": cannot be read / not seen
    error a -> b: "never said": cannot be read / not seen (it stands neither in the request nor in the answer: that it is not seen proves nothing)
    "#);
    insta::assert_snapshot!(judged(&wanted(Kind::Tls, &[], &["hush"]), &[overheard(TEXT, b"")], &answered(0)), @r#"
    fail a -> b: TLS and nothing else / text: "GET /status/200?secret HTTP/1.1\r\nX-Key: hush\r\n\r\n"
    fail a -> b: "hush": cannot be read / readable
    "#);
}

#[test]
fn readable_text() {
    let wire = wanted(Kind::Text, &["hush"], &[]);
    insta::assert_snapshot!(judged(&wire, &[overheard(TEXT, b"")], &answered(56)), @r#"
    pass a -> b: text / text: "GET /status/200?secret HTTP/1.1\r\nX-Key: hush\r\n\r\n"
    pass a -> b: "hush": readable / readable
    "#);
    insta::assert_snapshot!(judged(&wire, &[overheard(TLS, TLS)], &answered(0)), @r#"
    fail a -> b: text / TLS: 2 records to the server, 2 records back
    fail a -> b: "hush": readable / not seen
    "#);
}

/// Encrypted is only what carried an answer, and not what nobody looked at.
#[test]
fn what_proves_nothing_is_an_error() {
    let wire = wanted(Kind::Tls, &[], &[]);
    let hidden = wanted(Kind::Tls, &[], &["hush"]);
    let cut = Overheard { lost: 7, ..overheard(TLS, TLS) };
    let all = [
        judged(&wire, &[], &answered(0)),
        judged(&wire, &[overheard(b"", b"")], &answered(56)),
        judged(&wire, &[overheard(TLS, TLS)], &answered(56)),
        judged(&wire, &[overheard(&TLS[..6], &TLS[..6])], &answered(0)),
        judged(&wire, &[overheard(TLS, TLS)], &Finding::broken("no pod")),
        judged(&hidden, &[cut], &answered(0)),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    error a -> b: TLS and nothing else / unknown (no byte was seen between them; HTTP 200)
    error a -> b: TLS and nothing else / unknown (no byte was seen between them; curl: (56) reset (exit code 56))
    error a -> b: TLS and nothing else / TLS: 2 records to the server, 2 records back (nothing was answered: curl: (56) reset (exit code 56))
    error a -> b: TLS and nothing else / TLS: 1 record to the server, 1 record back (no data was seen in the TLS records)
    error a -> b: TLS and nothing else / TLS: 2 records to the server, 2 records back (no pod)
    pass a -> b: TLS and nothing else / TLS: 2 records to the server, 2 records back
    error a -> b: "hush": cannot be read / not seen (not all that travelled was looked at)
    "#);
}
