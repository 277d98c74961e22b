//! The book as the real mdBook builds it, with labctl as its preprocessor.

use std::path::{Path, PathBuf};

use mdbook_driver::MDBook;

use crate::pages;

/// Builds `book/` for an edition. The pages stay, as `target/tmp/book-EDITION`, for whoever wants to look at them.
fn built(edition: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("book-{edition}"));
    let mut book = MDBook::load("book").unwrap();
    book.config.build.build_dir.clone_from(&folder);
    book.config.set("preprocessor.labctl.command", format!("{} book", env!("CARGO_BIN_EXE_labctl"))).unwrap();
    book.config.set("preprocessor.labctl.edition", edition).unwrap();
    let config = book.config.clone();
    MDBook::load_with_config("book", config).unwrap().build().unwrap();
    folder
}

#[test]
fn learners_get_whole_pages_without_solutions() {
    let folder = built("learner");
    pages::assert_whole(&folder);
    let pages = pages::read(&folder);
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
    pages::assert_whole(&folder);
    let pages = pages::read(&folder);
    for name in labctl::lab::bundled() {
        let steps = labctl::lab::find(&name).unwrap().load(&[]).unwrap().steps.len();
        let solutions = pages::of_lab(&pages, &name).matches("class=\"solution\"").count();
        assert_eq!(solutions, steps, "{name} tells how each step is solved");
    }
}
