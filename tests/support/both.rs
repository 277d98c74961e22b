//! One test on two clusters.

/// Makes of each function, an `async fn(&World)`, a test on the embedded cluster and a test on the real one.
///
/// The latter are `on_k8s::...`, so that `cargo test -- on_k8s` runs nothing else. `World` is a type with
/// `embedded()`, `real(test)`, which answers nothing where there is no real cluster, and `test(self, test)`.
macro_rules! on_both_clusters {
    ($world:ident: $($test:ident),+ $(,)?) => {
        mod on_embedded {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$world::embedded().await.test(super::$test).await;
                }
            )+
        }
        mod on_k8s {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    if let Some(world) = super::$world::real(stringify!($test)).await {
                        world.test(super::$test).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_both_clusters;
