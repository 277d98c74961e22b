//! Keeping a lab up after its last step, so that somebody can look around.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use kube::config::Kubeconfig;

use super::{Interrupt, context::Context, event::Event};
use crate::{cluster::ClusterError, lab::outside::NamespacedName};

/// Says how to reach the cluster and waits until somebody interrupts.
///
/// # Errors
/// The kubeconfig cannot be written.
pub async fn keep(context: &Context<'_>, kubeconfig: &Kubeconfig, interrupt: &Interrupt) -> io::Result<()> {
    let file = KubeconfigFile::write(kubeconfig)?;
    let namespaces = context.namespaces().into_iter().collect();
    let addresses = addresses(context).await.map_err(|error| io::Error::other(error.to_string()))?;
    let made = context.lab.namespaces_of_steps().into_iter().map(str::to_owned).collect();
    context.events.emit(Event::Kept { kubeconfig: file.path(), namespaces, made, addresses });
    interrupt.stop.cancelled().await;
    Ok(())
}

/// What the gateway's address is exported as: that of HTTP, and that of HTTPS.
const GATEWAY: [(&str, u16); 2] = [("GATEWAY_URL", 80), ("SECURE_GATEWAY_URL", 443)];

/// How everything is reached that the lab asks from outside, and its gateway in any case, by the variables that say so.
async fn addresses(context: &Context<'_>) -> Result<Vec<(String, String)>, ClusterError> {
    let asked = context.lab.from_outside().map(|it| (it.variable(), (it.service.clone(), it.target.port())));
    let mut wanted: BTreeMap<String, (NamespacedName, u16)> = asked.collect();
    if context.lab.metadata.mesh.gateway {
        wanted.extend(GATEWAY.map(|(name, port)| (name.to_owned(), (NamespacedName::gateway(), port))));
    }
    let mut addresses = Vec::new();
    for (variable, (service, port)) in wanted {
        match context.cluster.edge(&service.namespace, &service.name, &context.patience()).await {
            Ok(edge) => addresses.extend(edge.address(port).map(|address| (variable, address.to_string()))),
            // The lab has deleted it since, or nobody outside reaches it here.
            Err(ClusterError::Request { status: Some(404), .. } | ClusterError::NoWayIn { .. }) => (),
            Err(error) => return Err(error),
        }
    }
    Ok(addresses)
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
