//! The book as the real mdBook builds it, with labctl as its preprocessor.

use mdbook_driver::MDBook;
use tempfile::TempDir;

use crate::pages;

/// Builds `book/` for an edition.
fn built(edition: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut book = MDBook::load("book").unwrap();
    book.config.build.build_dir = folder.path().to_owned();
    book.config.set("preprocessor.labctl.command", format!("{} book", env!("CARGO_BIN_EXE_labctl"))).unwrap();
    book.config.set("preprocessor.labctl.edition", edition).unwrap();
    let config = book.config.clone();
    MDBook::load_with_config("book", config).unwrap().build().unwrap();
    folder
}

#[test]
fn learners_get_whole_pages_without_solutions() {
    let folder = built("learner");
    pages::assert_whole(folder.path());
    let pages = pages::read(folder.path());
    for name in labctl::lab::bundled() {
        let page = pages::of_lab(&pages, &name);
        assert!(page.contains("&lt;pod&gt;"), "{name} shows what was recorded");
        assert!(
            !page.contains("class=\"solution\"") && !page.contains("<summary>Solution"),
            "{name} gives nothing away"
        );
    }
}

#[test]
fn trainers_get_whole_pages_with_solutions() {
    let folder = built("trainer");
    pages::assert_whole(folder.path());
    let pages = pages::read(folder.path());
    for name in labctl::lab::bundled() {
        let steps = labctl::lab::find(&name).unwrap().load(&[]).unwrap().steps.len();
        let solutions = pages::of_lab(&pages, &name).matches("class=\"solution\"").count();
        assert_eq!(solutions, steps, "{name} tells how each step is solved");
    }
}
