//! Connections that leave HTTP (WebSocket): after `101 Switching Protocols` bytes pass as they are.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::record::Record;
use crate::sidecar::{
    engine::Engine,
    relay::{Relayed, relay},
};

/// Joins both sides once each has left HTTP, and copies until both have ended.
pub(super) async fn join(engine: &Engine, downstream: OnUpgrade, upstream: OnUpgrade, record: Option<Box<Record>>) {
    let joined = tokio::try_join!(downstream, upstream);
    let mut relayed = Relayed::default();
    let ended = match joined {
        Ok((downstream, upstream)) => {
            let mut progress = |now| relayed = now;
            relay(&mut TokioIo::new(downstream), &mut TokioIo::new(upstream), &mut progress).await.is_ok()
        }
        Err(_) => false,
    };
    if let Some(mut record) = record {
        record.relayed(relayed.received, relayed.sent);
        if !ended {
            record.fail("UC", "one side ended the upgraded connection without closing it");
        }
        record.finish(engine);
    }
}
