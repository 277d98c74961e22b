//! Commands to a Redis, over a connection of their own.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::resp::{self, Frame, ProtocolError};
use crate::{host::Host, workloads::upstream::Upstream};

/// How long a few commands may take, connecting included.
const EXCHANGE: Duration = Duration::from_secs(5);

/// Why commands have no answers.
#[derive(Debug, thiserror::Error)]
pub(in crate::workloads) enum ClientError {
    #[error(transparent)]
    Connection(#[from] io::Error),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("{0}")]
    Refused(String),
    #[error("no answer within {} s", EXCHANGE.as_secs())]
    TimedOut,
}

/// Sends `commands` at once and reads the answer to each; an answer of failure fails them all.
pub(in crate::workloads) async fn ask(
    host: &dyn Host,
    redis: &Upstream,
    commands: &[&[&str]],
) -> Result<Vec<Frame>, ClientError> {
    timeout(EXCHANGE, exchange(host, redis, commands)).await.unwrap_or(Err(ClientError::TimedOut))
}

async fn exchange(host: &dyn Host, redis: &Upstream, commands: &[&[&str]]) -> Result<Vec<Frame>, ClientError> {
    let mut stream = redis.connect(host).await?;
    let mut bytes = Vec::new();
    commands.iter().for_each(|command| resp::write_request(command, &mut bytes));
    stream.write_all(&bytes).await?;
    bytes.clear();
    let mut answers = Vec::new();
    while answers.len() < commands.len() {
        let Some((answer, length)) = resp::reply(&bytes)? else {
            if bytes.len() > resp::MAX_FRAME {
                return Err(ProtocolError::TooBig.into());
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            continue;
        };
        bytes.drain(..length);
        match answer {
            Frame::Error(message) => return Err(ClientError::Refused(message)),
            answer => answers.push(answer),
        }
    }
    Ok(answers)
}
