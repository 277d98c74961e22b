//! What keeps a lab from being loaded. Every command that reads labs says the same, without the codes.

use super::{Code, Rule, Severity::Error};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::Syntax,
        name: "syntax",
        severity: Error,
        summary: "The lab file is not YAML, or more of it than a lab may ask of a reader.",
        why: "Nothing can be read. A lab file has at most 1 MiB, 50,000 values and 32 levels; merge keys, tags and several \
              documents in one file are not read. A text with a colon or braces needs quotes.",
        wrong: "title: Close it: now",
        right: "title: \"Close it: now\"",
    },
    Rule {
        code: Code::UnknownKey,
        name: "unknown-key",
        severity: Error,
        summary: "A key that nobody reads.",
        why: "A slip of the pen would otherwise change nothing, silently: a check without its `control`, a step without its \
              points.",
        wrong: "expects:\n  - matrix: ...",
        right: "expect:\n  - matrix: ...",
    },
    Rule {
        code: Code::MissingKey,
        name: "missing-key",
        severity: Error,
        summary: "A key that must be there is not.",
        why: "Without it the lab would not say what is read, done or seen.",
        wrong: "- name: close\n  text: Close the door.",
        right: "- name: close\n  title: Close the door\n  text: Nobody may come in.",
    },
    Rule {
        code: Code::WrongValue,
        name: "wrong-value",
        severity: Error,
        summary: "A value that is not possible there.",
        why: "It has another type than what is read there, or is none of the words that are. Numbers and `true` are texts only \
              in quotes.",
        wrong: "points: ten",
        right: "points: 10",
    },
    Rule {
        code: Code::Empty,
        name: "empty",
        severity: Error,
        summary: "A list or text that must not be empty.",
        why: "A lab without steps, a step without checks or a matrix without rows says nothing.",
        wrong: "expect: []",
        right: "expect:\n  - resource: {title: The policy is gone, kind: PeerAuthentication, namespace: foo, absent: true}",
    },
    Rule {
        code: Code::Duplicate,
        name: "duplicate",
        severity: Error,
        summary: "The same key, step or column twice.",
        why: "One of the two would be ignored, and nobody could tell which.",
        wrong: "- name: close\n  ...\n- name: close\n  ...",
        right: "- name: close\n  ...\n- name: open\n  ...",
    },
    Rule {
        code: Code::UnknownName,
        name: "unknown-name",
        severity: Error,
        summary: "A workload or template that is not there.",
        why: "Checks and actions name the participants that `workloads` declares; templates are looked for in the lab's \
              `templates/`, then among the bundled ones.",
        wrong: "workloads:\n  sleep.foo: {...}\n...\nfrom: slep.foo",
        right: "workloads:\n  sleep.foo: {...}\n...\nfrom: sleep.foo",
    },
    Rule {
        code: Code::BrokenTemplate,
        name: "broken-template",
        severity: Error,
        summary: "A template, or a text of the lab file, cannot be rendered to what it should be.",
        why: "Every template is rendered when the lab is read, so that nobody finds out in the middle of a workshop. What comes \
              out must be Kubernetes objects with `apiVersion`, `kind` and a name. Braces that are to be shown stand between \
              `{% raw %}` and `{% endraw %}`.",
        wrong: "text: Write `{{` and then the name.",
        right: "text: Write {% raw %}`{{`{% endraw %} and then the name.",
    },
    Rule {
        code: Code::UndefinedVariable,
        name: "undefined-variable",
        severity: Error,
        summary: "A template or text uses a variable that nothing defines.",
        why: "It would be rendered as nothing, and a namespace would be called `-outside`. Declare a parameter, or give the \
              template the value under `with`.",
        wrong: "- apply: {template: close.yaml}    # reads {{ mode }}",
        right: "- apply: {template: close.yaml, with: {mode: STRICT}}",
    },
    Rule {
        code: Code::UnreadVariable,
        name: "unread-variable",
        severity: Error,
        summary: "A value under `with` that the template does not read.",
        why: "A slip in the name of an optional variable would otherwise change nothing, silently.",
        wrong: "- apply: {template: close.yaml, with: {mod: STRICT}}",
        right: "- apply: {template: close.yaml, with: {mode: STRICT}}",
    },
    Rule {
        code: Code::HintsTooDear,
        name: "hints-too-dear",
        severity: Error,
        summary: "The hints of a step cost more than the step gives.",
        why: "Whoever reads every hint and then solves the step must not lose points over it.",
        wrong: "hints:\n  - {cost: 8, text: ...}\n  - {cost: 4, text: ...}\npoints: 10",
        right: "hints:\n  - {cost: 3, text: ...}\n  - {cost: 4, text: ...}\npoints: 10",
    },
];
