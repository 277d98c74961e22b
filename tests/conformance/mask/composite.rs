//! Values of several parts inside messages: old servers print them as Go source, new ones (and ours) as JSON.

/// What is in front of a value.
const BEFORE: [&str; 3] = ["Invalid value: ", "Unsupported value: ", "Duplicate value: "];
/// What is shown instead.
const SHOWN: &str = "[value]";

/// Masks the values of several parts in a message.
pub fn mask(message: &str) -> String {
    let mut masked = String::new();
    let mut rest = message;
    while let Some(start) = BEFORE.iter().filter_map(|before| Some(rest.find(before)? + before.len())).min() {
        masked.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(length) = composite(rest) {
            masked.push_str(SHOWN);
            rest = &rest[length..];
        }
    }
    masked + rest
}

/// The length of the composite value that a text starts with.
fn composite(text: &str) -> Option<usize> {
    if let Some(nothing) = ["null", "\"null\""].iter().find(|nothing| text.starts_with(**nothing)) {
        return Some(nothing.len());
    }
    if text.starts_with(['{', '[']) && !text.starts_with("[]string") && !text.starts_with("[]v1") {
        return balanced(text);
    }
    // A Go literal: a type, then its fields in braces, or `(nil)`.
    let end = text.find(['{', '(']).filter(|&end| end > 0)?;
    let is_type = text[..end].chars().all(|letter| letter.is_alphanumeric() || "[]*._".contains(letter));
    if !is_type {
        return None;
    }
    Some(end + balanced(&text[end..])?)
}

/// The length of a bracketed text, up to where its first bracket is closed.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (index, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' | '(' if !quoted => depth += 1,
            '}' | ']' | ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn only_values_of_several_parts_are_masked() {
    for (message, masked) in [
        ("a: Invalid value: \"x\": no", "a: Invalid value: \"x\": no"),
        ("a: Invalid value: -1: must be (more)", "a: Invalid value: -1: must be (more)"),
        ("a: Invalid value: []string{\"x}\"}: no", "a: Invalid value: [value]: no"),
        ("a: Invalid value: [\"x\"]: no", "a: Invalid value: [value]: no"),
        ("a: Invalid value: map[string]string(nil): no, b: Required", "a: Invalid value: [value]: no, b: Required"),
        ("a: Invalid value: v1.A{B:map[string]string{}}: no", "a: Invalid value: [value]: no"),
        ("a: Duplicate value: {\"a\":{}}, b", "a: Duplicate value: [value], b"),
    ] {
        assert_eq!(mask(message), masked);
    }
}
