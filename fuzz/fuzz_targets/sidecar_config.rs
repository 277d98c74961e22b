//! The file of a standalone sidecar: read or refused with a place, never a panic.
#![no_main]

use std::path::Path;

use labctl::sidecar::standalone;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(place) = standalone::parse(Path::new("sidecar.yaml"), text) {
        assert!(!place.to_string().is_empty());
    }
});
