//! Commands to a MongoDB, each over a connection of its own.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    bson::Document,
    wire::{self, Message, WireError},
};
use crate::{host::Host, workloads::upstream::Upstream};

/// How long a command may take, connecting included.
const EXCHANGE: Duration = Duration::from_secs(5);

/// Why a command has no answer, or not the one that was wanted.
#[derive(Debug, thiserror::Error)]
pub(in crate::workloads) enum ClientError {
    #[error(transparent)]
    Connection(#[from] io::Error),
    #[error("{message}")]
    Refused { code: i64, message: String },
    #[error("no answer within {} s", EXCHANGE.as_secs())]
    TimedOut,
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Sends a command and reads its answer; an answer of failure is an error.
pub(in crate::workloads) async fn run(
    host: &dyn Host,
    mongodb: &Upstream,
    command: Document,
) -> Result<Document, ClientError> {
    let answer = timeout(EXCHANGE, exchange(host, mongodb, command)).await.unwrap_or(Err(ClientError::TimedOut))?;
    let write_error = answer.array("writeErrors").and_then(|errors| errors.first());
    let refusal = match write_error {
        Some(super::bson::Bson::Document(error)) => Some(error),
        _ if answer.integer("ok") != Some(1) => Some(&answer),
        _ => None,
    };
    match refusal {
        Some(error) => {
            let message = error.text("errmsg").unwrap_or("refused without a reason").to_owned();
            Err(ClientError::Refused { code: error.integer("code").unwrap_or_default(), message })
        }
        None => Ok(answer),
    }
}

async fn exchange(host: &dyn Host, mongodb: &Upstream, command: Document) -> Result<Document, ClientError> {
    let mut stream = mongodb.connect(host).await?;
    let mut bytes = Vec::new();
    Message::command(1, command).write(&mut bytes);
    stream.write_all(&bytes).await?;
    bytes.clear();
    loop {
        if let Some((answer, _)) = wire::read(&bytes)? {
            return Ok(answer.body);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}
