//! `labctl auth`: what a proxy of a running mesh does about authentication.

mod table;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{CliError, kubernetes::KubernetesArgs, mesh::on_cluster, output::print};
use crate::{
    cluster::{
        Cluster,
        mesh::{MeshError, acknowledged::Acknowledged},
    },
    mesh::explain::{
        auth::{self, AuthCheck},
        find::{Nobody, Wanted},
    },
    report::style::Style,
};

/// How long the cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl auth check httpbin -n foo               the pod of a Deployment, or any pod by name
  labctl auth check httpbin.foo -o json          the same for programs
  labctl auth check frontend --kubeconfig FILE   of a lab that `labctl run --keep` keeps up

Exit codes: 0 the proxy works with what is shown, 3 it has not acknowledged that yet,
2 there is no such pod, 4 no cluster or no mesh";

/// Looks at the authentication of a running mesh
#[derive(Debug, Args)]
pub struct AuthArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what a pod's proxy accepts on every port, and how it calls every Service
    Check(CheckArgs),
}

/// How the tables are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For people who ask why: the resource that decides, and the endpoints
    Wide,
    /// For programs
    Json,
}

/// Shows the authentication of one pod's proxy
#[derive(Debug, Args)]
struct CheckArgs {
    /// The pod, or the Deployment that made it: NAME, NAMESPACE/NAME or NAME.NAMESPACE
    pod: String,
    /// Its namespace [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// One pod's proxy, and what it works with.
struct Found {
    check: AuthCheck,
    acknowledged: Acknowledged,
}

impl AuthArgs {
    /// Does what was asked.
    ///
    /// # Errors
    /// 2 for a pod that is not there, 4 for trouble with the cluster or its mesh.
    pub fn execute(self) -> Result<u8, CliError> {
        let Command::Check(arguments) = self.command;
        arguments.execute()
    }
}

impl CheckArgs {
    fn execute(self) -> Result<u8, CliError> {
        let target = self.kubernetes.target();
        let found = on_cluster(&target, PATIENCE, async |cluster, _| self.look(cluster).await)?;
        let found = found.map_err(|nobody| CliError::new(2, nobody.to_string()).hint(nobody.hint()))?;
        let style = Style::of_stdout();
        print(&match self.output {
            Format::Json => format!("{:#}\n", document(&found)),
            Format::Table => table::render(&found, false, style),
            Format::Wide => table::render(&found, true, style),
        })?;
        Ok(if matches!(found.acknowledged, Acknowledged::No(_)) { 3 } else { 0 })
    }

    async fn look(&self, cluster: &Cluster) -> Result<Result<Found, Nobody>, MeshError> {
        let client = cluster.client();
        let namespace = self.namespace.as_deref().unwrap_or(client.default_namespace());
        let index = cluster.mesh_index().await?;
        let workload = match Wanted::read(&self.pod, namespace).find(&index) {
            Ok(workload) => workload,
            Err(nobody) => return Ok(Err(nobody)),
        };
        let check = auth::check(&index, workload);
        let acknowledged = cluster.acknowledged(&check).await?;
        Ok(Ok(Found { check, acknowledged }))
    }
}

/// The JSON form. Fields are only ever added to a version.
fn document(found: &Found) -> serde_json::Value {
    let mut document = json!({
        "apiVersion": "labctl/v1",
        "kind": "AuthCheck",
        "acknowledged": match &found.acknowledged {
            Acknowledged::Yes => json!(true),
            Acknowledged::No(_) => json!(false),
            Acknowledged::Untold => json!(null),
        },
    });
    let check = serde_json::to_value(&found.check).expect("plain data is JSON");
    if let (Some(document), serde_json::Value::Object(check)) = (document.as_object_mut(), check) {
        document.extend(check);
    }
    document
}
