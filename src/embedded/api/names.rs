//! What names may look like (Kubernetes conventions: RFC 1123 and RFC 1035 labels, path segments).

use crate::embedded::objects::names;

/// A rule for names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Names {
    /// One RFC 1123 label of at most 63 characters.
    Label,
    /// One RFC 1035 label: as [`Names::Label`], but it starts with a letter.
    Label1035,
    /// Anything that can stand in a path.
    PathSegment,
    /// RFC 1123 labels joined by dots, at most 253 characters.
    Subdomain,
}

const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

impl Names {
    /// Says what is wrong with a name.
    pub fn check(self, name: &str) -> Option<String> {
        match self {
            Self::Label => names::dns_label(name),
            Self::Label1035 => {
                let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
                match names::dns_label(name) {
                    Some(too_long) if name.len() > LABEL && starts_well => Some(too_long),
                    problem => (!starts_well || problem.is_some()).then(|| LABEL_1035.to_owned()),
                }
            }
            Self::Subdomain => names::dns_subdomain(name),
            Self::PathSegment => path_segment(name),
        }
    }

    /// Says what is wrong with the beginning of a name (`generateName`), which may end in a dash.
    pub fn check_prefix(self, prefix: &str) -> Option<String> {
        match prefix.strip_suffix('-') {
            Some(rest) if !rest.is_empty() => self.check(&format!("{rest}a")),
            _ => self.check(prefix),
        }
    }
}

fn path_segment(name: &str) -> Option<String> {
    if matches!(name, "." | "..") {
        return Some(format!("may not be '{name}'"));
    }
    ['/', '%'].into_iter().find(|&bad| name.contains(bad)).map(|bad| format!("may not contain '{bad}'"))
}

/// The longest label.
const LABEL: usize = 63;
/// The longest prefix that `generateName` keeps, so that the name stays a label.
const PREFIX: usize = 58;
/// Letters and digits that make no words, and none that look alike.
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Completes a `generateName` with five random letters.
pub fn generate(prefix: &str) -> String {
    let random = uuid::Uuid::new_v4().into_bytes();
    let suffix = random.iter().take(5).map(|&byte| char::from(SUFFIX_LETTERS[usize::from(byte) % 27]));
    prefix.chars().take(PREFIX).chain(suffix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rule() {
        for (rule, name, fits) in [
            (Names::Label, "foo-1", true),
            (Names::Label, "foo.bar", false),
            (Names::Label, "1foo", true),
            (Names::Label1035, "1foo", false),
            (Names::Subdomain, "foo.bar", true),
            (Names::Subdomain, "Foo", false),
            (Names::Subdomain, "-foo", false),
            (Names::Subdomain, "foo..bar", false),
            (Names::PathSegment, "system:node", true),
            (Names::PathSegment, "a/b", false),
        ] {
            assert_eq!(rule.check(name).is_none(), fits, "{rule:?} {name}");
        }
    }

    #[test]
    fn generated_names_keep_their_prefix() {
        let name = generate("web-");
        assert!(name.starts_with("web-") && name.len() == 9, "{name}");
    }
}
