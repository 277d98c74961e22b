//! One client: its commands in turn.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{commands, store::Store, wire};

/// Answers a client until it goes away or sends what is no message.
pub(super) async fn serve(stream: TcpStream, store: Arc<Mutex<Store>>) {
    // A client that goes away is nothing to tell anybody.
    let _ = run(stream, &store).await;
}

async fn run(mut stream: TcpStream, store: &Mutex<Store>) -> std::io::Result<()> {
    let (mut bytes, mut answer, mut id) = (Vec::new(), Vec::new(), 0_i32);
    loop {
        match wire::read(&bytes) {
            // A client does not answer.
            Ok(Some((message, _))) if message.answers != 0 => return Ok(()),
            Ok(Some((message, length))) => {
                bytes.drain(..length);
                let body = commands::run(&mut store.lock().unwrap_or_else(PoisonError::into_inner), &message.body);
                if !message.is_silent {
                    id = id.wrapping_add(1);
                    answer.clear();
                    message.answer(id, body).write(&mut answer);
                    stream.write_all(&answer).await?;
                }
            }
            Ok(None) => {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Ok(());
                }
            }
            Err(_) => return Ok(()),
        }
    }
}
