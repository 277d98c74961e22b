//! From what both ends of an edge say to how its calls are secured.

use super::{Amount, Claim, Evidence, Security};
use crate::sidecar::telemetry::report::Counts;

impl Evidence {
    /// How calls are secured, by the word of whoever knows more: the source, else the destination.
    pub fn security(&self) -> Security {
        let Some(main) = self.source.as_ref().or(self.destination.as_ref()) else { return Security::Refused };
        let had = |amount| main.latest(amount).calls() > 0;
        match (had(main.mtls), had(main.tls), had(main.plaintext)) {
            (true, false, false) if self.agrees() => Security::Mtls,
            (true, false, false) => Security::Unconfirmed,
            (true, ..) => Security::Mixed,
            (false, true, false) => Security::Tls,
            (false, _, true) => Security::Plaintext,
            (false, false, false) => self.unanswered(),
        }
    }

    /// What became of calls none of which was answered.
    fn unanswered(&self) -> Security {
        let refused = |claim: &Claim| claim.all().total.refused > 0;
        let ends = [&self.source, &self.destination];
        if ends.into_iter().flatten().any(refused) { Security::Refused } else { Security::Failed }
    }

    /// Whether each end says that it spoke mutual TLS with the other: the caller names an identity of the called, and
    /// the called one of the caller.
    fn agrees(&self) -> bool {
        let (Some(sent), Some(heard)) = (&self.source, &self.destination) else { return false };
        let names = |claim: &Claim, other: &Claim| claim.peers.iter().any(|peer| other.own.contains(peer));
        let spoke = |claim: &Claim| claim.mtls.total.calls() > 0;
        spoke(sent) && spoke(heard) && names(sent, heard) && names(heard, sent)
    }
}

impl Claim {
    /// The part of the calls that went over mutual TLS, from 0 to 1; nothing if there were none.
    pub(super) fn mtls_share(&self) -> Option<f64> {
        let of = |amount| self.latest(amount).calls();
        let mtls = of(self.mtls);
        let all = [mtls, of(self.tls), of(self.plaintext)].into_iter().fold(0, u64::saturating_add);
        (all > 0).then(|| mtls as f64 / all as f64)
    }

    /// Recent counts where there are some, else all: what was seen last.
    fn latest(&self, amount: Amount) -> Counts {
        if self.all().recent.is_empty() { amount.total } else { amount.recent }
    }
}
