//! In what a new recording differs from the one that is kept.

use super::recording::Recording;

/// The lines that are no longer seen, marked `-`, and those that are new, marked `+`; `None` if nothing differs.
pub fn difference(kept: &Recording, seen: &Recording) -> Option<String> {
    let (kept, seen) = (kept.lines(), seen.lines());
    let lines = without('-', &kept, &seen) + &without('+', &seen, &kept);
    match lines.is_empty() {
        true if kept == seen => None,
        true => Some("the same lines, in another order\n".to_owned()),
        false => Some(lines),
    }
}

fn without(mark: char, lines: &[String], others: &[String]) -> String {
    lines.iter().filter(|line| !others.contains(line)).map(|line| format!("{mark} {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(titles: [&str; 2]) -> Recording {
        let checks =
            titles.map(|title| serde_json::json!({"title": title, "findings": [{"subject": "it", "seen": "is"}]}));
        serde_json::from_value(serde_json::json!({"lab": "lab", "steps": [{"name": "step", "checks": checks}]}))
            .unwrap()
    }

    #[test]
    fn order_matters() {
        let [kept, swapped] = [recording(["one", "two"]), recording(["two", "one"])];
        assert_eq!(difference(&kept, &kept), None);
        assert_eq!(difference(&kept, &swapped).unwrap(), "the same lines, in another order\n");
        let other = "- step: two: it: \"is\"\n+ step: three: it: \"is\"\n";
        assert_eq!(difference(&kept, &recording(["one", "three"])).unwrap(), other);
    }
}
