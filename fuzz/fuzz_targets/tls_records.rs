//! The records of TLS in whatever travels between two machines: the pieces in which it arrives make no difference.
#![no_main]

use labctl::wire::{
    reader::{Piece, Reader},
    record::Records,
};

libfuzzer_sys::fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let (mut whole, mut pieces) = (Records::default(), Records::default());
    let expected = whole.feed(bytes);
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let found = [pieces.feed(first), pieces.feed(second)].concat();
    assert_eq!(found, expected);
    assert_eq!(pieces.is_broken(), whole.is_broken());
    // Raw bytes are told as they arrive, so they may be cut; records are not.
    let records = |told: Vec<Piece>| told.into_iter().filter(|piece| matches!(piece, Piece::Record(..)));
    let (mut whole, mut pieces) = (Reader::default(), Reader::default());
    assert!(records(whole.feed(bytes)).eq(records([pieces.feed(first), pieces.feed(second)].concat())));
});
