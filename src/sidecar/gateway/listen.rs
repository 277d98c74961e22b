//! Listens where the configuration says, as it changes.

use std::{
    collections::HashMap,
    net::{Ipv6Addr, SocketAddr},
    sync::Arc,
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{AbortHandle, Abortable, Aborted, BoxFuture},
    stream::FuturesUnordered,
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::{
    host::Output,
    host_println,
    sidecar::{
        config::ProxyConfig,
        engine::Engine,
        serve::{Role, accept},
    },
};

/// Opens and closes listeners until the gateway is to end. `listening` is told each configuration once it is in effect.
pub(crate) async fn keep_listening(
    engine: &Arc<Engine>,
    open: &TaskTracker,
    listening: &watch::Sender<Arc<ProxyConfig>>,
) {
    let mut changes = engine.config_changes();
    let mut doors = Doors { engine, open, handles: HashMap::new(), accepting: FuturesUnordered::new() };
    loop {
        let config = changes.borrow_and_update().clone();
        doors.adjust(&config).await;
        listening.send_replace(config);
        let more = tokio::select! {
            more = changes.changed() => more.is_ok(),
            () = engine.draining.cancelled() => false,
            never = doors.work() => never,
        };
        if !more {
            return;
        }
    }
}

/// The open listeners.
struct Doors<'a> {
    engine: &'a Arc<Engine>,
    open: &'a TaskTracker,
    handles: HashMap<u16, AbortHandle>,
    accepting: FuturesUnordered<Abortable<BoxFuture<'a, ()>>>,
}

impl<'a> Doors<'a> {
    async fn adjust(&mut self, config: &ProxyConfig) {
        let wanted: Vec<u16> = config.routing.listeners.iter().map(|listener| listener.port).collect();
        self.handles.retain(|port, handle| {
            let stays = wanted.contains(port);
            if !stays {
                handle.abort();
            }
            stays
        });
        // An aborted one is gone, and its port free, once it has been looked at.
        while let Some(Some(Err(Aborted) | Ok(()))) = self.accepting.next().now_or_never() {}
        for port in wanted {
            if !self.handles.contains_key(&port) {
                self.listen(port).await;
            }
        }
    }

    async fn listen(&mut self, port: u16) {
        let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        match self.engine.host.listen(address).await {
            Ok(listener) => {
                let (engine, open) = (self.engine, self.open);
                let accepting = async move { accept(engine, open, listener, Role::Gateway(port)).await }.boxed();
                let (handle, registration) = AbortHandle::new_pair();
                self.handles.insert(port, handle);
                self.accepting.push(Abortable::new(accepting, registration));
            }
            // It is tried again with the next configuration.
            Err(error) => {
                let text = format!("sidecar: a Gateway asks for port {port}, but nobody can listen there: {error}");
                host_println!(self.engine.host, Output::Stderr, "{text}");
            }
        }
    }

    /// Accepts connections; never ends.
    async fn work(&mut self) -> bool {
        while self.accepting.next().await.is_some() {}
        std::future::pending().await
    }
}
