//! Keeping a lab up after its last step, so that somebody can look around.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

use kube::config::Kubeconfig;

use super::{Interrupt, context::Context, event::Event};

/// Says how to reach the cluster and waits until somebody interrupts.
///
/// # Errors
/// The kubeconfig cannot be written.
pub async fn keep(context: &Context<'_>, kubeconfig: &Kubeconfig, interrupt: &Interrupt) -> io::Result<()> {
    let file = KubeconfigFile::write(kubeconfig)?;
    let namespaces = context.namespaces().into_iter().collect();
    context.events.emit(Event::Kept { kubeconfig: file.path(), namespaces });
    interrupt.stop.cancelled().await;
    Ok(())
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
