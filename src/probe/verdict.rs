//! What a probe saw, and what a lab expects it to see, in the words that a lab file uses for them.
//!
//! A verdict is a mode or a cause, never a boolean: "blocked" without a cause would let a crashed server pass.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    mesh::identity::{NotASpiffeId, SpiffeId},
    probe::alert::{Alert, UnknownAlert},
};

/// What a probe saw. `Display` and `FromStr` are inverses.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Verdict {
    /// `dns`: the name was not resolved.
    Dns,
    /// `http(<code>)`: an answer that is not the application's success, such as a sidecar's 503.
    Http(u16),
    /// `mtls(<spiffe id>)`: answered; the bytes travelled in mutual TLS, and this is who the client proved to be.
    Mtls(SpiffeId),
    /// `no-endpoint`: the Service has no ready pod.
    NoEndpoint,
    /// `plaintext`: answered; the bytes travelled as the application wrote them.
    Plaintext,
    /// `refused`: nobody listens there (`ECONNREFUSED`).
    Refused,
    /// `reset`: the connection stood and was then closed by the other side before an answer.
    Reset,
    /// `timeout`: no answer in time.
    Timeout,
    /// `tls-alert(<name>)`: the other side ended the handshake with this alert.
    TlsAlert(Alert),
    /// `tls-only`: answered over TLS that is not the mesh's mutual TLS: encrypted, but nobody proved who calls.
    TlsOnly,
}

/// How each kind of verdict is written, for error messages.
pub const VERDICTS: &[&str] = &[
    "dns",
    "http(<code>)",
    "mtls(<spiffe id>)",
    "no-endpoint",
    "plaintext",
    "refused",
    "reset",
    "timeout",
    "tls-alert(<name>)",
    "tls-only",
];

impl Verdict {
    /// Whether the client got its answer from the application.
    pub fn answered(&self) -> bool {
        match self {
            Self::Mtls(_) | Self::Plaintext | Self::TlsOnly => true,
            Self::Http(code) => *code < 400,
            Self::Dns | Self::NoEndpoint | Self::Refused | Self::Reset | Self::Timeout | Self::TlsAlert(_) => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("dns"),
            Self::Http(code) => write!(f, "http({code})"),
            Self::Mtls(id) => write!(f, "mtls({id})"),
            Self::NoEndpoint => f.write_str("no-endpoint"),
            Self::Plaintext => f.write_str("plaintext"),
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("reset"),
            Self::Timeout => f.write_str("timeout"),
            Self::TlsAlert(alert) => write!(f, "tls-alert({alert})"),
            Self::TlsOnly => f.write_str("tls-only"),
        }
    }
}

/// The text is not a verdict.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownVerdict {
    /// `tls-alert(...)` with a name that TLS does not have.
    #[error(transparent)]
    Alert(#[from] UnknownAlert),
    /// `http(...)` without a status code.
    #[error("`{0}` is not an HTTP status code (100 to 599)")]
    Code(String),
    /// `mtls(...)` without an identity.
    #[error(transparent)]
    Identity(#[from] NotASpiffeId),
    /// The kind takes something in parentheses, or takes nothing.
    #[error("write it as `{0}`")]
    Shape(&'static str),
    /// Not even the kind is known.
    #[error("`{0}` is not a verdict")]
    Word(String),
}

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        let (word, argument) = match text.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
            Some((word, argument)) => (word, Some(argument)),
            None => (text, None),
        };
        match (word, argument) {
            ("dns", None) => Ok(Self::Dns),
            ("http", Some(code)) => Ok(Self::Http(status_code(code)?)),
            ("mtls", Some(id)) => Ok(Self::Mtls(id.parse()?)),
            ("no-endpoint", None) => Ok(Self::NoEndpoint),
            ("plaintext", None) => Ok(Self::Plaintext),
            ("refused", None) => Ok(Self::Refused),
            ("reset", None) => Ok(Self::Reset),
            ("timeout", None) => Ok(Self::Timeout),
            ("tls-alert", Some(name)) => Ok(Self::TlsAlert(name.parse()?)),
            ("tls-only", None) => Ok(Self::TlsOnly),
            _ => Err(shape(word).map_or_else(|| UnknownVerdict::Word(text.to_owned()), UnknownVerdict::Shape)),
        }
    }
}

/// How verdicts of this kind are written, if there is such a kind.
fn shape(word: &str) -> Option<&'static str> {
    VERDICTS.iter().copied().find(|known| known.split('(').next() == Some(word))
}

/// Three digits, 100 to 599, written without a sign or leading zeros.
fn status_code(text: &str) -> Result<u16, UnknownVerdict> {
    let code = text.parse().ok().filter(|code: &u16| (100..600).contains(code) && code.to_string() == text);
    code.ok_or_else(|| UnknownVerdict::Code(text.to_owned()))
}

impl TryFrom<String> for Verdict {
    type Error = UnknownVerdict;

    fn try_from(text: String) -> Result<Self, UnknownVerdict> {
        text.parse()
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.to_string()
    }
}

/// What a lab expects to be seen.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Expected {
    /// This and nothing else.
    Exactly(Verdict),
    /// `mtls`: mutual TLS by whoever the asking workload is; the runner knows its service account.
    Mtls,
}

impl Expected {
    /// Whether `seen` is as expected, asked by the workload that is `caller` if it is one.
    pub fn admits(&self, seen: &Verdict, caller: Option<&SpiffeId>) -> bool {
        match self {
            Self::Exactly(verdict) => verdict == seen,
            Self::Mtls => matches!(seen, Verdict::Mtls(id) if Some(id) == caller),
        }
    }

    /// Whether the client is expected to get its answer.
    pub fn answered(&self) -> bool {
        match self {
            Self::Exactly(verdict) => verdict.answered(),
            Self::Mtls => true,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(verdict) => verdict.fmt(f),
            Self::Mtls => f.write_str("mtls"),
        }
    }
}

impl FromStr for Expected {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        match text {
            "mtls" => Ok(Self::Mtls),
            _ => text.parse().map(Self::Exactly),
        }
    }
}

impl TryFrom<String> for Expected {
    type Error = UnknownVerdict;

    fn try_from(text: String) -> Result<Self, UnknownVerdict> {
        text.parse()
    }
}

impl From<Expected> for String {
    fn from(expected: Expected) -> Self {
        expected.to_string()
    }
}
