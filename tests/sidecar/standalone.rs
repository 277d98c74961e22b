//! `labctl sidecar --config FILE`: two real processes on loopback, and the system's own curl.

use std::{fs, net::SocketAddr, process::Stdio};

use http::Request;
use http_body_util::Full;
use labctl::sidecar::access_log::{AccessLog, Transport};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpStream,
    process::Command,
};

use crate::{
    app,
    client::{ask, collect, get, http1},
    net::Net,
    pki::Authority,
    process::{Process, command, configuration, write_identity},
    world::{APP, CLIENT_ID, HOST, SERVER_ID},
};

/// A client sidecar, a server sidecar and an application.
struct Pair {
    authority: Authority,
    client: Process,
    server: Process,
}

impl Pair {
    async fn new(mode: &str) -> Self {
        let (net, authority) = (Net::default(), Authority::new());
        app::http(&net, APP).await;
        let application = net.real(APP);
        let server = format!(
            "inbound: [{{listen: '127.0.0.1:0', application: '{application}', mode: {mode}, protocol: http}}]\n\
             telemetry: 127.0.0.1:0\naccessLog: true\nworkers: 2\n"
        );
        let server = Process::start(&authority, SERVER_ID, &server, 2).await;
        let client = Process::start(&authority, CLIENT_ID, &outbound(server.address("inbound"), SERVER_ID), 1).await;
        Self { authority, client, server }
    }
}

fn outbound(upstream: SocketAddr, san: &str) -> String {
    format!(
        "outbound: [{{listen: '127.0.0.1:0', upstreams: ['{upstream}'], protocol: http, \
         tls: {{subjectAltNames: ['{san}']}}}}]\nworkers: 1\n"
    )
}

/// Runs curl; `None`, visibly, where the system has none.
async fn curl(arguments: &[&str]) -> Option<(i32, String)> {
    let output = Command::new("curl").args(["-s", "-S"]).args(arguments).output().await;
    match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) => {
            eprintln!("SKIPPED: curl cannot be run: {error}");
            None
        }
    }
}

#[tokio::test]
async fn curl_goes_through_two_processes() {
    let pair = Pair::new("STRICT").await;
    let url = format!("http://{}/headers", pair.client.address("outbound"));
    let Some((code, text)) = curl(&[&url]).await else { return };
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&format!("x-forwarded-client-cert: By={SERVER_ID};Hash=")), "{text}");
    assert!(text.contains(&format!("URI={CLIENT_ID}")), "{text}");
    let server = pair.server.address("inbound");
    let (code, text) = curl(&[&format!("http://{server}/headers")]).await.unwrap();
    assert_eq!((code, text.trim()), (56, "curl: (56) Recv failure: Connection reset by peer"));
    let (code, _) = curl(&["-k", &format!("https://{server}/headers")]).await.unwrap();
    assert_eq!(code, 56, "the alert comes after curl's handshake");
    let folder = pair.client.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let (code, text) =
        curl(&["-k", "--cert", &cert, "--key", &key, &format!("https://{server}/headers")]).await.unwrap();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("x-forwarded-client-cert: "), "{text}");
}

#[tokio::test]
async fn all_four_programs_are_processes() {
    let mut httpbin = labctl(&["workload", "httpbin", "--host", "127.0.0.1", "--port", "0"]);
    let mut httpbin = httpbin.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(httpbin.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let application = line.strip_prefix("httpbin: listening on http://").unwrap();
    let authority = Authority::new();
    let server = format!(
        "inbound: [{{listen: '127.0.0.1:0', application: '{application}', mode: STRICT, protocol: http}}]\nworkers: 1\n"
    );
    let server = Process::start(&authority, SERVER_ID, &server, 1).await;
    let client = Process::start(&authority, CLIENT_ID, &outbound(server.address("inbound"), SERVER_ID), 1).await;
    let url = format!("http://{}/headers", client.address("outbound"));
    let output = labctl(&["workload", "curl", "-sS", "-w", "%{http_code}", &url]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with("200") && text.contains(&format!("By={SERVER_ID};Hash=")), "{text}");
    let url = format!("http://{}/headers", server.address("inbound"));
    let output = labctl(&["workload", "curl", "-sS", &url]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(56), "a naked client is reset");
}

fn labctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
    command.args(arguments).stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_share_two_processes() {
    const CONNECTIONS: usize = 64;
    const REQUESTS: usize = 50;
    let mut pair = Pair::new("STRICT").await;
    let address = pair.client.address("outbound");
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        clients.spawn(async move {
            let mut kept = http1(TcpStream::connect(address).await.unwrap()).await;
            for turn in 0..REQUESTS {
                let body = format!("{number}/{turn} ").repeat(50);
                let request = Request::post("/echo").header("host", HOST).body(Full::from(body.clone())).unwrap();
                kept.ready().await.unwrap();
                let answer = collect(kept.send_request(request).await.unwrap()).await.unwrap();
                assert_eq!((answer.status.as_u16(), answer.text), (200, body));
            }
        });
    }
    let logged = async {
        for _ in 0..CONNECTIONS * REQUESTS {
            let line = pair.server.stdout.next_line().await.unwrap().unwrap();
            let entry: AccessLog = serde_json::from_str(&line).unwrap();
            assert_eq!((entry.transport, entry.status), (Transport::Mtls, Some(200)));
        }
    };
    tokio::join!(clients.join_all(), logged);
    let telemetry = TcpStream::connect(pair.server.address("telemetry")).await.unwrap();
    let metrics = ask(telemetry, get("/stats/prometheus")).await.unwrap().text;
    let counted = metrics.lines().filter(|line| line.starts_with("istio_requests_total{"));
    let counted: usize = counted.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(counted, CONNECTIONS * REQUESTS, "{metrics}");
    assert!(pair.server.stop().await.success() && pair.client.stop().await.success());
}

#[tokio::test]
async fn modes_decide_what_curl_sees() {
    let permissive = Pair::new("PERMISSIVE").await;
    let server = permissive.server.address("inbound");
    let Some((code, text)) = curl(&[&format!("http://{server}/headers")]).await else { return };
    assert_eq!(code, 0);
    assert!(!text.contains("x-forwarded-client-cert"), "{text}");
    let (code, _) = curl(&["-k", &format!("https://{server}/headers")]).await.unwrap();
    assert_eq!(code, 35, "reset in the handshake");
    let disable = Pair::new("DISABLE").await;
    let (code, text) = curl(&["-k", &format!("https://{}/", disable.server.address("inbound"))]).await.unwrap();
    assert_eq!(code, 35);
    assert!(text.to_lowercase().contains("wrong version number"), "{text}");
    let (_, text) = curl(&[&format!("http://{}/headers", disable.client.address("outbound"))]).await.unwrap();
    assert!(text.ends_with("TLS_error: WRONG_VERSION_NUMBER"), "{text}");
}

#[tokio::test]
async fn it_logs_and_counts_when_asked_to() {
    let mut pair = Pair::new("STRICT").await;
    let stream = TcpStream::connect(pair.client.address("outbound")).await.unwrap();
    let mut request = get("/headers");
    request.headers_mut().insert("x-request-id", "7".parse().unwrap());
    assert_eq!(ask(stream, request).await.unwrap().status, 200);
    let line = pair.server.stdout.next_line().await.unwrap().unwrap();
    let entry: AccessLog = serde_json::from_str(&line).unwrap();
    assert_eq!((entry.transport, entry.status), (Transport::Mtls, Some(200)));
    let logged = entry.request.unwrap();
    assert_eq!((logged.path.as_str(), logged.id.as_deref()), ("/headers", Some("7")));
    let telemetry = pair.server.address("telemetry");
    let metrics = ask(TcpStream::connect(telemetry).await.unwrap(), get("/stats/prometheus")).await.unwrap().text;
    let counted = metrics.lines().find(|line| line.starts_with("istio_requests_total{")).unwrap();
    assert!(counted.contains(&format!("source_principal=\"{CLIENT_ID}\"")) && counted.ends_with(" 1"), "{counted}");
    let ready = ask(TcpStream::connect(telemetry).await.unwrap(), get("/healthz/ready")).await.unwrap();
    assert_eq!((ready.status.as_u16(), ready.text.as_str()), (200, "ready\n"));
    assert!(pair.server.stop().await.success());
    assert!(pair.client.stop().await.success());
}

#[tokio::test]
async fn files_are_read_again() {
    let mut pair = Pair::new("STRICT").await;
    let address = pair.client.address("outbound");
    let ask_once = || async { ask(TcpStream::connect(address).await.unwrap(), get("/headers")).await.unwrap() };
    let hash = |answer: &crate::client::Answer| {
        let xfcc = labctl::sidecar::xfcc::parse(answer.seen("x-forwarded-client-cert").unwrap()).unwrap();
        xfcc[0].hash.clone().unwrap()
    };
    let before = ask_once().await;
    write_identity(pair.client.folder.path(), &pair.authority, CLIENT_ID);
    pair.client.says("renewed the certificate").await;
    // The connection that is kept goes on with the older certificate; a new one has the new one.
    assert_eq!(hash(&ask_once().await), hash(&before));
    let upstream = pair.server.address("inbound");
    let config = configuration(&outbound(upstream, "spiffe://cluster.local/ns/foo/sa/other"));
    fs::write(pair.client.folder.path().join("sidecar.yaml"), config).unwrap();
    pair.client.signal("HUP");
    pair.client.says("read the configuration again").await;
    let refused = ask_once().await;
    assert!(refused.text.contains("CERTIFICATE_VERIFY_FAILED"), "{}", refused.text);
    fs::write(pair.client.folder.path().join("sidecar.yaml"), "nonsense: 1\n").unwrap();
    pair.client.signal("HUP");
    pair.client.says("keeping the previous configuration").await;
}

#[tokio::test]
async fn errors_have_their_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sidecar.yaml");
    let run = || async {
        let output = command(&path).output().await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap().replace(folder.path().to_str().unwrap(), "FOLDER");
        (output.status.code().unwrap(), text)
    };
    let (code, missing) = run().await;
    assert_eq!(code, 2);
    insta::assert_snapshot!(missing, @"
    error: cannot read FOLDER/sidecar.yaml: No such file or directory (os error 2)
    hint: give the path of a file: `labctl sidecar --config FILE`
    ");
    fs::write(&path, configuration("inbounds: []\n")).unwrap();
    let (code, unknown) = run().await;
    assert_eq!(code, 6);
    insta::assert_snapshot!(unknown, @"
    error: FOLDER/sidecar.yaml:2:1: unknown field `inbounds`, expected one of identity, trustDomains, inbound, outbound, telemetry, accessLog, workers, drainSeconds
      |
    2 | inbounds: []
      | ^
    hint: `labctl sidecar --help` shows every key
    ");
    let listener = "inbound: [{listen: '127.0.0.1:0', application: '127.0.0.1:1'}]\n";
    fs::write(&path, configuration(listener)).unwrap();
    let (code, unreadable) = run().await;
    assert_eq!(code, 4);
    insta::assert_snapshot!(unreadable, @"error: cannot read FOLDER/cert.pem: No such file or directory (os error 2)");
    let authority = Authority::new();
    write_identity(folder.path(), &authority, "spiffe://cluster.local/workload");
    let (code, nobody) = run().await;
    assert_eq!(code, 6);
    insta::assert_snapshot!(nobody, @"error: cert.pem: the certificate has no workload identity among its URI names: `spiffe://cluster.local/workload` is not a workload identity (spiffe://<trust domain>/ns/<namespace>/sa/<service account>)");
    write_identity(folder.path(), &authority, SERVER_ID);
    fs::write(folder.path().join("key.pem"), authority.issue(&[]).key.serialize_pem()).unwrap();
    let (code, mismatch) = run().await;
    assert_eq!(code, 6);
    insta::assert_snapshot!(mismatch, @"error: the identity cannot be used: the key does not belong to the certificate");
    fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let (code, no_key) = run().await;
    assert_eq!(code, 6);
    insta::assert_snapshot!(no_key, @"error: key.pem: it holds no private key in PEM");
    write_identity(folder.path(), &authority, SERVER_ID);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(&path, configuration(&listener.replace("127.0.0.1:0", &address))).unwrap();
    let (code, in_use) = run().await;
    assert_eq!(code, 4);
    insta::assert_snapshot!(in_use.replace(&address, "ADDRESS"), @"error: cannot listen on ADDRESS: Address already in use (os error 98)");
}
