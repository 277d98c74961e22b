//! What holds for every page, whoever made it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use regex::Regex;

/// Asserts that the pages of a folder are whole: links lead somewhere, drawings say what they show, nothing is left to fill in.
pub fn assert_whole(folder: &Path) {
    let pages = read(folder);
    assert!(pages.len() > 15, "the guide has pages: {:?}", pages.keys());
    let mut wrong = Vec::new();
    for (path, page) in &pages {
        wrong.extend(
            dead_links(folder, path, page, &pages).into_iter().map(|link| format!("{}: {link}", path.display())),
        );
        let directives = page.replace(r"{{#labctl lab ./labs/my-lab}}", "");
        if directives.contains("{{#") && !path.ends_with("cli.html") && !path.ends_with("print.html") {
            wrong.push(format!("{}: a directive is left", path.display()));
        }
        wrong.extend(silent_drawings(page).map(|drawing| format!("{}: {drawing}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All pages below a folder, by their path in it.
pub fn read(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                pages.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    pages
}

/// The chapter of a lab.
pub fn of_lab<'a>(pages: &'a BTreeMap<PathBuf, String>, name: &str) -> &'a str {
    &pages[Path::new(&format!("labs/{name}.html"))]
}

fn dead_links(folder: &Path, path: &Path, page: &str, pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    // Of elements: the HTML that a lab's programs answer is shown as text.
    let links = Regex::new(r#"<[^<>]*?(?:href|src)="([^"]*)""#).unwrap();
    let links: BTreeSet<&str> = links.captures_iter(page).map(|found| found.extract::<1>().1[0]).collect();
    links.into_iter().filter(|link| !leads_somewhere(folder, path, link, pages)).map(str::to_owned).collect()
}

/// Within the guide, to a file that is there and a name in it. The guide leads nowhere else.
fn leads_somewhere(folder: &Path, path: &Path, link: &str, pages: &BTreeMap<PathBuf, String>) -> bool {
    let (file, name) = link.split_once('#').map_or((link, None), |(file, name)| (file, Some(name)));
    let target = if file.is_empty() { path.to_owned() } else { plain(&path.parent().unwrap().join(file)) };
    match (pages.get(&target), name) {
        (Some(page), Some(name)) => name.is_empty() || page.contains(&format!("id=\"{name}\"")),
        (Some(_), None) => true,
        (None, _) => folder.join(target).is_file(),
    }
}

fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Pictures without a text for those who do not see them.
fn silent_drawings(page: &str) -> impl Iterator<Item = String> {
    let pictures = Regex::new(r"<img[^>]*>").unwrap();
    let images: Vec<String> = pictures
        .find_iter(page)
        .map(|image| image.as_str().to_owned())
        .filter(|image| !image.contains("alt=\"") || image.contains("alt=\"\""))
        .collect();
    let drawings = Regex::new(r#"(?s)<figure class="drawing">.*?</figure>"#).unwrap();
    let drawings: Vec<String> = drawings
        .find_iter(page)
        .map(|drawing| drawing.as_str().to_owned())
        .filter(|drawing| !["role=\"img\"", "<title", "<desc", "<figcaption"].iter().all(|part| drawing.contains(part)))
        .collect();
    images.into_iter().chain(drawings)
}
