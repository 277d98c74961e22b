//! What becomes of the kubelet's probes.

use super::{Answer, Arrival, Decision, Endpoint, Index, WorkloadId};

/// What the kubelet sees of an HTTP probe to a workload port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProbeResult {
    /// The application answers.
    Answered,
    /// The connection is closed: the kubelet has no certificate of the mesh.
    Reset,
}

impl Index {
    /// What the kubelet sees when it probes `port`, redirected to the agent at injection or not.
    ///
    /// The kubelet speaks plaintext from outside the mesh. Redirected, it asks the agent on port 15020 (which is never
    /// intercepted), and that asks the application from inside the pod.
    pub fn kubelet_probe(&self, workload: WorkloadId, port: u16, rewritten: bool) -> Decision<ProbeResult> {
        if rewritten && self.workload(workload).sidecar {
            let reason =
                "the probe was rewritten at injection: the agent on port 15020 asks the application".to_owned();
            return Decision { value: ProbeResult::Answered, by: None, field: None, reasons: vec![reason] };
        }
        let outcome = self.arrive(Endpoint { workload, port }, &Arrival::Plaintext, Vec::new());
        let value = if outcome.answer == Answer::Plaintext { ProbeResult::Answered } else { ProbeResult::Reset };
        Decision { value, by: outcome.by, field: None, reasons: outcome.reasons }
    }
}
