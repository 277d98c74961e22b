//! `tap`: shows, as lines of JSON, what travels between this pod and others. `labctl tap` and the checks of kind `wire`
//! run it in a pod and read it.

use std::{collections::BTreeSet, io, net::IpAddr, sync::Arc};

use futures::future::{BoxFuture, FutureExt as _};
use tokio::io::AsyncReadExt as _;

use crate::{
    host::{ExitStatus, Host, Output, tap::Seen},
    host_println,
};

/// The first line: everything that begins from now on is seen.
pub const READY: &str = "ready";

/// Runs `tap [ADDRESS...]`: connections with these addresses, or with anybody.
///
/// It ends with its standard input, or with the first byte of it: a caller that goes away leaves none behind.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    async move {
        let peers: Result<BTreeSet<IpAddr>, _> = arguments.iter().map(|argument| argument.parse()).collect();
        let Ok(peers) = peers else {
            host_println!(host, Output::Stderr, "tap: usage: tap [ADDRESS...]");
            return ExitStatus::USAGE;
        };
        match run(&*host, peers).await {
            Ok(()) => ExitStatus::SUCCESS,
            Err(error) => {
                host_println!(host, Output::Stderr, "tap: {error}");
                ExitStatus::FAILURE
            }
        }
    }
    .boxed()
}

async fn run(host: &dyn Host, peers: BTreeSet<IpAddr>) -> io::Result<()> {
    let mut tap = host.tap(peers).await?;
    let (mut stdin, shutdown) = (host.stdin(), host.shutdown());
    host_println!(host, Output::Stdout, "{READY}");
    let mut enough = [0];
    loop {
        tokio::select! {
            seen = tap.next() => match seen {
                Some(seen) => print(host, &seen)?,
                None => return Err(io::Error::other("the sidecar is gone")),
            },
            _ = stdin.read(&mut enough) => break,
            () = shutdown.cancelled() => break,
        }
    }
    tap.end().await.iter().try_for_each(|seen| print(host, seen))
}

fn print(host: &dyn Host, seen: &Seen) -> io::Result<()> {
    let mut line = serde_json::to_vec(seen)?;
    line.push(b'\n');
    host.print(Output::Stdout, &line);
    Ok(())
}
