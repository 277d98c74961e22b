//! A gateway: takes connections from outside where Gateways say, and sends them where VirtualServices say.

mod connection;
mod listen;
mod server;

use std::collections::HashMap;

use self::server::Server;
pub(crate) use self::{connection::serve, listen::keep_listening};
use super::{
    config::{Routing, routing as config},
    routing::hosts::VirtualHosts,
};

/// Through which listener, and which of its servers, requests came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Door {
    /// The port of the gateway's pod.
    pub port: u16,
    /// The port that clients dial.
    pub number: u16,
    /// The server name that the client sent (empty if it sent none); nothing if it did not speak TLS.
    pub server_name: Option<String>,
}

/// All listeners of a gateway, made ready.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    listeners: HashMap<u16, Listener>,
}

#[derive(Debug)]
struct Listener {
    number: u16,
    http: Option<VirtualHosts>,
    servers: Vec<Server>,
}

impl Gateway {
    pub fn new(routing: &Routing) -> Self {
        let compiled = |listener: &config::Listener| {
            let servers = listener.tls.iter().map(|server| Server::new(server, &routing.credentials));
            Listener {
                number: listener.number,
                http: listener.http.as_deref().map(VirtualHosts::new),
                servers: servers.collect(),
            }
        };
        Self { listeners: routing.listeners.iter().map(|listener| (listener.port, compiled(listener))).collect() }
    }

    /// The virtual hosts for requests that came through a door, if it is still there.
    pub fn hosts(&self, door: &Door) -> Option<&VirtualHosts> {
        let listener = self.listeners.get(&door.port)?;
        match &door.server_name {
            None => listener.http.as_ref(),
            Some(name) => listener.server(name)?.hosts(),
        }
    }
}

impl Listener {
    /// The server whose names fit best: an exact one, then the longest, then `*`.
    fn server(&self, name: &str) -> Option<&Server> {
        let fitting = self.servers.iter().filter_map(|server| Some((server.fits(name)?, server)));
        // Of two that fit equally well the first one holds.
        fitting.rev().max_by_key(|(fit, _)| *fit).map(|(_, server)| server)
    }
}
