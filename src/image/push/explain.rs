//! What a failed conversation with a registry means for whoever had it.

use std::error::Error;

use http::StatusCode;
use oci_client::{errors::OciDistributionError, errors::OciEnvelope, secrets::RegistryAuth};

use super::{ImageName, PushError};

/// Says what `error` means.
pub fn explain(error: OciDistributionError, name: &ImageName, login: &RegistryAuth) -> PushError {
    let registry = name.reference().resolve_registry().to_owned();
    let status = status(&error);
    if matches!(status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) {
        let who = match login {
            RegistryAuth::Basic(user, _) => user.clone(),
            RegistryAuth::Anonymous | RegistryAuth::Bearer(_) => "anybody without a login".to_owned(),
        };
        return PushError::Denied { registry, repository: name.reference().repository().to_owned(), who };
    }
    match error {
        OciDistributionError::RequestError(error) if error.is_connect() || error.is_timeout() => {
            let why = root(&error);
            // What rustls says to a server that answers the start of a handshake in plain text.
            let plain = ["corrupt message", "InvalidContentType"].iter().any(|sign| why.contains(sign));
            let why = match why {
                _ if plain => "it does not speak TLS".to_owned(),
                // How the client's own resolver puts it.
                why if why.starts_with("no records found") => "there is no address for this name".to_owned(),
                why => why,
            };
            PushError::Unreachable { registry, why, plain }
        }
        OciDistributionError::ServerError { code, message, .. } => {
            PushError::Refused { registry, why: told(code, &message) }
        }
        other => PushError::Refused { registry, why: root(&other) },
    }
}

/// The status that an answer had, as far as it was one.
fn status(error: &OciDistributionError) -> Option<StatusCode> {
    match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
            Some(StatusCode::UNAUTHORIZED)
        }
        OciDistributionError::RequestError(error) => error.status(),
        OciDistributionError::ServerError { code, .. } => StatusCode::from_u16(*code).ok(),
        _ => None,
    }
}

/// What a registry says besides its status: in the form that the specification asks for, or not at all.
fn told(code: u16, body: &str) -> String {
    let said = serde_json::from_str::<OciEnvelope>(body).ok();
    let said =
        said.map(|envelope| envelope.errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join(", "));
    match said.filter(|said| !said.is_empty()) {
        Some(said) => format!("{said} (status {code})"),
        None => format!("it answers with status {code}"),
    }
}

/// The cause that has no cause.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
