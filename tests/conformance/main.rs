//! The embedded API server beside a real one: the same requests, the same answers. See `README.md` beside this file.

mod answer;
mod case;
mod cleanup;
mod difference;
mod mask;
mod play;
mod recording;
mod server;
mod variables;
mod verdict;
mod webhook;

/// Makes a test of every area, and the list of them.
macro_rules! areas {
    ($($area:ident)*) => {
        const AREAS: &[&str] = &[$(stringify!($area)),*];

        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $area() {
                verdict::check(stringify!($area)).await;
            }
        )*
    };
}

areas! {
    access
    apply
    create
    custom
    defaults
    definitions
    deletion
    discovery
    formats
    lists
    patch
    paths
    strategic
    subresources
    tables
    update
    validation
    watch
    webhooks
}

#[test]
fn every_file_of_cases_is_an_area() {
    let mut files = case::areas();
    files.sort();
    let mut areas = AREAS.to_vec();
    areas.sort_unstable();
    assert_eq!(files, areas);
}
