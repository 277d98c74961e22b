//! Taps of a process for other processes of the same pod: over a socket that only the same user may use.
//!
//! Nothing of a pod's traffic can be looked on at by a program without rights, so the sidecar shows its own. Who may ask
//! it is decided twice: whoever starts a program in a container has to be let in by the API server (`pods/exec`), and the
//! kernel says as which user that program runs. The application's containers share the pod's network and with it the
//! socket's name, but not the sidecar's user. The tap in turn believes nobody but its own user.

use std::{
    collections::BTreeSet,
    io,
    net::IpAddr,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener as Listener, UnixStream as Stream},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::oneshot,
    task::JoinSet,
};

use crate::host::tap::{Feed, Seen, Tap, Taps};

/// The socket's name in the abstract namespace, of which every pod has its own.
const NAME: &str = "labctl-taps";
/// What is answered to a question that is granted.
const GRANTED: &str = "ok\n";
/// The longest question: some hundred addresses.
const QUESTION: u64 = 64 * 1024;
/// How long somebody may take to ask.
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// Shows what `taps` see to programs of the same user. Never ends by itself.
///
/// # Errors
/// `AddrInUse` if somebody does that already.
pub(super) async fn serve(taps: &Taps) -> io::Result<()> {
    serve_as(NAME, taps).await
}

/// Asks the process that serves for a tap.
///
/// # Errors
/// `NotFound` if there is none, `PermissionDenied` if it runs as somebody else.
pub(super) async fn open(peers: &BTreeSet<IpAddr>) -> io::Result<Tap> {
    open_at(NAME, peers).await
}

async fn serve_as(name: &str, taps: &Taps) -> io::Result<()> {
    let listener = Listener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut shown: JoinSet<()> = JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await?;
        while shown.try_join_next().is_some() {}
        let tap = match grant(&mut stream, taps).await {
            Ok(tap) => tap,
            Err(error) => {
                // Whoever does not wait for the reason does not need it.
                let _ = stream.write_all(format!("{error}\n").as_bytes()).await;
                continue;
            }
        };
        shown.spawn(async move {
            // It ends when the reader goes away.
            let _ = show(stream, tap).await;
        });
    }
}

/// Reads the question, if whoever asks may.
async fn grant(stream: &mut UnixStream, taps: &Taps) -> io::Result<Tap> {
    same_user(stream)?;
    let mut question = String::new();
    let mut reader = BufReader::new(&mut *stream).take(QUESTION);
    // Somebody who asks nothing keeps nobody else waiting.
    tokio::time::timeout(ASKED_WITHIN, reader.read_line(&mut question)).await??;
    taps.open(serde_json::from_str(&question)?)
}

async fn show(mut stream: UnixStream, mut tap: Tap) -> io::Result<()> {
    stream.write_all(GRANTED.as_bytes()).await?;
    let mut end = [0];
    loop {
        let seen = {
            let (mut reader, _) = stream.split();
            tokio::select! {
                seen = tap.next() => seen,
                _ = reader.read(&mut end) => {
                    // The reader has had enough: it gets what was seen until now.
                    for seen in tap.rest() {
                        write(&mut stream, &seen).await?;
                    }
                    None
                }
            }
        };
        match seen {
            Some(seen) => write(&mut stream, &seen).await?,
            None => return stream.shutdown().await,
        }
    }
}

async fn write(stream: &mut UnixStream, seen: &Seen) -> io::Result<()> {
    let mut line = serde_json::to_vec(seen)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// Only our own user gets to see anything, or is believed.
fn same_user(stream: &UnixStream) -> io::Result<()> {
    if stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "only the sidecar's own user may look on"))
}

async fn open_at(name: &str, peers: &BTreeSet<IpAddr>) -> io::Result<Tap> {
    let connected = Stream::connect_addr(&SocketAddr::from_abstract_name(name)?);
    let stream = connected.map_err(|_| {
        let text = "no sidecar here shows its connections: look on from the container of a sidecar";
        io::Error::new(io::ErrorKind::NotFound, text)
    })?;
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    same_user(&stream)?;
    stream.write_all(format!("{}\n", serde_json::to_string(peers)?).as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let mut granted = String::new();
    stream.read_line(&mut granted).await?;
    if granted != GRANTED {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, granted.trim_end().to_owned()));
    }
    let (feed, enough, tap) = Tap::fed();
    tokio::spawn(read(stream, feed, enough));
    Ok(tap)
}

/// Takes what is shown until it ends, or nobody wants it any more.
async fn read(stream: BufReader<UnixStream>, feed: Feed, enough: oneshot::Receiver<()>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = BufReader::new(reader).lines();
    let take = async {
        while feed.is_open()
            && let Ok(Some(line)) = lines.next_line().await
            && let Ok(seen) = serde_json::from_str(&line)
        {
            feed.put(seen);
        }
    };
    let tell = async {
        if enough.await.is_ok() {
            // Answered with what is left, and then the end.
            let _ = writer.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = take => {}
        () = tell => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::tap::{Direction, What};

    /// A name of this test's own.
    fn serving(taps: &Arc<Taps>) -> (String, JoinSet<()>) {
        let name = format!("labctl-taps-{}", uuid::Uuid::new_v4());
        let (served, taps) = (name.clone(), taps.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { serve_as(&served, &taps).await.unwrap() });
        (name, tasks)
    }

    async fn opened(name: &str, peers: &BTreeSet<IpAddr>) -> Tap {
        // The task may not have begun to listen.
        loop {
            match open_at(name, peers).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => tokio::task::yield_now().await,
                other => return other.unwrap(),
            }
        }
    }

    #[tokio::test]
    async fn another_process_sees_what_the_taps_see() {
        let taps = Arc::new(Taps::default());
        let (name, mut serving) = serving(&taps);
        let peer: IpAddr = [10, 0, 0, 2].into();
        let mut tap = opened(&name, &[peer].into()).await;
        let (client, server) = (([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into());
        taps.watch(client, server, peer).unwrap().saw(Direction::ToServer, b"hello");
        assert_eq!(tap.next().await.unwrap().what, What::Opened);
        let seen = tap.end().await;
        assert_eq!(seen[0].what, What::Bytes { direction: Direction::ToServer, data: b"hello".to_vec() });

        let mut tap = opened(&name, &BTreeSet::new()).await;
        serving.shutdown().await;
        assert_eq!(tap.next().await, None);
    }

    #[tokio::test]
    async fn where_nobody_serves_the_error_says_so() {
        let error = open_at("labctl-taps-nobody", &BTreeSet::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "no sidecar here shows its connections: look on from the container of a sidecar");
    }

    #[tokio::test]
    async fn a_refusal_comes_with_its_reason() {
        let taps = Arc::new(Taps::default());
        let (name, _serving) = serving(&taps);
        let _taken: Vec<Tap> = (0..4).map(|_| taps.open(BTreeSet::new()).unwrap()).collect();
        let refused = loop {
            match open_at(&name, &BTreeSet::new()).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => tokio::task::yield_now().await,
                other => break other.unwrap_err(),
            }
        };
        assert_eq!(refused.to_string(), "4 taps are open on this machine already");
    }
}
