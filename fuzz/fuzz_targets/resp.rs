//! RESP: whatever a peer sends is a request, a part of one or refused; replies that are read are written as they were.
#![no_main]

use labctl::workloads::redis::resp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((_, length))) = resp::request(bytes) {
        assert!(length > 0 && length <= bytes.len());
    }
    if let Ok(Some((frame, length))) = resp::reply(bytes) {
        assert!(length > 0 && length <= bytes.len());
        let mut written = Vec::new();
        frame.write(2, &mut written);
        assert_eq!(resp::reply(&written), Ok(Some((frame, written.len()))));
    }
});
