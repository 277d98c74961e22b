//! The way through the API server to the pods of a Service.
//!
//! It ends inside of a pod, behind whatever redirects its traffic to a sidecar: what comes this way meets no policy. So
//! it leads only to pods that have no sidecar, or are a proxy themselves.

use std::{io, net::Ipv4Addr, sync::Arc};

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use kube::{Api, ResourceExt};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Edge, EdgeAddress, ports};
use crate::cluster::{Cluster, ClusterError, mesh_status::SIDECAR, pods};

impl Cluster {
    /// Opens a port of 127.0.0.1 for each port of a Service.
    pub(super) async fn forward(&self, service: &Service) -> Result<Edge, ClusterError> {
        let mut edge = Edge::default();
        for port in ports(service) {
            let Ok(number) = u16::try_from(port.port) else { continue };
            let failed = |error: io::Error| ClusterError::Connect(format!("cannot listen on 127.0.0.1: {error}"));
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
            let own = listener.local_addr().map_err(failed)?;
            let tunnel = Tunnel { client: self.client(), service: service.clone(), port: port.clone() };
            edge._forwards.push(AbortOnDropHandle::new(tokio::spawn(tunnel.accept(listener))));
            edge.addresses.insert(number, EdgeAddress { host: own.ip().to_string(), port: own.port() });
        }
        Ok(edge)
    }
}

/// Whether a sidecar stands before the pod's programs.
pub(super) fn is_behind_a_sidecar(pod: &Pod) -> bool {
    pods::has_container(pod, SIDECAR) && !pods::is_proxy(pod)
}

/// The way through the API server to one port of a Service.
struct Tunnel {
    client: kube::Client,
    service: Service,
    port: ServicePort,
}

impl Tunnel {
    async fn accept(self, listener: TcpListener) {
        let (mut open, tunnel) = (JoinSet::new(), Arc::new(self));
        loop {
            tokio::select! {
                // A connection that is gone before it was accepted is its client's business.
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    let tunnel = tunnel.clone();
                    open.spawn(async move { tunnel.carry(stream).await });
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// Joins a connection with one to a ready pod of the Service; if that cannot be made, or breaks, it is reset.
    async fn carry(&self, mut outside: TcpStream) {
        let carried = async {
            let mut inside = self.dial().await?;
            copy_bidirectional(&mut outside, &mut inside).await.ok()
        };
        if carried.await.is_none() {
            // A socket whose peer is gone already refuses; then there is nobody to tell.
            let _ = outside.set_zero_linger();
        }
    }

    async fn dial(&self) -> Option<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + use<>> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.service.namespace()?);
        let selector = self.service.spec.as_ref()?.selector.as_ref()?;
        let selector: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let found = pods.list(&kube::api::ListParams::default().labels(&selector.join(","))).await.ok()?;
        let pod = found.items.into_iter().find(|pod| pods::is_ready(pod) && !is_behind_a_sidecar(pod))?;
        let port = crate::embedded::node::endpoints::target_port(&self.port, &pod)?;
        let mut forwarder = pods.portforward(&pod.name_any(), &[port]).await.ok()?;
        let stream = forwarder.take_stream(port);
        // It works as long as somebody holds the streams.
        tokio::spawn(async move { forwarder.join().await });
        stream
    }
}
