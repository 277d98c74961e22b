//! `labctl docs`: the guide without mdBook.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    pages,
    support::{labctl, run},
};

#[test]
fn both_editions_are_whole_and_only_one_has_solutions() {
    for (edition, solved) in [("learner", false), ("trainer", true)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guide");
        let said = labctl(&["docs", "-o", path.to_str().unwrap(), "--edition", edition], "");
        assert_eq!(
            (said.code, said.stdout),
            (0, format!("{}\n", path.join("index.html").display())),
            "{}",
            said.stderr
        );
        pages::assert_whole(&path);
        let written = pages::read(&path);
        for name in labctl::lab::bundled() {
            let page = pages::of_lab(&written, &name);
            assert_eq!(page.contains("class=\"solution\""), solved, "{name} for {edition}s");
        }
        // Nothing that a strict content security policy would forbid.
        assert!(written.values().all(|page| !page.contains("<script") && !page.contains("style=\"")));
    }
}

#[test]
fn the_browser_is_the_one_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (browser, opened) = (folder.path().join("browser"), folder.path().join("opened"));
    fs::write(&browser, format!("#!/bin/sh\necho \"$1\" > '{0}.new' && mv '{0}.new' '{0}'\n", opened.display()))
        .unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
    let said = run(command.arg("docs").env("BROWSER", &browser).env("XDG_CACHE_HOME", folder.path()), "");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !opened.exists() {
        assert!(Instant::now() < deadline, "the browser was not started");
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(opened).unwrap(), said.stdout);
    assert!(fs::read_to_string(said.stdout.trim()).unwrap().contains("Introduction"));
}

#[test]
fn without_a_browser_the_path_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
    let said = run(command.arg("docs").env("BROWSER", "/no/such/browser").env("XDG_CACHE_HOME", folder.path()), "");
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

#[test]
fn somebody_elses_pages_stay() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index.html");
    fs::write(&index, "<h1>Mine</h1>").unwrap();
    let said = labctl(&["docs", "-o", folder.path().to_str().unwrap()], "");
    let shown = said.stderr.replace(folder.path().to_str().unwrap(), "[folder]");
    insta::assert_snapshot!(shown, @r"
    error: [folder]/index.html is there already, and is no page of this guide
    hint: nothing was written; name a folder that is empty or not there
    ");
    assert_eq!((said.code, fs::read_dir(folder.path()).unwrap().count()), (2, 1));
    assert_eq!(fs::read_to_string(index).unwrap(), "<h1>Mine</h1>");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let said = labctl(&["docs", "-o", file.join("guide").to_str().unwrap()], "");
    let shown = said.stderr.replace(folder.path().to_str().unwrap(), "[folder]");
    insta::assert_snapshot!(shown, @r"
    error: cannot write the guide into [folder]/file/guide: Not a directory (os error 20)
    hint: name a folder of yours with -o DIR
    ");
    assert_eq!(said.code, 4);
}
