//! Directives in the text of a chapter: `{{#labctl lab mtls-strict}}`.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::reference::Topic;
use crate::lab::nearest::nearest;

/// A directive, with the backslash that makes it a text.
static WRITTEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\\?)\{\{#labctl(?:\s+([^\s}]+))?(?:\s+([^}]*?))?\s*\}\}").expect("it is sound"));

/// The names of all directives.
const NAMES: &[&str] = &["lab", "labs", "reference"];

/// What a place in a chapter asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Directive {
    /// `lab NAME`: the chapter of one lab, bundled or of one's own.
    Lab(String),
    /// `labs`: the list of the bundled labs, each with a chapter below this one.
    Labs,
    /// `reference TOPIC`: what the code knows about something.
    Reference(Topic),
}

/// The text is no directive.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnknownDirective {
    /// One that takes an argument and has none, or the other way round.
    #[error("write it as `{{{{#labctl {0}}}}}`")]
    Argument(&'static str),
    /// No directive has this name.
    #[error("there is no directive `{name}`; {}", meant(name, NAMES))]
    Name {
        /// What was written.
        name: String,
    },
    /// The reference has no such topic.
    #[error("the reference has nothing about `{topic}`; {}", meant(topic, Topic::NAMES))]
    Topic {
        /// What was written.
        topic: String,
    },
}

fn meant(written: &str, known: &[&str]) -> String {
    nearest(written, known)
        .map_or_else(|| format!("there are: {}", known.join(", ")), |near| format!("did you mean `{near}`?"))
}

impl Directive {
    fn of(name: &str, argument: &str) -> Result<Self, UnknownDirective> {
        match (name, argument) {
            ("lab", "") => Err(UnknownDirective::Argument("lab NAME")),
            ("lab", lab) => Ok(Self::Lab(lab.to_owned())),
            ("labs", "") => Ok(Self::Labs),
            ("labs", _) => Err(UnknownDirective::Argument("labs")),
            ("reference", topic) => {
                topic.parse().map(Self::Reference).map_err(|()| UnknownDirective::Topic { topic: topic.to_owned() })
            }
            _ => Err(UnknownDirective::Name { name: name.to_owned() }),
        }
    }
}

/// Replaces every directive of `text` by what `write` makes of it, given with the line where it stands.
///
/// # Errors
/// What `write` answers, first of all for a directive that there is not.
pub fn replace<E>(
    text: &str,
    mut write: impl FnMut(Result<Directive, UnknownDirective>, usize) -> Result<String, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for found in WRITTEN.captures_iter(text) {
        let place = found.get_match();
        out.push_str(&text[done..place.start()]);
        if word(&found, 1).is_empty() {
            let line = text[..place.start()].matches('\n').count() + 1;
            out.push_str(&write(Directive::of(word(&found, 2), word(&found, 3)), line)?);
        } else {
            out.push_str(place.as_str().trim_start_matches('\\'));
        }
        done = place.end();
    }
    out.push_str(&text[done..]);
    Ok(out)
}

fn word<'a>(found: &Captures<'a>, group: usize) -> &'a str {
    found.get(group).map_or("", |found| found.as_str())
}
