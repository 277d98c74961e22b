//! What can go wrong between us and a cluster.

use std::collections::BTreeSet;

use super::{
    Clash, Owner,
    rights::{self, Right},
    steady::silence,
};

/// A cluster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Objects of the same names are there and belong to somebody else.
    #[error("{}", clashes(.0))]
    Clash(Vec<Clash>),
    /// No cluster could be started or reached.
    #[error("cannot reach a cluster: {0}")]
    Connect(String),
    /// The wait cannot end well, however long it lasts.
    #[error("{waiting_for}:{}", on_its_line(why))]
    Hopeless {
        /// What was waited for.
        waiting_for: String,
        /// What stands in the way; may have several lines.
        why: String,
    },
    /// The deadline passed first.
    #[error("gave up waiting for {waiting_for}:{}", on_its_line(why))]
    Late {
        /// What was waited for.
        waiting_for: String,
        /// What was still missing; may have several lines.
        why: String,
    },
    /// The API server has not answered for so long that more waiting is of no use.
    #[error("lost the connection to the cluster, trying to {doing}: {why}")]
    Lost {
        /// The attempt, as `apply Namespace foo`.
        doing: String,
        /// How long it has been silent, and the last failure.
        why: String,
    },
    /// Nobody outside of the cluster reaches a Service, at least not as it is meant to be reached.
    #[error(
        "nobody outside reaches Service {service}: it has no load balancer's address, {why}, and through the API server one \
         would come to its pods behind their sidecars, where no policy holds"
    )]
    NoWayIn {
        /// Its namespace and name.
        service: String,
        /// Why the nodes do not lead to it.
        why: String,
    },
    /// The API server refused, or did not answer.
    #[error("cannot {doing}: {why}")]
    Request {
        /// The attempt, as `apply Namespace foo`.
        doing: String,
        /// What the server said.
        why: String,
        /// The HTTP status, if there was an answer.
        status: Option<u16>,
    },
    /// We may not do all that we will have to.
    #[error("the account that is used may not do everything that this needs:{}", rights::table(.0))]
    Rights(Vec<Right>),
    /// The cluster has no such type.
    #[error("the cluster does not know the kind {kind} of {api_version}")]
    UnknownKind {
        /// The group and version asked for.
        api_version: String,
        /// The kind asked for.
        kind: String,
    },
}

impl ClusterError {
    /// Makes a [`ClusterError::Request`] for what was tried.
    pub fn request(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |error| match silence(&error) {
            Some(silence) => Self::Lost { doing, why: silence.to_string() },
            None => Self::Request { doing, why: told(&error), status: status(&error) },
        }
    }

    /// The error of doing something to an object that is not there.
    pub fn absent(doing: impl Into<String>) -> Self {
        Self::Request { doing: doing.into(), why: "there is no such object".to_owned(), status: Some(404) }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Clash(clashes) => Some(way_out(clashes, "")),
            Self::Late { .. } => Some("give it longer with --deadline, for example `--deadline 5m`".into()),
            Self::NoWayIn { .. } => {
                Some("give the cluster load balancers, or let this machine reach the ports of its nodes".into())
            }
            Self::Rights(missing) => Some(granting(missing)),
            Self::UnknownKind { .. } => Some("is the custom resource definition installed?".into()),
            Self::Connect(_) => Some(
                "name a cluster with --kubeconfig or --context; `labctl run LAB` without --on starts its own".into(),
            ),
            Self::Lost { .. } => Some("look whether it is there again with `kubectl get --raw /readyz`".into()),
            Self::Hopeless { .. } | Self::Request { .. } => None,
        }
    }
}

/// The HTTP status of a refusal.
pub fn status(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Says what an error of the client means, without the names of Rust types.
pub fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => status.reason.clone(),
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::Service(cause) => innermost(&**cause).to_string(),
        kube::Error::HyperError(cause) => innermost(cause).to_string(),
        other => other.to_string(),
    }
}

fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

/// A reason of several lines begins on a line of its own.
fn on_its_line(why: &str) -> String {
    if why.starts_with('\n') { why.to_owned() } else { format!(" {why}") }
}

fn clashes(clashes: &[Clash]) -> String {
    let list: Vec<String> = clashes.iter().map(|clash| format!("\n  {clash}")).collect();
    format!("already on the cluster, and not created by this run:{}", list.concat())
}

/// How missing rights are given; lines that begin with a space go on with the line before.
fn granting(missing: &[Right]) -> String {
    let role: Vec<String> = rights::cluster_role(missing).lines().map(|line| format!("\n    {line}")).collect();
    let which =
        "nothing was touched; somebody who has these rights can give them with this ClusterRole and a binding to it:";
    format!("{which}{}", role.concat())
}

/// What to do about objects in the way, a line for each owner. `target` are the arguments that name the cluster.
pub fn way_out(clashes: &[Clash], target: &str) -> String {
    let owners: BTreeSet<&Owner> = clashes.iter().map(|clash| &clash.owner).collect();
    let mut lines: Vec<String> = owners.iter().filter_map(|owner| remedy(owner, target)).collect();
    if owners.iter().any(|owner| matches!(owner, Owner::Somebody(_))) {
        let rest = "labctl only changes what it created itself: delete these objects, or use a cluster without them";
        lines.push(rest.to_owned());
    }
    lines.join("\n")
}

fn remedy(owner: &Owner, target: &str) -> Option<String> {
    match owner {
        Owner::Mesh => Some(format!("`labctl mesh uninstall{target}` removes that mesh")),
        Owner::Run { id, .. } => {
            Some(format!("if run {id} is over, `labctl down --run {id}{target}` removes what it left"))
        }
        Owner::Somebody(_) => None,
    }
}
