//! Bodies that pass through, and what happens when they end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{Proxy, record::Record, tally::Tally};
use crate::sidecar::upstream::Lease;

/// A request's body on its way up.
#[derive(Debug)]
pub(crate) struct RequestBody {
    content: Incoming,
    /// Where its bytes are counted, if nothing says beforehand how many there are or the access log asks.
    received: Option<Arc<AtomicU64>>,
}

impl RequestBody {
    pub fn new(content: Incoming, received: Option<Arc<AtomicU64>>) -> Self {
        Self { content, received }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.content).poll_frame(cx));
        if let (Some(received), Some(Ok(frame))) = (&self.received, &frame)
            && let Some(data) = frame.data_ref()
        {
            received.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// A response's body on its way down.
pub(crate) struct ResponseBody {
    content: Content,
    proxy: Arc<Proxy>,
    record: Option<Box<Record>>,
    tally: Option<Tally>,
    lease: Option<Lease>,
}

enum Content {
    Own(Full<Bytes>),
    Upstream(Incoming),
}

impl ResponseBody {
    /// An answer of ours.
    pub fn own(text: impl Into<Bytes>, proxy: Arc<Proxy>, record: Option<Box<Record>>) -> Self {
        Self { content: Content::Own(Full::new(text.into())), proxy, record, tally: None, lease: None }
    }

    /// The upstream's answer, on the connection of `lease`.
    pub fn upstream(content: Incoming, proxy: Arc<Proxy>, record: Option<Box<Record>>, lease: Lease) -> Self {
        Self { content: Content::Upstream(content), proxy, record, tally: None, lease: Some(lease) }
    }

    /// Counts the request when the body has ended.
    pub fn counted(mut self, tally: Tally) -> Self {
        self.tally = Some(tally);
        self
    }

    /// Takes note of what is sent next.
    fn passed(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.tally.iter_mut().for_each(|tally| tally.sent(data.len()));
            self.record.iter_mut().for_each(|record| record.sent(data.len()));
        } else if let (Some(trailers), Some(tally)) = (frame.trailers_ref(), &mut self.tally) {
            tally.trailers(trailers);
        }
    }

    /// The body has been sent to its end.
    fn finish(&mut self) {
        if let Some(mut lease) = self.lease.take() {
            lease.finish(&self.proxy.engine);
        }
        if let Some(tally) = self.tally.take() {
            tally.finish();
        }
        if let Some(record) = self.record.take() {
            record.finish(&self.proxy.engine);
        }
    }

    fn fail(&mut self, flags: &'static str, cause: &str) {
        if let Some(mut tally) = self.tally.take() {
            tally.fail(flags);
            tally.finish();
        }
        if let Some(mut record) = self.record.take() {
            record.fail(flags, cause);
            record.finish(&self.proxy.engine);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.content {
            Content::Own(content) => {
                ready!(Pin::new(content).poll_frame(cx)).map(|frame| frame.map_err(|never| match never {}))
            }
            Content::Upstream(content) => ready!(Pin::new(content).poll_frame(cx)),
        };
        match &frame {
            Some(Ok(frame)) => self.passed(frame),
            Some(Err(_)) => self.fail("UC", "the upstream ended the connection in the middle of its response"),
            None => self.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(content) => content.is_end_stream(),
            Content::Upstream(content) => content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(content) => content.size_hint(),
            Content::Upstream(content) => content.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.finish();
        } else {
            // A lease that is dropped unfinished closes its connection, and so tells the upstream.
            self.fail("DC", "the client went away before the end of the response");
        }
    }
}
