//! Service-account tokens: JSON web tokens (RFC 7519) that the server signs with its own key (ES256, RFC 7518).

use aws_lc_rs::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// Who issues tokens, and whom they are for unless somebody else is named.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What a token says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claims {
    /// Who may rely on the token.
    pub aud: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Who issued it.
    pub iss: String,
    /// Tells tokens apart.
    pub jti: String,
    /// Whom it is about.
    #[serde(rename = "kubernetes.io")]
    pub kubernetes: Subject,
    /// When it starts to be good.
    pub nbf: i64,
    /// The user's name.
    pub sub: String,
}

/// Whom a token is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Subject {
    /// The namespace of everything named here.
    pub namespace: String,
    /// The node of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Reference>,
    /// The pod that the token lives and dies with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Reference>,
    /// The secret that the token lives and dies with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Reference>,
    /// The service account.
    pub serviceaccount: Reference,
}

/// One object, for good.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its uid; nothing if it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Why a token is worth nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// It is meant for others.
    #[error("token audiences {found:?} is invalid for the target audiences {wanted:?}")]
    Audience {
        /// Whom it is for.
        found: Vec<String>,
        /// Whom it should be for.
        wanted: Vec<String>,
    },
    /// It is too old.
    #[error("service account token has expired")]
    Expired,
    /// The account or what the token is bound to is gone.
    #[error("service account token has been invalidated")]
    Invalidated,
    /// It is no token of this server.
    #[error("invalid bearer token")]
    Invalid,
    /// It is too new.
    #[error("service account token is not valid yet")]
    NotYet,
}

#[derive(Deserialize, Serialize)]
struct Header {
    alg: String,
    kid: String,
}

/// The key that signs tokens; every server has its own.
pub struct TokenKey {
    pair: EcdsaKeyPair,
    id: String,
}

impl TokenKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// If the system has no randomness to offer.
    pub fn generate() -> Result<Self, Unspecified> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
        Ok(Self { pair, id: URL_SAFE_NO_PAD.encode(digest) })
    }

    /// Writes and signs a token.
    ///
    /// # Errors
    /// If the system has no randomness to offer.
    pub fn sign(&self, claims: &Claims) -> Result<String, Unspecified> {
        let header = Header { alg: "ES256".to_owned(), kid: self.id.clone() };
        let mut token = format!("{}.{}", encoded(&header), encoded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }

    /// Reads a token of this server. `audiences` are those who ask (any of them will do), `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If it is not one, not good at this time, or for others.
    pub fn verify(&self, token: &str, audiences: &[String], now: i64) -> Result<Claims, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Invalid)?;
        let header: Header = decoded(header)?;
        if header.alg != "ES256" || header.kid != self.id {
            return Err(TokenError::Invalid);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Invalid)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| TokenError::Invalid)?;
        let claims: Claims = decoded(claims)?;
        if claims.iss != ISSUER {
            return Err(TokenError::Invalid);
        }
        if !claims.aud.iter().any(|audience| audiences.contains(audience)) {
            return Err(TokenError::Audience { found: claims.aud, wanted: audiences.to_vec() });
        }
        match now {
            now if now >= claims.exp => Err(TokenError::Expired),
            now if now < claims.nbf => Err(TokenError::NotYet),
            _ => Ok(claims),
        }
    }
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("plain data can be written as JSON"))
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Invalid)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            aud: vec!["istio-ca".to_owned()],
            exp: 200,
            iat: 100,
            iss: ISSUER.to_owned(),
            jti: "x".to_owned(),
            kubernetes: Subject {
                namespace: "foo".to_owned(),
                node: None,
                pod: None,
                secret: None,
                serviceaccount: Reference { name: "sleep".to_owned(), uid: None },
            },
            nbf: 100,
            sub: "system:serviceaccount:foo:sleep".to_owned(),
        }
    }

    #[test]
    fn tokens_are_good_for_their_key_audience_and_time() {
        let (key, other) = (TokenKey::generate().unwrap(), TokenKey::generate().unwrap());
        let token = key.sign(&claims()).unwrap();
        let ours = ["istio-ca".to_owned()];
        assert_eq!(key.verify(&token, &ours, 150), Ok(claims()));
        assert_eq!(other.verify(&token, &ours, 150), Err(TokenError::Invalid));
        assert_eq!(key.verify(&token, &ours, 200), Err(TokenError::Expired));
        assert_eq!(key.verify(&token, &ours, 99), Err(TokenError::NotYet));
        let error = key.verify(&token, &["api".to_owned()], 150).unwrap_err();
        assert_eq!(error.to_string(), r#"token audiences ["istio-ca"] is invalid for the target audiences ["api"]"#);
    }

    #[test]
    fn a_token_that_was_touched_is_worth_nothing() {
        let key = TokenKey::generate().unwrap();
        let token = key.sign(&claims()).unwrap();
        let (head, signature) = token.rsplit_once('.').unwrap();
        let mut forged = claims();
        forged.sub = "system:admin".to_owned();
        let header = head.split_once('.').unwrap().0;
        let forged = format!("{header}.{}.{signature}", encoded(&forged));
        for token in [forged.as_str(), head, "", "a.b.c", "..", &format!("{token}x")] {
            assert_eq!(key.verify(token, &["istio-ca".to_owned()], 150), Err(TokenError::Invalid), "{token}");
        }
    }
}
