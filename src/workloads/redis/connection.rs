//! One client: its requests in turn, and the commands that concern only its connection.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    commands::{self, integer, ok},
    resp::{self, Frame, Request},
    store::{CommandError, Store},
};

/// The version of the protocol until a client says `HELLO 3`.
const FIRST_VERSION: u8 = 2;
/// Answers are sent when there are so many bytes of them, at the latest.
const MAX_UNSENT: usize = 64 << 10;

/// Answers a client until it goes away or sends what is no RESP.
pub(super) async fn serve(stream: TcpStream, store: Arc<Mutex<Store>>) {
    // A client that goes away is nothing to tell anybody.
    let _ = Connection { stream, store, version: FIRST_VERSION }.run().await;
}

struct Connection {
    stream: TcpStream,
    store: Arc<Mutex<Store>>,
    version: u8,
}

/// Whether the connection goes on after an answer.
enum Next {
    Close,
    GoOn,
}

impl Connection {
    async fn run(mut self) -> std::io::Result<()> {
        let (mut bytes, mut answers) = (Vec::new(), Vec::new());
        loop {
            let next = self.answer_all(&mut bytes, &mut answers).await?;
            self.stream.write_all(&answers).await?;
            answers.clear();
            if matches!(next, Next::Close) {
                return self.stream.shutdown().await;
            }
            if self.stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Answers all whole requests in `bytes` and takes them out.
    async fn answer_all(&mut self, bytes: &mut Vec<u8>, answers: &mut Vec<u8>) -> std::io::Result<Next> {
        let mut at = 0;
        loop {
            match resp::request(&bytes[at..]) {
                Ok(Some((request, length))) => {
                    at += length;
                    if matches!(self.answer(&request, answers), Next::Close) {
                        return Ok(Next::Close);
                    }
                }
                Ok(None) => break,
                Err(problem) => {
                    Frame::Error(format!("ERR {problem}")).write(self.version, answers);
                    return Ok(Next::Close);
                }
            }
            if answers.len() > MAX_UNSENT {
                self.stream.write_all(answers).await?;
                answers.clear();
            }
        }
        bytes.drain(..at);
        Ok(Next::GoOn)
    }

    fn answer(&mut self, request: &Request, answers: &mut Vec<u8>) -> Next {
        let Some((name, arguments)) = request.split_first() else { return Next::GoOn };
        let name = String::from_utf8_lossy(name).to_uppercase();
        let answer = self.run_command(&name, arguments).unwrap_or_else(|error| Frame::Error(error.to_string()));
        answer.write(self.version, answers);
        if name == "QUIT" { Next::Close } else { Next::GoOn }
    }

    fn run_command(&mut self, name: &str, arguments: &[Vec<u8>]) -> Result<Frame, CommandError> {
        match (name, arguments) {
            ("PING", []) => Ok(Frame::Simple("PONG".to_owned())),
            ("PING" | "ECHO", [text]) => Ok(Frame::Bulk(text.clone())),
            ("PING" | "ECHO", _) => Err(CommandError::Arity(name.to_lowercase())),
            ("HELLO", options) => self.hello(options),
            ("QUIT", _) => Ok(ok()),
            ("RESET", []) => {
                self.version = FIRST_VERSION;
                Ok(Frame::Simple("RESET".to_owned()))
            }
            ("SELECT", [index]) if integer(index)? == 0 => Ok(ok()),
            ("SELECT", [_]) => Err(CommandError::Database),
            ("CLIENT", [what, ..]) => client(what),
            // What clients ask to complete words for a person.
            ("COMMAND", _) => Ok(Frame::Array(Vec::new())),
            _ => commands::run(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner), name, arguments),
        }
    }

    /// `HELLO [version [SETNAME name]]`: changes the version of the protocol, and says who is here.
    fn hello(&mut self, options: &[Vec<u8>]) -> Result<Frame, CommandError> {
        if let Some(version) = options.first() {
            self.version = match version.as_slice() {
                b"2" => 2,
                b"3" => 3,
                _ => return Err(CommandError::NoProtocol),
            };
        }
        let pair = |name: &str, value| (Frame::text(name), value);
        Ok(Frame::Map(vec![
            pair("server", Frame::text("redis")),
            pair("version", Frame::text(concat!("0.0.0-labctl-", env!("CARGO_PKG_VERSION")))),
            pair("proto", Frame::Integer(i64::from(self.version))),
            pair("mode", Frame::text("standalone")),
            pair("role", Frame::text("master")),
            pair("modules", Frame::Array(Vec::new())),
        ]))
    }
}

/// What client libraries tell of themselves is heard and forgotten.
fn client(what: &[u8]) -> Result<Frame, CommandError> {
    match what.to_ascii_uppercase().as_slice() {
        b"SETINFO" | b"SETNAME" => Ok(ok()),
        b"GETNAME" => Ok(Frame::Null),
        _ => Err(CommandError::Syntax),
    }
}
