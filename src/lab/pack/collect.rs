//! Labs to a pack.

use super::{Pack, PackError, files::Files};
use crate::lab::find::{FILE, Found};

impl Pack {
    /// Packs labs, each under its name, with every template of theirs and the bundled ones that they name.
    ///
    /// # Errors
    /// For labs of the same name, files that cannot be read or packed, and too much of anything.
    pub fn of<'a>(labs: impl IntoIterator<Item = (&'a str, &'a Found)>) -> Result<Self, PackError> {
        let mut files = Files::default();
        for (name, found) in labs {
            let text = &found.source.text;
            files.insert(&format!("{name}/{FILE}"), text.as_bytes().to_vec())?;
            for (template, text) in found.templates.named_in(text)? {
                files.insert(&format!("{name}/templates/{template}"), text.as_bytes().to_vec())?;
            }
        }
        files.check()?;
        Ok(Self { labctl: env!("CARGO_PKG_VERSION").to_owned(), files })
    }
}
