//! A connection to a cluster that can be cut and mended.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kube::config::Kubeconfig;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Passes connections on to a server, unless it is cut: then those that stand break, and new ones are closed at once.
pub struct Cable {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    refused: Arc<AtomicUsize>,
    tried: watch::Sender<()>,
    _tasks: JoinSet<()>,
}

impl Cable {
    /// Lays a cable to the server of a kubeconfig, which is changed to use it.
    pub async fn lay(kubeconfig: &mut Kubeconfig) -> Self {
        let cluster = kubeconfig.clusters[0].cluster.as_mut().unwrap();
        let server = cluster.server.as_mut().unwrap();
        let target = server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        *server = format!("https://{address}");
        let (whole, state) = watch::channel(true);
        let (tried, _) = watch::channel(());
        let refused = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, target, state, Arc::clone(&refused), tried.clone()));
        Self { address, whole, refused, tried, _tasks: tasks }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// Waits until `count` more connections have been tried in vain.
    pub async fn refuses(&self, count: usize) {
        let mut tried = self.tried.subscribe();
        let enough = self.refused.load(Ordering::SeqCst) + count;
        while self.refused.load(Ordering::SeqCst) < enough {
            tried.changed().await.unwrap();
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(
    listener: TcpListener,
    target: String,
    state: watch::Receiver<bool>,
    refused: Arc<AtomicUsize>,
    tried: watch::Sender<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        if !*state.borrow() {
            refused.fetch_add(1, Ordering::SeqCst);
            tried.send_replace(());
            continue;
        }
        let (target, mut state) = (target.clone(), state.clone());
        connections.spawn(async move {
            let Ok(mut far) = TcpStream::connect(&target).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => (),
                _ = state.wait_for(|whole| !whole) => (),
            }
        });
    }
}
