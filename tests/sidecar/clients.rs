//! What clients see: the table of the semantics, section 7, on an HTTP port whose application speaks plaintext.

use labctl::{
    mesh::mode::Mode,
    sidecar::{
        access_log::Transport,
        config::{CertificateFiles, ClientTls, Protocol},
    },
};

use crate::{
    app,
    client::{Answer, ask, get},
    world::{APP, CLIENT, CLIENT_ID, SERVER_ID, SERVICE, World, mutual},
};

const STRICT: Option<Mode> = Some(Mode::Strict);
const PERMISSIVE: Option<Mode> = Some(Mode::Permissive);
const DISABLE: Option<Mode> = Some(Mode::Disable);
const NAKED: Option<Mode> = None;

const WRONG_VERSION: &str = "upstream connect error or disconnect/reset before headers. retried and the latest reset \
    reason: remote connection failure, transport failure reason: TLS_error: WRONG_VERSION_NUMBER";
const TERMINATED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

async fn call(server: Option<Mode>, tls: ClientTls) -> (World, Answer) {
    let world = World::new(server.map(|mode| (mode, Protocol::Http))).await.with_client(Protocol::Http, tls).await;
    app::http(&world.net, APP).await;
    let stream = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
    let answer = ask(stream, get("/headers")).await.unwrap();
    (world, answer)
}

#[tokio::test]
async fn mutual_tls_is_seen_by_the_application_and_by_both_sidecars() {
    for server in [STRICT, PERMISSIVE] {
        let (world, answer) = call(server, mutual(&["spiffe://cluster.local/ns/foo/sa/other", SERVER_ID])).await;
        assert_eq!(answer.status, 200);
        let xfcc = labctl::sidecar::xfcc::parse(answer.seen("x-forwarded-client-cert").unwrap()).unwrap();
        assert_eq!(
            (xfcc.len(), &xfcc[0].by[..], &xfcc[0].uri[..]),
            (1, &[SERVER_ID.into()][..], &[CLIENT_ID.into()][..])
        );
        assert_eq!((xfcc[0].subject.as_deref(), xfcc[0].hash.as_ref().unwrap().len()), (Some(""), 64));
        let entry = world.client().logged(|_| true).await;
        assert_eq!((entry.transport, entry.status, entry.upstream), (Transport::Mtls, Some(200), Some(APP)));
        assert_eq!(entry.peer.unwrap().to_string(), SERVER_ID);
        let entry = world.server().logged(|_| true).await;
        assert_eq!((entry.transport, entry.status, entry.cause), (Transport::Mtls, Some(200), None));
        assert_eq!(entry.peer.unwrap().to_string(), CLIENT_ID);
    }
}

#[tokio::test]
async fn plaintext_is_answered_without_identity_unless_the_port_is_strict() {
    for server in [PERMISSIVE, DISABLE, NAKED] {
        let (world, answer) = call(server, ClientTls::Disable).await;
        assert_eq!((answer.status.as_u16(), answer.seen("x-forwarded-client-cert")), (200, None), "{server:?}");
        assert_eq!(world.client().logged(|_| true).await.transport, Transport::Plaintext);
    }
    let (world, answer) = call(STRICT, ClientTls::Disable).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (503, TERMINATED));
    let entry = world.client().logged(|_| true).await;
    assert_eq!(entry.flags, "UC");
    insta::assert_snapshot!(entry.cause.unwrap(), @"the upstream reset the connection before it answered: a server in STRICT mode does so to plaintext");
}

#[tokio::test]
async fn mutual_tls_fails_where_nobody_ends_it() {
    for server in [DISABLE, NAKED] {
        let (world, answer) = call(server, mutual(&[SERVER_ID])).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (503, WRONG_VERSION), "{server:?}");
        let entry = world.client().logged(|_| true).await;
        assert_eq!(entry.flags, "UF,URX");
        assert_eq!(entry.cause.unwrap(), "the server did not answer in TLS: it speaks plaintext on this port");
    }
}

#[tokio::test]
async fn servers_of_other_accounts_are_refused() {
    for server in [STRICT, PERMISSIVE] {
        let (world, answer) = call(server, mutual(&["spiffe://cluster.local/ns/foo/sa/other"])).await;
        assert_eq!(answer.status, 503);
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text, @"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: TLS_error: CERTIFICATE_VERIFY_FAILED: spiffe://cluster.local/ns/foo/sa/httpbin is none of the expected spiffe://cluster.local/ns/foo/sa/other");
        }
        assert_eq!(world.client().logged(|_| true).await.flags, "UF,URX");
    }
    let (_world, answer) = call(STRICT, mutual(&[])).await;
    assert_eq!(answer.status, 200, "without known accounts any certificate of the mesh will do");
}

#[tokio::test]
async fn tls_of_a_rule_does_not_fit_the_mesh() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = crate::pki::Authority::new();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let issued = foreign.issue_dns("client");
    std::fs::write(path("ca.pem"), &foreign.root_pem).unwrap();
    std::fs::write(path("client.pem"), issued.certificate.pem()).unwrap();
    std::fs::write(path("key.pem"), issued.key.serialize_pem()).unwrap();
    let files = CertificateFiles { certificate: path("client.pem"), key: path("key.pem") };
    for client_certificate in [None, Some(files)] {
        let tls = by_files(Some(path("ca.pem")), client_certificate);
        for server in [STRICT, PERMISSIVE, DISABLE, NAKED] {
            assert_eq!(call(server, tls.clone()).await.1.status, 503, "{server:?}");
        }
    }
    let (world, answer) = call(NAKED, by_files(Some(path("none")), None)).await;
    insta::assert_snapshot!(answer.text, @"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: TLS_error: Secret is not supplied by SDS");
    let cause = world.client().logged(|_| true).await.cause.unwrap().replace(&path(""), "");
    insta::assert_snapshot!(cause, @"the certificates for this connection cannot be used: cannot use none: No such file or directory (os error 2)");
}

/// TLS of a rule with these files.
fn by_files(ca_certificates: Option<String>, client_certificate: Option<CertificateFiles>) -> ClientTls {
    ClientTls::Files {
        sni: None,
        sans: Vec::new(),
        ca_certificates,
        client_certificate,
        mutual: false,
        insecure_skip_verify: false,
        credential_name: None,
    }
}

#[tokio::test]
async fn a_credential_that_is_not_there_is_not_replaced_by_other_roots() {
    let mut tls = by_files(None, None);
    let ClientTls::Files { credential_name, .. } = &mut tls else { unreachable!() };
    *credential_name = Some("ca-secret".to_owned());
    let (world, answer) = call(NAKED, tls).await;
    assert_eq!(answer.status, 503);
    insta::assert_snapshot!(world.client().logged(|_| true).await.cause.unwrap(), @"the certificates for this connection cannot be used: credential `ca-secret` was not found (make a Secret of this name in the namespace of the proxy's pod, and let a sidecar's service account list and watch it)");
}

#[tokio::test]
async fn services_without_endpoints_and_endpoints_without_listeners_are_told_apart() {
    let world = World::new(None).await.with_client(Protocol::Http, ClientTls::Disable).await;
    let answer = || async {
        let stream = world.net.dial_from(CLIENT, SERVICE).await.unwrap();
        ask(stream, get("/headers")).await.unwrap()
    };
    insta::assert_snapshot!(answer().await.text, @"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused");
    world.client().reconfigure(|config| config.outbound[0].endpoints.clear());
    let none = answer().await;
    assert_eq!((none.status.as_u16(), none.text.as_str()), (503, "no healthy upstream"));
    let entry = world.client().logged(|entry| entry.flags == "UH").await;
    insta::assert_snapshot!(entry.cause.unwrap(), @"httpbin.foo.svc.cluster.local has no ready endpoint");
}

#[tokio::test]
async fn requests_are_routed_by_host_and_unknown_ones_pass_through_in_plaintext() {
    let world = World::new(PERMISSIVE.map(|mode| (mode, Protocol::Http))).await;
    let world = world.with_client(Protocol::Http, mutual(&[SERVER_ID])).await;
    app::http(&world.net, APP).await;
    let seen = |host: &'static str, to| {
        let world = &world;
        async move {
            let mut request = get("/headers");
            request.headers_mut().insert("host", host.parse().unwrap());
            let answer = ask(world.net.dial_from(CLIENT, to).await.unwrap(), request).await.unwrap();
            (answer.status.as_u16(), answer.seen("x-forwarded-client-cert").is_some())
        }
    };
    for host in ["httpbin", "httpbin.foo", "HTTPBIN.foo.svc.cluster.local:8000", "10.96.0.1:8000"] {
        assert_eq!(seen(host, SERVICE).await, (200, true), "{host}");
    }
    assert_eq!(seen("10.244.0.2:8080", APP).await, (200, false), "a bare pod address");
    assert_eq!(seen("unknown", SERVICE).await.0, 503, "nobody listens at the Service's own address");
}

#[tokio::test]
async fn client_certificate_headers_cannot_be_forged() {
    let forged = || {
        let mut request = get("/headers");
        let value = "By=spiffe://a/ns/b/sa/c;URI=spiffe://cluster.local/ns/foo/sa/admin";
        request.headers_mut().append("x-forwarded-client-cert", value.parse().unwrap());
        request.headers_mut().append("x-forwarded-client-cert", value.parse().unwrap());
        request.headers_mut().insert("connection", "x-forwarded-client-cert".parse().unwrap());
        request
    };
    let world = World::new(PERMISSIVE.map(|mode| (mode, Protocol::Http))).await;
    let world = world.with_client(Protocol::Http, mutual(&[SERVER_ID])).await;
    app::http(&world.net, APP).await;
    let naked = ask(world.net.dial(APP).await.unwrap(), forged()).await.unwrap();
    assert_eq!(naked.seen("x-forwarded-client-cert"), None);
    let meshed = ask(world.net.dial_from(CLIENT, SERVICE).await.unwrap(), forged()).await.unwrap();
    assert!(!meshed.text.contains("admin"), "{}", meshed.text);
    assert!(meshed.seen("x-forwarded-client-cert").unwrap().contains(CLIENT_ID));
}

#[tokio::test]
async fn elements_of_earlier_hops_are_kept_behind_mutual_tls() {
    let world = World::new(STRICT.map(|mode| (mode, Protocol::Http))).await;
    app::http(&world.net, APP).await;
    let certificate = world.authority.issue(&[CLIENT_ID]);
    let config = world.authority.client(Some(&certificate), &[b"istio-http/1.1"]);
    let stream = crate::client::tls(world.net.dial(APP).await.unwrap(), config).await.unwrap();
    let mut request = get("/headers");
    request.headers_mut().append("x-forwarded-client-cert", "URI=spiffe://first".parse().unwrap());
    request.headers_mut().append("x-forwarded-client-cert", "URI=spiffe://second".parse().unwrap());
    let answer = ask(stream, request).await.unwrap();
    let elements = labctl::sidecar::xfcc::parse(answer.seen("x-forwarded-client-cert").unwrap()).unwrap();
    let uris: Vec<_> = elements.iter().map(|element| element.uri[0].as_str()).collect();
    assert_eq!(uris, ["spiffe://first", "spiffe://second", CLIENT_ID]);
}
