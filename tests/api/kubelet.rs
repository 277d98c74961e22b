//! Logs and commands, answered by a node of the test's own.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{AttachParams, LogParams},
};
use labctl::{
    embedded::api::kubelet::{ContainerRef, ExecStreams, Kubelet, KubeletError, LogOptions},
    host::{ExitStatus, Output},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Cluster, PODS};

/// A node that tells what it was asked, and whose commands repeat what they read.
struct Node;

impl Kubelet for Node {
    fn log<'a>(
        &'a self,
        container: &'a ContainerRef,
        options: LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, io::Result<Bytes>>, KubeletError>> {
        let answer = match container.container.as_str() {
            "waiting" => Err(KubeletError::BadRequest("container \"waiting\" is waiting to start".to_owned())),
            name => {
                let lines = vec![Ok(Bytes::from(format!("{name} {options:?}\n"))), Ok(Bytes::from("second\n"))];
                Ok(futures::stream::iter(lines).boxed())
            }
        };
        async { answer }.boxed()
    }

    fn exec<'a>(
        &'a self,
        container: &'a ContainerRef,
        command: Vec<String>,
        streams: ExecStreams,
    ) -> BoxFuture<'a, Result<ExitStatus, KubeletError>> {
        async move {
            if container.container == "broken" {
                return Err(KubeletError::Internal("no such program".to_owned()));
            }
            let mut text = Vec::new();
            if let Some(mut stdin) = streams.stdin {
                let mut buffer = [0; 5];
                stdin.read_exact(&mut buffer).await.unwrap();
                text.extend_from_slice(&buffer);
            }
            // A caller that went away is no business of the command.
            _ = streams.output.send((Output::Stdout, text.into()));
            _ = streams.output.send((Output::Stderr, Bytes::from(command.join(" "))));
            Ok(ExitStatus(command.len() as u8 - 1))
        }
        .boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        TcpStream::connect(to).boxed()
    }
}

async fn cluster(containers: &[&str]) -> (Cluster, Api<Pod>) {
    let cluster = Cluster::start().await;
    cluster.server.attach(Arc::new(Node));
    cluster.default_account().await;
    cluster.post("/api/v1/nodes", serde_json::json!({"metadata": {"name": "here"}})).await.object(201);
    cluster.pod("x", containers).await;
    let pods = Api::default_namespaced(cluster.client.clone());
    (cluster, pods)
}

#[tokio::test]
async fn logs_come_from_the_node() {
    let (cluster, pods) = cluster(&["a"]).await;
    let options = LogParams { tail_lines: Some(5), timestamps: true, previous: true, ..Default::default() };
    insta::assert_snapshot!(pods.logs("x", &options).await.unwrap(), @r"
    a LogOptions { follow: false, previous: true, since: None, tail_lines: Some(5), limit_bytes: None, timestamps: true }
    second
    ");
    let since = cluster.get(&format!("{PODS}/x/log?sinceTime=2024-01-01T00:00:00Z&follow=true&limitBytes=9")).await;
    insta::assert_snapshot!(since.object(200).as_str().unwrap(), @r"
    a LogOptions { follow: true, previous: false, since: Some(2024-01-01T00:00:00Z), tail_lines: None, limit_bytes: Some(9), timestamps: false }
    second
    ");
}

#[tokio::test]
async fn a_log_needs_a_container() {
    let (cluster, _) = cluster(&["a", "waiting"]).await;
    for (query, expected) in [
        ("", "400 BadRequest: a container name must be specified for pod x, choose one of: [a waiting]"),
        ("container=b", "400 BadRequest: container b is not valid for pod x"),
        ("container=waiting", r#"400 BadRequest: container "waiting" is waiting to start"#),
    ] {
        assert_eq!(cluster.get(&format!("{PODS}/x/log?{query}")).await.refusal(), expected);
    }
    let answer = cluster.get(&format!("{PODS}/y/log")).await;
    insta::assert_snapshot!(answer.refusal(), @r#"404 NotFound: pods "y" not found"#);
}

#[tokio::test]
async fn a_command_reads_writes_and_ends() {
    let (_cluster, pods) = cluster(&["a"]).await;
    let parameters = AttachParams::default().stdin(true).stdout(true).stderr(true);
    let mut process = pods.exec("x", ["cat", "-"], &parameters).await.unwrap();
    let mut stdin = process.stdin().unwrap();
    stdin.write_all(b"hello").await.unwrap();
    let (mut stdout, mut stderr) = (process.stdout().unwrap(), process.stderr().unwrap());
    let (mut out, mut err) = (String::new(), String::new());
    let (read_out, read_err) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
    assert_eq!((read_out.unwrap(), read_err.unwrap()), (5, 5));
    assert_eq!((out.as_str(), err.as_str()), ("hello", "cat -"));
    let status = process.take_status().unwrap().await.unwrap();
    assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
    assert_eq!(status.details.unwrap().causes.unwrap()[0].message.as_deref(), Some("1"));
    process.join().await.unwrap();
}

#[tokio::test]
async fn a_command_that_succeeds_says_so() {
    let (_cluster, pods) = cluster(&["a", "broken"]).await;
    let parameters = AttachParams::default().container("a").stderr(false);
    let mut process = pods.exec("x", ["true"], &parameters).await.unwrap();
    let status = process.take_status().unwrap().await.unwrap();
    assert_eq!(status.status.as_deref(), Some("Success"));
    let mut process = pods.exec("x", ["true"], &parameters.container("broken")).await.unwrap();
    let status = process.take_status().unwrap().await.unwrap();
    assert_eq!(status.message.as_deref(), Some("Internal error occurred: no such program"));
}

#[tokio::test]
async fn a_command_needs_a_connection_that_can_change() {
    let (cluster, pods) = cluster(&["a"]).await;
    let answer = cluster.get(&format!("{PODS}/x/exec?command=true&stdout=true")).await;
    insta::assert_snapshot!(answer.refusal(), @"400 BadRequest: Upgrade request required");
    let answer = cluster.get(&format!("{PODS}/x/exec?stdout=true")).await;
    insta::assert_snapshot!(answer.refusal(), @"400 BadRequest: Upgrade request required");
    let error = pods.exec("y", ["true"], &AttachParams::default()).await.err().unwrap();
    assert!(error.to_string().contains(r#"pods "y" not found"#), "{error}");
}
