//! What the resources of a [`Snapshot`](super::snapshot::Snapshot) mean: pure functions of an [`Index`] over it.
//!
//! The control plane, `labctl explain`, predictions and lab validation all ask here, so they cannot disagree.

mod client;
mod decision;
mod destination;
mod gateway;
mod index;
mod legacy;
mod peer;
mod probe;
mod reach;
mod superseded;
mod tls_check;

pub(crate) use client::Plan;
pub use client::{ClientSetting, Endpoint, Target};
pub use decision::Decision;
pub(crate) use destination::full_host;
pub use destination::{EffectiveRule, RuleId};
pub use index::{Index, ServiceId, WorkloadId};
pub use probe::ProbeResult;
use reach::{Answer, Arrival};
pub use reach::{Certificate, ForwardedClient, Prediction, Presented, Reached, Request, Scheme, Verdict};
pub use superseded::Superseded;
pub use tls_check::{TlsCheck, TlsStatus};
