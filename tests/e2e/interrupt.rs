//! Ctrl-C in the middle of a lab: everything of it goes, and nothing else.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::support::{World, on_both_clusters, within};

on_both_clusters!(World: an_interrupted_run_leaves_nothing);

async fn an_interrupted_run_leaves_nothing(world: &World) {
    world.install_mesh().await;
    let before = world.ours().await;
    let images = [format!("httpbin_image={}", world.image()), format!("sleep_image={}", world.image())];
    let [httpbin, sleep] = &images;
    let mut command = world.command(&["run", "mtls-strict", "--on", "k8s", "--set", httpbin, "--set", sleep]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let mut said = String::new();
    // The lab is deployed then, and the policy of this step is being written.
    while !said.contains("step 3/7 mesh") {
        let read = within(stderr.read_line(&mut said)).await.unwrap();
        assert_ne!(read, 0, "{said}");
    }
    kill_process(Pid::from_raw(run.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    within(stderr.read_to_string(&mut said)).await.unwrap();
    let status = run.wait().await.unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("error: interrupted") && !said.contains("not cleaned up"), "{said}");
    assert_eq!(world.ours().await, before, "{said}");
}
