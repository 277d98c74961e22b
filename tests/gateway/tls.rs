//! TLS at the gateway: whose certificate is shown, who must show one, and what is passed on unopened.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;

use crate::{
    authority::Authority,
    outside::ask,
    shop::{self, gateway, obey, virtual_service},
    support::{World, on_both_clusters},
};

on_both_clusters! {
    World:
    certificates_come_from_secrets_and_change_with_them,
    clients_prove_who_they_are,
    tls_is_passed_on_by_its_server_name,
}

const ROUTE: &str = "{hosts: [shop.example.com], gateways: [edge], http: [{route: [{destination: {host: api}}]}]}";
const URL: &str = "https://shop.example.com/anything";

/// A file of the test's own; answers its path.
fn file(world: &World, name: &str, text: &str) -> String {
    let path = world.home().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn certificates_come_from_secrets_and_change_with_them(world: &World) {
    shop::open(world).await;
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let [old_file, new_file] =
        [("old.pem", &old), ("new.pem", &new)].map(|(name, authority)| file(world, name, &authority.pem()));
    let servers = "
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {mode: SIMPLE, credentialName: shop}}
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com], tls: {httpsRedirect: true}}
";
    obey(world, &[gateway(servers), virtual_service("shop", ROUTE)].concat()).await;
    let with = async |roots: &str| ask(world, 443, URL, &["--cacert", roots]).await.short();

    // Without its Secret the gateway has nothing to show.
    assert_eq!(with(&old_file).await, "exit 35");
    obey(world, &old.secret("istio-system", "shop", None)).await;
    assert_eq!(with(&old_file).await, "api");
    assert_eq!(with(&new_file).await, "exit 60");
    // Another certificate, without a restart.
    obey(world, &new.secret("istio-system", "shop", None)).await;
    assert_eq!(with(&new_file).await, "api");
    assert_eq!(with(&old_file).await, "exit 60");

    let asked = ask(world, 443, URL, &["--cacert", &new_file]).await.asked();
    assert_eq!(asked["headers"]["X-Forwarded-Proto"][0], "https");
    let other = ask(world, 443, "https://other.example.com/anything", &["-k"]).await;
    assert_eq!(other.exit, 35, "{other:?}");
    let plain = ask(world, 80, "http://shop.example.com/anything?a=b", &[]).await;
    assert_eq!(plain.short(), "301 https://shop.example.com/anything?a=b");
    assert!(ask(world, 443, "http://shop.example.com/anything", &[]).await.is_cut_off());
    assert_eq!(ask(world, 80, URL, &["-k"]).await.exit, 35);
}

async fn clients_prove_who_they_are(world: &World) {
    shop::open(world).await;
    let (own, friends, strangers) = (Authority::new("own"), Authority::new("friends"), Authority::new("strangers"));
    let servers = "
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [shop.example.com], tls: {mode: MUTUAL, credentialName: shop}}
  - {port: {number: 15443, name: optional, protocol: HTTPS}, hosts: [shop.example.com], tls: {mode: OPTIONAL_MUTUAL, credentialName: shop}}
";
    let secret = own.secret("istio-system", "shop", Some(&friends));
    obey(world, &[gateway(servers), virtual_service("shop", ROUTE), secret].concat()).await;
    let roots = file(world, "own.pem", &own.pem());
    let certified = |name: &str, authority: &Authority| {
        let (certificate, key) = authority.issue("friend.example.com");
        [file(world, &format!("{name}.crt"), &certificate), file(world, &format!("{name}.key"), &key)]
    };
    let (friend, stranger) = (certified("friend", &friends), certified("stranger", &strangers));
    let nobody = ask(world, 443, URL, &["--cacert", &roots]).await;
    assert_eq!(nobody.exit, 56, "{nobody:?}");
    let as_who = async |port, [certificate, key]: &[String; 2]| {
        ask(world, port, URL, &["--cacert", &roots, "--cert", certificate, "--key", key]).await
    };
    let seen = as_who(443, &friend).await;
    let told = seen.asked()["headers"]["X-Forwarded-Client-Cert"][0].as_str().unwrap().to_owned();
    // First what the gateway says of the client, then what the server's sidecar says of the gateway.
    let (client, gateway) = told.split_once(',').unwrap();
    assert!(client.contains("DNS=friend.example.com") && gateway.contains("URI=spiffe://"), "{told}");
    assert_eq!(as_who(443, &stranger).await.exit, 56);
    assert_eq!(as_who(15443, &stranger).await.exit, 56);
    assert_eq!(ask(world, 15443, URL, &["--cacert", &roots]).await.short(), "api");
}

async fn tls_is_passed_on_by_its_server_name(world: &World) {
    shop::open(world).await;
    let servers =
        "[{port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.istio-system.svc'], tls: {mode: PASSTHROUGH}}]";
    // The one server that terminates TLS itself, and shows a certificate of the mesh's root.
    let route = "
  hosts: [labctl-mesh.istio-system.svc]
  gateways: [edge]
  tls:
  - match: [{port: 15443, sniHosts: [labctl-mesh.istio-system.svc]}]
    route: [{destination: {host: labctl-mesh.istio-system.svc.cluster.local, port: {number: 15012}}}]
";
    obey(world, &[gateway(servers), virtual_service("control-plane", route)].concat()).await;
    let maps: Api<ConfigMap> = Api::namespaced(world.client(), "istio-system");
    let root = maps.get("istio-ca-root-cert").await.unwrap().data.unwrap()["root-cert.pem"].clone();
    let root = file(world, "root.pem", &root);
    let through =
        ask(world, 15443, "https://labctl-mesh.istio-system.svc/v1/config?pod=a/b", &["--cacert", &root]).await;
    assert_eq!((through.status, through.body.as_str()), (401, "show a certificate of the mesh\n"));
    let other = ask(world, 15443, "https://other.istio-system.svc/", &["-k"]).await;
    assert_eq!(other.exit, 35, "{other:?}");
}
