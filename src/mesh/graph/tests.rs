use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    mesh::{
        distribute::{Pod, PodName},
        gather::Gathered,
    },
    sidecar::{
        access_log::{Direction, Transport},
        telemetry::{
            Report,
            report::{Place, Reported},
        },
    },
};

/// A mesh of which each pod is called like its workload and its account.
#[derive(Default)]
struct Mesh {
    pods: BTreeMap<PodName, Pod>,
    told: BTreeMap<PodName, Report>,
}

fn id(name: &str) -> SpiffeId {
    let (namespace, account) = name.split_once('/').unwrap();
    SpiffeId::new("cluster.local", namespace, account)
}

fn requests(count: u64) -> Counts {
    Counts { requests: count, ..Counts::default() }
}

fn refused(count: u64) -> Counts {
    Counts { refused: count, ..Counts::default() }
}

impl Mesh {
    fn reports(&mut self, own: &str, reported: Reported) {
        let name: PodName = own.parse().unwrap();
        let pod = Pod { id: id(own), live: true, workload: name.name.clone() };
        self.pods.insert(name.clone(), pod);
        let report = self.told.entry(name).or_default();
        report.recent_seconds = 60.0;
        report.series.push(reported);
    }

    fn sent(&mut self, own: &str, to: &str, transport: Option<Transport>, counts: Counts) {
        let (namespace, name) = to.split_once('/').unwrap();
        let peer = (transport == Some(Transport::Mtls)).then(|| id(to));
        let place = Place { namespace: namespace.to_owned(), name: name.to_owned() };
        let service = Some(format!("{name}.{namespace}.svc.cluster.local"));
        let workload = transport.is_some().then_some(place);
        self.reports(own, reported(Direction::Outbound, transport, peer, workload, service, counts));
    }

    fn heard(&mut self, own: &str, from: Option<&str>, counts: Counts) {
        let (namespace, name) = own.split_once('/').unwrap();
        let transport = Some(if from.is_some() { Transport::Mtls } else { Transport::Plaintext });
        let service = Some(format!("{name}.{namespace}.svc.cluster.local"));
        self.reports(own, reported(Direction::Inbound, transport, from.map(id), None, service, counts));
    }

    fn graph(self) -> Graph {
        let gathered = Gathered { told: self.told, silent: BTreeSet::new() };
        graph(&self.pods, &gathered, Timestamp::UNIX_EPOCH)
    }

    /// Each edge on a line.
    fn edges(self) -> String {
        let line = |edge: &Edge| {
            let refused =
                if edge.total.refused > 0 { format!(", {} refused", edge.total.refused) } else { String::new() };
            format!(
                "{} -> {}: {}, {} calls{refused}",
                edge.source,
                edge.destination,
                edge.security.word(),
                edge.total.calls()
            )
        };
        self.graph().edges.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn reported(
    direction: Direction,
    transport: Option<Transport>,
    peer: Option<SpiffeId>,
    workload: Option<Place>,
    service: Option<String>,
    counts: Counts,
) -> Reported {
    Reported { direction, transport, peer, workload, service, total: counts, recent: counts, codes: BTreeMap::new() }
}

#[test]
fn mutual_tls_needs_the_word_of_both_ends() {
    let mut mesh = Mesh::default();
    mesh.sent("foo/sleep", "foo/httpbin", Some(Transport::Mtls), requests(30));
    mesh.heard("foo/httpbin", Some("foo/sleep"), requests(30));
    // The destination is silent.
    mesh.sent("foo/sleep", "bar/httpbin", Some(Transport::Mtls), requests(3));
    // The source is silent.
    mesh.heard("foo/httpbin", Some("baz/other"), requests(4));
    // Both speak, of different things.
    mesh.sent("bar/a", "bar/b", Some(Transport::Mtls), requests(5));
    mesh.heard("bar/b", Some("bar/c"), requests(5));
    insta::assert_snapshot!(mesh.edges(), @r"
    bar/a -> bar/b: mTLS, one end, 5 calls
    bar/sa/c -> bar/b: mTLS, one end, 5 calls
    baz/sa/other -> foo/httpbin: mTLS, one end, 4 calls
    foo/sleep -> bar/httpbin: mTLS, one end, 3 calls
    foo/sleep -> foo/httpbin: mTLS, 30 calls
    ");
}

#[test]
fn plaintext_that_nobody_says_to_have_sent_is_of_an_unknown_source() {
    let mut mesh = Mesh::default();
    mesh.sent("foo/sleep", "foo/httpbin", Some(Transport::Plaintext), requests(100));
    // Between the two questions, one more came.
    mesh.heard("foo/httpbin", None, requests(101));
    mesh.sent("foo/sleep", "foo/shop", Some(Transport::Plaintext), requests(10));
    mesh.heard("foo/shop", None, requests(17));
    mesh.heard("foo/mail", None, requests(1));
    insta::assert_snapshot!(mesh.edges(), @r"
    foo/sleep -> foo/httpbin: plaintext, 100 calls
    foo/sleep -> foo/shop: plaintext, 10 calls
    unknown -> foo/mail: plaintext, 1 calls
    unknown -> foo/shop: plaintext, 7 calls
    ");
}

#[test]
fn refused_callers_are_shown_once() {
    let mut mesh = Mesh::default();
    mesh.heard("foo/httpbin", None, refused(3));
    // It has a proxy, and knows only that it got no answer.
    mesh.sent("bar/sleep", "bar/httpbin", None, requests(2));
    mesh.heard("bar/httpbin", None, refused(2));
    insta::assert_snapshot!(mesh.edges(), @r"
    bar/sleep -> bar/httpbin: refused, 2 calls
    unknown -> foo/httpbin: refused, 0 calls, 3 refused
    ");
}

#[test]
fn a_share_is_of_the_last_minute_if_there_was_any() {
    let mut mesh = Mesh::default();
    mesh.sent("foo/a", "foo/b", Some(Transport::Plaintext), requests(90));
    mesh.told.values_mut().for_each(|report| report.series[0].recent = Counts::default());
    mesh.sent("foo/a", "foo/b", Some(Transport::Mtls), requests(30));
    mesh.sent("foo/a", "foo/c", Some(Transport::Plaintext), requests(3));
    mesh.sent("foo/a", "foo/c", Some(Transport::Mtls), requests(1));
    let graph = mesh.graph();
    let shares: Vec<(Option<f64>, f64)> = graph.edges.iter().map(|edge| (edge.mtls_share, edge.rate)).collect();
    assert_eq!(shares, [(Some(1.0), 0.5), (Some(0.25), 4.0 / 60.0)]);
    assert_eq!(graph.edges[1].security, Security::Mixed);
}

/// A mesh in which a client has called a server so often: over mutual TLS, and not.
fn called(mtls: u64, plaintext: u64) -> Graph {
    let mut mesh = Mesh::default();
    mesh.sent("foo/a", "foo/b", Some(Transport::Mtls), requests(mtls));
    mesh.heard("foo/b", Some("foo/a"), requests(mtls));
    mesh.sent("foo/a", "foo/b", Some(Transport::Plaintext), requests(plaintext));
    mesh.heard("foo/b", None, requests(plaintext));
    mesh.graph()
}

#[test]
fn what_was_before_an_earlier_look_does_not_count() {
    let since = |now: (u64, u64), before: (u64, u64)| {
        let found = called(now.0, now.1).since(&called(before.0, before.1), "foo/a", "foo/b");
        found.map(|ends| (ends.security(), ends.source.unwrap().all().total.calls()))
    };
    assert_eq!(since((9, 4), (5, 4)), Some((Security::Mtls, 4)));
    assert_eq!(since((5, 5), (5, 4)), Some((Security::Plaintext, 1)));
    assert_eq!(since((6, 5), (5, 4)), Some((Security::Mixed, 2)));
    assert_eq!(since((5, 4), (5, 4)), None);
    assert_eq!(since((2, 4), (5, 4)), Some((Security::Mixed, 6)), "a proxy that counts from nothing");
    let nobody = Mesh::default().graph();
    assert_eq!(called(1, 0).since(&nobody, "foo/a", "foo/b").unwrap().security(), Security::Mtls);
    assert_eq!(called(1, 0).since(&nobody, "foo/b", "foo/a"), None);
}

#[test]
fn one_end_that_has_counted_nothing_new_confirms_nothing() {
    let before = called(5, 0);
    let mut mesh = Mesh::default();
    mesh.sent("foo/a", "foo/b", Some(Transport::Mtls), requests(7));
    mesh.heard("foo/b", Some("foo/a"), requests(5));
    assert_eq!(mesh.graph().since(&before, "foo/a", "foo/b").unwrap().security(), Security::Unconfirmed);
}

mod any {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    fn names() -> impl Strategy<Value = String> {
        prop_oneof![Just("foo/a".to_owned()), Just("foo/b".to_owned()), Just("bar/a".to_owned())]
    }

    fn counts() -> impl Strategy<Value = Counts> {
        let number = || prop_oneof![Just(0), 0..100u64, Just(u64::MAX)];
        [number(), number(), number(), number(), number()].prop_map(
            |[requests, errors, connections, failed, refused]| Counts {
                requests,
                errors,
                connections,
                failed,
                refused,
            },
        )
    }

    fn series() -> impl Strategy<Value = Reported> {
        let direction = prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)];
        let transport = prop_oneof![Just(Transport::Mtls), Just(Transport::Plaintext), Just(Transport::Tls)];
        let fields =
            (direction, option::of(transport), option::of(names()), option::of(names()), option::of("[ -~]{0,20}"));
        (fields, counts(), counts()).prop_map(|((direction, transport, peer, workload, service), total, recent)| {
            let place = |name: String| {
                let (namespace, name) = name.split_once('/').unwrap();
                Place { namespace: namespace.to_owned(), name: name.to_owned() }
            };
            let peer = peer.map(|name| id(&name));
            let codes = BTreeMap::from([(200, total.requests)]);
            let workload = workload.map(place);
            Reported { direction, transport, peer, workload, service, total, recent, codes }
        })
    }

    proptest! {
        /// A sidecar may say what it likes: there is a graph, it is the same after a journey, and no lock is on the word of
        /// one end.
        #[test]
        fn reports_make_a_graph(told in vec((names(), series()), 0..12)) {
            let mut mesh = Mesh::default();
            told.into_iter().for_each(|(name, series)| mesh.reports(&name, series));
            let graph = mesh.graph();
            let text = serde_json::to_string(&graph).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Graph>(&text).unwrap().nodes, &graph.nodes);
            for edge in graph.edges.iter().filter(|edge| edge.security == Security::Mtls) {
                prop_assert!(edge.evidence.source.is_some() && edge.evidence.destination.is_some());
            }
            for edge in &graph.edges {
                for end in [&edge.source, &edge.destination] {
                    prop_assert!(graph.nodes.iter().any(|node| node.name == *end));
                }
            }
        }
    }
}
