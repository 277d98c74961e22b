use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::{
    mesh::graph::{Evidence, Node, NodeKind},
    report::style::Style,
    sidecar::telemetry::report::Counts,
};

/// Source, destination, how, share, rate; requests, errors, refused.
type Line<'a> = (&'a str, &'a str, Security, Option<f64>, f64, [u64; 3]);

fn drawn(edges: &[Line<'_>]) -> Graph {
    let node = |name: &str| Node {
        kind: match name {
            "unknown" => NodeKind::Unknown,
            "outside" => NodeKind::Outside,
            _ => NodeKind::Workload,
        },
        namespace: name.split_once('/').map(|(namespace, _)| namespace.to_owned()),
        proxied: name.contains('/') && !name.starts_with("legacy"),
        name: name.to_owned(),
    };
    let mut nodes: Vec<Node> = edges.iter().flat_map(|edge| [node(edge.0), node(edge.1)]).collect();
    nodes.sort();
    nodes.dedup();
    let edge = |&(source, destination, security, mtls_share, rate, [requests, errors, refused]): &Line<'_>| Edge {
        source: str::to_owned(source),
        destination: str::to_owned(destination),
        services: Vec::new(),
        security,
        mtls_share,
        rate,
        total: Counts { requests, errors, refused, ..Counts::default() },
        recent: Counts::default(),
        codes: BTreeMap::new(),
        evidence: Evidence::default(),
    };
    Graph { at: Timestamp::UNIX_EPOCH, nodes, edges: edges.iter().map(edge).collect(), silent: Vec::new() }
}

fn small() -> Graph {
    drawn(&[
        ("foo/sleep", "bar/httpbin", Security::Mixed, Some(0.5), 1.0, [60, 1, 0]),
        ("foo/sleep", "foo/httpbin", Security::Mtls, Some(1.0), 0.5, [1200, 0, 0]),
        ("foo/sleep", "legacy/httpbin", Security::Plaintext, Some(0.0), 0.0, [3, 0, 0]),
        ("unknown", "bar/httpbin", Security::Refused, None, 0.0, [0, 0, 7]),
        ("unknown", "foo/httpbin", Security::Plaintext, Some(0.0), 0.25, [90, 0, 0]),
    ])
}

#[test]
fn tables_say_what_they_mean() {
    insta::assert_snapshot!(table(&small(), Style::PLAIN), @r"
       FROM       TO              SECURITY   mTLS    RATE  CALLS  ERRORS  REFUSED
    ◐  foo/sleep  bar/httpbin     mixed       50%  1.00/s     60       1        -
    ●  foo/sleep  foo/httpbin     mTLS       100%  0.50/s   1200       -        -
    ○  foo/sleep  legacy/httpbin  plaintext    0%       -      3       -        -
    ×  unknown    bar/httpbin     refused       -       -      -       -        7
    ○  unknown    foo/httpbin     plaintext    0%  0.25/s     90       -        -

    ● both ends say mTLS  ◐ one end says so, or not all is  ○ not mTLS  × no call got in
    1353 calls, 89% locked, 90 from unknown sources, 7 refused, 1.8/s in the last minute
    ");
    let mut silent = small();
    silent.edges.clear();
    silent.silent.push("foo/sleep-1".to_owned());
    insta::assert_snapshot!(table(&silent, Style::PLAIN), @r"
    nobody has called anybody yet
    no answer from the proxies of foo/sleep-1: what they know is missing or old
    ");
}

#[test]
fn long_names_keep_their_ends() {
    let long = "a-namespace-with-a-long-name/a-workload-with-a-long-name";
    let text = table(&drawn(&[(long, "foo/b", Security::Mtls, Some(0.999), 12.34, [1, 0, 0])]), Style::PLAIN);
    insta::assert_snapshot!(text.lines().nth(1).unwrap(), @"●  …rkload-with-a-long-name  foo/b  mTLS      >99%  12/s      1       -        -");
    assert!(text.lines().all(|line| line.chars().count() <= Style::PLAIN.width), "{text}");
}

#[test]
fn graphviz_gets_marks_words_and_kinds_of_lines() {
    insta::assert_snapshot!(dot(&small()), @r##"
    // 1353 calls, 89% locked, 90 from unknown sources, 7 refused, 1.8/s in the last minute
    digraph mesh {
      rankdir=LR;
      node [shape=box, style=rounded, fontname="sans-serif"];
      edge [fontname="sans-serif", fontsize=10];
      "unknown" [label="unknown", style="rounded,dashed"];
      subgraph "cluster_bar" {
        label="bar";
        "bar/httpbin" [label="httpbin", style=rounded];
      }
      subgraph "cluster_foo" {
        label="foo";
        "foo/httpbin" [label="httpbin", style=rounded];
        "foo/sleep" [label="sleep", style=rounded];
      }
      subgraph "cluster_legacy" {
        label="legacy";
        "legacy/httpbin" [label="httpbin", style="rounded,dashed"];
      }
      "foo/sleep" -> "bar/httpbin" [label="🔏 mixed\n1.00/s", tooltip="foo/sleep to bar/httpbin: mixed, 60 calls, 1 error, 1.00/s, 50% over mutual TLS", color="#bf8700", style=dashed];
      "foo/sleep" -> "foo/httpbin" [label="🔒 mTLS\n0.50/s", tooltip="foo/sleep to foo/httpbin: mTLS, 1200 calls, 0.50/s, 100% over mutual TLS", color="#2da44e", style=solid];
      "foo/sleep" -> "legacy/httpbin" [label="🔓 plaintext\n3 calls", tooltip="foo/sleep to legacy/httpbin: plaintext, 3 calls, 0% over mutual TLS", color="#bf8700", style=dashed];
      "unknown" -> "bar/httpbin" [label="⛔ refused\n7 refused", tooltip="unknown to bar/httpbin: refused, 7 refused", color="#cf5fd6", style=dotted];
      "unknown" -> "foo/httpbin" [label="🔓 plaintext\n0.25/s", tooltip="unknown to foo/httpbin: plaintext, 90 calls, 0.25/s, 0% over mutual TLS", color="#bf8700", style=dashed];
    }
    "##);
}

#[test]
fn mermaid_gets_marks_words_and_kinds_of_lines() {
    insta::assert_snapshot!(mermaid(&small()), @r##"
    ---
    title: Service graph
    ---
    flowchart LR
      accTitle: Service graph
      accDescr: 1353 calls, 89% locked, 90 from unknown sources, 7 refused, 1.8/s in the last minute
      n4(["unknown"])
      subgraph s1["bar"]
        n0["httpbin"]
      end
      subgraph s2["foo"]
        n1["httpbin"]
        n2["sleep"]
      end
      subgraph s3["legacy"]
        n3["httpbin"]
      end
      n2 -.->|"🔏 mixed, 1.00/s"| n0
      n2 -->|"🔒 mTLS, 0.50/s"| n1
      n2 -.->|"🔓 plaintext, 3 calls"| n3
      n4 -.->|"⛔ refused, 7 refused"| n0
      n4 -.->|"🔓 plaintext, 0.25/s"| n1
      linkStyle 0 stroke:#bf8700
      linkStyle 1 stroke:#2da44e
      linkStyle 2 stroke:#bf8700
      linkStyle 3 stroke:#cf5fd6
      linkStyle 4 stroke:#bf8700
    "##);
}

#[test]
fn pictures_can_be_read_aloud() {
    let text = svg(&small());
    let description = text.split_once("<desc id=\"description\">").unwrap().1.split_once("</desc>").unwrap().0;
    insta::assert_snapshot!(description.replace(". ", ".\n"), @r"
    1353 calls, 89% locked, 90 from unknown sources, 7 refused, 1.8/s in the last minute.
    foo/sleep to bar/httpbin: mixed, 60 calls, 1 error, 1.00/s, 50% over mutual TLS.
    foo/sleep to foo/httpbin: mTLS, 1200 calls, 0.50/s, 100% over mutual TLS.
    foo/sleep to legacy/httpbin: plaintext, 3 calls, 0% over mutual TLS.
    unknown to bar/httpbin: refused, 7 refused.
    unknown to foo/httpbin: plaintext, 90 calls, 0.25/s, 0% over mutual TLS.
    ");
    assert_eq!(text.matches("<title>").count(), small().nodes.len() + small().edges.len());
    assert!(text.contains("prefers-color-scheme: dark") && text.contains("role=\"img\""));
}
