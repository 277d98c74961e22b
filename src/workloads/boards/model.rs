//! Items, boards and users, as JSON and as documents of the database.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::workloads::mongodb::bson::Document;

/// The longest text that is shared.
const MAX_RAW: usize = 2000;
/// The longest name of anything.
const MAX_NAME: usize = 200;

/// Something that somebody shares.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) owner: String,
    /// `json`, `string` or `url`.
    pub(super) r#type: String,
    pub(super) raw: String,
    pub(super) name: String,
    pub(super) created_at: String,
}

/// What somebody wants to share.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct NewItem {
    #[serde(default)]
    pub(super) owner: String,
    pub(super) raw: String,
    #[serde(default)]
    pub(super) name: String,
}

/// A board of somebody's own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Board {
    pub(super) id: String,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) created_at: String,
}

/// What somebody wants to call a board.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct NewBoard {
    pub(super) name: String,
}

/// Somebody.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) about: String,
}

/// What is kept in the database.
pub(super) trait Stored: Sized {
    /// The collection it is in.
    const COLLECTION: &'static str;

    fn write(&self) -> Document;

    /// Nothing for a document that is none of these.
    fn read(document: &Document) -> Option<Self>;
}

impl NewItem {
    /// The item it becomes.
    pub(super) fn accept(self) -> Result<Item, Refusal> {
        let raw = checked("raw", self.raw, MAX_RAW)?;
        let name = if self.name.trim().is_empty() { raw.chars().take(60).collect() } else { self.name };
        let owner = if self.owner.is_empty() { "guest".to_owned() } else { self.owner };
        Ok(Item {
            id: Uuid::new_v4().to_string(),
            owner: id("owner", owner)?,
            r#type: kind(&raw).to_owned(),
            name: checked("name", name, MAX_NAME)?,
            raw,
            created_at: now(),
        })
    }
}

/// The time to a thousandth of a second, always of the same length, so that texts sort as times do.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// What a text is.
fn kind(raw: &str) -> &'static str {
    let is_json =
        || serde_json::from_str::<serde_json::Value>(raw).is_ok_and(|json| json.is_object() || json.is_array());
    match raw {
        url if url.starts_with("http://") || url.starts_with("https://") => "url",
        _ if is_json() => "json",
        _ => "string",
    }
}

impl NewBoard {
    /// The board it becomes.
    pub(super) fn accept(self, owner: String) -> Result<Board, Refusal> {
        let (name, owner) = (checked("name", self.name, MAX_NAME)?, id("user", owner)?);
        Ok(Board { id: Uuid::new_v4().to_string(), owner, name, created_at: now() })
    }
}

impl User {
    /// Itself, if it makes sense.
    pub(super) fn accept(self) -> Result<Self, Refusal> {
        let (name, about) = (checked("name", self.name, MAX_NAME)?, self.about);
        if about.len() > MAX_RAW {
            return Err(Refusal::nonsense(format!("`about` has at most {MAX_RAW} bytes")));
        }
        Ok(Self { id: id("id", self.id)?, name, about })
    }
}

fn checked(what: &str, text: String, max: usize) -> Result<String, Refusal> {
    let is_good = !text.trim().is_empty() && text.len() <= max && !text.contains('\0');
    if is_good { Ok(text) } else { Err(Refusal::nonsense(format!("`{what}` is a text of 1 to {max} bytes"))) }
}

/// Checks what somebody is called by.
pub(super) fn id(what: &str, text: String) -> Result<String, Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(text);
    }
    Err(Refusal::nonsense(format!("`{what}` is 1 to 64 letters, digits, dots, dashes and underscores")))
}

impl Stored for Item {
    const COLLECTION: &'static str = "shareditems";

    fn write(&self) -> Document {
        let Self { id, owner, r#type, raw, name, created_at } = self;
        let document = Document::default().with("_id", id.as_str()).with("owner", owner.as_str());
        let document = document.with("type", r#type.as_str()).with("raw", raw.as_str()).with("name", name.as_str());
        document.with("created_at", created_at.as_str())
    }

    fn read(document: &Document) -> Option<Self> {
        let text = |name| document.text(name).map(str::to_owned);
        Some(Self {
            id: text("_id")?,
            owner: text("owner")?,
            r#type: text("type")?,
            raw: text("raw")?,
            name: text("name")?,
            created_at: text("created_at")?,
        })
    }
}

impl Stored for Board {
    const COLLECTION: &'static str = "boards";

    fn write(&self) -> Document {
        let Self { id, owner, name, created_at } = self;
        let document = Document::default().with("_id", id.as_str()).with("owner", owner.as_str());
        document.with("name", name.as_str()).with("created_at", created_at.as_str())
    }

    fn read(document: &Document) -> Option<Self> {
        let text = |name| document.text(name).map(str::to_owned);
        Some(Self { id: text("_id")?, owner: text("owner")?, name: text("name")?, created_at: text("created_at")? })
    }
}

impl Stored for User {
    const COLLECTION: &'static str = "users";

    fn write(&self) -> Document {
        let Self { id, name, about } = self;
        Document::default().with("_id", id.as_str()).with("name", name.as_str()).with("about", about.as_str())
    }

    fn read(document: &Document) -> Option<Self> {
        let text = |name| document.text(name).map(str::to_owned);
        Some(Self { id: text("_id")?, name: text("name")?, about: text("about")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(raw: &str, name: &str, owner: &str) -> Result<Item, Refusal> {
        NewItem { owner: owner.to_owned(), raw: raw.to_owned(), name: name.to_owned() }.accept()
    }

    #[test]
    fn items_become_what_they_are() {
        for (raw, kind) in [("http://a", "url"), ("[1]", "json"), ("12", "string"), ("hello", "string")] {
            assert_eq!(item(raw, "", "").unwrap().r#type, kind, "{raw}");
        }
        let shared = item("hello", "", "").unwrap();
        assert_eq!((shared.name.as_str(), shared.owner.as_str()), ("hello", "guest"));
        assert_eq!(shared.created_at.len(), "2026-01-02T03:04:05.678Z".len());
        assert_eq!(Item::read(&shared.write()), Some(shared));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (raw, name, owner) in [("", "", ""), (" ", "", ""), ("a", "", "a b"), ("a", &"x".repeat(201), "")] {
            assert!(item(raw, name, owner).is_err(), "{raw:?} {owner:?}");
        }
        assert!(item(&"x".repeat(2001), "", "").is_err());
    }
}
