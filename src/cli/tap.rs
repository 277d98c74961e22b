//! `labctl tap FROM TO`: what travels between two pods of a running cluster, live.

mod places;
mod watch;

use std::time::Duration;

use clap::{Args, ValueEnum};

use self::{places::Way, watch::Watch};
use super::{
    CliError,
    call::Typed,
    kubernetes::KubernetesArgs,
    mesh::{attended, told},
    run::duration,
};
use crate::{
    cluster::{Cluster, ClusterError, exec::Executed},
    report::stream::words,
    run::Interrupt,
};

/// How long those who look on may take to tell the rest.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the request may take that is made on demand, in curl's seconds.
const REQUEST: &str = "10";

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl tap sleep.foo httpbin.foo                     whatever passes between them, until Ctrl-C
  labctl tap sleep.foo httpbin.foo --request           make one request, and see it pass
  labctl tap sleep.foo httpbin.foo -- curl -s http://httpbin.foo:8000/headers    run this in sleep meanwhile
  labctl tap sleep.foo httpbin.foo -c istio-proxy --request    from the sidecar's container, past the sidecar
  labctl tap web.shop redis:6379 --for 10s -o json     ten seconds of it, for programs

Nothing is decrypted: of TLS you see the records, and what of the handshake is in the clear. Connections that stand
when the tap begins are not seen; sidecars make theirs anew. It takes the right to run commands in a pod.

Exit codes: 0 something was seen, or Ctrl-C ended a tap that had no other end; 2 nobody is called that;
3 nobody connected; 4 no cluster, or nobody can look on there; 130 interrupted before its end.";

/// How it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs: an object on each line
    Json,
}

/// Shows what travels between two pods
#[derive(Debug, Args)]
pub struct TapArgs {
    /// Who calls: NAME, NAMESPACE/NAME or NAME.NAMESPACE of a pod or its Deployment
    from: String,
    /// Whom: a Service as a client names it, with or without a port, a workload, or a URL
    to: String,
    /// Run this in FROM meanwhile, and end when it ends; what it writes goes to standard error
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// The namespace of names that name none [default: that of the kubeconfig's context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The container of FROM that calls [default: the application's]
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Make one request with curl from FROM to TO meanwhile
    #[arg(long, conflicts_with = "command")]
    request: bool,
    /// End after so many records and pieces of bytes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    lasting: Option<Duration>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
}

/// Why nobody looks on any more.
#[derive(Debug)]
enum Ended {
    /// Whoever looked on has gone.
    Alone,
    /// The command has, or could not be run.
    Command(Result<Executed, ClusterError>),
    /// It is enough.
    Enough,
    /// Somebody has typed Ctrl-C.
    Interrupted,
}

impl TapArgs {
    /// Shows what is seen, until its end.
    ///
    /// # Errors
    /// 2 if nobody is called that, 4 if nobody can look on.
    pub fn execute(self) -> Result<u8, CliError> {
        attended(&self.kubernetes.target(), async |cluster, interrupt| self.look(cluster, interrupt).await)
    }

    async fn look(&self, cluster: &Cluster, interrupt: &Interrupt) -> Result<u8, CliError> {
        let index = cluster.mesh_index().await.map_err(|error| told(&error))?;
        let typed = Typed { from: &self.from, to: &self.to, namespace: self.namespace.as_deref() };
        let (call, path) = typed.find(&index, cluster.client().default_namespace())?;
        let way = Way::find(cluster, &index, call, self.container.as_deref()).await?;
        let mut watch = Watch::begin(cluster, &way, self.output, self.count).await?;
        words(&format!("{}\n", way.announced(self.ends_alone())));
        let ended = self.until_its_end(cluster, interrupt, &way, path, &mut watch).await?;
        let begun = watch.finish(&ended).await?;
        self.conclude(ended, begun)
    }

    async fn until_its_end(
        &self,
        cluster: &Cluster,
        interrupt: &Interrupt,
        way: &Way,
        path: &str,
        watch: &mut Watch,
    ) -> Result<Ended, CliError> {
        let command = async {
            match self.command(way, path) {
                Some(command) => cluster.exec(&way.caller, &command, Duration::MAX).await,
                None => std::future::pending().await,
            }
        };
        let time = async {
            match self.lasting {
                Some(lasting) => tokio::time::sleep(lasting).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = watch.show_all() => ended,
            executed = command => Ok(Ended::Command(executed)),
            () = time => Ok(Ended::Enough),
            () = interrupt.stop.cancelled() => Ok(Ended::Interrupted),
        }
    }

    /// What is run in FROM meanwhile.
    fn command(&self, way: &Way, path: &str) -> Option<Vec<String>> {
        let url = format!("http://{}{path}", way.endpoint);
        let curl = ["curl", "-sS", "--max-time", REQUEST, "-o", "/dev/null", &url];
        let curl = || curl.iter().map(|&word| word.to_owned()).collect();
        let typed = (!self.command.is_empty()).then(|| self.command.clone());
        typed.or_else(|| self.request.then(curl))
    }

    fn ends_alone(&self) -> bool {
        self.request || !self.command.is_empty() || self.count.is_some() || self.lasting.is_some()
    }

    fn conclude(&self, ended: Ended, begun: usize) -> Result<u8, CliError> {
        if let Ended::Command(executed) = ended {
            let Executed { code, stdout, stderr } = executed.map_err(|error| told(&error.into()))?;
            let name = self.command.first().map_or("curl", String::as_str);
            words(&format!("{}{}`{name}` ended with exit code {code}\n", line(stdout), line(stderr)));
        } else if matches!(ended, Ended::Interrupted) && self.ends_alone() {
            return Ok(130);
        }
        let count = match begun {
            0 => "nobody connected",
            1 => "1 connection",
            _ => &format!("{begun} connections"),
        };
        words(&format!("{count}\n"));
        let expected = begun > 0 || !self.ends_alone();
        if !expected {
            words("hint: --request makes a request, and a command after -- is run in FROM\n");
        }
        Ok(if expected { 0 } else { 3 })
    }
}

/// What a command has written, with an end to its last line.
fn line(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
