//! `credentialName` in a sidecar: a Secret beside the pod, for whoever's account may read it.

use crate::{
    authority::Authority,
    shop::{self, SHOP, gateway, obey, virtual_service},
    support::{World, on_both_clusters, within},
};

on_both_clusters! {
    World:
    a_sidecar_shows_what_its_account_may_read,
}

const SERVERS: &str = "
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {mode: MUTUAL, credentialName: shop}}
";
const ROUTE: &str = "{hosts: [shop.example.com], gateways: [edge], http: [{route: [{destination: {host: api}}]}]}";
/// Lets the account of `api`, and no other, read the Secret.
const RIGHT: &str = "---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: client, namespace: shop}
rules: [{apiGroups: [''], resources: [secrets], resourceNames: [client], verbs: [list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: client, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: client}
subjects: [{kind: ServiceAccount, name: api, namespace: shop}]
";

/// A rule for the pods of an app: to the gateway as a client with a certificate.
fn rule(app: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {app}, namespace: {SHOP}}}
spec:
  host: istio-ingressgateway.istio-system.svc.cluster.local
  workloadSelector: {{matchLabels: {{app: {app}}}}}
  trafficPolicy: {{tls: {{mode: MUTUAL, credentialName: client, sni: shop.example.com}}}}
"
    )
}

async fn a_sidecar_shows_what_its_account_may_read(world: &World) {
    shop::open(world).await;
    let (own, friends, strangers) = (Authority::new("own"), Authority::new("friends"), Authority::new("strangers"));
    let edge = own.secret("istio-system", "shop", Some(&friends));
    let client = friends.secret(SHOP, "client", Some(&own));
    obey(world, &[gateway(SERVERS), virtual_service("shop", ROUTE), edge, client].concat()).await;
    obey(world, &(rule("api") + &rule("web"))).await;

    // Nobody may read the Secret yet, and the control plane cannot.
    assert_eq!(call(world, "api").await, "000");
    until_logged(world, "api", "cannot read Secret shop/client, which a DestinationRule may mean").await;
    world.apply(RIGHT).await;
    until(world, "api", "200").await;
    assert_eq!(call(world, "web").await, "000");
    // Another certificate, without a restart.
    world.apply(&strangers.secret(SHOP, "client", Some(&own))).await;
    until(world, "api", "000").await;
    world.apply(&friends.secret(SHOP, "client", Some(&own))).await;
    until(world, "api", "200").await;
}

/// Which status a pod of an app gets from the gateway; its sidecar is to make TLS of the call.
async fn call(world: &World, app: &str) -> String {
    let url = "http://istio-ingressgateway.istio-system:443/anything";
    let curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "20", "-H", "Host: shop.example.com", url];
    world.exec(&format!("{app}.{SHOP}"), &curl).await.stdout
}

async fn until(world: &World, app: &str, status: &str) {
    within(async { while call(world, app).await != status {} }).await;
}

async fn until_logged(world: &World, app: &str, words: &str) {
    let sidecar = world.container(&format!("{app}.{SHOP}"), "istio-proxy").await;
    within(async { while !world.cluster.log(&sidecar).await.unwrap().contains(words) {} }).await;
}
