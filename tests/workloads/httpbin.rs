use std::{net::SocketAddr, sync::Arc};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::host::{Ran, TestHost, curl, program, run_on};

struct Httpbin {
    host: Arc<TestHost>,
    task: JoinHandle<labctl::host::ExitStatus>,
    address: SocketAddr,
}

impl Drop for Httpbin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Httpbin {
    async fn start() -> Self {
        let host = Arc::new(TestHost::default());
        let arguments = ["--host", "127.0.0.1", "--port", "0"].map(str::to_owned).to_vec();
        let task = tokio::spawn(program("httpbin")(host.clone(), arguments));
        let address = loop {
            if let Some(address) = host.listening.lock().unwrap().first() {
                break *address;
            }
            assert!(!task.is_finished(), "httpbin ended");
            tokio::task::yield_now().await;
        };
        Self { host, task, address }
    }

    async fn curl(&self, path: &str, arguments: &[&str]) -> Ran {
        let url = format!("http://{}{path}", self.address);
        let mut all = vec!["-sS"];
        all.extend(arguments);
        all.push(&url);
        curl(&all).await
    }

    async fn json(&self, path: &str, arguments: &[&str]) -> Value {
        let ran = self.curl(path, arguments).await;
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{path}: {error}: {ran:?}"))
    }
}

#[tokio::test]
async fn shows_the_request() {
    let httpbin = Httpbin::start().await;
    let shown = httpbin.json("/headers", &["-H", "x-request-id: 1", "-A", "me"]).await;
    let host = httpbin.address.to_string();
    let headers = json!({ "Accept": ["*/*"], "Host": [host], "User-Agent": ["me"], "X-Request-Id": ["1"] });
    assert_eq!(shown, json!({ "headers": headers }));

    let shown = httpbin.json("/get?a=1&a=2&b=c%20d", &[]).await;
    assert_eq!(shown["args"], json!({ "a": ["1", "2"], "b": ["c d"] }));
    assert_eq!(shown["url"], format!("http://{host}/get?a=1&a=2&b=c%20d"));
    assert_eq!(httpbin.json("/ip", &[]).await, json!({ "origin": "127.0.0.1" }));
    assert_eq!(httpbin.json("/user-agent", &["-A", "me"]).await, json!({ "user-agent": "me" }));
}

#[tokio::test]
async fn shows_the_body() {
    let httpbin = Httpbin::start().await;
    let form = httpbin.json("/post", &["-d", "a=b", "-d", "c=d"]).await;
    assert_eq!((&form["data"], &form["form"]), (&json!("a=b&c=d"), &json!({ "a": ["b"], "c": ["d"] })));
    let parsed = httpbin.json("/anything/x", &["--json", "{\"a\":1}", "-X", "PUT"]).await;
    assert_eq!((&parsed["json"], &parsed["method"]), (&json!({ "a": 1 }), &json!("PUT")));
    let host = TestHost { stdin: vec![b'x'; 1024 * 1024 + 1], ..TestHost::default() };
    let url = format!("http://{}/post", httpbin.address);
    let ran =
        run_on(host, "curl", &["-sS", "-w", "%{http_code}", "-o", "/dev/null", "--data-binary", "@-", &url]).await;
    assert_eq!(ran.stdout, "413");
}

#[tokio::test]
async fn statuses_redirects_and_credentials() {
    let httpbin = Httpbin::start().await;
    let code = |path: &'static str, arguments: &'static [&'static str]| {
        let httpbin = &httpbin;
        async move {
            let mut all = vec!["-o", "/dev/null", "-w", "%{http_code}"];
            all.extend(arguments);
            httpbin.curl(path, &all).await.stdout
        }
    };
    let cases: [(&str, &[&str], &str); 12] = [
        ("/status/200", &[], "200"),
        ("/status/418", &[], "418"),
        ("/status/418", &["-X", "POST"], "418"),
        ("/status/99", &[], "400"),
        ("/nosuch", &[], "404"),
        ("/get", &["-X", "POST"], "405"),
        ("/redirect/3", &[], "302"),
        ("/redirect/3", &["-L"], "200"),
        ("/basic-auth/u/p", &["-u", "u:p"], "200"),
        ("/basic-auth/u/p", &["-u", "u:x"], "401"),
        ("/bearer", &["-H", "Authorization: Bearer t"], "200"),
        ("/bearer", &[], "401"),
    ];
    for (path, arguments, expected) in cases {
        assert_eq!(code(path, arguments).await, expected, "{path} {arguments:?}");
    }
    let ran = httpbin.curl("/redirect/3", &["-L", "--max-redirs", "1", "-o", "/dev/null"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (47, "curl: (47) Maximum (1) redirects followed\n"));
}

#[tokio::test]
async fn sends_bytes_and_lines() {
    let httpbin = Httpbin::start().await;
    for path in ["/bytes/1000000", "/stream-bytes/1000000"] {
        let ran = httpbin.curl(path, &["-o", "/dev/null", "-w", "%{size_download}"]).await;
        assert_eq!(ran.stdout, "1000000", "{path}");
    }
    assert_eq!(httpbin.curl("/stream/3", &[]).await.stdout.lines().count(), 3);
    assert_eq!(httpbin.curl("/drip?duration=0&numbytes=5", &[]).await.stdout, "*****");
    assert_eq!(httpbin.curl("/base64/aGVsbG8=", &[]).await.stdout, "hello");
    let shown = httpbin.curl("/response-headers?X-A=b", &["-o", "/dev/null", "-w", "%header{x-a}"]).await;
    assert_eq!(shown.stdout, "b");
}

#[tokio::test]
async fn speaks_http2_with_prior_knowledge() {
    let httpbin = Httpbin::start().await;
    let ran = httpbin.curl("/headers", &["--http2-prior-knowledge", "-w", "\n%{http_version}"]).await;
    let (body, version) = ran.stdout.rsplit_once('\n').unwrap();
    let shown: Value = serde_json::from_str(body).unwrap();
    assert_eq!((version, &shown["headers"]["Host"]), ("2", &json!([httpbin.address.to_string()])));
}

#[tokio::test]
async fn echoes_websocket_messages() {
    let httpbin = Httpbin::start().await;
    let url = format!("ws://{}/websocket/echo", httpbin.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    let plain = httpbin.curl("/websocket/echo", &["-o", "/dev/null", "-w", "%{http_code}"]).await;
    assert_eq!(plain.stdout, "400");
}

#[tokio::test]
async fn finishes_what_it_began_when_asked_to_end() {
    let httpbin = Httpbin::start().await;
    let url = format!("http://{}/drip?duration=0.2&numbytes=2", httpbin.address);
    let (mut stream, mut received) = (tokio::net::TcpStream::connect(httpbin.address).await.unwrap(), Vec::new());
    let request =
        format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", url.split_once(&httpbin.address.to_string()).unwrap().1);
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    // The answer has begun when its first byte is here.
    let first = tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
    httpbin.host.shutdown.cancel();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut received).await.unwrap();
    assert_eq!((first, received.ends_with(b"**")), (b'H', true));
    let mut httpbin = httpbin;
    assert_eq!((&mut httpbin.task).await.unwrap().0, 0);
}

#[tokio::test]
async fn says_what_is_wrong_with_its_arguments() {
    let run = |arguments: &'static [&'static str]| run_on(TestHost::default(), "httpbin", arguments);
    let ran = run(&["--port", "x"]).await;
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r"
    httpbin: x is not a port
    usage: httpbin [--host ADDRESS] [--port PORT]
      The environment variables HOST and PORT say the same. Defaults: all addresses, port 8080.
    ");
    assert!(run(&["--verbose"]).await.stderr.starts_with("httpbin: unknown argument --verbose\n"));
    assert!(run(&["--port"]).await.stderr.starts_with("httpbin: --port needs a value\n"));
    let httpbin = Httpbin::start().await;
    let port = httpbin.address.port().to_string();
    let ran = run_on(TestHost::default(), "httpbin", &["--host=127.0.0.1", "--port", &port]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with(&format!("httpbin: cannot listen on 127.0.0.1:{port}: ")), "{}", ran.stderr);
}
