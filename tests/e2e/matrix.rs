//! Who reaches whom and over what, found out without labctl: curl's exit code, and the headers that a server got.

use futures::future::join_all;
use labctl::cluster::exec::Executed;

use crate::support::{World, within};

/// curl's exit code for a connection that nobody takes.
const REFUSED: u8 = 7;

/// How one call ends, in a word: `mtls` or `plaintext` for an answer, `exit 56` or `503` for anything else.
///
/// A server's sidecar tells its program who called only if that is proven, so the header `X-Forwarded-Client-Cert`
/// tells mutual TLS from plaintext. It also has to name the right caller.
pub async fn call(world: &World, from: &str, to: &str) -> String {
    let done = within(curl(world, from, &format!("http://{to}:8000/headers"))).await;
    if done.code != 0 {
        return format!("exit {}", done.code);
    }
    let (body, status) = done.stdout.rsplit_once('\n').unwrap();
    if status != "200" {
        return status.to_owned();
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let (account, namespace) = from.split_once('.').unwrap();
    match body["headers"]["X-Forwarded-Client-Cert"][0].as_str() {
        None => "plaintext".to_owned(),
        Some(header) if header.ends_with(&format!(";URI=spiffe://cluster.local/ns/{namespace}/sa/{account}")) => {
            "mtls".to_owned()
        }
        Some(header) => format!("the server was told of {header}"),
    }
}

/// Runs curl until somebody takes the connection: a node learns where a Service leads a while after its pods are ready.
async fn curl(world: &World, from: &str, url: &str) -> Executed {
    loop {
        let done = world.exec(from, &["curl", "-s", "-S", "-m", "10", "-w", "\n%{http_code}", url]).await;
        if done.code != REFUSED {
            return done;
        }
    }
}

/// Calls everybody from everywhere and compares; `expected` has a row for each caller, a column for each server.
pub async fn assert_matrix(world: &World, expected: &str) {
    let mut lines = expected.trim().lines().map(str::trim);
    let servers: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let rows = lines.map(|line| {
        let from = line.split_whitespace().next().unwrap();
        let cells = join_all(servers.iter().map(|to| call(world, from, to)));
        async move { format!("{from} {}", cells.await.join(" | ")) }
    });
    let seen = join_all(rows).await.join("\n");
    let cells = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted: Vec<String> = expected.trim().lines().skip(1).map(cells).collect();
    assert_eq!(seen, wanted.join("\n"));
}
