//! What a client shows of itself and how it verifies its peer, in words.

use super::auth::{CERTIFICATE, ROOTS};
use crate::mesh::{
    policy::ClientSetting,
    resources::{ClientTlsMode, ClientTlsSettings},
};

/// The certificate that a client shows; none if it shows none.
pub(super) fn certificate(setting: &ClientSetting) -> Option<String> {
    match setting.mode {
        ClientTlsMode::IstioMutual => Some(CERTIFICATE.to_owned()),
        ClientTlsMode::Mutual => setting.tls.as_ref().and_then(|tls| secret(tls).or(given(&tls.client_certificate))),
        ClientTlsMode::Disable | ClientTlsMode::Simple => None,
    }
}

/// By what a client verifies its peer; none if it does not.
pub(super) fn roots(setting: &ClientSetting) -> Option<String> {
    let tls = setting.tls.as_ref();
    match setting.mode {
        ClientTlsMode::Disable => None,
        ClientTlsMode::IstioMutual => Some(ROOTS.to_owned()),
        ClientTlsMode::Mutual | ClientTlsMode::Simple => {
            if tls.is_some_and(|tls| tls.insecure_skip_verify == Some(true)) {
                return None;
            }
            let own = tls.and_then(|tls| secret(tls).or(given(&tls.ca_certificates)));
            Some(own.unwrap_or_else(|| "the system's roots".to_owned()))
        }
    }
}

fn secret(tls: &ClientTlsSettings) -> Option<String> {
    given(&tls.credential_name).map(|name| format!("Secret {name}"))
}

fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}
