//! Which real cluster tests may use, and whose turn it is.

#![allow(dead_code)] // Every test binary uses a part of this.

use std::{fs::File, path::PathBuf};

/// Names the kubeconfig of a cluster that the tests may use as if it were theirs.
const KUBECONFIG: &str = "LABCTL_E2E_KUBECONFIG";
/// Names the image that is loaded there, unless it has the name that `labctl` gives it.
const IMAGE: &str = "LABCTL_E2E_IMAGE";

/// The kubeconfig of the real cluster. Without one, says on standard error that `test` was skipped.
pub fn kubeconfig(test: &str) -> Option<PathBuf> {
    let file = std::env::var_os(KUBECONFIG).filter(|file| !file.is_empty());
    if file.is_none() {
        eprintln!("skipped {test}: no real cluster ({KUBECONFIG} is not set)");
    }
    file.map(PathBuf::from)
}

/// The image on the real cluster.
pub fn image() -> Option<String> {
    std::env::var(IMAGE).ok().filter(|image| !image.is_empty())
}

/// The right to use the fixed names on the real cluster: the mesh, and the namespaces of the labs.
///
/// Held by one test at a time, whether the tests run in one process or in many.
pub struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits until nobody else has it.
    pub async fn take() -> Self {
        let lock = tokio::task::spawn_blocking(|| {
            let file = File::create(std::env::temp_dir().join("labctl-e2e.lock")).unwrap();
            file.lock().unwrap();
            file
        });
        Self { _lock: lock.await.unwrap() }
    }
}
