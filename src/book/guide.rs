//! The guide in the program: its chapters, filled in, as pages for a browser.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use include_dir::{Dir, include_dir};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use regex::Regex;

use super::{
    BookError, Writer,
    mdbook::{Book, Chapter, Item},
    page::{self, Page},
    recording::{self, Recording},
};

/// The folder of recordings, beside `book.toml`.
pub const RECORDED: &str = "recorded";
/// What mdBook builds, too.
static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/book");
/// What the pages need besides.
const STYLES: [(&str, &str); 2] =
    [("content.css", include_str!("../../book/theme/content.css")), ("page.css", include_str!("page.css"))];

static INCLUDE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(\\?)\{\{#include ([^}]+)\}\}").expect("it is sound"));

/// The guide as files: a page for each chapter, and the styles.
///
/// # Errors
/// As [`Writer::book`].
pub fn files(writer: &Writer) -> Result<Vec<(PathBuf, String)>, BookError> {
    let mut book = Book::of(summary(source(Path::new("SUMMARY.md"))));
    writer.book(&mut book)?;
    let mut pages = page::all(&book);
    pages.iter_mut().for_each(|page| page.content = page::html(&included(page)));
    let first = pages.first().map(|page| page.at("index.html"));
    let written = first.iter().chain(&pages).map(|page| (page.file.clone(), page::write(page, &pages, writer.edition)));
    let styles = STYLES.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned()));
    Ok(written.chain(styles).collect())
}

/// Writes the files into a folder, which is made if it is not there.
///
/// # Errors
/// If nobody may write there.
pub fn write(files: &[(PathBuf, String)], folder: &Path) -> io::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The recording of a bundled lab.
pub(super) fn recording(lab: &str) -> Result<Option<Recording>, BookError> {
    let path = Path::new(RECORDED).join(recording::file_name(lab));
    let text = SOURCES.get_file(&path).and_then(|file| file.contents_utf8());
    text.map(serde_json::from_str).transpose().map_err(|source| BookError::Recording { path, source })
}

/// A file of the guide.
fn source(path: &Path) -> &'static str {
    let file = SOURCES.get_file(Path::new("src").join(path)).and_then(|file| file.contents_utf8());
    file.unwrap_or_else(|| panic!("the guide links to `{}`, and a test says that it is there", path.display()))
}

/// The chapters of the summary: headings are parts, links are chapters, lists go below.
fn summary(text: &str) -> Vec<Item> {
    let (mut items, mut title, mut target) = (Vec::new(), String::new(), None);
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => title.clear(),
            Event::Start(Tag::Link { dest_url, .. }) => {
                title.clear();
                target = Some(PathBuf::from(dest_url.as_ref()));
            }
            Event::Text(text) | Event::Code(text) => title.push_str(&text),
            Event::End(TagEnd::Heading(_)) if title != "Summary" => items.push(Item::PartTitle(title.clone())),
            Event::End(TagEnd::Link) => items.extend(target.take().map(|path| chapter(&title, path))),
            _ => {}
        }
    }
    items
}

fn chapter(name: &str, path: PathBuf) -> Item {
    let content = source(&path).to_owned();
    let source_path = Some(path.clone());
    Item::Chapter(Chapter { name: name.to_owned(), content, path: Some(path), source_path, ..Chapter::default() })
}

/// The page's text with its `{{#include ...}}` followed, as mdBook does it.
fn included(page: &Page) -> String {
    let folder = page.file.parent().unwrap_or(Path::new(""));
    let text = INCLUDE.replace_all(&page.content, |found: &regex::Captures<'_>| match &found[1] {
        "" => source(&lexical(&folder.join(found[2].trim()))).to_owned(),
        _ => found[0].to_owned(),
    });
    text.replace(r"\{{#", "{{#")
}

/// A path without its `..`.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}
