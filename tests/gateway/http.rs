//! Plaintext HTTP at the gateway: which host, path and header leads where.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    outside::{Seen, ask},
    shop::{self, SHOP, gateway, obey, virtual_service},
    support::{World, on_both_clusters},
};

on_both_clusters! {
    World:
    requests_go_where_routes_say,
    the_edge_follows_its_gateways,
}

const ROUTES: &str = "
  hosts: [shop.example.com]
  gateways: [edge]
  http:
  - match: [{uri: {exact: /status/204}}]
    redirect: {uri: /elsewhere, authority: mall.example.com, redirectCode: 302}
  - match: [{uri: {prefix: /api/}}]
    rewrite: {uri: /anything/, authority: api.internal}
    route: [{destination: {host: api}}]
  - match: [{headers: {end-user: {exact: jason}}, uri: {prefix: /anything}}]
    route: [{destination: {host: web, subset: v2}}]
  - match: [{uri: {prefix: /delay}}]
    timeout: 0.3s
    route: [{destination: {host: api}}]
  - match: [{uri: {prefix: /nobody}}]
    route: [{destination: {host: nobody}}]
  - match: [{uri: {prefix: /anything}}]
    route:
    - {destination: {host: web, subset: v1}, weight: 75}
    - {destination: {host: web, subset: v2}, weight: 25}
";

const SUBSETS: &str = "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
";

async fn requests_go_where_routes_say(world: &World) {
    shop::open(world).await;
    let edge = gateway("[{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.example.com']}]");
    obey(world, &[&edge, SUBSETS, &virtual_service("shop", ROUTES)].concat()).await;
    let get = async |path: &str, more: &[&str]| ask(world, 80, &format!("http://shop.example.com{path}"), more).await;

    let shares: Vec<String> =
        futures::future::join_all((0..8).map(|_| get("/anything", &[]))).await.iter().map(Seen::server).collect();
    let count = |name| shares.iter().filter(|server| *server == name).count();
    assert_eq!((count("v1"), count("v2")), (6, 2));
    assert_eq!(get("/anything", &["-H", "end-user: jason"]).await.server(), "v2");

    let api = get("/api/orders?open=1", &[]).await;
    assert_eq!(api.server(), "api");
    let asked = api.asked();
    assert_eq!(asked["url"], "http://api.internal/anything/orders?open=1");
    assert_eq!(asked["headers"]["X-Forwarded-Proto"], json!(["http"]));
    let xfcc = asked["headers"]["X-Forwarded-Client-Cert"][0].as_str().unwrap();
    let gateway = "URI=spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account";
    assert!(xfcc.ends_with(gateway) && !xfcc.contains(','), "{xfcc}");
    // What somebody outside says about himself is not believed.
    let forged = get("/api/x", &["-H", "X-Forwarded-Client-Cert: URI=spiffe://cluster.local/ns/shop/sa/v1"]).await;
    assert!(!forged.body.contains("sa/v1"), "{}", forged.body);

    assert_eq!(get("/status/204", &[]).await.short(), "302 http://mall.example.com/elsewhere");
    assert_eq!(get("/status/205", &[]).await.short(), "404");
    assert_eq!(get("/nobody", &[]).await.short(), "503");
    assert_eq!(ask(world, 80, "http://other.example.com/anything", &[]).await.short(), "404");
    assert_eq!(ask(world, 80, "http://example.org/anything", &[]).await.short(), "404");

    let began = Instant::now();
    let late = get("/delay/5", &[]).await;
    assert_eq!((late.status, late.body.as_str()), (504, "upstream request timeout"));
    assert!(began.elapsed() < Duration::from_secs(5));
}

async fn the_edge_follows_its_gateways(world: &World) {
    shop::open(world).await;
    let route = "{hosts: ['*'], gateways: [edge], http: [{route: [{destination: {host: api}}]}]}";
    let servers = |number: u16| format!("[{{port: {{number: {number}, name: http, protocol: HTTP}}, hosts: ['*']}}]");
    obey(world, &[gateway(&servers(80)), virtual_service("all", route)].concat()).await;
    assert_eq!(ask(world, 80, "http://any/anything", &[]).await.short(), "api");
    assert!(ask(world, 31400, "http://any/anything", &[]).await.is_cut_off());

    // Another port, without a restart; the old one is closed.
    obey(world, &gateway(&servers(31400))).await;
    assert_eq!(ask(world, 31400, "http://any/anything", &[]).await.short(), "api");
    assert!(ask(world, 80, "http://any/anything", &[]).await.is_cut_off());

    // Strict servers let the gateway in: it is of the mesh.
    let strict = format!(
        "---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: {SHOP}}}
spec: {{mtls: {{mode: STRICT}}}}
"
    );
    obey(world, &strict).await;
    assert_eq!(ask(world, 31400, "http://any/anything", &[]).await.short(), "api");

    // Nobody routes any more.
    world.delete("networking.istio.io/v1", "VirtualService", SHOP, "all").await;
    world.until_distributed(&[SHOP, "istio-system"]).await;
    assert_eq!(ask(world, 31400, "http://any/anything", &[]).await.short(), "404");
}
