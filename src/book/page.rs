//! A chapter as a page for a browser: no scripts, nothing from elsewhere, light and dark, wide and narrow.

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use minijinja::{Environment, UndefinedBehavior, Value, context, value::Serde};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html::push_html};
use serde::Serialize;

use super::{
    Edition,
    mdbook::{Book, Item},
};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("page.html", include_str!("page.html")).expect("the template is sound");
    environment
});

/// A page.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Page {
    /// Its name in the list of contents.
    pub(super) name: String,
    /// Where it goes, relative to the guide.
    pub(super) file: PathBuf,
    /// Markdown, then HTML.
    #[serde(skip)]
    pub(super) content: String,
    /// How far below the first ones it is.
    depth: usize,
    /// The heading above it in the list of contents.
    part: Option<String>,
}

impl Page {
    /// The same page at another place.
    pub(super) fn at(&self, file: &str) -> Self {
        Self { file: file.into(), ..self.clone() }
    }
}

/// The pages of a book, in reading order.
pub(super) fn all(book: &Book) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut part = None;
    collect(&book.items, 0, &mut part, &mut pages);
    pages
}

fn collect(items: &[Item], depth: usize, part: &mut Option<String>, pages: &mut Vec<Page>) {
    for item in items {
        match item {
            Item::Chapter(chapter) => {
                pages.extend(chapter.path.as_ref().map(|path| Page {
                    name: chapter.name.clone(),
                    file: path.with_extension("html"),
                    content: chapter.content.clone(),
                    depth,
                    part: part.take(),
                }));
                collect(&chapter.sub_items, depth + 1, part, pages);
            }
            Item::PartTitle(title) => *part = Some(title.clone()),
            Item::Separator => {}
        }
    }
}

/// A page among all of them.
pub(super) fn write(page: &Page, pages: &[Page], edition: Edition) -> String {
    let place = pages.iter().position(|other| other.name == page.name).unwrap_or_default();
    let root = "../".repeat(page.file.components().count() - 1);
    let template = ENVIRONMENT.get_template("page.html").expect("it was added");
    let values = context! {
        root, place,
        page => Serde(page),
        pages => Serde(pages),
        content => Value::from_safe_string(page.content.clone()),
        version => env!("CARGO_PKG_VERSION"),
        edition => edition.to_string(),
        before => Serde(place.checked_sub(1).map(|before| &pages[before])),
        after => Serde(pages.get(place + 1)),
    };
    template.render(values).expect("the template uses these values")
}

/// Markdown as HTML: headings have names, tables may scroll, links lead to pages.
pub(super) fn html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    let events: Vec<Event<'_>> = Parser::new_ext(markdown, options).collect();
    let mut names = BTreeMap::new();
    let mut out = String::with_capacity(markdown.len() * 2);
    let changed = events.iter().enumerate().flat_map(|(place, event)| match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            let id = id.clone().unwrap_or_else(|| unique(&mut names, &text(&events[place..])).into());
            let tag = Tag::Heading { level: *level, id: Some(id), classes: classes.clone(), attrs: attrs.clone() };
            vec![Event::Start(tag)]
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => vec![Event::Start(Tag::Link {
            link_type: *link_type,
            dest_url: to_page(dest_url),
            title: title.clone(),
            id: id.clone(),
        })],
        Event::Start(Tag::Table(_)) => vec![Event::Html("<div class=\"table-wrapper\">".into()), event.clone()],
        Event::End(TagEnd::Table) => vec![event.clone(), Event::Html("</div>".into())],
        _ => vec![event.clone()],
    });
    push_html(&mut out, changed);
    out
}

/// The text of the heading that begins here.
fn text(events: &[Event<'_>]) -> String {
    let ends = |event: &&Event<'_>| !matches!(event, Event::End(TagEnd::Heading(_)));
    let words = events.iter().take_while(ends).filter_map(|event| match event {
        Event::Code(text) | Event::Text(text) => Some(text.as_ref()),
        _ => None,
    });
    words.collect()
}

/// A heading's name as mdBook makes it, so that links hold in both: the second one of a name ends with `-1`.
fn unique(names: &mut BTreeMap<String, usize>, heading: &str) -> String {
    let letter = |letter: char| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || letter == '_' || letter == '-' => Some(letter.to_ascii_lowercase()),
        _ => None,
    };
    let name: String = heading.trim().chars().filter_map(letter).collect();
    let count = names.entry(name.clone()).and_modify(|count| *count += 1).or_insert(0);
    if *count == 0 { name } else { format!("{name}-{count}") }
}

/// `../mesh/levels.md#top` leads to `../mesh/levels.html#top`.
fn to_page<'a>(target: &CowStr<'a>) -> CowStr<'a> {
    let (file, place) = target.split_once('#').map_or((target.as_ref(), None), |(file, place)| (file, Some(place)));
    match file.strip_suffix(".md") {
        Some(file) if !file.contains("://") => {
            format!("{file}.html{}", place.map_or_else(String::new, |place| format!("#{place}"))).into()
        }
        _ => target.clone(),
    }
}
