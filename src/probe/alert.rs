//! The alerts of TLS by name.

use std::{fmt, str::FromStr};

/// A TLS alert, `certificate required` for instance. Written with the RFC's words, spaces for underscores.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Alert(u8);

/// Code and name. Source: RFC 8446, section 6, and the registry it refers to.
pub const ALERTS: &[(u8, &str)] = &[
    (0, "close notify"),
    (10, "unexpected message"),
    (20, "bad record mac"),
    (22, "record overflow"),
    (40, "handshake failure"),
    (42, "bad certificate"),
    (43, "unsupported certificate"),
    (44, "certificate revoked"),
    (45, "certificate expired"),
    (46, "certificate unknown"),
    (47, "illegal parameter"),
    (48, "unknown ca"),
    (49, "access denied"),
    (50, "decode error"),
    (51, "decrypt error"),
    (70, "protocol version"),
    (71, "insufficient security"),
    (80, "internal error"),
    (86, "inappropriate fallback"),
    (90, "user canceled"),
    (100, "no renegotiation"),
    (109, "missing extension"),
    (110, "unsupported extension"),
    (112, "unrecognized name"),
    (113, "bad certificate status response"),
    (115, "unknown psk identity"),
    (116, "certificate required"),
    (120, "no application protocol"),
];

impl Alert {
    /// The alert that travels as `code`, if TLS has one.
    pub fn from_code(code: u8) -> Option<Self> {
        ALERTS.iter().any(|&(known, _)| known == code).then_some(Self(code))
    }

    /// The byte that travels.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The name, in lower case with spaces.
    pub fn name(self) -> &'static str {
        ALERTS.iter().find(|&&(code, _)| code == self.0).map_or("", |&(_, name)| name)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not the name of a TLS alert.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not the name of a TLS alert")]
pub struct UnknownAlert(pub String);

impl FromStr for Alert {
    type Err = UnknownAlert;

    fn from_str(text: &str) -> Result<Self, UnknownAlert> {
        let known = ALERTS.iter().find(|&&(_, name)| name == text);
        known.map(|&(code, _)| Self(code)).ok_or_else(|| UnknownAlert(text.to_owned()))
    }
}
