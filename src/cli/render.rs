//! `labctl render`: the manifests of a lab.

use clap::Args;

use crate::{
    cli::{
        CliError,
        labs::{LabArgs, step},
        mesh::install::image,
        output::print,
    },
    lab::model::{Lab, Step},
    mesh::install::Settings,
    render::manifest,
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl render mtls-strict                                the setup, then what the steps apply, in their order
  labctl render mtls-strict --step mesh | kubectl apply -f -
  labctl render ./my-lab --set project=team-7

These are the objects that `labctl run` applies. It adds three labels to each, by which it finds what is
its own: app.kubernetes.io/managed-by, labctl.dev/run and labctl.dev/lab. Actions other than `apply`
have no manifest; `labctl show LAB --solution` shows them as commands.";

/// Prints the manifests of a lab, as they are applied
#[derive(Debug, Args)]
pub struct RenderArgs {
    #[command(flatten)]
    lab: LabArgs,
    /// Only what this step applies
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// The image of the lab's programs [default: the one of this version]
    #[arg(long, value_name = "REF", value_parser = image)]
    image: Option<String>,
}

impl RenderArgs {
    /// Prints the manifests.
    ///
    /// # Errors
    /// If there is no such lab or step, or the lab is not sound.
    pub fn execute(self) -> Result<u8, CliError> {
        let lab = self.lab.load_for(&self.image.unwrap_or_else(|| Settings::default().image))?;
        let step = self.step.map(|name| step(&lab, &name).map(|(_, step)| step)).transpose()?;
        print(&manifests(&lab, step))?;
        Ok(0)
    }
}

/// Of a step what it applies; of the whole lab also what stands before its first step.
pub(super) fn manifests(lab: &Lab, step: Option<&Step>) -> String {
    match step {
        Some(step) => manifest::write(step.solve.iter().flat_map(|action| action.objects())),
        None => manifest::write(lab.objects()),
    }
}
