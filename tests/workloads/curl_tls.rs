use crate::{
    host::{Ran, curl},
    server::{Behaviour, Clients, Pki, Server, TLS12, TLS13},
};

async fn ask(server: &Server, arguments: &[&str]) -> Ran {
    let resolve = format!("localhost:{}:127.0.0.1", server.port());
    let url = format!("https://localhost:{}/", server.port());
    let mut all = vec!["-sS", "--resolve", &resolve, "-w", " %{http_code} %{ssl_verify_result}"];
    all.extend(arguments);
    all.push(&url);
    let ran = curl(&all).await;
    Ran { stderr: ran.stderr.replace(&server.port().to_string(), "PORT"), ..ran }
}

fn told(ran: &Ran) -> String {
    format!("{} [{}] {}", ran.code, ran.stdout, ran.stderr.trim_end())
}

#[tokio::test]
async fn trusted_server_answers() {
    let pki = Pki::new("test root");
    for versions in [TLS12, TLS13] {
        let server = Server::start(pki.server(Clients::Any, versions, |_| {})).await;
        assert_eq!(told(&ask(&server, &["--cacert", &pki.file("ca.pem")]).await), "0 [abc 200 0] ");
    }
}

#[tokio::test]
async fn untrusted_servers_are_refused_unless_insecure() {
    let pki = Pki::new("test root");
    let other = Pki::new("other root");
    let ca = pki.file("ca.pem");
    let server = Server::start(pki.server(Clients::Any, TLS13, |_| {})).await;
    insta::assert_snapshot!(told(&ask(&server, &["--cacert", &other.file("ca.pem")]).await), @"60 [ 000 20] curl: (60) SSL certificate problem: unable to get local issuer certificate");
    insta::assert_snapshot!(told(&ask(&server, &["-k"]).await), @"0 [abc 200 20]");

    let expired = Server::start(pki.server(Clients::Any, TLS13, |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    }))
    .await;
    insta::assert_snapshot!(told(&ask(&expired, &["--cacert", &ca]).await), @"60 [ 000 10] curl: (60) SSL certificate problem: certificate has expired");

    let renamed = Server::start(pki.server(Clients::Any, TLS13, |params| params.subject_alt_names.clear())).await;
    insta::assert_snapshot!(told(&ask(&renamed, &["--cacert", &ca]).await), @"60 [ 000 0] curl: (60) SSL: no alternative certificate subject name matches target host name 'localhost'");
}

#[tokio::test]
async fn server_names_the_alert_that_it_sends() {
    let pki = Pki::new("test root");
    let ca = pki.file("ca.pem");
    // TLS 1.3 tells the client after its handshake is done, TLS 1.2 within it.
    let server = Server::start(pki.server(Clients::Certified, TLS13, |_| {})).await;
    insta::assert_snapshot!(told(&ask(&server, &["--cacert", &ca]).await), @"56 [ 000 0] curl: (56) OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0");
    let server12 = Server::start(pki.server(Clients::Certified, TLS12, |_| {})).await;
    insta::assert_snapshot!(told(&ask(&server12, &["--cacert", &ca]).await), @"98 [ 000 0] curl: (98) TLS connect error: error:0A00045C:SSL routines::tlsv13 alert certificate required");

    let stranger = Pki::new("strange root");
    let strange = ["--cacert", &ca, "--cert", &stranger.file("client.pem"), "--key", &stranger.file("client.key")];
    insta::assert_snapshot!(told(&ask(&server, &strange).await), @"56 [ 000 0] curl: (56) OpenSSL SSL_read: error:0A000418:SSL routines::tlsv1 alert unknown ca, errno 0");

    let known = ["--cacert", &ca, "--cert", &pki.file("client.pem"), "--key", &pki.file("client.key")];
    for server in [server, server12] {
        assert_eq!(told(&ask(&server, &known).await), "0 [abc 200 0] ");
    }
}

#[tokio::test]
async fn servers_that_speak_no_tls() {
    let plain = Server::start(Behaviour::Answer("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    insta::assert_snapshot!(told(&ask(&plain, &["-k"]).await), @"35 [ 000 0] curl: (35) TLS connect error: error:0A00010B:SSL routines::wrong version number");
    let closes = Server::start(Behaviour::Answer("")).await;
    insta::assert_snapshot!(told(&ask(&closes, &["-k"]).await), @"35 [ 000 0] curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:PORT");
    let resets = Server::start(Behaviour::AnswerThenReset("")).await;
    insta::assert_snapshot!(told(&ask(&resets, &["-k"]).await), @"35 [ 000 0] curl: (35) Recv failure: Connection reset by peer");
}

#[tokio::test]
async fn files_that_do_not_fit_are_named() {
    let pki = Pki::new("test root");
    let server = Server::start(pki.server(Clients::Any, TLS13, |_| {})).await;
    insta::assert_snapshot!(told(&ask(&server, &["--cacert", "/nowhere/ca"]).await), @"77 [ 000 0] curl: (77) error setting certificate file: /nowhere/ca");
    insta::assert_snapshot!(told(&ask(&server, &["-k", "--cert", "/nowhere/c"]).await), @"58 [ 000 0] curl: (58) could not load PEM client certificate from /nowhere/c, (no key found, wrong pass phrase, or wrong file format?)");
    let ran = ask(&server, &["-k", "--cert", &pki.file("client.pem"), "--key", "/nowhere/k"]).await;
    insta::assert_snapshot!(told(&ran), @"58 [ 000 0] curl: (58) unable to set private key file: '/nowhere/k' type PEM");
}

#[tokio::test]
async fn verbose_shows_the_servers_identity() {
    let pki = Pki::new("test root");
    let server = Server::start(pki.server(Clients::Any, TLS13, |params| {
        let id = "spiffe://cluster.local/ns/foo/sa/httpbin".try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(id));
    }))
    .await;
    let told = ask(&server, &["-v", "--cacert", &pki.file("ca.pem")]).await.stderr;
    for line in [
        "* SSL connection using TLSv1.3 / TLS_",
        "* ALPN: server did not agree on a protocol. Uses default.",
        "*  subjectAltName: URI:spiffe://cluster.local/ns/foo/sa/httpbin",
        "*  issuer: CN=test root",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}
