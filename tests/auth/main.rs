//! Authentication of a running mesh: what its proxies accept and send, why, and what the old API means.

mod check;
mod legacy;
mod pair;
mod tap;

#[allow(dead_code)] // Every test binary uses a part of these.
#[path = "../e2e/manifests.rs"]
mod manifests;
#[allow(dead_code)]
#[path = "../e2e/matrix.rs"]
mod matrix;
#[path = "../support/mod.rs"]
mod support;

use manifests::{client, namespace, server};
use support::World;

/// The mesh, with httpbin and sleep in `foo` and another sleep in `legacy`, which has no sidecars.
async fn deploy(world: &World) {
    world.install_mesh().await;
    world.apply(&(namespace("foo", Some("enabled")) + &namespace("legacy", None))).await;
    world.until_accounts(&["foo", "legacy"]).await;
    let pods =
        [server(world, "httpbin", "foo", ""), client(world, "sleep", "foo", ""), client(world, "sleep", "legacy", "")];
    world.apply(&pods.concat()).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
}
