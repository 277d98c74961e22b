//! What strangers send: parsers take any bytes without a panic. (`fuzz/` asks the same, longer.)

use std::path::Path;

use labctl::sidecar::{sniff, standalone, xfcc};
use proptest::prelude::*;

/// A ClientHello's first bytes, then anything: pure noise is told from TLS too soon.
fn hello_like() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..600)).prop_map(|(kind, length, rest)| {
        let mut bytes = vec![0x16, 3, 1];
        bytes.extend(length.to_be_bytes());
        bytes.extend([kind % 3, 0]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    })
}

/// Words of a configuration in any order, at any depth.
fn configuration_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "identity",
        "inbound",
        "outbound",
        "listen",
        "tls",
        "mode",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "STRICT",
        "127.0.0.1:0",
        "'",
        "\"",
        "&a",
        "*a",
        "!!x",
        "|",
        "\u{feff}",
        "\t",
        "ä",
        "0x1",
        "~",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn first_bytes_are_told_apart(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..600), hello_like()]) {
        let _ = sniff::offered(&bytes);
        for end in 1..bytes.len().min(64) {
            if let Some(decided) = sniff::guess(&bytes[..end - 1]) {
                prop_assert_eq!(sniff::guess(&bytes[..end]), Some(decided), "more bytes take nothing back");
            }
        }
    }

    #[test]
    fn configurations_are_read_or_refused_with_a_place(text in prop_oneof![".{0,200}", configuration_like()]) {
        if let Err(place) = standalone::parse(Path::new("sidecar.yaml"), &text) {
            prop_assert!(!place.to_string().is_empty());
        }
    }

    #[test]
    fn client_certificate_headers_read_as_they_are_written(
        text in prop_oneof![".{0,120}", "((By|Hash|URI|DNS|Subject|Cert)=(\"[^\"]{0,8}\"|[a-z,;=\\\\]{0,8})[;,]){0,6}"]
    ) {
        if let Ok(elements) = xfcc::parse(&text) {
            let written: Vec<String> = elements.iter().map(ToString::to_string).collect();
            let kept: Vec<_> = elements.into_iter().filter(|element| *element != xfcc::Element::default()).collect();
            prop_assert_eq!(xfcc::parse(&written.join(",")), Ok(kept));
        }
    }
}
