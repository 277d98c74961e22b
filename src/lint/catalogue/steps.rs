//! What is wrong with steps, checks and points.

use super::{
    Code, Rule,
    Severity::{Error, Warning},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: Code::UnusedParameter,
        name: "unused-parameter",
        severity: Warning,
        summary: "A parameter that neither the lab file nor its templates use.",
        why: "Whoever sets it believes that something changes.",
        wrong: "parameters:\n  project: {description: namespace of the lab, default: foo}\n...\nnamespace: foo",
        right: "parameters:\n  project: {description: namespace of the lab, default: foo}\n...\nnamespace: \"{{ project }}\"",
    },
    Rule {
        code: Code::PointsTotal,
        name: "points-total",
        severity: Warning,
        summary: "The steps do not give 100 points together.",
        why: "Trainees read points as per cent, and classes compare labs. Give the hard steps more and the easy ones less.",
        wrong: "points: 60\n...\npoints: 30",
        right: "points: 65\n...\npoints: 35",
    },
    Rule {
        code: Code::CannotFail,
        name: "cannot-fail",
        severity: Error,
        summary: "No check of the step can be red before its solution.",
        why: "A trainee who does nothing passes the step. This is said when the solution does nothing but change policies, when \
              after it everybody sees the same of everybody as before, and when every check of objects holds already. Let one \
              check look at something that the solution changes. `labctl test` proves the same on a cluster.",
        wrong: "solve:\n  - apply: {template: close.yaml, with: {namespace: foo, mode: PERMISSIVE}}    # as it is by default\n\
                expect:\n  - matrix: {...}    # everybody reaches everybody, as before",
        right: "solve:\n  - apply: {template: close.yaml, with: {namespace: foo, mode: STRICT}}\n\
                expect:\n  - matrix: {...}    # plaintext is reset",
    },
    Rule {
        code: Code::CannotPass,
        name: "cannot-pass",
        severity: Error,
        summary: "A check expects something else than what the lab's objects mean.",
        why: "Setup and solutions are done on paper: which objects are there after the step, which pods have a sidecar, what \
              their policies mean. What follows from that for a cell of a matrix, a request, the bytes on the way or an object \
              is compared with what is expected. Where applications or routes decide, nothing is said.",
        wrong: "solve:\n  - apply: {template: close.yaml, with: {namespace: foo, mode: PERMISSIVE}}\n\
                expect:\n  - matrix: {title: Closed, to: [httpbin.foo], from: {sleep.legacy: [reset]}}",
        right: "solve:\n  - apply: {template: close.yaml, with: {namespace: foo, mode: STRICT}}\n\
                expect:\n  - matrix: {title: Closed, to: [httpbin.foo], from: {sleep.legacy: [reset]}}",
    },
    Rule {
        code: Code::VacuousCheck,
        name: "vacuous-check",
        severity: Error,
        summary: "A check, or an assertion of it, passes whatever is seen.",
        why: "It looks as if something were checked. A blocked request needs a `control` for the same reason: without one a \
              crashed server passes for a strict one.",
        wrong: "body:\n  - {matches: '.*'}",
        right: "body:\n  - {matches: 'Hello World!'}",
    },
    Rule {
        code: Code::UnreachableStep,
        name: "unreachable-step",
        severity: Error,
        summary: "An action needs an object that is not there by then, so nobody gets past it.",
        why: "Deleting, labelling or scaling what is not there is an error. What a step needs must have been applied by the \
              setup, by an earlier step or by an earlier action, and not deleted since.",
        wrong: "- delete: {kind: PeerAuthentication, namespace: foo, name: default}    # nobody applied it",
        right: "- apply: {template: close.yaml, with: {namespace: foo, mode: STRICT}}\n...\n\
                - delete: {kind: PeerAuthentication, namespace: foo, name: default}",
    },
];
