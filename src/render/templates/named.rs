//! Which templates a lab may come to use, for whoever takes it elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Templates;
use crate::render::RenderError;

impl Templates {
    /// All templates of one's own, and the bundled ones that these, each other, or `text` name.
    ///
    /// A name that a template puts together is not seen.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn named_in(&self, text: &str) -> Result<BTreeMap<String, Arc<str>>, RenderError> {
        let mut found = BTreeMap::new();
        let mut read: Vec<Arc<str>> = vec![text.into()];
        for name in self.own_names()? {
            let text = self.found_text(&name)?;
            read.push(Arc::clone(&text));
            found.insert(name, text);
        }
        let mut bundled: BTreeSet<String> = self.bundled_names().into_iter().collect();
        bundled.retain(|name| !found.contains_key(name));
        while let Some(text) = read.pop() {
            let (named, other) = bundled.into_iter().partition(|name| text.contains(name.as_str()));
            bundled = other;
            let named: BTreeSet<String> = named;
            for name in named {
                let text = self.found_text(&name)?;
                read.push(Arc::clone(&text));
                found.insert(name, text);
            }
        }
        Ok(found)
    }

    fn found_text(&self, name: &str) -> Result<Arc<str>, RenderError> {
        match self.own.find(name)? {
            Some(found) => Ok(found.text),
            None => Err(RenderError::NotFound { name: name.to_owned(), known: self.names() }),
        }
    }
}
