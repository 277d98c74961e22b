//! The records of TLS in whatever travels between two machines: the pieces in which it arrives make no difference.
#![no_main]

use labctl::wire::record::Records;

libfuzzer_sys::fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let (mut whole, mut pieces) = (Records::default(), Records::default());
    let expected = whole.feed(bytes);
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let found = [pieces.feed(first), pieces.feed(second)].concat();
    assert_eq!(found, expected);
    assert_eq!(pieces.is_broken(), whole.is_broken());
});
