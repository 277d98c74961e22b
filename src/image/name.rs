//! What an image is called.

use std::{fmt, str::FromStr};

use oci_client::Reference;

/// A name with a tag, complete with its registry: `localhost/labctl:0.1.0`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageName(Reference);

/// The text is no name of an image.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAName {
    /// It has a digest, which is not for us to choose.
    #[error("a digest follows from what is in the image: write REGISTRY/REPOSITORY:TAG")]
    Digest,
    /// It does not read as a name.
    #[error("write it as REGISTRY/REPOSITORY:TAG, in small letters")]
    Form,
}

impl ImageName {
    /// The name that everything labctl installs uses unless it is told otherwise.
    pub fn own() -> Self {
        let registry_of_no_host = "localhost".to_owned();
        Self(Reference::with_tag(registry_of_no_host, "labctl".to_owned(), env!("CARGO_PKG_VERSION").to_owned()))
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.0.tag().unwrap_or("latest")
    }

    /// The name in parts.
    pub fn reference(&self) -> &Reference {
        &self.0
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ImageName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let reference = Reference::from_str(text).map_err(|_| NotAName::Form)?;
        if reference.digest().is_some() {
            return Err(NotAName::Digest);
        }
        Ok(Self(reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_complete() {
        let read = |text: &str| text.parse::<ImageName>().map(|name| name.to_string());
        assert_eq!(read("localhost/labctl:0.1.0").unwrap(), "localhost/labctl:0.1.0");
        assert_eq!(read("127.0.0.1:5000/tools/labctl").unwrap(), "127.0.0.1:5000/tools/labctl:latest");
        assert_eq!(ImageName::own().to_string(), format!("localhost/labctl:{}", env!("CARGO_PKG_VERSION")));
        let digest = format!("localhost/labctl@sha256:{}", "0".repeat(64));
        assert_eq!(read(&digest), Err(NotAName::Digest));
        assert_eq!(read("localhost/Labctl"), Err(NotAName::Form));
        assert_eq!(read(""), Err(NotAName::Form));
    }
}
