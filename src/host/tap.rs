//! Looking on at a machine's connections, as somebody on the way between two machines would.
//!
//! Whoever has a [`Tap`] sees the connections that begin after it was opened. It never holds them up: if nobody takes
//! what was seen, it is lost, and the tap says so.

pub mod relay;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

pub use crate::wire::conversation::Direction;

/// How many taps one machine has at most: each is a copy of every byte.
const MOST: usize = 4;
/// How many bytes wait for a tap's reader before they are lost.
const WAITING: usize = 8 << 20;

/// Something that was seen.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Which connection, by a number that no other of this tap has.
    pub connection: u64,
    /// Who made it.
    pub client: SocketAddr,
    /// To whom.
    pub server: SocketAddr,
    /// How long after this tap was opened.
    pub after: Duration,
    /// What happened.
    pub what: What,
}

/// What happens on a connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Bytes went by.
    Bytes {
        /// Which way.
        direction: Direction,
        /// What; base64 in JSON.
        #[serde(with = "base64_text")]
        data: Vec<u8>,
    },
    /// It ended.
    Closed,
    /// Nobody took what was seen in time; so much of it is gone.
    Lost {
        /// How many bytes.
        bytes: u64,
    },
    /// It began.
    Opened,
}

/// The taps of one machine.
#[derive(Debug, Default)]
pub struct Taps {
    open: Mutex<Vec<Weak<Queue>>>,
    /// How many there ever were.
    opened: AtomicU64,
    connections: AtomicU64,
}

impl Taps {
    /// Opens a tap for connections with `peers`; with anybody if there are none.
    ///
    /// # Errors
    /// `QuotaExceeded` if four are open already.
    pub fn open(&self, peers: BTreeSet<IpAddr>) -> io::Result<Tap> {
        let queue = Arc::new(Queue::new(peers));
        let mut open = lock(&self.open);
        open.retain(|queue| queue.upgrade().is_some_and(|queue| queue.is_open()));
        if open.len() >= MOST {
            let text = format!("{MOST} taps are open on this machine already");
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, text));
        }
        open.push(Arc::downgrade(&queue));
        self.opened.fetch_add(1, Ordering::Release);
        Ok(Tap { queue, enough: None })
    }

    /// How many taps were ever opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// Whoever wants to see a connection between these two, of which `peer` is the other machine; often nobody.
    pub fn watch(&self, client: SocketAddr, server: SocketAddr, peer: IpAddr) -> Option<Watched> {
        if self.opened() == 0 {
            return None;
        }
        let open = lock(&self.open);
        let queues = open.iter().filter_map(Weak::upgrade);
        let queues: Vec<_> = queues
            .filter(|queue| queue.is_open())
            .filter(|queue| queue.peers.is_empty() || queue.peers.contains(&peer))
            .collect();
        drop(open);
        if queues.is_empty() {
            return None;
        }
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let watched = Watched { queues, connection, client, server };
        watched.tell(&What::Opened);
        Some(watched)
    }
}

/// A connection that somebody looks on at. It has ended when it is dropped.
#[derive(Debug)]
pub struct Watched {
    queues: Vec<Arc<Queue>>,
    connection: u64,
    client: SocketAddr,
    server: SocketAddr,
}

impl Watched {
    /// Bytes go by.
    pub fn saw(&self, direction: Direction, data: &[u8]) {
        if !data.is_empty() {
            self.tell(&What::Bytes { direction, data: data.to_vec() });
        }
    }

    fn tell(&self, what: &What) {
        for queue in &self.queues {
            let Self { connection, client, server, .. } = *self;
            queue.put(Seen { connection, client, server, after: queue.opened.elapsed(), what: what.clone() });
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tell(&What::Closed);
    }
}

/// What was seen and not yet taken.
#[derive(Debug)]
struct Queue {
    peers: BTreeSet<IpAddr>,
    opened: Instant,
    state: Mutex<State>,
    more: Notify,
}

#[derive(Debug, Default)]
struct State {
    seen: VecDeque<Seen>,
    bytes: usize,
    /// Whether nobody reads any more.
    closed: bool,
    /// Whether nobody writes any more.
    ended: bool,
}

impl Queue {
    fn new(peers: BTreeSet<IpAddr>) -> Self {
        Self { peers, opened: Instant::now(), state: Mutex::default(), more: Notify::new() }
    }

    fn put(&self, mut seen: Seen) {
        let mut state = lock(&self.state);
        if state.closed {
            return;
        }
        if let What::Bytes { data, .. } = &seen.what {
            if state.bytes + data.len() > WAITING {
                let lost = data.len() as u64;
                if let Some(Seen { connection, what: What::Lost { bytes }, .. }) = state.seen.back_mut()
                    && *connection == seen.connection
                {
                    *bytes += lost;
                    return;
                }
                seen.what = What::Lost { bytes: lost };
            } else {
                state.bytes += data.len();
            }
        }
        state.seen.push_back(seen);
        drop(state);
        self.more.notify_one();
    }

    fn is_open(&self) -> bool {
        !lock(&self.state).closed
    }

    fn take(&self) -> Option<Seen> {
        let mut state = lock(&self.state);
        let seen = state.seen.pop_front()?;
        if let What::Bytes { data, .. } = &seen.what {
            state.bytes -= data.len();
        }
        Some(seen)
    }
}

/// Looks on at a machine's connections until it is dropped.
#[derive(Debug)]
pub struct Tap {
    queue: Arc<Queue>,
    /// Tells the process that has the real tap to end it.
    enough: Option<oneshot::Sender<()>>,
}

impl Tap {
    /// A tap that another process has. `Feed` is where its words are put; the receiver tells when they are enough.
    pub fn fed() -> (Feed, oneshot::Receiver<()>, Self) {
        let queue = Arc::new(Queue::new(BTreeSet::new()));
        let (enough, told) = oneshot::channel();
        (Feed(queue.clone()), told, Self { queue, enough: Some(enough) })
    }

    /// The next that is seen; nothing if nobody can see any more. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            let more = self.queue.more.notified();
            if let Some(seen) = self.queue.take() {
                return Some(seen);
            }
            if lock(&self.queue.state).ended {
                return None;
            }
            more.await;
        }
    }

    /// What has been seen by now and not been taken.
    pub fn rest(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.queue.take()).collect()
    }

    /// Ends it, and answers what has been seen by now and not been taken.
    pub async fn end(mut self) -> Vec<Seen> {
        let Some(enough) = self.enough.take() else { return self.rest() };
        // A process that is gone ends the tap by itself.
        let _ = enough.send(());
        let mut rest = Vec::new();
        while let Some(seen) = self.next().await {
            rest.push(seen);
        }
        rest
    }
}

/// The other end of a [`Tap`] that another process has. Nobody sees any more when it is dropped.
#[derive(Debug)]
pub struct Feed(Arc<Queue>);

impl Feed {
    /// Something was seen.
    pub fn put(&self, seen: Seen) {
        self.0.put(seen);
    }

    /// Whether somebody still reads.
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        lock(&self.0.state).ended = true;
        self.0.more.notify_one();
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Connections that are still watched have a hold of the queue.
        *lock(&self.queue.state) = State { closed: true, ..State::default() };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.client, self.server)
    }
}

mod base64_text {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn watch(taps: &Taps, peer: &str) -> Option<Watched> {
        taps.watch(address("10.0.0.1:1"), address("10.0.0.2:2"), peer.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_tap_sees_the_connections_with_its_peers_in_order() {
        let taps = Taps::default();
        assert!(watch(&taps, "10.0.0.2").is_none());
        let mut tap = taps.open(["10.0.0.2".parse().unwrap()].into()).unwrap();
        assert!(watch(&taps, "10.0.0.3").is_none());
        let watched = watch(&taps, "10.0.0.2").unwrap();
        watched.saw(Direction::ToServer, b"a");
        drop(watched);
        assert_eq!(tap.next().await.unwrap().what, What::Opened);
        let bytes = tap.next().await.unwrap();
        let text = serde_json::to_string(&bytes).unwrap();
        insta::assert_snapshot!(text, @r#"{"connection":0,"client":"10.0.0.1:1","server":"10.0.0.2:2","after":{"secs":0,"nanos":0},"what":{"bytes":{"direction":"toServer","data":"YQ=="}}}"#);
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), bytes);
        assert_eq!(tap.rest().len(), 1);
        drop(tap);
        assert!(watch(&taps, "10.0.0.2").is_none());
    }

    #[test]
    fn a_reader_that_takes_nothing_loses_bytes_and_holds_nobody_up() {
        let taps = Taps::default();
        let mut tap = taps.open(BTreeSet::new()).unwrap();
        let watched = watch(&taps, "10.0.0.2").unwrap();
        for _ in 0..3 {
            watched.saw(Direction::ToClient, &vec![0; WAITING / 2 + 1]);
        }
        let rest = tap.rest();
        assert_eq!(rest.len(), 3);
        assert_eq!(rest[2].what, What::Lost { bytes: WAITING as u64 + 2 });
    }

    #[test]
    fn there_are_only_so_many_taps() {
        let taps = Taps::default();
        let open: Vec<Tap> = (0..MOST).map(|_| taps.open(BTreeSet::new()).unwrap()).collect();
        assert_eq!(taps.open(BTreeSet::new()).unwrap_err().to_string(), "4 taps are open on this machine already");
        drop(open);
        assert!(taps.open(BTreeSet::new()).is_ok());
    }
}
