//! A lab of one's own, made from another: its file under another name, and every template that it uses.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use include_dir::{Dir, include_dir};
use regex::Regex;

use crate::{
    lab::{
        action::Action,
        find::{FILE, Found},
        load::LoadError,
        model::Lab,
        position::Span,
        problem::Source,
        yaml::{self, Node, Value},
    },
    render::{RenderError, Templates, object::is_label},
};

/// The lab that [`starter`] finds.
static STARTER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/lab/starter");
/// The templates of which a template says that it brings them in.
static BRINGS_IN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\{%[-+]?\s*(?:extends|from|import|include)\s+["']([^"']+)["']"#).expect("it is written here")
});

/// The files of a lab by their path within its folder.
pub type Files = BTreeMap<PathBuf, String>;

/// Why a lab cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is not sound.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A template cannot be read.
    #[error(transparent)]
    Template(#[from] RenderError),
}

/// A small lab to begin with, which is sound as it is.
pub fn starter() -> Found {
    let file = STARTER.get_file(FILE).and_then(|file| file.contents_utf8()).expect("the starter is there");
    let templates = STARTER.get_dir("templates").expect("the starter has templates");
    Found { source: Source { name: FILE.to_owned(), text: file.into() }, templates: Templates::beside(templates) }
}

/// Whether a lab can be called so: lower case letters, digits and `-`, and in YAML a text (`2026` and `null` are none).
pub fn is_name(name: &str) -> bool {
    let read = yaml::parse(&Source { name: FILE.to_owned(), text: name.into() });
    is_label(name) && read.is_ok_and(|node| matches!(node.value, Value::Text(_)))
}

impl Found {
    /// The files of the same lab under another name ([`is_name`]), with the bundled templates that it uses beside its own.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub fn copy(&self, name: &str) -> Result<Files, CopyError> {
        let lab = self.load(&[])?;
        let mut files = Files::from([(FILE.into(), self.renamed(name).map_err(LoadError::Content)?)]);
        let mut wanted = used(&lab);
        while let Some(template) = wanted.pop() {
            let path = Path::new("templates").join(&template);
            let Some(text) = self.templates.source(&template)?.filter(|_| !files.contains_key(&path)) else { continue };
            wanted.extend(BRINGS_IN.captures_iter(&text).map(|found| found[1].to_owned()));
            files.insert(path, text.to_string());
        }
        Ok(files)
    }

    /// The lab file with another name in its metadata, and nothing else changed.
    fn renamed(&self, name: &str) -> Result<String, crate::lab::problem::Problems> {
        let tree = yaml::parse(&self.source)?;
        let Span { offset, length, .. } =
            entry(&tree, "metadata").and_then(|metadata| entry(metadata, "name")).expect("a sound lab has a name").at;
        let mut text = self.source.text.to_string();
        text.replace_range(offset..offset + length, name);
        Ok(text)
    }
}

fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
}

/// The templates that its actions name.
fn used(lab: &Lab) -> Vec<String> {
    let actions = lab.setup.iter().chain(lab.steps.iter().flat_map(|step| &step.solve));
    let applied = actions.filter_map(|action| match &action.value {
        Action::Apply(apply) => Some(apply),
        Action::Refused(refused) => Some(&refused.apply),
        _ => None,
    });
    applied.map(|apply| apply.template.value.clone()).collect()
}
