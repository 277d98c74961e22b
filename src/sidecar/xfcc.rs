//! `X-Forwarded-Client-Cert`: what a sidecar tells the application about who called.
//!
//! Source: Envoy's description of the header, and its use by Istio.

use std::{fmt, str::FromStr};

use http::HeaderName;

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// One hop: who called whom. The header is a list of these, separated by commas, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Element {
    /// The URI names of the certificate of the proxy that was called.
    pub by: Vec<String>,
    /// SHA-256 of the client's certificate, in lower-case hexadecimal.
    pub hash: Option<String>,
    /// The client's certificate, URL-encoded PEM.
    pub cert: Option<String>,
    /// The client's chain, URL-encoded PEM.
    pub chain: Option<String>,
    /// The distinguished name of the client's certificate; empty for workloads.
    pub subject: Option<String>,
    /// The URI names of the client's certificate.
    pub uri: Vec<String>,
    /// The DNS names of the client's certificate.
    pub dns: Vec<String>,
}

/// The text is not a list of elements.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum XfccError {
    /// A pair has no `=`.
    #[error("`{0}` in X-Forwarded-Client-Cert is not a pair of key and value")]
    NoPair(String),
    /// A key stands twice that may stand once.
    #[error("`{0}` stands twice in one element of X-Forwarded-Client-Cert")]
    Repeated(&'static str),
    /// A key that Envoy does not write.
    #[error("`{0}` is not a key of X-Forwarded-Client-Cert (By, Hash, Cert, Chain, Subject, URI, DNS)")]
    UnknownKey(String),
    /// A quotation mark that is not closed, or not opened at the beginning of a value.
    #[error("X-Forwarded-Client-Cert has a quotation mark out of place")]
    Unquoted,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: [(&str, &[String], Quote); 7] = [
            ("By", &self.by, Quote::IfNeeded),
            ("Hash", self.hash.as_slice(), Quote::IfNeeded),
            ("Cert", self.cert.as_slice(), Quote::Always),
            ("Chain", self.chain.as_slice(), Quote::Always),
            ("Subject", self.subject.as_slice(), Quote::Always),
            ("URI", &self.uri, Quote::IfNeeded),
            ("DNS", &self.dns, Quote::IfNeeded),
        ];
        let mut separator = "";
        for (key, values, quote) in pairs {
            for value in values {
                write!(f, "{separator}{key}={}", Value { text: value, quote })?;
                separator = ";";
            }
        }
        Ok(())
    }
}

/// When a value stands between quotation marks.
#[derive(Clone, Copy, PartialEq)]
enum Quote {
    Always,
    IfNeeded,
}

/// A value as it is written.
struct Value<'a> {
    text: &'a str,
    quote: Quote,
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = self.text.is_empty()
            || self.text.chars().any(|character| character.is_whitespace() || ",;=\"\\".contains(character));
        if needed || self.quote == Quote::Always {
            write!(f, "\"{}\"", self.text.replace('\\', r"\\").replace('"', "\\\""))
        } else {
            f.write_str(self.text)
        }
    }
}

/// The elements of a header, oldest first.
///
/// # Errors
/// If the text is not a list of elements; an empty text is an empty list.
pub fn parse(header: &str) -> Result<Vec<Element>, XfccError> {
    split(header, ',')?.into_iter().filter(|part| !part.trim().is_empty()).map(str::parse).collect()
}

impl FromStr for Element {
    type Err = XfccError;

    fn from_str(text: &str) -> Result<Self, XfccError> {
        let mut element = Self::default();
        for pair in split(text.trim(), ';')?.into_iter().filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| XfccError::NoPair(pair.to_owned()))?;
            element.set(key.trim(), unquote(value)?)?;
        }
        Ok(element)
    }
}

impl Element {
    fn set(&mut self, key: &str, value: String) -> Result<(), XfccError> {
        match key.to_ascii_lowercase().as_str() {
            "by" => self.by.push(value),
            "cert" => set_once(&mut self.cert, "Cert", value)?,
            "chain" => set_once(&mut self.chain, "Chain", value)?,
            "dns" => self.dns.push(value),
            "hash" => set_once(&mut self.hash, "Hash", value)?,
            "subject" => set_once(&mut self.subject, "Subject", value)?,
            "uri" => self.uri.push(value),
            _ => return Err(XfccError::UnknownKey(key.to_owned())),
        }
        Ok(())
    }
}

fn set_once(slot: &mut Option<String>, key: &'static str, value: String) -> Result<(), XfccError> {
    if slot.replace(value).is_some() { Err(XfccError::Repeated(key)) } else { Ok(()) }
}

/// Splits at a separator that does not stand between quotation marks.
fn split(text: &str, separator: char) -> Result<Vec<&str>, XfccError> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&text[start..index]);
                start = index + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if quoted { Err(XfccError::Unquoted) } else { Ok(parts) }
}

fn unquote(value: &str) -> Result<String, XfccError> {
    let Some(inner) = value.strip_prefix('"') else {
        return if value.contains('"') { Err(XfccError::Unquoted) } else { Ok(value.to_owned()) };
    };
    let (mut text, mut characters) = (String::with_capacity(inner.len()), inner.chars());
    loop {
        match characters.next() {
            Some('"') if characters.as_str().is_empty() => return Ok(text),
            Some('"') | None => return Err(XfccError::Unquoted),
            Some('\\') => text.extend(characters.next()),
            Some(character) => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Element {
        Element {
            by: vec!["spiffe://cluster.local/ns/foo/sa/httpbin".to_owned()],
            hash: Some("1f2e".to_owned()),
            subject: Some(String::new()),
            uri: vec!["spiffe://cluster.local/ns/bar/sa/curl".to_owned()],
            ..Element::default()
        }
    }

    #[test]
    fn element_is_written_as_istio_does() {
        insta::assert_snapshot!(
            example(),
            @r#"By=spiffe://cluster.local/ns/foo/sa/httpbin;Hash=1f2e;Subject="";URI=spiffe://cluster.local/ns/bar/sa/curl"#
        );
    }

    #[test]
    fn list_with_quoted_separators_is_read() {
        let list = parse(r#"By=a;Subject="CN=x,O=\"y;z\"", URI=b;DNS=c;DNS=d"#).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].subject.as_deref(), Some(r#"CN=x,O="y;z""#));
        assert_eq!(list[1].dns, ["c", "d"]);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let error = |text| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error("By"), @"`By` in X-Forwarded-Client-Cert is not a pair of key and value");
        insta::assert_snapshot!(error("Hash=1;Hash=2"), @"`Hash` stands twice in one element of X-Forwarded-Client-Cert");
        insta::assert_snapshot!(error("Who=1"), @"`Who` is not a key of X-Forwarded-Client-Cert (By, Hash, Cert, Chain, Subject, URI, DNS)");
        insta::assert_snapshot!(error("By=\"a"), @"X-Forwarded-Client-Cert has a quotation mark out of place");
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("\\PC*", 0..3)
    }

    proptest! {
        #[test]
        fn reading_is_the_inverse_of_writing(
            by in texts(), uri in texts(), dns in texts(),
            hash: Option<String>, cert: Option<String>, chain: Option<String>, subject: Option<String>,
        ) {
            let element = Element { by, hash, cert, chain, subject, uri, dns };
            prop_assert_eq!(element.to_string().parse::<Element>().unwrap(), element);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
