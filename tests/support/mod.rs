//! The same test on both clusters: the embedded one always, a real one where `LABCTL_E2E_KUBECONFIG` names it.
//!
//! A test is an `async fn(&World)`; [`on_both_clusters`] makes two of it.

#![allow(dead_code, unused_imports, unused_macros)] // Every test binary uses a part of this.

mod real;
mod world;

pub use real::Turn;
pub use world::{Ran, World, within};

/// Makes of each function, an `async fn(&World)`, a test on the embedded cluster and a test on the real one.
///
/// The latter are `on_k8s::...`, so that `cargo test -- on_k8s` runs nothing else.
macro_rules! on_both_clusters {
    ($($test:ident),+ $(,)?) => {
        mod on_embedded {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    crate::support::World::embedded().await.run(super::$test).await;
                }
            )+
        }
        mod on_k8s {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    if let Some(world) = crate::support::World::real(stringify!($test)).await {
                        world.run(super::$test).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_both_clusters;
