//! What holds for a text or a document.

use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::{
    exactly_one,
    text::{Pointer, Text},
};

/// Something that holds for a text, or for a place in it if it is JSON. It says one thing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = says_one_thing)]
#[schemars(example = json!({"json": "/headers/Host", "equals": "httpbin.foo:8000"}))]
#[schemars(example = json!({"contains": "Hello"}))]
#[schemars(example = json!({"matches": "^Hello [A-Z]"}))]
#[schemars(example = json!({"json": "/headers/X-Forwarded-Client-Cert", "absent": true}))]
pub struct TextAssertion {
    /// A JSON pointer to what it is about; the whole text unless said. Of a list of values one has to pass.
    #[schemars(example = &"/headers/Host")]
    pub json: Option<Pointer>,
    /// What holds there.
    #[schemars(flatten)]
    pub test: Test,
}

/// Something that holds for a place in an object. It says one thing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = says_one_thing)]
#[schemars(example = json!({"json": "/spec/mtls/mode", "equals": "STRICT"}))]
pub struct FieldAssertion {
    /// A JSON pointer to what it is about (`/` in a key is written `~1`). Of a list of values one has to pass.
    #[schemars(example = &"/spec/mtls/mode")]
    pub json: Pointer,
    /// What holds there.
    #[schemars(flatten)]
    pub test: Test,
}

/// Something that holds for a header of an answer. It says one thing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = says_one_thing)]
#[schemars(example = json!({"header": "location", "equals": "https://shop.example/"}))]
pub struct HeaderAssertion {
    /// The header's name. Of several values one has to pass.
    #[schemars(example = &"location")]
    pub header: Text,
    /// What holds for it.
    #[schemars(flatten)]
    pub test: Test,
}

/// What may hold.
#[derive(JsonSchema)]
pub struct Test {
    /// `true`: nothing is there.
    #[schemars(example = true, extend("enum" = [true, null]))]
    pub absent: Option<bool>,
    /// The text has this in it.
    #[schemars(example = &"Hello")]
    pub contains: Option<String>,
    /// It is this.
    #[schemars(example = &"STRICT", example = 2)]
    pub equals: Option<Value>,
    /// This regular expression is found in the text, anywhere unless it is anchored.
    #[schemars(example = &"/sa/sleep$")]
    pub matches: Option<String>,
}

fn says_one_thing(schema: &mut Schema) {
    exactly_one(schema, &["absent", "contains", "equals", "matches"]);
}
