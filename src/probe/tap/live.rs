//! What is seen, made readable as it comes: connections are numbered, their bytes told apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use crate::{
    host::tap::{Direction, Seen, What},
    wire::reader::{Piece, Reader},
};

/// Something that happened on a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Which connection, from 1 in the order in which they were seen to begin.
    pub connection: usize,
    /// How long after its beginning.
    pub after: Duration,
    /// What happened.
    pub what: Happened,
}

/// What happens on a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Happened {
    /// It ended.
    Closed {
        /// How many bytes went to the server.
        to_server: u64,
        /// How many came back.
        to_client: u64,
    },
    /// Nobody took what was seen in time.
    Lost {
        /// How many bytes.
        bytes: u64,
    },
    /// It began.
    Opened {
        /// Who made it.
        client: SocketAddr,
        /// To whom.
        server: SocketAddr,
        /// How long somebody had been looking on by then.
        since: Duration,
    },
    /// A record, or bytes.
    Piece {
        /// Which way.
        direction: Direction,
        /// What went by.
        piece: Piece,
    },
}

/// What is known of all connections.
#[derive(Clone, Debug)]
pub struct Live {
    ports: BTreeSet<u16>,
    connections: BTreeMap<(usize, u64), Connection>,
    begun: usize,
}

#[derive(Clone, Debug)]
struct Connection {
    number: usize,
    began: Duration,
    to_server: (Reader, u64),
    to_client: (Reader, u64),
}

impl Live {
    /// Of connections with these ports of servers.
    pub fn new(ports: BTreeSet<u16>) -> Self {
        Self { ports, connections: BTreeMap::new(), begun: 0 }
    }

    /// How many connections have begun.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// Reads what was seen in one of several places.
    pub fn read(&mut self, place: usize, seen: Seen) -> Vec<Event> {
        if !self.ports.contains(&seen.server.port()) {
            return Vec::new();
        }
        let (key, Seen { client, server, after: since, what, .. }) = ((place, seen.connection), seen);
        let connection = self.connections.entry(key).or_insert_with(|| {
            self.begun += 1;
            Connection::new(self.begun, since)
        });
        let (number, after) = (connection.number, since.saturating_sub(connection.began));
        let happened = match what {
            What::Bytes { direction, data } => connection.feed(direction, &data),
            What::Closed => connection.end(),
            What::Lost { bytes } => vec![Happened::Lost { bytes }],
            What::Opened => vec![Happened::Opened { client, server, since }],
        };
        if matches!(happened.last(), Some(Happened::Closed { .. })) {
            self.connections.remove(&key);
        }
        happened.into_iter().map(|what| Event { connection: number, after, what }).collect()
    }
}

impl Connection {
    fn new(number: usize, began: Duration) -> Self {
        Self { number, began, to_server: Default::default(), to_client: Default::default() }
    }

    fn feed(&mut self, direction: Direction, data: &[u8]) -> Vec<Happened> {
        let (reader, bytes) = match direction {
            Direction::ToClient => &mut self.to_client,
            Direction::ToServer => &mut self.to_server,
        };
        *bytes += data.len() as u64;
        reader.feed(data).into_iter().map(|piece| Happened::Piece { direction, piece }).collect()
    }

    fn end(&mut self) -> Vec<Happened> {
        let sides = [(Direction::ToServer, &mut self.to_server), (Direction::ToClient, &mut self.to_client)];
        let left = sides.into_iter().filter_map(|(direction, (reader, _))| Some((direction, reader.end()?)));
        let mut told: Vec<Happened> = left.map(|(direction, piece)| Happened::Piece { direction, piece }).collect();
        told.push(Happened::Closed { to_server: self.to_server.1, to_client: self.to_client.1 });
        told
    }
}
