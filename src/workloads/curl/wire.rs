//! A connection that remembers how it ended.
//!
//! HTTP libraries tell a reset, a closed connection and a TLS alert apart only in passing. curl's exit codes depend on
//! it, so it is noted where it happens.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{failure::Failure, tls};

/// What happened on a connection.
#[derive(Debug, Default)]
struct History {
    alert: Option<AlertDescription>,
    bytes_read: u64,
    is_at_end: bool,
    read_error: Option<(io::ErrorKind, String)>,
    write_error: Option<(io::ErrorKind, String)>,
}

/// Knows the history of a connection, even after the connection is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness(Arc<Mutex<History>>);

impl Witness {
    fn history(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the peer gave no answer, or not all of it; `None` if the connection itself was fine.
    pub(super) fn failure(&self) -> Option<Failure> {
        let history = self.history();
        if let Some(alert) = history.alert {
            return Some(Failure::new(56, tls::alert_while_reading(alert)));
        }
        if let Some((_, problem)) = &history.read_error {
            return Some(Failure::not_received(problem));
        }
        match &history.write_error {
            // The reset was met while sending, but it says the same.
            Some((io::ErrorKind::ConnectionReset, problem)) => Some(Failure::not_received(problem)),
            _ if history.is_at_end && history.bytes_read == 0 => Some(Failure::empty_reply()),
            Some((_, problem)) => Some(Failure::not_sent(problem)),
            None => None,
        }
    }

    /// Whether the peer has closed its side.
    pub(super) fn is_at_end(&self) -> bool {
        self.history().is_at_end
    }
}

/// A connection with a [`Witness`].
#[derive(Debug)]
pub(super) struct Witnessed<S> {
    stream: S,
    witness: Witness,
}

impl<S> Witnessed<S> {
    pub(super) fn new(stream: S) -> (Self, Witness) {
        let witness = Witness::default();
        (Self { stream, witness: witness.clone() }, witness)
    }
}

/// The system's words for an error, without its number.
pub(super) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Witnessed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let mut history = self.witness.history();
        match &result {
            Ok(()) => {
                let count = buffer.filled().len() - before;
                history.bytes_read += count as u64;
                history.is_at_end |= count == 0 && buffer.remaining() > 0;
            }
            // TLS reports a connection that was closed without a farewell as an error; curl takes it as closed.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                history.is_at_end = true;
                return Poll::Ready(Ok(()));
            }
            Err(error) => {
                history.alert = tls::alert(error);
                history.read_error = Some((error.kind(), words(error)));
            }
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Witnessed<S> {
    /// A write that fails is noted and otherwise passed over: what the peer said before it closed (an answer, an alert)
    /// is still to be read, and says more.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.witness.history().write_error.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(result.or_else(|error| {
            self.note_write_error(&error);
            Ok(bytes.len())
        }))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.witness.history().write_error.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(result.or_else(|error| {
            self.note_write_error(&error);
            Ok(())
        }))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S> Witnessed<S> {
    fn note_write_error(&self, error: &io::Error) {
        let mut history = self.witness.history();
        history.write_error.get_or_insert((error.kind(), words(error)));
    }
}
