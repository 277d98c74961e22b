//! Packs of labs: read or refused; one that is read is written as it was. Its tar, because nothing gets past a checksum.
#![no_main]

use labctl::lab::pack::Pack;

libfuzzer_sys::fuzz_target!(|tar: &[u8]| {
    if let Ok(pack) = Pack::read_tar(tar) {
        assert_eq!(Pack::read(&pack.write().unwrap()).unwrap(), pack);
    }
    let _ = Pack::read(tar);
});
