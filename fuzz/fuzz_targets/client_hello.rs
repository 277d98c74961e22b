//! The first bytes of a connection: whatever a peer sends, they are told apart without a panic.
#![no_main]

use labctl::sidecar::sniff;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = sniff::offered(bytes);
    // More bytes never take back what fewer have decided.
    if let Some(decided) = bytes.len().checked_sub(1).and_then(|fewer| sniff::guess(&bytes[..fewer])) {
        assert_eq!(sniff::guess(bytes), Some(decided));
    }
});
