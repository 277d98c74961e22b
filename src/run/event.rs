//! What happens in a run, as plain data. Reports read it; the run does not know how it is shown.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::result::{Ended, LabInfo, StepResult};
use crate::probe::result::CheckResult;

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A step does one of its actions.
    Acting {
        /// Which step, from 0.
        step: usize,
        /// What is done, as `apply PeerAuthentication istio-system/default`.
        action: String,
    },
    /// A check was answered; not for the last time, unless all of it passed or the deadline is near.
    Answered {
        /// Which step, from 0.
        step: usize,
        /// Which of its checks, from 0.
        check: usize,
        /// The answer.
        result: CheckResult,
    },
    /// The run is over, and cleaned up.
    Ended(Ended),
    /// The lab stays up until somebody interrupts.
    Kept {
        /// A file that `kubectl` understands; it is removed at the end.
        kubeconfig: PathBuf,
        /// Where somebody could look around first.
        namespaces: Vec<String>,
        /// What to delete before the steps are done by hand.
        made: Vec<String>,
        /// How the gateway is reached from outside, as variables of a shell with their values.
        addresses: Vec<(String, String)>,
    },
    /// Something about the cluster that whoever runs the lab should know.
    Noticed {
        /// What.
        text: String,
    },
    /// A phase is over.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// How long it took.
        took: Duration,
    },
    /// A phase begins.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// The run begins.
    Started(LabInfo),
    /// A step is over and graded.
    StepEnded {
        /// Which, from 0.
        step: usize,
        /// How it went.
        result: StepResult,
    },
    /// A step begins.
    StepStarted {
        /// Which, from 0.
        step: usize,
    },
    /// Something is waited for.
    Waiting {
        /// For what, and what is missing.
        text: String,
    },
}

/// A part of a run that is no step.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Deleting everything that the run created.
    Cleanup,
    /// Starting or reaching the cluster.
    Cluster,
    /// Installing the mesh, if it is not there.
    Mesh,
    /// What stands before the first step.
    Setup,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Cleanup => "clean up",
            Self::Cluster => "cluster",
            Self::Mesh => "mesh",
            Self::Setup => "setup",
        })
    }
}

/// Where events go.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Hands every event to `reader`, in order, on whichever thread it happened.
    pub fn to(reader: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(reader))
    }

    /// Emits one.
    pub fn emit(&self, event: Event) {
        (self.0)(event);
    }
}
