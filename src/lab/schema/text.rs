//! Texts and numbers of a lab file. Each may come from a parameter, and then is a text with `{{ ... }}` in it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use crate::{
    lab::{check::certificate::KEY_TYPES, kinds},
    probe::verdict::VERDICTS,
};

/// A text that is not blank.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = r"\S"))]
pub struct Text(pub String);

/// Lower case letters, digits and `-`, at most 63.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$|\{\{"))]
pub struct Label(pub String);

/// A path with its query; begins with `/`.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = r"^/|^\{\{"))]
pub struct UrlPath(pub String);

/// A JSON pointer (RFC 6901).
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = r"^/|^\{\{"))]
pub struct Pointer(pub String);

/// The name of a workload that the lab declares.
#[derive(JsonSchema)]
#[schemars(inline)]
pub struct Participant(pub String);

/// An object, as `namespace/name`.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = r"^[^/]+/[^/]+$|\{\{"))]
pub struct NamespacedName(pub String);

/// A whole number.
pub struct Number<const LOW: u32, const HIGH: u32>(pub u32);

impl<const LOW: u32, const HIGH: u32> JsonSchema for Number<LOW, HIGH> {
    fn schema_name() -> Cow<'static, str> {
        format!("Number_{LOW}_{HIGH}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": "integer", "minimum": LOW, "maximum": HIGH},
                {"type": "string", "pattern": r"^[0-9]+$|\{\{"},
            ],
        })
    }
}

/// Declares a text that is one of a few, which an editor offers, or of a form.
macro_rules! choice {
    ($name:ident, $description:literal, $words:expr, $pattern:expr) => {
        #[doc = $description]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let forms = [json!({"enum": $words}), json!({"type": "string", "pattern": $pattern})];
                json_schema!({"description": $description, "anyOf": forms})
            }
        }
    };
}

choice!(
    Verdict,
    "What is seen of one connection: a mode, as `mtls` or `mtls(<spiffe id>)`, or a cause, as `reset` or `http(503)`.",
    verdicts(),
    r"^(mtls|http|tls-alert)\(.+\)$|\{\{"
);
choice!(KeyType, "The type of a certificate's key.", KEY_TYPES, r"\{\{");
choice!(ClientMode, "How a proxy calls a Service.", ["DISABLE", "ISTIO_MUTUAL", "MUTUAL", "SIMPLE"], r"\{\{");
choice!(
    ListenerMode,
    "What a proxy accepts on a port; `bypassed` is one that it does not take.",
    ["DISABLE", "PERMISSIVE", "STRICT", "bypassed"],
    r"\{\{"
);
choice!(Lock, "Whether somebody on the way can read the calls.", ["closed", "open"], r"\{\{");
choice!(Travels, "What travels between two pods: records of TLS, or text.", ["tls", "text"], r"\{\{");
choice!(
    Kind,
    "A kind of Kubernetes objects. Of one that labctl does not know the `apiVersion` must be said.",
    kinds::names(),
    r"\S"
);

/// The verdicts that are one word.
fn verdicts() -> Vec<&'static str> {
    let words = VERDICTS.iter().map(|&(verdict, _)| verdict).filter(|verdict| !verdict.contains('('));
    std::iter::once("mtls").chain(words).collect()
}
