//! "Did you mean": the known name that is nearest to what was typed.

/// The known name that `typed` is most likely a slip of, if any is near enough.
///
/// Two slips (a letter too many, missing, wrong, or two swapped) in a long name, one in a short one.
pub fn nearest<'a>(typed: &str, known: &'a [impl AsRef<str>]) -> Option<&'a str> {
    let slips = |name: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase());
    let near = known.iter().map(|name| (slips(name.as_ref()), name.as_ref()));
    let allowed = (typed.chars().count() / 3).clamp(1, 3);
    near.filter(|&(distance, _)| distance <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["expect", "hints", "name", "solve", "text", "title"];
        let cases = [
            ("expects", Some("expect")),
            ("Title", Some("title")),
            ("nmae", Some("name")),
            ("slove", Some("solve")),
            ("conclusion", None),
            ("x", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, &known), expected, "{typed}");
        }
    }
}
