//! What has happened since an earlier look, though proxies only count everything since they started.

use super::{Amount, Claim, Evidence, Graph};

impl Graph {
    /// What both ends of an edge say of the time since an earlier look; nothing if there was no call.
    pub fn since(&self, earlier: &Self, source: &str, destination: &str) -> Option<Evidence> {
        let find = |graph: &Self| {
            let mut edges = graph.edges.iter();
            let edge = edges.find(|edge| edge.source == source && edge.destination == destination);
            edge.map(|edge| edge.evidence.clone())
        };
        let now = find(self)?.since(&find(earlier).unwrap_or_default());
        let claims = [&now.source, &now.destination];
        let quiet = claims.into_iter().flatten().all(|claim| claim.all().total.is_empty());
        (!quiet).then_some(now)
    }
}

impl Evidence {
    fn since(self, earlier: &Self) -> Self {
        let nothing = Claim::default();
        let since = |now: Claim, before: &Option<Claim>| now.since(before.as_ref().unwrap_or(&nothing));
        Self {
            source: self.source.map(|claim| since(claim, &earlier.source)),
            destination: self.destination.map(|claim| since(claim, &earlier.destination)),
        }
    }
}

impl Claim {
    /// Whom one knows is known for good; only what is counted is of a time.
    fn since(self, earlier: &Self) -> Self {
        let amounts = |claim: &Self| [claim.mtls, claim.tls, claim.plaintext, claim.unreached];
        let fell = |(now, before): (Amount, Amount)| {
            now.total.calls() < before.total.calls() || now.total.refused < before.total.refused
        };
        // A proxy that has started anew counts from nothing.
        let anew = amounts(&self).into_iter().zip(amounts(earlier)).any(fell);
        let earlier = if anew { &Self::default() } else { earlier };
        let new = |now: Amount, before: Amount| {
            let total = now.total.since(before.total);
            Amount { total, recent: total }
        };
        Self {
            mtls: new(self.mtls, earlier.mtls),
            tls: new(self.tls, earlier.tls),
            plaintext: new(self.plaintext, earlier.plaintext),
            unreached: new(self.unreached, earlier.unreached),
            ..self
        }
    }
}
