//! Bytes that are known by their digest.

use bytes::Bytes;
use oci_spec::image::{Descriptor, Digest, MediaType, Sha256Digest};
use serde::Serialize;

/// Content of an image: bytes, what they are, and their digest.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What the bytes are.
    pub media_type: MediaType,
    /// Their SHA-256.
    pub digest: Digest,
    /// The bytes.
    pub data: Bytes,
}

impl Blob {
    /// Computes the digest of `data`.
    pub fn new(media_type: MediaType, data: Vec<u8>) -> Self {
        Self { media_type, digest: digest(&data), data: data.into() }
    }

    /// Writes a document: always the same bytes for the same content.
    pub fn document(media_type: MediaType, document: &impl Serialize) -> Self {
        Self::new(media_type, json(document))
    }

    /// How another document refers to this content.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.data.len() as u64, self.digest.clone())
    }
}

/// JSON with the keys of every object in order, whatever map they come from.
pub fn json(document: &impl Serialize) -> Vec<u8> {
    const PLAIN: &str = "documents of an image hold text, numbers and lists, and their maps have text as keys";
    serde_json::to_value(document).map(|value| value.to_string().into_bytes()).expect(PLAIN)
}

/// The SHA-256 of `data` as images write it.
pub fn digest(data: &[u8]) -> Digest {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse::<Sha256Digest>().expect("a SHA-256 has 64 hexadecimal digits").into()
}
