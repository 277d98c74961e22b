//! Puts whoever looks on between the two ends of a connection: one more pair of sockets, and a task that copies.
//!
//! Both ends keep what they had: half-closes are passed on, and so is a reset.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::{Direction, Watched};

/// How much is copied at once: a whole record of TLS.
const BUFFER: usize = 16 * 1024 + 512;

/// A pair of sockets on the loopback interface: what a program gets in place of a connection, and the end behind it.
#[derive(Debug)]
pub struct Near {
    program: TcpStream,
    behind: TcpStream,
    port: u16,
}

impl Near {
    /// Makes the pair.
    ///
    /// # Errors
    /// If the machine is out of sockets.
    pub async fn new() -> io::Result<Self> {
        let gate = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let own = socket.local_addr()?;
        let (program, behind) = tokio::try_join!(socket.connect(gate.local_addr()?), accept(&gate, own))?;
        Ok(Self { program, behind, port: own.port() })
    }

    /// The port of the program's end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Joins the pair to the connection that is looked on at, and answers the program's end. `reads` is the direction of
    /// what `far` has to say.
    pub fn join(self, far: TcpStream, reads: Direction, watched: Vec<Watched>) -> TcpStream {
        tokio::spawn(copy(self.behind, far, reads, watched));
        self.program
    }
}

/// The connection from `own`; nobody else's is taken.
async fn accept(gate: &TcpListener, own: SocketAddr) -> io::Result<TcpStream> {
    loop {
        let (stream, peer) = gate.accept().await?;
        if peer == own {
            return Ok(stream);
        }
    }
}

async fn copy(mut near: TcpStream, mut far: TcpStream, reads: Direction, watched: Vec<Watched>) {
    // Without it, small writes wait for acknowledgements; failing to set it costs time, not correctness.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let writes = match reads {
        Direction::ToClient => Direction::ToServer,
        Direction::ToServer => Direction::ToClient,
    };
    let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
    let copied = tokio::try_join!(
        one_way(near_read, far_write, writes, &watched),
        one_way(far_read, near_write, reads, &watched)
    );
    if copied.is_err() {
        // Whichever end was cut, the other one learns it. One that is gone refuses to be told.
        let _ = (near.set_zero_linger(), far.set_zero_linger());
    }
}

async fn one_way(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    watched: &[Watched],
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        // Told before it is passed on: whoever has an answer can be sure that it was seen.
        watched.iter().for_each(|watched| watched.saw(direction, &buffer[..length]));
        to.write_all(&buffer[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tap::{Taps, What};

    /// A connection with somebody who looks on: the client's end, the server's end, and what was seen.
    async fn observed() -> (TcpStream, TcpStream, super::super::Tap) {
        let taps = Taps::default();
        let tap = taps.open([].into()).unwrap();
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        let far = TcpStream::connect(address).await.unwrap();
        let (accepted, peer) = server.accept().await.unwrap();
        let watched = taps.watch(peer, address, address.ip()).unwrap();
        let client = Near::new().await.unwrap().join(far, Direction::ToClient, vec![watched]);
        (client, accepted, tap)
    }

    #[tokio::test]
    async fn both_directions_and_their_ends_are_passed_on() {
        let (mut client, mut server, mut tap) = observed().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        server.write_all(b"answer").await.unwrap();
        drop(server);
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "questionanswer");
        let mut seen = Vec::new();
        while seen.last() != Some(&What::Closed) {
            seen.push(tap.next().await.unwrap().what);
        }
        let bytes = |direction, data: &[u8]| What::Bytes { direction, data: data.to_vec() };
        let (there, back) = (bytes(Direction::ToServer, b"question"), bytes(Direction::ToClient, b"answer"));
        assert_eq!(seen, [What::Opened, there, back, What::Closed]);
    }

    #[tokio::test]
    async fn a_reset_stays_a_reset() {
        let (mut client, server, _tap) = observed().await;
        server.set_zero_linger().unwrap();
        drop(server);
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

        let (client, mut server, _tap) = observed().await;
        client.set_zero_linger().unwrap();
        drop(client);
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
