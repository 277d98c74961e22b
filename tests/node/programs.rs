//! Tiny programs that the test pods run.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use labctl::{
    host::{ExitStatus, Host, Output, Ports, Program, Redirect},
    host_println,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::health;

/// Finds a test program.
pub fn find(name: &str) -> Option<Program> {
    let program: Program = match name {
        "call" => |host, arguments| async move { call(host, &arguments).await }.boxed(),
        "cat" => |host, arguments| ready(cat(&*host, &arguments)),
        "copy" => |host, _| copy(host).boxed(),
        "env" => |host, arguments| ready(env(&*host, &arguments)),
        "exit" => |_, arguments| ready(ExitStatus(arguments[0].parse().unwrap())),
        "grpc" => |host, _| health::grpc(host).boxed(),
        "panic" => |_, arguments| async move { panic!("{}", arguments[0]) }.boxed(),
        "pause" => |host, _| pause(host).boxed(),
        "print" => |host, arguments| ready(print(&*host, &arguments)),
        "redirect" => |host, _| ready(redirect(&*host)),
        "serve" => |host, arguments| async move { serve(host, &arguments).await }.boxed(),
        "stubborn" => |_, _| std::future::pending().boxed(),
        "tls" => |host, _| health::tls(host).boxed(),
        "write" => |host, arguments| ready(write(&*host, &arguments)),
        _ => return None,
    };
    Some(program)
}

fn ready(status: ExitStatus) -> BoxFuture<'static, ExitStatus> {
    std::future::ready(status).boxed()
}

/// Answers every connection with `<word> from <peer> to <original destination>`; one socket for each argument
/// `<word>:<port>`.
async fn serve(host: Arc<dyn Host>, arguments: &[String]) -> ExitStatus {
    let mut tasks = tokio::task::JoinSet::new();
    for argument in arguments {
        let (word, port) = argument.split_once(':').unwrap();
        let address = SocketAddr::from(([0, 0, 0, 0], port.parse().unwrap()));
        let listener = host.listen(address).await.unwrap();
        let word = word.to_owned();
        tasks.spawn(async move {
            while let Ok(mut accepted) = listener.accept().await {
                let answer = format!("{word} from {} to {}", accepted.peer.ip(), accepted.orig_dst);
                // A caller that went away is its own business.
                _ = accepted.stream.write_all(answer.as_bytes()).await;
            }
        });
    }
    host_println!(host, Output::Stdout, "serving");
    host.shutdown().cancelled().await;
    ExitStatus::SUCCESS
}

/// Prints what `<host> <port>` answers, or how the connection fails.
async fn call(host: Arc<dyn Host>, arguments: &[String]) -> ExitStatus {
    match answer_of(&*host, arguments).await {
        Ok(answer) => {
            host.print(Output::Stdout, answer.as_bytes());
            ExitStatus::SUCCESS
        }
        Err(error) => {
            host_println!(host, Output::Stdout, "{:?}", error.kind());
            ExitStatus::FAILURE
        }
    }
}

async fn answer_of(host: &dyn Host, arguments: &[String]) -> io::Result<String> {
    let address = host.resolve(&arguments[0]).await?[0];
    let to = SocketAddr::new(address, arguments[1].parse().unwrap());
    let from = arguments.get(2).map(|from| from.parse().unwrap());
    let mut answer = String::new();
    host.connect(to, from).await?.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn cat(host: &dyn Host, arguments: &[String]) -> ExitStatus {
    match host.read(Path::new(&arguments[0])) {
        Ok(contents) => {
            host.print(Output::Stdout, &contents);
            ExitStatus::SUCCESS
        }
        Err(error) => {
            host.print(Output::Stderr, error.to_string().as_bytes());
            ExitStatus::FAILURE
        }
    }
}

async fn copy(host: Arc<dyn Host>) -> ExitStatus {
    let mut text = Vec::new();
    host.stdin().read_to_end(&mut text).await.unwrap();
    host.print(Output::Stdout, &text);
    ExitStatus::SUCCESS
}

fn env(host: &dyn Host, arguments: &[String]) -> ExitStatus {
    let values: Vec<String> = arguments.iter().map(|name| host.env(name).unwrap_or_else(|| "-".to_owned())).collect();
    host_println!(host, Output::Stdout, "{}", values.join(" "));
    ExitStatus::SUCCESS
}

async fn pause(host: Arc<dyn Host>) -> ExitStatus {
    host.shutdown().cancelled().await;
    host_println!(host, Output::Stdout, "asked to end");
    ExitStatus::SUCCESS
}

fn print(host: &dyn Host, arguments: &[String]) -> ExitStatus {
    for line in arguments {
        host_println!(host, Output::Stdout, "{line}");
    }
    ExitStatus::SUCCESS
}

fn write(host: &dyn Host, arguments: &[String]) -> ExitStatus {
    match host.write(Path::new(&arguments[0]), arguments[1].as_bytes()) {
        Ok(()) => ExitStatus::SUCCESS,
        Err(_) => ExitStatus::FAILURE,
    }
}

/// Redirects as `istio-init` does.
fn redirect(host: &dyn Host) -> ExitStatus {
    let redirect = Redirect { include_inbound: Ports::All, exclude_inbound: vec![15021], ..Redirect::default() };
    match host.redirect(&redirect) {
        Ok(()) => ExitStatus::SUCCESS,
        Err(error) => {
            host_println!(host, Output::Stderr, "{:?}", error.kind());
            ExitStatus::FAILURE
        }
    }
}
