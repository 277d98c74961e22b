//! What differs from run to run, and what the guide says in its place.

use std::sync::LazyLock;

use regex::Regex;

static MASKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let masks = [
        (r"\b10(\.[0-9]+){3}(:[0-9]+)?\b", "<address>"),
        // A ReplicaSet's hash and a pod's own suffix are written without vowels.
        (r"\b([a-z][a-z0-9-]*)-[b-df-hj-np-tv-xz2-9]{6,10}-[b-df-hj-np-tv-xz2-9]{5}\b", "$1-<pod>"),
        (r"\b[0-9a-f]{64}\b", "<hash>"),
        // The end of one, in a text whose beginning is not shown.
        (r"^\.\.\.[0-9a-f]+;", "...<hash>;"),
        // A configuration names addresses.
        (r"\b[0-9a-f]{16}\b", "<version>"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
        // How many connections there are, and how the bytes fall into records, is up to the proxies' pools.
        (
            r"TLS: [0-9]+ records? to the server, [0-9]+ records? back(; TLS: [^;]*)*",
            "TLS: nothing but records, both ways",
        ),
        // How often a loop asks, and how often whom, is up to the machine.
        (r"\b[0-9]+ (answered|http\([0-9]+\)|in mutual TLS|in plaintext|refused|reset)", "<number> $1"),
        (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "<time>"),
        (r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b", "<date>"),
        (r"\b[0-9]+h[0-9]+m left\b", "<time> left"),
        (r#""(bytesReceived|bytesSent|durationMs)":[0-9]+"#, r#""$1":<number>"#),
    ];
    masks.into_iter().map(|(pattern, with)| (Regex::new(pattern).expect("it is sound"), with)).collect()
});

/// Hides addresses, names of pods, hashes, ids, times and sizes.
pub(super) fn masked(text: &str) -> String {
    MASKS.iter().fold(text.to_owned(), |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}
