//! VirtualServices without a gateway: the sidecars of the callers obey them.

use crate::{
    shop::{self, obey, virtual_service},
    support::{World, on_both_clusters},
};

on_both_clusters! {
    World:
    sidecars_route_as_gateways_do,
}

/// What a caller in the mesh is told by whom.
async fn call(world: &World, url: &str) -> String {
    let container = world.container("api.shop", "api").await;
    let command = ["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", url].map(str::to_owned);
    let done = world.cluster.exec(&container, &command, std::time::Duration::from_secs(30)).await.unwrap();
    let (body, status) = done.stdout.rsplit_once('\n').unwrap();
    let Some((_, by)) = body.split_once("By=") else { return status.to_owned() };
    by.split(';').next().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn sidecars_route_as_gateways_do(world: &World) {
    shop::open(world).await;
    let routes = "
  hosts: [web]
  http:
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /anything}
    route: [{destination: {host: web, subset: v2}}]
  - match: [{uri: {prefix: /anything}, sourceLabels: {app: somebody-else}}]
    route: [{destination: {host: nobody}}]
  - match: [{uri: {prefix: /anything}}]
    route: [{destination: {host: web, subset: v1}}]
";
    let subsets = "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
";
    obey(world, &[subsets, &virtual_service("web", routes)].concat()).await;
    for host in ["web", "web.shop", "web.shop.svc.cluster.local"] {
        assert_eq!(call(world, &format!("http://{host}:8000/anything")).await, "v1");
        assert_eq!(call(world, &format!("http://{host}:8000/old/x")).await, "v2");
        assert_eq!(call(world, &format!("http://{host}:8000/headers")).await, "404");
    }
    // A subset that the rule does not have has nobody in it.
    let elsewhere = "{hosts: [web], http: [{route: [{destination: {host: web, subset: v3}}]}]}";
    obey(world, &virtual_service("web", elsewhere)).await;
    assert_eq!(call(world, "http://web:8000/anything").await, "503");
}
