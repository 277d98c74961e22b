//! Reads the file of a standalone sidecar, strictly: what it does not know or cannot mean is an error with its place.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_saphyr::Location;

use super::model::{OutboundListener, OutboundTls, Standalone, TlsMode};

/// Something that is wrong at a place in a file; shown with the line and a caret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 if the place is not known.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
    /// What is wrong.
    pub reason: String,
    /// The text of the line.
    pub text: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if self.line == 0 {
            return write!(f, " {}", self.reason);
        }
        let gutter = self.line.to_string();
        let (margin, indent) = (" ".repeat(gutter.len()), " ".repeat(self.column.saturating_sub(1) as usize));
        write!(f, "{}:{}: {}\n{margin} |\n", self.line, self.column, self.reason)?;
        write!(f, "{gutter} | {}\n{margin} | {indent}^", self.text)
    }
}

/// Reads `text`, the contents of the file at `path`.
///
/// # Errors
/// If it is not YAML, or not the file of a standalone sidecar.
pub fn parse(path: &Path, text: &str) -> Result<Standalone, Place> {
    let place = |location: Option<Location>, reason: String| {
        let (line, column) = location.map_or((0, 0), |location| (location.line(), location.column()));
        let shown = usize::try_from(line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
        Place { path: path.to_owned(), line, column, reason, text: shown.unwrap_or_default().to_owned() }
    };
    let options = serde_saphyr::options! { with_snippet: false };
    let parsed: Result<Standalone, serde_saphyr::Error> = serde_saphyr::from_str_with_options(text, options);
    let file = parsed.map_err(|error| place(error.location(), reason(&error)))?;
    check(&file).map_err(|(location, reason)| place(location, reason))?;
    Ok(file)
}

/// The error's text without the place, which is shown before it.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    // What its maker could set is no use to the file's reader.
    let text = text.replace(", set DuplicateKeyPolicy in Options if acceptable", "");
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

type Wrong = (Option<Location>, String);

fn check(file: &Standalone) -> Result<(), Wrong> {
    if file.inbound.is_empty() && file.outbound.is_empty() {
        return Err((None, "there is nothing to do: neither `inbound` nor `outbound` has a listener".to_owned()));
    }
    let inbound = file.inbound.iter().map(|listener| &listener.listen);
    let mut seen: HashMap<SocketAddr, u64> = HashMap::new();
    for listen in inbound.chain(file.outbound.iter().map(|listener| &listener.listen)) {
        let line = listen.referenced.line();
        if let Some(first) = seen.insert(listen.value, line)
            && listen.value.port() != 0
        {
            let reason = format!("`{}` is listened on already (line {first})", listen.value);
            return Err((Some(listen.referenced), reason));
        }
    }
    file.outbound.iter().try_for_each(check_outbound)
}

fn check_outbound(listener: &OutboundListener) -> Result<(), Wrong> {
    if listener.upstreams.value.is_empty() {
        return Err((Some(listener.upstreams.referenced), "`upstreams` names nobody".to_owned()));
    }
    for upstream in &listener.upstreams.value {
        if split(&upstream.value).is_none() {
            let reason = format!("`{}` is not an upstream (name:port or address:port)", upstream.value);
            return Err((Some(upstream.referenced), reason));
        }
    }
    check_tls(&listener.tls)
}

fn check_tls(tls: &OutboundTls) -> Result<(), Wrong> {
    let Some(mode) = &tls.mode else { return certificates(TlsMode::default(), tls).map_err(|reason| (None, reason)) };
    certificates(mode.value, tls).map_err(|reason| (Some(mode.referenced), reason))
}

/// Whether a mode has the certificates that it needs, and no others.
fn certificates(mode: TlsMode, tls: &OutboundTls) -> Result<(), String> {
    let own = tls.client_certificate.is_some() || tls.private_key.is_some();
    match mode {
        TlsMode::Mutual if tls.client_certificate.is_none() || tls.private_key.is_none() => {
            Err("MUTUAL needs `clientCertificate` and `privateKey`".to_owned())
        }
        TlsMode::Simple if own => Err("SIMPLE has no client certificate: write MUTUAL".to_owned()),
        TlsMode::IstioMutual if own || tls.ca_certificates.is_some() => {
            Err("ISTIO_MUTUAL uses `identity`: write MUTUAL to use other certificates".to_owned())
        }
        _ => Ok(()),
    }
}

/// Splits `name:port`; an IPv6 address stands in brackets.
pub fn split(upstream: &str) -> Option<(&str, u16)> {
    let (name, port) = upstream.rsplit_once(':')?;
    let name = match name.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?,
        None if name.contains(':') => return None,
        None => name,
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!name.is_empty()).then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "identity: {certificate: a, key: b, roots: c}\n";

    fn error(rest: &str) -> String {
        parse(Path::new("sidecar.yaml"), &format!("{IDENTITY}{rest}")).unwrap_err().to_string()
    }

    #[test]
    fn example_is_read() {
        let example = crate::sidecar::standalone::model::EXAMPLE;
        let file = parse(Path::new("sidecar.yaml"), example).unwrap();
        assert!(example.lines().all(|line| line.len() < 80), "help would wrap it");
        assert_eq!((file.inbound.len(), file.outbound.len(), file.workers.unwrap().get()), (1, 1, 2));
    }

    #[test]
    fn errors_show_their_place() {
        let wrong = [
            "inbound:\n  - listen: 127.0.0.1:1\n    aplication: 127.0.0.1:2\n",
            "inbound:\n  - listen: 127.0.0.1\n    application: 127.0.0.1:2\n",
            "inbound:\n  - listen: 127.0.0.1:1\n    application: 127.0.0.1:2\n    mode: strict\n",
            "workers: 0\n",
            "workers: 1\nworkers: 2\n",
            "workers: [\n",
            "accessLog: true\n",
            "inbound:\n  - {listen: '0.0.0.0:1', application: 'a:2'}\n",
            "inbound:\n  - {listen: '0.0.0.0:1', application: '1.1.1.1:2'}\n  - {listen: '0.0.0.0:1', application: '1.1.1.1:2'}\n",
            "outbound:\n  - {listen: '0.0.0.0:1', upstreams: []}\n",
            "outbound:\n  - {listen: '0.0.0.0:1', upstreams: ['a:1', b]}\n",
            "outbound:\n  - {listen: '0.0.0.0:1', upstreams: ['a:1'], tls: {mode: MUTUAL}}\n",
            "outbound:\n  - {listen: '0.0.0.0:1', upstreams: ['a:1'], tls: {mode: SIMPLE, privateKey: a}}\n",
            "outbound:\n  - {listen: '0.0.0.0:1', upstreams: ['a:1'], tls: {mode: ISTIO_MUTUAL, caCertificates: a}}\n",
        ];
        insta::assert_snapshot!(wrong.map(error).join("\n\n"));
    }

    #[test]
    fn upstreams_are_split() {
        let table = [
            ("a.example:80", Some(("a.example", 80))),
            ("[::1]:80", Some(("::1", 80))),
            ("::1:80", None),
            ("a:0", None),
            ("a", None),
            (":80", None),
        ];
        for (text, expected) in table {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
