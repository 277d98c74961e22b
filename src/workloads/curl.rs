//! `curl`: asks for URLs, with curl's own options, messages and exit codes.
//!
//! HTTP and HTTPS, HTTP/1.1 and HTTP/2. Connections are made through the host, one for each request. What curl does
//! beyond that (other protocols, proxies, cookies, globbing) is not here: its options are unknown.

mod arguments;
mod connect;
mod exchange;
mod failure;
mod output;
mod report;
mod tls;
mod transfer;
mod url;
mod wire;
mod write_out;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

pub use tls::alert_words;
pub(super) use tls::credulous;

use crate::{
    host::{ExitStatus, Host, Output},
    host_println,
};
use arguments::{Options, Parsed};
use failure::Failure;

/// Runs `curl [OPTIONS] URL...`; the exit code is that of the last URL.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    async move {
        let options = match arguments::parse(&arguments) {
            Ok(Parsed::Options(options)) => *options,
            Ok(Parsed::Text(text)) => {
                host.print(Output::Stdout, text.as_bytes());
                return ExitStatus::SUCCESS;
            }
            Err(message) => {
                host_println!(host, Output::Stderr, "curl: {message}\ncurl: try 'curl --help' for more information");
                return ExitStatus::USAGE;
            }
        };
        let run = run(&*host, &options);
        tokio::select! {
            status = run => status,
            () = host.shutdown().cancelled_owned() => ExitStatus(TERMINATED),
        }
    }
    .boxed()
}

/// What a shell shows for a process that `SIGTERM` ended.
const TERMINATED: u8 = 143;

async fn run(host: &dyn Host, options: &Options) -> ExitStatus {
    let body = match options.body(host).await {
        Ok(body) => body,
        Err(failure) => return complain(host, options, &failure),
    };
    let mut status = ExitStatus::SUCCESS;
    for (index, url) in options.urls.iter().enumerate() {
        let output = options.outputs.get(index).map(String::as_str);
        status = match transfer::run(host, options, url, output, body.as_ref()).await {
            Ok(()) => ExitStatus::SUCCESS,
            Err(failure) => complain(host, options, &failure),
        };
    }
    status
}

fn complain(host: &dyn Host, options: &Options, failure: &Failure) -> ExitStatus {
    if !options.silent || options.show_error {
        host_println!(host, Output::Stderr, "curl: ({}) {}", failure.code, failure.message);
    }
    ExitStatus(failure.code)
}
