//! What a container printed: bounded as the kubelet's rotation bounds it, readable while it grows.

use std::{collections::VecDeque, sync::Mutex};

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{pod_host::Sink, sync::lock};
use crate::{embedded::api::kubelet::LogOptions, host::Output};

/// How much of a log is kept (`containerLogMaxSize` of the kubelet).
const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Where a line is cut, as container runtimes do.
const MAX_LINE: usize = 16 * 1024;

/// How many bytes one reading step takes at most.
const CHUNK: usize = 64 * 1024;

/// The log of one run of a container.
#[derive(Debug)]
pub struct ContainerLog {
    state: Mutex<State>,
    /// Changes with every write; holds whether the container has ended.
    ended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    /// The number of the first line that is still there.
    first: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Line {
    at: Timestamp,
    output: Output,
    text: Vec<u8>,
}

impl Line {
    fn is_complete(&self) -> bool {
        self.text.ends_with(b"\n") || self.text.len() >= MAX_LINE
    }
}

/// How far a reader has come: number of the line, bytes of it.
#[derive(Clone, Copy, Debug)]
struct Position {
    line: u64,
    offset: usize,
}

impl Default for ContainerLog {
    fn default() -> Self {
        Self { state: Mutex::default(), ended: watch::Sender::new(false) }
    }
}

impl ContainerLog {
    /// Marks the log as complete: followers end.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Reads the log as `options` ask. The stream holds the log, not the container.
    pub fn read(self: std::sync::Arc<Self>, options: &LogOptions) -> impl Stream<Item = Bytes> + Send + use<> {
        let position = self.start(options);
        let ended = self.ended.subscribe();
        let LogOptions { follow, timestamps, .. } = *options;
        let left = options.limit_bytes.unwrap_or(u64::MAX);
        futures::stream::unfold((self, position, ended, left), move |(log, mut position, mut ended, left)| async move {
            loop {
                if left == 0 {
                    return None;
                }
                // Before reading, so that nothing is missed between the two.
                let complete = *ended.borrow_and_update();
                let mut text = log.take(&mut position, timestamps);
                if !text.is_empty() {
                    text.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - text.len() as u64;
                    return Some((Bytes::from(text), (log, position, ended, left)));
                }
                if complete || !follow || ended.changed().await.is_err() {
                    return None;
                }
            }
        })
    }

    /// The last lines, at most `bytes` of them: what a terminated container may leave as its message.
    pub fn tail(&self, bytes: usize) -> String {
        let state = lock(&self.state);
        let mut text: Vec<u8> = Vec::new();
        for line in state.lines.iter().rev() {
            if text.len() + line.text.len() > bytes {
                break;
            }
            text.splice(0..0, line.text.iter().copied());
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn start(&self, options: &LogOptions) -> Position {
        let state = lock(&self.state);
        let count = state.lines.len() as u64;
        let skip_tail = options.tail_lines.map_or(0, |tail| count.saturating_sub(tail as u64));
        let skip_since = options.since.map_or(0, |since| state.lines.partition_point(|line| line.at < since) as u64);
        Position { line: state.first + skip_tail.max(skip_since), offset: 0 }
    }

    /// What there is after `position`, which moves on.
    fn take(&self, position: &mut Position, timestamps: bool) -> Vec<u8> {
        let state = lock(&self.state);
        if position.line < state.first {
            // The reader was slower than the rotation.
            *position = Position { line: state.first, offset: 0 };
        }
        let mut text = Vec::new();
        let skip = usize::try_from(position.line - state.first).unwrap_or(usize::MAX);
        for line in state.lines.iter().skip(skip) {
            if timestamps && position.offset == 0 && !line.text.is_empty() {
                text.extend_from_slice(format!("{:.9} ", line.at).as_bytes());
            }
            text.extend_from_slice(&line.text[position.offset..]);
            if !line.is_complete() {
                position.offset = line.text.len();
                break;
            }
            *position = Position { line: position.line + 1, offset: 0 };
            if text.len() >= CHUNK {
                break;
            }
        }
        text
    }
}

impl State {
    fn append(&mut self, output: Output, piece: &[u8]) {
        match self.lines.back_mut() {
            Some(last) if !last.is_complete() && last.output == output => last.text.extend_from_slice(piece),
            _ => self.lines.push_back(Line { at: Timestamp::now(), output, text: piece.to_vec() }),
        }
        self.bytes += piece.len();
        while self.bytes > MAX_BYTES && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.text.len());
            self.first += 1;
        }
    }
}

impl Sink for ContainerLog {
    fn write(&self, output: Output, bytes: &[u8]) {
        let mut state = lock(&self.state);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            for piece in line.chunks(MAX_LINE) {
                state.append(output, piece);
            }
        }
        drop(state);
        self.ended.send_modify(|_| ());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::{FutureExt, StreamExt};

    use super::*;

    fn all(log: &Arc<ContainerLog>, options: &LogOptions) -> String {
        let chunks: Vec<Bytes> = log.clone().read(options).collect().now_or_never().expect("does not follow");
        String::from_utf8(chunks.concat()).unwrap()
    }

    #[test]
    fn reads_from_the_tail_and_up_to_a_limit() {
        let log = Arc::new(ContainerLog::default());
        log.write(Output::Stdout, b"one\ntw");
        log.write(Output::Stdout, b"o\nthree");
        assert_eq!(all(&log, &LogOptions::default()), "one\ntwo\nthree");
        assert_eq!(all(&log, &LogOptions { tail_lines: Some(2), ..LogOptions::default() }), "two\nthree");
        assert_eq!(all(&log, &LogOptions { limit_bytes: Some(5), ..LogOptions::default() }), "one\nt");
        let timed = all(&log, &LogOptions { timestamps: true, ..LogOptions::default() });
        assert!(timed.lines().all(|line| line.split(' ').next().unwrap().parse::<Timestamp>().is_ok()), "{timed}");
    }

    #[test]
    fn forgets_the_oldest_lines() {
        let log = Arc::new(ContainerLog::default());
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..(11 * 1024) {
            log.write(Output::Stdout, &line);
        }
        assert_eq!(all(&log, &LogOptions::default()).len(), MAX_BYTES);
    }

    #[tokio::test]
    async fn followers_see_what_comes_and_end_with_the_container() {
        let log = Arc::new(ContainerLog::default());
        log.write(Output::Stdout, b"before\n");
        let follow = LogOptions { follow: true, ..LogOptions::default() };
        let mut follower = Box::pin(log.clone().read(&follow));
        assert_eq!(follower.next().await.unwrap(), "before\n");
        assert!(follower.next().now_or_never().is_none());
        log.write(Output::Stderr, b"after\n");
        assert_eq!(follower.next().await.unwrap(), "after\n");
        log.end();
        assert_eq!(follower.next().await, None);
    }
}
