//! `X-Forwarded-Client-Cert`: what can be read is written so that it reads the same.
#![no_main]

use labctl::sidecar::xfcc;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(elements) = xfcc::parse(text) {
        let written: Vec<String> = elements.iter().map(ToString::to_string).collect();
        let elements: Vec<_> = elements.into_iter().filter(|element| *element != xfcc::Element::default()).collect();
        assert_eq!(xfcc::parse(&written.join(",")).as_ref(), Ok(&elements));
    }
});
