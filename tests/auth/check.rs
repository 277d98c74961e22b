//! `labctl auth check`: the tables of one proxy.

use insta::allow_duplicates;
use serde_json::Value;

use crate::{
    deploy,
    manifests::{destination_rule, peer_authentication},
    support::{World, on_both_clusters},
};

on_both_clusters!(World: the_tables_follow_the_policies, mistakes_are_told);

async fn the_tables_follow_the_policies(world: &World) {
    deploy(world).await;
    let said = tables(world, "httpbin.foo", &[]).await;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    foo/httpbin-(pod)
    identity spiffe://cluster.local/ns/foo/sa/httpbin
    configuration (version), the proxy works with it

    LISTENER CERTIFICATE mTLS (MODE) JWT (ISSUERS) RBAC (RULES)
    IP_8080[0] default yes (PERMISSIVE) no (none) no (none)
    IP_8080[1] none no (PERMISSIVE) no (none) no (none)
    virtualInbound[0] default yes (PERMISSIVE) no (none) no (none)
    virtualInbound[1] none no (PERMISSIVE) no (none) no (none)

    HOST:PORT CERTIFICATE VALIDATE PEER CERTIFICATE
    httpbin.foo.svc.cluster.local:8000 default ROOTCA
    "));

    world.apply(&peer_authentication("foo", "STRICT")).await;
    world.apply(&destination_rule("httpbin", "foo", "DISABLE")).await;
    world.until_distributed(&["foo"]).await;
    let said = tables(world, "foo/httpbin", &["-o", "wide"]).await;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    foo/httpbin-(pod)
    identity spiffe://cluster.local/ns/foo/sa/httpbin
    configuration (version), the proxy works with it

    LISTENER CERTIFICATE mTLS (MODE) JWT (ISSUERS) RBAC (RULES) DECIDED BY
    IP_8080 default yes (STRICT) no (none) no (none) PeerAuthentication foo/default spec.mtls.mode
    virtualInbound default yes (STRICT) no (none) no (none) PeerAuthentication foo/default spec.mtls.mode

    HOST:PORT CERTIFICATE VALIDATE PEER CERTIFICATE MODE ENDPOINTS DECIDED BY
    httpbin.foo.svc.cluster.local:8000 none none DISABLE httpbin-(pod).foo DestinationRule foo/httpbin spec.trafficPolicy.tls.mode
    "));

    let text = world.labctl_ok(&["auth", "check", "httpbin", "-n", "foo", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["kind"], &document["acknowledged"]), (&"AuthCheck".into(), &true.into()));
    let listener = &document["listeners"][0];
    assert_eq!((&listener["port"], &listener["mode"]), (&8080.into(), &"STRICT".into()));
    assert_eq!((&listener["decidedBy"]["name"], &listener["field"]), (&"default".into(), &"spec.mtls.mode".into()));
    assert_eq!(listener["chains"], serde_json::json!([{ "certificate": "default", "mtls": true }]));

    let said = tables(world, "sleep.legacy", &[]).await;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    legacy/sleep-(pod)
    no sidecar: its application sees every byte that comes, and calls others as it likes
    "));
}

async fn mistakes_are_told(world: &World) {
    let ran = world.labctl(&["auth", "check", "httpbin.foo"]).await;
    assert_eq!(ran.code, 4);
    let said = ran.stderr;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    error: there is no mesh of labctl on this cluster
    hint: install it with `labctl mesh install`
    "));

    world.install_mesh().await;
    let ran = world.labctl(&["auth", "check", "httpbin.foo"]).await;
    assert_eq!(ran.code, 2);
    let said = ran.stderr;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    error: no pod of namespace foo is called `httpbin`
    hint: there are no pods in foo; name another namespace with -n, or write NAME.NAMESPACE
    "));
}

/// What is printed, without the names and numbers that differ from run to run, and without Services of the cluster's own.
async fn tables(world: &World, workload: &str, more: &[&str]) -> String {
    let arguments = [&["auth", "check", workload][..], more].concat();
    let mut text = world.labctl_ok(&arguments).await;
    for (pattern, instead) in [
        (r"10\.\d+\.\d+\.\d+", "IP"),
        (r"configuration  [0-9a-f]{16}", "configuration  (version)"),
        (r"(httpbin|sleep)-[0-9a-z]+-[0-9a-z]+", "$1-(pod)"),
        (r"(?m)^[a-z-]+\.(kube-system|default|istio-system)\..*\n", ""),
        (r" +", " "),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}
