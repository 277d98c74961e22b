//! `openssl s_client`: shows which certificates a server presents, as OpenSSL's own program does.
//!
//! Only that: it believes every certificate, shows them, and ends. It carries on no conversation and knows none of
//! OpenSSL's other commands.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::{BoxFuture, FutureExt as _};
use rustls::{ClientConfig, crypto::aws_lc_rs::default_provider, pki_types::ServerName, version};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_parser::parse_x509_certificate;

use crate::{
    host::{ExitStatus, Host, Output},
    host_println,
    workloads::curl,
};

/// How long connecting and the handshake may take together.
const WITHIN: Duration = Duration::from_secs(10);

const USAGE: &str = "usage: openssl s_client -connect HOST:PORT [-servername NAME] [-alpn NAME[,NAME...]] [-showcerts]";

/// What was asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Options {
    host: String,
    port: u16,
    server_name: Option<String>,
    alpn: Vec<Vec<u8>>,
    whole_chain: bool,
}

/// Runs `openssl s_client ...`; it ends with 0 if the server presented a certificate.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    async move {
        let options = match parse(&arguments) {
            Ok(options) => options,
            Err(message) => {
                host_println!(host, Output::Stderr, "openssl: {message}\n{USAGE}");
                return ExitStatus::USAGE;
            }
        };
        let asked = async {
            let late = || Err(io::Error::from(io::ErrorKind::TimedOut));
            tokio::time::timeout(WITHIN, show(&*host, &options)).await.unwrap_or_else(|_| late())
        };
        tokio::select! {
            shown = asked => match shown {
                Ok(()) => ExitStatus::SUCCESS,
                Err(error) => {
                    host_println!(host, Output::Stderr, "openssl: {error}");
                    ExitStatus::FAILURE
                }
            },
            () = host.shutdown().cancelled_owned() => ExitStatus::FAILURE,
        }
    }
    .boxed()
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut words = arguments.iter();
    match words.next().map(String::as_str) {
        Some("s_client") => {}
        Some(other) => return Err(format!("`{other}` is not here, only `s_client` is")),
        None => return Err("which command?".to_owned()),
    }
    let (mut options, mut target) = (Options::default(), None);
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "-alpn" => options.alpn = value()?.split(',').map(|name| name.as_bytes().to_vec()).collect(),
            "-connect" => target = Some(value()?),
            "-servername" => options.server_name = Some(value()?),
            "-showcerts" => options.whole_chain = true,
            other => return Err(format!("unknown option `{other}`")),
        }
    }
    let target = target.ok_or("`-connect HOST:PORT` is missing")?;
    let wrong = || format!("`{target}` is not HOST:PORT");
    let (host, port) = target.rsplit_once(':').ok_or_else(wrong)?;
    options.host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    options.port = port.parse().map_err(|_| wrong())?;
    if options.host.is_empty() { Err(wrong()) } else { Ok(options) }
}

async fn show(host: &dyn Host, options: &Options) -> io::Result<()> {
    let stream = connect(host, options).await?;
    host_println!(host, Output::Stdout, "CONNECTED");
    let stream = match handshake(options, stream).await {
        Ok(stream) => stream,
        Err(error) => {
            host_println!(host, Output::Stdout, "no peer certificate available");
            return Err(io::Error::other(format!("the handshake failed: {error}")));
        }
    };
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let shown = if options.whole_chain { chain.len() } else { 1 };
    host_println!(host, Output::Stdout, "---\nCertificate chain");
    for (depth, certificate) in chain.iter().take(shown).enumerate() {
        host_println!(host, Output::Stdout, "{}{}", names(depth, certificate), pem(certificate));
    }
    let protocol = session.alpn_protocol().map_or("none".into(), String::from_utf8_lossy);
    let version = session.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
    let version = version.unwrap_or_default().replace('_', ".");
    host_println!(host, Output::Stdout, "---\nProtocol: {version}\nALPN protocol: {protocol}\n---");
    Ok(())
}

async fn connect(host: &dyn Host, options: &Options) -> io::Result<TcpStream> {
    let addresses = match options.host.parse() {
        Ok(address) => vec![address],
        Err(_) => host.resolve(&options.host).await?,
    };
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match host.connect(SocketAddr::new(address, options.port), None).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(io::Error::new(last.kind(), format!("cannot connect to {}:{}: {last}", options.host, options.port)))
}

async fn handshake(options: &Options, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(curl::credulous(&options.host))
        .with_no_client_auth();
    config.alpn_protocols.clone_from(&options.alpn);
    let name = options.server_name.as_ref().unwrap_or(&options.host).clone();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Subject and issuer of a certificate, as `s_client` numbers them.
fn names(depth: usize, certificate: &[u8]) -> String {
    match parse_x509_certificate(certificate) {
        Ok((_, parsed)) => format!(" {depth} s:{}\n   i:{}\n", parsed.subject(), parsed.issuer()),
        Err(_) => format!(" {depth} not an X.509 certificate\n"),
    }
}

fn pem(certificate: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(certificate);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_as_people_type_it() {
        let options = parsed("s_client -showcerts -alpn istio,h2 -connect [::1]:8443 -servername a.b").unwrap();
        assert_eq!((options.host.as_str(), options.port, options.whole_chain), ("::1", 8443, true));
        assert_eq!((options.alpn.len(), options.server_name.as_deref()), (2, Some("a.b")));
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        let refused: Vec<String> = [
            "",
            "version",
            "s_client",
            "s_client -connect a",
            "s_client -connect a:b",
            "s_client -x",
            "s_client -alpn",
        ]
        .into_iter()
        .map(|line| parsed(line).unwrap_err())
        .collect();
        insta::assert_snapshot!(refused.join("\n"), @r"
        which command?
        `version` is not here, only `s_client` is
        `-connect HOST:PORT` is missing
        `a` is not HOST:PORT
        `a:b` is not HOST:PORT
        unknown option `-x`
        `-alpn` needs a value
        ");
    }
}
