//! `labctl tap FROM TO`: what somebody between two pods sees.

use std::process::Stdio;

use insta::allow_duplicates;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::{
    deploy,
    manifests::{destination_rule, namespace, server},
    support::{Ran, World, on_both_clusters, within},
};

on_both_clusters!(World:
    mutual_tls_shows_names_and_records,
    plaintext_shows_everything,
    bytes_of_another_protocol_are_shown,
    a_tap_ends_when_it_is_told_to,
    whoever_cannot_be_tapped_is_told_of,
    a_command_that_is_not_there_is_told_of,
);

async fn mutual_tls_shows_names_and_records(world: &World) {
    deploy(world).await;
    let Ran { code, stdout, stderr } = world.labctl(&["tap", "sleep.foo", "httpbin.foo", "--request"]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    let seen = stdout.lines().take(6).collect::<Vec<_>>().join("\n");
    allow_duplicates!(insta::assert_snapshot!(anonymous(&seen), @r"
    #1 IP -> IP begins after (time)
    #1 (time) -> handshake TLS 1.0 (length) ClientHello
     server name outbound_.8000_._.httpbin.foo.svc.cluster.local
     offers istio-http/1.1, istio, http/1.1
    #1 (time) <- handshake TLS 1.2 (length) ServerHello
     chooses TLS 1.3, TLS13_AES_256_GCM_SHA384
    "));
    assert!(stdout.contains("<-  application data") && !stdout.contains("HTTP"), "{stdout}");
    allow_duplicates!(insta::assert_snapshot!(anonymous(&stderr), @r"
    foo/sleep-(pod) -> httpbin.foo.svc.cluster.local:8000
    as seen from container istio-proxy of pod foo/sleep-(pod)
    `curl` ended with exit code 0
    1 connection
    "));

    let events = objects(world, &["sleep", "http://httpbin:8000/headers", "-n", "foo", "--request"]).await;
    assert_eq!(events[0]["event"], "opened");
    let hello = &events[1]["messages"][0];
    assert_eq!(hello["type"], "ClientHello");
    assert_eq!(hello["serverName"], "outbound_.8000_._.httpbin.foo.svc.cluster.local");
    assert_eq!(events[2]["messages"][0]["version"], "TLS 1.3");
    assert!(events[1..].iter().all(|event| event["event"] == "record"), "{events:#?}");
}

async fn plaintext_shows_everything(world: &World) {
    deploy(world).await;
    let tap = ["tap", "sleep.legacy", "httpbin.foo", "--", "curl", "-s", "http://httpbin.foo:8000/status/418"];
    let Ran { code, stdout, stderr } = world.labctl(&tap).await;
    assert_eq!(code, 0, "{stderr}");
    let seen = stdout.lines().filter(|line| !line.contains("User-Agent")).take(5).collect::<Vec<_>>().join("\n");
    allow_duplicates!(insta::assert_snapshot!(anonymous(&seen), @r"
    #1 IP -> IP begins after (time)
    #1 (time) -> text (length) bytes
     GET /status/418 HTTP/1.1
     Host: httpbin.foo:8000
     Accept: */*
    "));
    assert!(stdout.contains("HTTP/1.1 418"), "{stdout}");
    assert!(stderr.contains("as seen from container istio-proxy of pod foo/httpbin-"), "{stderr}");
    assert!(stderr.ends_with("`curl` ended with exit code 0\n1 connection\n"), "{stderr}");

    // From the sidecar's own container nothing is redirected, so nothing is encrypted.
    let events = objects(world, &["sleep.foo", "httpbin.foo", "-c", "istio-proxy", "--request"]).await;
    let sent = events.iter().find(|event| event["direction"] == "toServer").unwrap();
    assert!(sent["text"].as_str().unwrap().starts_with("GET / HTTP/1.1\r\n"), "{sent}");
}

async fn bytes_of_another_protocol_are_shown(world: &World) {
    deploy(world).await;
    let image = world.image();
    let program = |name: &str, port: u16, port_name: &str| {
        format!(
            "
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: foo}}
spec: {{selector: {{app: {name}}}, ports: [{{name: {port_name}, port: {port}, protocol: TCP}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: foo}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {{name: {name}, image: {image:?}, command: [{name}], readinessProbe: {{tcpSocket: {{port: {port}}}, periodSeconds: 1}}}}
---
"
        )
    };
    world.apply(&(program("mongodb", 27017, "tcp-mongodb") + &program("boards", 8080, "http"))).await;
    world.apply(&destination_rule("mongodb", "foo", "DISABLE")).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
    let tap = ["tap", "boards.foo", "mongodb.foo", "--", "curl", "-s", "http://localhost:8080/shareditems"];
    let Ran { code, stdout, stderr } = world.labctl(&tap).await;
    assert_eq!(code, 0, "{stderr}");
    let sent = stdout.lines().skip_while(|line| !line.contains("->  bytes")).skip(1).take(1);
    let digits = regex::Regex::new(r"^ {19}([0-9a-f]{4} ){7}[0-9a-f]{4}  \S.{15}$").unwrap();
    assert!(sent.clone().count() == 1 && sent.clone().all(|line| digits.is_match(line)), "{stdout}");
    assert!(stdout.contains("closed after"), "{stdout}");
}

async fn a_tap_ends_when_it_is_told_to(world: &World) {
    deploy(world).await;
    let Ran { code, stdout, stderr } = world.labctl(&["tap", "sleep.foo", "httpbin.foo", "--for", "10ms"]).await;
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(
        stderr.ends_with("nobody connected\nhint: --request makes a request, and a command after -- is run in FROM\n")
    );

    let ran = world.labctl(&["tap", "sleep.legacy", "httpbin.foo", "--count", "1", "--request"]).await;
    assert_eq!((ran.code, ran.stdout.matches("->  text").count()), (0, 1), "{ran:?}");
    assert!(!ran.stdout.contains("<-"), "{ran:?}");

    for (more, expected) in [(&["--for", "1h"][..], 130), (&[], 0)] {
        let mut command = world.command(&[&["tap", "sleep.foo", "httpbin.foo"], more].concat());
        let mut tap = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(tap.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("as seen from") {
            assert_ne!(within(stderr.read_line(&mut said)).await.unwrap(), 0, "{said}");
        }
        kill_process(Pid::from_raw(tap.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
        within(stderr.read_to_string(&mut said)).await.unwrap();
        assert_eq!(tap.wait().await.unwrap().code(), Some(expected), "{said}");
    }
}

async fn whoever_cannot_be_tapped_is_told_of(world: &World) {
    world.install_mesh().await;
    world.apply(&namespace("foo", None)).await;
    world.until_accounts(&["foo"]).await;
    world.apply(&server(world, "httpbin", "foo", "")).await;
    world.until_ready().await;
    world.apply("{apiVersion: v1, kind: Service, metadata: {name: empty, namespace: foo}, spec: {selector: {app: nobody}, ports: [{port: 80, protocol: TCP}]}}").await;
    let mut said = String::new();
    for (arguments, expected) in [
        (&["sleep.foo", "httpbin.foo"][..], 2),
        (&["httpbin.foo", "httpbin:81"], 2),
        (&["httpbin.foo", "httpbin", "-c", "web"], 2),
        (&["httpbin.foo", "empty"], 4),
    ] {
        let Ran { code, stderr, .. } = world.labctl(&[&["tap"], arguments].concat()).await;
        assert_eq!(code, expected, "{stderr}");
        said.push_str(&stderr);
    }
    allow_duplicates!(insta::assert_snapshot!(anonymous(&said), @r"
    error: no pod of namespace foo is called `sleep`
    hint: there are httpbin-(pod)
    error: httpbin.foo.svc.cluster.local has no port 81
    hint: it has 8000
    error: pod foo/httpbin-(pod) has no container `web`
    hint: it has httpbin
    error: empty.foo.svc.cluster.local:80 has no ready pod to which anything could travel
    hint: labctl explain httpbin-(pod) empty.foo.svc.cluster.local:80 says more
    "));
}

async fn a_command_that_is_not_there_is_told_of(world: &World) {
    deploy(world).await;
    let Ran { code, stderr, .. } = world.labctl(&["tap", "sleep.foo", "httpbin.foo", "--", "no-such-program"]).await;
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("error: cannot run `no-such-program` in container sleep of pod foo/sleep-"), "{stderr}");
}

/// What a tap with these arguments shows to programs.
async fn objects(world: &World, arguments: &[&str]) -> Vec<Value> {
    let text = world.labctl_ok(&[&["tap", "-o", "json"], arguments].concat()).await;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without what differs from run to run.
fn anonymous(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, instead) in [
        (r"(httpbin|sleep)-[0-9a-z]+-[0-9a-z]+", "$1-(pod)"),
        (r"10\.\d+\.\d+\.\d+:\d+", "IP"),
        (r"\d+\.\d ms", "(time)"),
        (r" +\d+  ", " (length) "),
        (r" +", " "),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}
