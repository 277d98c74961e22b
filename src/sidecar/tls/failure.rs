//! Names the causes of failed handshakes: once as Envoy does, once in words a trainee understands.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use super::verify::WrongPeer;

/// Why TLS failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Described {
    /// The name that Envoy's library gives it, `WRONG_VERSION_NUMBER`.
    pub code: String,
    /// In words.
    pub words: String,
}

/// Finds the TLS failure in an error of a stream, if it is one.
pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // An io::Error hides what it wraps: its source is the wrapped error's source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    None
}

/// Describes a failed handshake that we began.
pub fn describe(error: &io::Error) -> Described {
    match find(error) {
        Some(failure) => describe_tls(failure),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Described {
            code: "CONNECTION_CLOSED".to_owned(),
            words: "the server closed the connection during the TLS handshake".to_owned(),
        },
        None if error.kind() == io::ErrorKind::ConnectionReset => Described {
            code: "CONNECTION_RESET".to_owned(),
            words: "the server reset the connection during the TLS handshake".to_owned(),
        },
        None => Described { code: "SYSTEM".to_owned(), words: error.to_string() },
    }
}

fn describe_tls(error: &Error) -> Described {
    let (code, words) = match error {
        Error::InvalidMessage(_) => (
            "WRONG_VERSION_NUMBER".to_owned(),
            "the server did not answer in TLS: it speaks plaintext on this port".to_owned(),
        ),
        Error::InvalidCertificate(reason) => {
            let words = certificate(reason);
            (
                format!("CERTIFICATE_VERIFY_FAILED: {words}"),
                format!("the server's certificate was not accepted: {words}"),
            )
        }
        Error::AlertReceived(alert) => {
            let name = alert_name(*alert);
            (format!("ALERT_{}", name.to_uppercase()), format!("the server refused with the TLS alert {name}"))
        }
        Error::PeerIncompatible(_) => (
            "UNSUPPORTED_PROTOCOL".to_owned(),
            "the server does not speak a TLS version and cipher that we accept".to_owned(),
        ),
        other => ("HANDSHAKE_FAILURE".to_owned(), other.to_string()),
    };
    Described { code, words }
}

/// What is wrong with a certificate.
pub fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "unknown issuer, it does not chain to the expected roots".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::Other(other) => match other.0.downcast_ref::<WrongPeer>() {
            Some(wrong) => wrong.to_string(),
            None => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// Why we refused a client, in words.
pub fn refused_client(error: &io::Error) -> String {
    match find(error) {
        Some(Error::NoCertificatesPresented) => {
            "the client speaks TLS but has no certificate (alert certificate_required)".to_owned()
        }
        Some(Error::InvalidCertificate(reason)) => {
            format!("the client's certificate was not accepted: {}", certificate(reason))
        }
        Some(Error::AlertReceived(alert)) => format!("the client gave up with the TLS alert {}", alert_name(*alert)),
        Some(other) => format!("the TLS handshake failed: {other}"),
        None if error.kind() == io::ErrorKind::TimedOut => "the client did not finish its TLS handshake".to_owned(),
        None => format!("the client went away during the TLS handshake: {error}"),
    }
}

/// The name of an alert as the RFCs write it, `certificate_required`.
pub fn alert_name(alert: AlertDescription) -> String {
    let debug = format!("{alert:?}");
    let mut name = String::with_capacity(debug.len() + 4);
    let mut previous_small = false;
    for character in debug.chars() {
        if character.is_ascii_uppercase() && previous_small {
            name.push('_');
        }
        previous_small = character.is_ascii_lowercase();
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{InvalidMessage, OtherError};

    use super::*;

    fn of_server(error: Error) -> String {
        let described = describe(&io::Error::new(io::ErrorKind::InvalidData, error));
        format!("{} | {}", described.code, described.words)
    }

    #[test]
    fn failures_of_servers_are_named() {
        insta::assert_snapshot!(of_server(Error::InvalidMessage(InvalidMessage::InvalidContentType)), @"WRONG_VERSION_NUMBER | the server did not answer in TLS: it speaks plaintext on this port");
        insta::assert_snapshot!(of_server(Error::InvalidCertificate(CertificateError::UnknownIssuer)), @"CERTIFICATE_VERIFY_FAILED: unknown issuer, it does not chain to the expected roots | the server's certificate was not accepted: unknown issuer, it does not chain to the expected roots");
        insta::assert_snapshot!(of_server(Error::AlertReceived(AlertDescription::CertificateRequired)), @"ALERT_CERTIFICATE_REQUIRED | the server refused with the TLS alert certificate_required");
        let wrong = WrongPeer::NotExpected {
            presented: vec!["spiffe://a/ns/b/sa/c".into()],
            expected: vec!["spiffe://a/ns/b/sa/d".into()],
        };
        let wrong = Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(wrong))));
        insta::assert_snapshot!(of_server(wrong), @"CERTIFICATE_VERIFY_FAILED: spiffe://a/ns/b/sa/c is none of the expected spiffe://a/ns/b/sa/d | the server's certificate was not accepted: spiffe://a/ns/b/sa/c is none of the expected spiffe://a/ns/b/sa/d");
        insta::assert_snapshot!(describe(&io::ErrorKind::UnexpectedEof.into()).words, @"the server closed the connection during the TLS handshake");
        insta::assert_snapshot!(describe(&io::ErrorKind::ConnectionReset.into()).words, @"the server reset the connection during the TLS handshake");
    }

    #[test]
    fn refusals_of_clients_are_named() {
        let of = |error| refused_client(&io::Error::new(io::ErrorKind::InvalidData, error));
        insta::assert_snapshot!(of(Error::NoCertificatesPresented), @"the client speaks TLS but has no certificate (alert certificate_required)");
        let foreign = WrongPeer::ForeignTrustDomain {
            presented: vec!["spiffe://other/ns/b/sa/c".into()],
            trusted: vec!["cluster.local".into()],
        };
        let foreign = Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(foreign))));
        insta::assert_snapshot!(of(foreign), @"the client's certificate was not accepted: spiffe://other/ns/b/sa/c is not of a trusted domain (cluster.local)");
        insta::assert_snapshot!(refused_client(&io::ErrorKind::TimedOut.into()), @"the client did not finish its TLS handshake");
    }

    #[test]
    fn alerts_are_named_as_in_the_rfc() {
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::CertificateUnknown), "certificate_unknown");
    }
}
