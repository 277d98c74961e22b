//! MongoDB's messages: read or refused; a document that is read is written so that it reads the same.
#![no_main]

use labctl::workloads::mongodb::{bson::Document, wire};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((_, length))) = wire::read(bytes) {
        assert!(length > 0 && length <= bytes.len());
    }
    if let Ok(document) = Document::read(bytes) {
        let mut written = Vec::new();
        document.write(&mut written);
        let again = Document::read(&written).map(|document| {
            let mut bytes = Vec::new();
            document.write(&mut bytes);
            bytes
        });
        // As bytes, because a number that is none does not equal itself.
        assert_eq!(again, Ok(written));
    }
});
