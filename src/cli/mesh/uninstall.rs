//! `labctl mesh uninstall`.

use std::{fmt::Write as _, time::Duration};

use clap::Args;

use super::{
    super::{CliError, kubernetes::KubernetesArgs, output::print, question, run::duration},
    on_cluster,
};
use crate::{
    cluster::{
        Target,
        mesh::{MeshError, uninstall::Removal},
    },
    mesh::install::{Settings, manifests},
};

/// Removes what labctl installed of the mesh, and proves that it is gone
#[derive(Debug, Args)]
pub struct UninstallArgs {
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// How long it may take, as `45s` or `5m`
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    deadline: Duration,
}

impl UninstallArgs {
    /// Removes; asks first, or refuses without `--yes`, if the mesh is in use.
    ///
    /// # Errors
    /// As [`super::MeshArgs::execute`].
    pub fn execute(self) -> Result<u8, CliError> {
        let target = self.kubernetes.consented()?;
        let removal = match remove(&target, self.deadline, self.kubernetes.yes())? {
            Ok(removal) => removal,
            Err(in_use) => match question::ask(&format!("{in_use}\n"), "Remove it all the same?") {
                Some(true) => remove(&target, self.deadline, true)?.map_err(|error| super::told(&error))?,
                Some(false) => return Err(CliError::new(2, "nothing was done")),
                None => return Err(super::told(&in_use)),
            },
        };
        print(&told(&removal))?;
        Ok(0)
    }
}

/// Removes the mesh; in the answer, the error that it is in use, about which one can ask.
fn remove(target: &Target, deadline: Duration, even_if_used: bool) -> Result<Result<Removal, MeshError>, CliError> {
    on_cluster(target, deadline, async |cluster, patience| {
        match cluster
            .uninstall_mesh(manifests(&Settings { gateway: true, ..Settings::default() })?, even_if_used, patience)
            .await
        {
            Err(error @ MeshError::InUse { .. }) => Ok(Err(error)),
            other => other.map(Ok),
        }
    })
}

fn told(removal: &Removal) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for object in &removal.removed {
        let _ = writeln!(text, "removed  {object}");
    }
    for object in &removal.kept {
        let why = if object.kind == "Namespace" { "others have something in it" } else { "not labctl's" };
        let _ = writeln!(text, "kept     {object} ({why})");
    }
    text.push_str("nothing of labctl's mesh is left\n");
    text
}
