//! What goes wrong in TLS, in the words of OpenSSL that curl passes on.

use std::io;

use rustls::AlertDescription;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// The TLS error behind an input or output error.
pub(super) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The alert that the peer sent, if that is what the error is.
pub(in super::super) fn alert(error: &io::Error) -> Option<AlertDescription> {
    cause(error).and_then(super::alert_of)
}

/// curl's message for an alert that arrived instead of an answer.
pub(in super::super) fn alert_while_reading(alert: AlertDescription) -> String {
    format!("OpenSSL SSL_read: {}, errno 0", openssl_error(alert))
}

/// curl's message for a handshake that failed.
pub(super) fn handshake_error(error: &rustls::Error) -> String {
    let reason = match error {
        rustls::Error::AlertReceived(alert) => openssl_error(*alert),
        rustls::Error::InvalidMessage(_) => "error:0A00010B:SSL routines::wrong version number".to_owned(),
        other => other.to_string(),
    };
    format!("TLS connect error: {reason}")
}

/// An alert as OpenSSL prints it. Its reason codes are the alerts' numbers, 1000 added.
fn openssl_error(alert: AlertDescription) -> String {
    format!("error:{:08X}:SSL routines::{}", 0x0A00_0000 + 1000 + u32::from(u8::from(alert)), alert_words(alert))
}

/// The name that OpenSSL (and so curl) gives an alert: `tlsv13 alert certificate required`.
pub fn alert_words(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CloseNotify => "ssl alert close notify",
        AlertDescription::UnexpectedMessage => "sslv3 alert unexpected message",
        AlertDescription::BadRecordMac => "sslv3 alert bad record mac",
        AlertDescription::DecryptionFailed => "tlsv1 alert decryption failed",
        AlertDescription::RecordOverflow => "tlsv1 alert record overflow",
        AlertDescription::DecompressionFailure => "sslv3 alert decompression failure",
        AlertDescription::HandshakeFailure => "sslv3 alert handshake failure",
        AlertDescription::NoCertificate => "sslv3 alert no certificate",
        AlertDescription::BadCertificate => "sslv3 alert bad certificate",
        AlertDescription::UnsupportedCertificate => "sslv3 alert unsupported certificate",
        AlertDescription::CertificateRevoked => "sslv3 alert certificate revoked",
        AlertDescription::CertificateExpired => "sslv3 alert certificate expired",
        AlertDescription::CertificateUnknown => "sslv3 alert certificate unknown",
        AlertDescription::IllegalParameter => "sslv3 alert illegal parameter",
        AlertDescription::UnknownCA => "tlsv1 alert unknown ca",
        AlertDescription::AccessDenied => "tlsv1 alert access denied",
        AlertDescription::DecodeError => "tlsv1 alert decode error",
        AlertDescription::DecryptError => "tlsv1 alert decrypt error",
        AlertDescription::ExportRestriction => "tlsv1 alert export restriction",
        AlertDescription::ProtocolVersion => "tlsv1 alert protocol version",
        AlertDescription::InsufficientSecurity => "tlsv1 alert insufficient security",
        AlertDescription::InternalError => "tlsv1 alert internal error",
        AlertDescription::InappropriateFallback => "tlsv1 alert inappropriate fallback",
        AlertDescription::UserCanceled => "tlsv1 alert user cancelled",
        AlertDescription::NoRenegotiation => "tlsv1 alert no renegotiation",
        AlertDescription::MissingExtension => "tlsv13 alert missing extension",
        AlertDescription::UnsupportedExtension => "tlsv1 alert unsupported extension",
        AlertDescription::CertificateUnobtainable => "tlsv1 alert certificate unobtainable",
        AlertDescription::UnrecognisedName => "tlsv1 alert unrecognized name",
        AlertDescription::BadCertificateStatusResponse => "tlsv1 alert bad certificate status response",
        AlertDescription::BadCertificateHashValue => "tlsv1 alert bad certificate hash value",
        AlertDescription::UnknownPSKIdentity => "tlsv1 alert unknown psk identity",
        AlertDescription::CertificateRequired => "tlsv13 alert certificate required",
        AlertDescription::NoApplicationProtocol => "tlsv1 alert no application protocol",
        _ => "ssl alert unknown",
    }
}

/// Lines about the server's certificate for `-v`; a mesh certificate has its identity in the alternative name.
pub(super) fn describe_certificate(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = parse_x509_certificate(der) else { return Vec::new() };
    let mut lines = vec![
        "Server certificate:".to_owned(),
        format!(" subject: {}", certificate.subject()),
        format!(" start date: {}", certificate.validity().not_before),
        format!(" expire date: {}", certificate.validity().not_after),
    ];
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        for name in &names.value.general_names {
            lines.push(format!(" subjectAltName: {}", show_name(name)));
        }
    }
    lines.push(format!(" issuer: {}", certificate.issuer()));
    lines
}

fn show_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::IPAddress([a, b, c, d]) => format!("IP:{a}.{b}.{c}.{d}"),
        other => other.to_string(),
    }
}
