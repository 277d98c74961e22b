//! `labctl graph`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{CliError, kubernetes::KubernetesArgs, mesh::on_cluster, output::print};
use crate::{
    mesh::graph::Graph,
    report::{
        graph::{dot, mermaid, svg, table},
        style::Style,
    },
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl graph                        who called whom, over what, how much
  labctl graph -n foo                 only what has to do with namespace foo
  labctl graph -o svg > graph.svg     a picture for a browser
  labctl graph -o mermaid             a picture for Markdown

An edge is locked only if both ends say so: the caller's sidecar that the called proved its identity, and the called
one's that the caller did. Callers that proved nothing are `unknown`. Rates and shares are of the last minute; where it
was quiet, shares are of everything since the pods started.";

/// How long the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// How the graph is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For Graphviz
    Dot,
    /// For programs, with what each end says
    Json,
    /// For Markdown
    Mermaid,
    /// A picture
    Svg,
    /// For people
    Table,
}

/// Draws the service graph of a running mesh: who calls whom, how often, and what is locked
#[derive(Debug, Args)]
pub struct GraphArgs {
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// Only callers and called of this namespace, and whoever they have to do with
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl GraphArgs {
    /// Prints the graph.
    ///
    /// # Errors
    /// 4 if there is no mesh of labctl, or the cluster does not answer.
    pub fn execute(self) -> Result<u8, CliError> {
        let graph = on_cluster(&self.kubernetes.target(), PATIENCE, async |cluster, _| cluster.mesh_graph().await)?;
        let graph = match &self.namespace {
            Some(namespace) => graph.around(namespace),
            None => graph,
        };
        print(&match self.output {
            Format::Dot => dot(&graph),
            Format::Json => document(&graph),
            Format::Mermaid => mermaid(&graph),
            Format::Svg => svg(&graph),
            Format::Table => table(&graph, Style::of_stdout()),
        })?;
        Ok(0)
    }
}

fn document(graph: &Graph) -> String {
    format!("{:#}\n", serde_json::json!({ "version": 1, "graph": graph }))
}
