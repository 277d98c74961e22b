//! `labctl sidecar rules`: which connections go to the sidecar, by whichever of three sources.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    cli::{CliError, kubernetes::KubernetesArgs, output::print},
    cluster::{self, ClusterError, pods},
    host::redirect::rules::{Family, TABLE, Table},
    mesh::{
        init::{self, FlagError},
        inject,
    },
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl sidecar rules                            of an injected pod without annotations
  labctl sidecar rules -- -b 80,443 -o 5432       of these flags of the init container
  labctl sidecar rules httpbin-7d4 -n foo         of a pod, by its init container's flags
  labctl sidecar rules --kernel                   those in force here (needs NET_ADMIN)
  nsenter -t PID -n labctl sidecar rules --kernel those in force around process PID

Flags of the init container, as istio-iptables has them:
  -p outbound port      -i included outbound ranges  -b included inbound ports
  -z inbound port       -x excluded outbound ranges  -d excluded inbound ports
  -u, -g exempt user, group                          -o excluded outbound ports";

/// How the rules are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// As `nft list ruleset` does
    Nft,
    /// For programs
    Json,
}

/// Shows the rules that send connections through a sidecar.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// A pod with a sidecar, on a cluster
    #[arg(value_name = "POD")]
    pod: Option<String>,
    /// The pod's namespace [default: that of the context]
    #[arg(short, long, requires = "pod")]
    namespace: Option<String>,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// Read them from the kernel, in the network namespace of this process
    #[arg(long, conflicts_with_all = ["pod", "flags"])]
    kernel: bool,
    /// How to write them
    #[arg(short, long, value_enum, default_value_t = Format::Nft)]
    output: Format,
    /// Flags of the init container
    #[arg(last = true, value_name = "FLAGS", conflicts_with = "pod")]
    flags: Vec<String>,
}

impl RulesArgs {
    /// Prints the rules.
    ///
    /// # Errors
    /// 2 for flags that make no sense or a pod without sidecar, 4 if cluster or kernel do not tell.
    pub fn execute(self) -> Result<u8, CliError> {
        let tables = match &self.pod {
            _ if self.kernel => in_kernel()?,
            Some(pod) => of_flags(&self.flags_of(pod)?)?,
            None if self.flags.is_empty() => of_flags(&without_annotations()?)?,
            None => of_flags(&self.flags)?,
        };
        print(&match self.output {
            Format::Nft => tables.iter().map(ToString::to_string).collect(),
            Format::Json => format!("{:#}\n", document(&tables)),
        })?;
        Ok(0)
    }

    /// The flags of a pod's init container.
    fn flags_of(&self, pod: &str) -> Result<Vec<String>, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CliError::new(4, format!("cannot start: {error}")))?;
        let found = runtime.block_on(async {
            let connection = cluster::connect(&self.kubernetes.target()).await?;
            pods::named(connection.client(), self.namespace.as_deref(), pod).await
        });
        let found = found.map_err(|error| unread(&error))?;
        init::flags_of(&found).ok_or_else(|| {
            let message =
                format!("pod {pod} has no init container {}: it was not given a sidecar", inject::INIT_CONTAINER);
            CliError::new(2, message)
                .hint("pods get one when they are created in a namespace labelled istio-injection=enabled")
        })
    }
}

fn unread(error: &ClusterError) -> CliError {
    let refused = CliError::new(4, error.to_string());
    match error {
        ClusterError::Request { status: Some(404), .. } => {
            refused.hint("name the pod's namespace with -n; `kubectl get pods -A` lists all pods")
        }
        _ => refused,
    }
}

fn without_annotations() -> Result<Vec<String>, CliError> {
    inject::redirect_flags(&BTreeMap::new()).map_err(|error| senseless(&error))
}

fn of_flags(flags: &[String]) -> Result<Vec<Table>, CliError> {
    let redirect = init::parse(flags).map_err(|error| senseless(&error))?;
    Ok([Family::Ip, Family::Ip6].map(|family| redirect.table(family)).to_vec())
}

fn senseless(error: &FlagError) -> CliError {
    CliError::new(2, error.to_string()).hint("`labctl sidecar rules --help` lists the flags")
}

#[cfg(target_os = "linux")]
fn in_kernel() -> Result<Vec<Table>, CliError> {
    use crate::host::os::nftables::{self, NftablesError};
    let tables = nftables::read().map_err(|error| {
        let refused = CliError::new(4, error.to_string());
        match error {
            NftablesError::Denied => refused.hint("as root: `sudo labctl sidecar rules --kernel`"),
            _ => refused,
        }
    })?;
    if tables.is_empty() {
        return Err(CliError::new(
            4,
            format!("this network namespace has no table {TABLE}: nothing is redirected here"),
        )
        .hint("`nsenter -t PID -n labctl sidecar rules --kernel` looks into the namespace of process PID"));
    }
    Ok(tables)
}

#[cfg(not(target_os = "linux"))]
fn in_kernel() -> Result<Vec<Table>, CliError> {
    Err(CliError::new(4, "only Linux has redirect rules in its kernel")
        .hint("without --kernel, the rules are shown as a Linux kernel would have them"))
}

fn document(tables: &[Table]) -> Value {
    let tables: Vec<Value> = tables
        .iter()
        .map(|Table { family, chains }| {
            let chains: Vec<Value> = chains
                .iter()
                .map(|chain| {
                    let rules: Vec<String> = chain.rules.iter().map(|rule| rule.text(*family)).collect();
                    json!({ "name": chain.hook.chain(), "hook": chain.hook.to_string(), "rules": rules })
                })
                .collect();
            json!({ "family": family.to_string(), "name": TABLE, "chains": chains })
        })
        .collect();
    json!({ "apiVersion": "labctl/v1", "kind": "RedirectRules", "tables": tables })
}
