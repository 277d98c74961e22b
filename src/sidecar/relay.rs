//! Copies bytes between two streams, both ways at once, keeping half-closes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a direction starts with, and what it grows to when whole buffers arrive: many connections are nearly
/// idle, few are busy.
const SMALLEST_BUFFER: usize = 8 * 1024;
const LARGEST_BUFFER: usize = 128 * 1024;

/// Bytes that went either way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Relayed {
    /// From downstream to upstream.
    pub received: u64,
    /// From upstream to downstream.
    pub sent: u64,
}

/// Copies until both sides have said everything; the end of one direction is passed on and the other continues.
///
/// `progress` is told how many bytes have gone either way whenever some have, so that it knows even if this fails or is
/// dropped. Back-pressure is that of the slower side: a direction holds one buffer.
///
/// # Errors
/// The first that either side has.
pub async fn relay<D, U>(downstream: &mut D, upstream: &mut U, progress: &mut impl FnMut(Relayed)) -> io::Result<()>
where
    D: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Direction::default(), Direction::default());
    let mut told = Relayed::default();
    std::future::poll_fn(|cx| {
        let polled = (up.poll(cx, downstream, upstream), down.poll(cx, upstream, downstream));
        let now = Relayed { received: up.copied, sent: down.copied };
        if now != told {
            told = now;
            progress(now);
        }
        match polled {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    })
    .await
}

#[derive(Default)]
struct Direction {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    copied: u64,
    unflushed: bool,
    state: State,
}

#[derive(Default, PartialEq)]
enum State {
    #[default]
    Copying,
    Closing,
    Closed,
}

impl Direction {
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.state == State::Copying {
            ready!(self.poll_copy(cx, reader, writer))?;
            self.state = State::Closing;
            self.buffer = Vec::new();
        }
        if self.state == State::Closing {
            ready!(Pin::new(writer).poll_shutdown(cx))?;
            self.state = State::Closed;
        }
        Poll::Ready(Ok(()))
    }

    /// Copies until the reader is at its end.
    fn poll_copy<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            while self.start < self.end {
                let written = ready!(Pin::new(&mut *writer).poll_write(cx, &self.buffer[self.start..self.end]))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.start += written;
                self.copied += written as u64;
                self.unflushed = true;
            }
            match self.poll_fill(cx, reader)? {
                Poll::Ready(0) => return Poll::Ready(Ok(())),
                Poll::Ready(_) => {}
                Poll::Pending => {
                    // The reader pauses: what TLS holds back must go out now.
                    if self.unflushed {
                        ready!(Pin::new(writer).poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads into the empty buffer.
    fn poll_fill<R: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, reader: &mut R) -> Poll<io::Result<usize>> {
        if self.buffer.is_empty() {
            self.buffer.resize(SMALLEST_BUFFER, 0);
        } else if self.end == self.buffer.len() && self.end < LARGEST_BUFFER {
            self.buffer.resize(self.end * 2, 0);
        }
        let mut unfilled = ReadBuf::new(&mut self.buffer);
        let polled = Pin::new(reader).poll_read(cx, &mut unfilled);
        let length = unfilled.filled().len();
        ready!(polled)?;
        (self.start, self.end) = (0, length);
        Poll::Ready(Ok(length))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn half_close_passes_and_the_other_direction_continues() {
        let ((mut client, mut downstream), (mut upstream, mut server)) = (duplex(16), duplex(16));
        let relayed = tokio::spawn(async move {
            let mut relayed = Relayed::default();
            relay(&mut downstream, &mut upstream, &mut |now| relayed = now).await.map(|()| relayed)
        });
        let answered = tokio::spawn(async move {
            let mut question = Vec::new();
            server.read_to_end(&mut question).await.unwrap();
            server.write_all(&question.repeat(2)).await.unwrap();
        });
        client.write_all(&[7; 100]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        answered.await.unwrap();
        assert_eq!(answer, [7; 200]);
        assert_eq!(relayed.await.unwrap().unwrap(), Relayed { received: 100, sent: 200 });
    }

    #[tokio::test]
    async fn large_transfer_arrives_whole() {
        let ((mut client, mut downstream), (mut upstream, mut server)) = (duplex(50_000), duplex(70_000));
        let relayed = tokio::spawn(async move {
            let mut relayed = Relayed::default();
            relay(&mut downstream, &mut upstream, &mut |now| relayed = now).await.map(|()| relayed)
        });
        let sent: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        let copy = sent.clone();
        let writer = tokio::spawn(async move {
            client.write_all(&copy).await.unwrap();
            client
        });
        let mut received = vec![0; sent.len()];
        server.read_exact(&mut received).await.unwrap();
        assert!(received == sent);
        drop((writer.await.unwrap(), server));
        assert_eq!(relayed.await.unwrap().unwrap(), Relayed { received: 1_000_000, sent: 0 });
    }
}
