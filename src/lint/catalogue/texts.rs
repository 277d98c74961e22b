//! What is wrong with what trainees read, and with what a lab allows itself.

use super::{Code, Rule, Severity::Warning};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::MissingAltText,
        name: "missing-alt-text",
        severity: Warning,
        summary: "An image in a text has no alternative text.",
        why: "Whoever cannot see it, in a terminal or at all, misses what it shows. Say what it shows, not that it is a picture.",
        wrong: "![](flow.svg)",
        right: "![the client's proxy opens TLS to the server's](flow.svg)",
    },
    Rule {
        code: Code::SolutionLeaked,
        name: "solution-leaked",
        severity: Warning,
        summary: "A text shows an object exactly as a later step asks for it.",
        why: "The later step is then a copy. A tutorial that shows the manifest of its own step is no leak: only what a later \
              step applies counts, unless it is there already.",
        wrong: "steps:\n  - name: look\n    text: |\n      ```yaml\n      kind: PeerAuthentication    # as `close` applies it\n      ...\n      ```\n  - name: close",
        right: "steps:\n  - name: look\n    text: What does a server take, if nobody says anything?\n  - name: close",
    },
    Rule {
        code: Code::HintIsSolution,
        name: "hint-is-solution",
        severity: Warning,
        summary: "A hint does everything that the step asks for.",
        why: "It sells the whole step for the price of a hint. The answer key is `labctl show LAB --solution`; a hint says where \
              to look, or does a part. What the step's text does by itself counts as done.",
        wrong: "solve:\n  - delete: {kind: PeerAuthentication, namespace: foo, name: default}\nhints:\n  - cost: 1\n    text: |\n      ```sh\n      kubectl delete peerauthentication -n foo default\n      ```",
        right: "solve:\n  - delete: {kind: PeerAuthentication, namespace: foo, name: default}\nhints:\n  - cost: 1\n    text: |\n      Which policies are there? `kubectl get peerauthentication -A`",
    },
    Rule {
        code: Code::HintRepeats,
        name: "hint-repeats",
        severity: Warning,
        summary: "A hint costs points and has nothing that was not said before.",
        why: "Trainees pay for it and learn nothing. It counts as repeated if all of its code stands in the step's text or in an \
              earlier hint, or if an earlier hint has the same words.",
        wrong: "hints:\n  - {cost: 1, text: Look at the labels.}\n  - {cost: 2, text: Look at the labels.}",
        right: "hints:\n  - {cost: 1, text: Look at the labels.}\n  - {cost: 2, text: The label `app` is that of the pods.}",
    },
    Rule {
        code: Code::AllowedInVain,
        name: "allowed-in-vain",
        severity: Warning,
        summary: "`metadata.allow` has a code that lint would not report for this lab.",
        why: "What it was for has been put right, or it is a slip. Left there, it would hide the next one. What keeps a lab from \
              being loaded (LAB001 to LAB011) cannot be allowed.",
        wrong: "metadata:\n  allow: [LAB013]    # and the points add up to 100",
        right: "metadata:\n  allow: []",
    },
];
