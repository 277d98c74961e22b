//! Keeping a lab up after its last step, so that somebody can look around.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::Arc,
};

use kube::config::Kubeconfig;

use super::{Interrupt, context::Context, event::Event};
use crate::{
    cluster::{ClusterError, gateway::Edge},
    mesh::install::{INGRESS_GATEWAY, ROOT_NAMESPACE},
};

/// Says how to reach the cluster and waits until somebody interrupts.
///
/// # Errors
/// The kubeconfig cannot be written.
pub async fn keep(context: &Context<'_>, kubeconfig: &Kubeconfig, interrupt: &Interrupt) -> io::Result<()> {
    let file = KubeconfigFile::write(kubeconfig)?;
    let namespaces = context.namespaces().into_iter().collect();
    let gateway = gateway(context).await.map_err(|error| io::Error::other(error.to_string()))?;
    let addresses =
        gateway.iter().flat_map(|edge| GATEWAY.iter().filter_map(|&(name, port)| address(edge, name, port)));
    context.events.emit(Event::Kept { kubeconfig: file.path(), namespaces, addresses: addresses.collect() });
    interrupt.stop.cancelled().await;
    Ok(())
}

/// What the gateway's address is exported as: that of HTTP, and that of HTTPS.
const GATEWAY: [(&str, u16); 2] = [("GATEWAY_URL", 80), ("SECURE_GATEWAY_URL", 443)];

/// How the gateway is reached, if the lab has asked for one.
async fn gateway(context: &Context<'_>) -> Result<Option<Arc<Edge>>, ClusterError> {
    if !context.lab.metadata.mesh.gateway {
        return Ok(None);
    }
    context.cluster.edge(ROOT_NAMESPACE, INGRESS_GATEWAY, &context.patience()).await.map(Some)
}

fn address(edge: &Edge, name: &str, port: u16) -> Option<(String, String)> {
    Some((name.to_owned(), edge.address(port)?.to_string()))
}

/// A kubeconfig in a folder of its own, both for their owner's eyes only; dropping it removes them.
struct KubeconfigFile {
    folder: PathBuf,
}

impl KubeconfigFile {
    fn write(kubeconfig: &Kubeconfig) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("labctl-{}", uuid::Uuid::new_v4().simple()));
        let create = fs::DirBuilder::new().mode(0o700).create(&folder);
        create.map_err(|error| {
            let parent = std::env::temp_dir();
            io::Error::new(error.kind(), format!("cannot make a folder in {} ($TMPDIR): {error}", parent.display()))
        })?;
        let file = Self { folder };
        let text = serde_yaml::to_string(kubeconfig).map_err(io::Error::other)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        io::Write::write_all(&mut options.open(file.path())?, text.as_bytes())?;
        Ok(file)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }
}

impl Drop for KubeconfigFile {
    fn drop(&mut self) {
        // Nothing is left to tell it to; the file lies in the system's folder for such files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
