//! `labctl test`: labs prove themselves.

mod text;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{
    CliError, interrupt,
    kubernetes::KubernetesArgs,
    labs::{LabArgs, LabsArgs, not_found},
    mesh::install::image,
    output::print,
    run::duration,
};
use crate::{
    cluster::Target,
    lab::model::Lab,
    mesh::install::Settings,
    report::{progress::Progress, style::Style},
    run::{
        Interrupt, Options,
        event::Events,
        mesh::Mesh,
        test::{Proof, test},
    },
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl test mtls-strict             red before each solution, green after it, clean in the end
  labctl test ./my-lab --mutate       and every field of its policies matters to a check
  labctl test --all --mutate          all bundled labs, as CI does

Exit codes: 0 everything holds, 1 something does not, 2 usage error, 4 environment (cluster, image,
port), 5 a deadline passed, 6 the lab is not sound, 130 interrupted (after cleaning up)";

/// How the proof is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For people, with every change to a policy and who noticed it
    Wide,
    /// For programs
    Json,
}

/// Proves labs: red before each solution, green after it, clean in the end
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Labs' names, or paths of labs' folders
    #[arg(value_name = "LAB", required_unless_present = "all", conflicts_with = "all")]
    labs: Vec<String>,
    /// Set a parameter of the labs
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::labs::setting)]
    set: Vec<(String, String)>,
    /// All labs that `labctl list` shows
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    from: LabsArgs,
    /// Leave out or change each field of the policies in turn, and report what no check notices
    #[arg(long)]
    mutate: bool,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// The image of the mesh and of the labs' programs on a Kubernetes [default: the one of this version]
    #[arg(long, value_name = "REF", value_parser = image)]
    image: Option<String>,
    /// How the proof is written
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// How long the mesh, the setup and each step may take, as `45s` or `5m` [default: 30s, on a Kubernetes 2m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    deadline: Option<Duration>,
}

impl TestArgs {
    /// Proves the labs.
    ///
    /// # Errors
    /// 2 for a usage error, 4 for trouble with the cluster, 6 for a lab that is not sound.
    pub fn execute(self) -> Result<u8, CliError> {
        let image = self.image.clone().unwrap_or_else(|| Settings::default().image);
        let labs = self.load(&image)?;
        let target = if self.kubernetes.named() { self.kubernetes.consented()? } else { Target::Embedded };
        let deadline = self.deadline.unwrap_or_else(|| target.deadline());
        let options = Options { target, mesh: Mesh::Labctl { image }, deadline, keep: false };
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::new(4, format!("cannot start threads: {error}")))?;
        let mut proofs = Vec::new();
        for lab in &labs {
            let proof = runtime.block_on(prove(lab, &options, self.mutate))?;
            if self.output != Format::Json {
                print(&text::proof(&proof, self.output == Format::Wide, Style::of_stdout()))?;
            }
            let interrupted = proof.interrupted;
            proofs.push(proof);
            if interrupted {
                break;
            }
        }
        runtime.shutdown_background();
        if self.output == Format::Json {
            print(&format!("{:#}\n", document(&proofs)))?;
        }
        Ok(proofs.iter().map(Proof::exit_code).max().unwrap_or_default())
    }

    fn load(&self, image: &str) -> Result<Vec<Lab>, CliError> {
        let listed = || Ok(self.from.collection()?.list().map_err(|error| not_found(&error))?.into_keys().collect());
        let names: Vec<String> = if self.all { listed()? } else { self.labs.clone() };
        let load = |lab| LabArgs { lab, set: self.set.clone(), from: self.from.clone() }.load_for(image);
        names.into_iter().map(load).collect()
    }
}

async fn prove(lab: &Lab, options: &Options, mutate: bool) -> Result<Proof, CliError> {
    let interrupt = Interrupt::default();
    let _signals = interrupt::listen(&interrupt)
        .map_err(|error| CliError::new(4, format!("cannot listen for signals: {error}")))?;
    let progress = Arc::new(Mutex::new(Progress::of_stderr()));
    let shown = progress.clone();
    let events = Events::to(move |event| shown.lock().expect("showing an event does not panic").read(&event));
    let proof = test(lab, options, mutate, events, &interrupt).await;
    progress.lock().expect("showing an event does not panic").clear();
    Ok(proof)
}

/// The JSON form. Fields are only ever added to a version.
fn document(proofs: &[Proof]) -> serde_json::Value {
    let holds = proofs.iter().all(Proof::holds);
    serde_json::json!({ "apiVersion": "labctl/v1", "kind": "LabProofs", "holds": holds, "labs": proofs })
}
