//! Labs through the public door: the bundled ones load, broken ones say what is wrong, where, and what to write instead.

use std::{fs, path::Path};

use labctl::lab::{self, LoadError, model::Lab};

/// Loads a lab that is expected to be sound.
fn sound(name: &str) -> Lab {
    match lab::find(name).unwrap().load(&[]) {
        Ok(lab) => lab,
        Err(LoadError::Content(problems)) => panic!("{}", problems.draw(false)),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn bundled_labs_load() {
    for name in lab::bundled() {
        let lab = sound(&name);
        assert_eq!(lab.metadata.name, name);
        assert_eq!(lab.points() % 10, 0, "points of {name} are a round number");
    }
}

/// Each file in `tests/labs` is a lab with one mistake; its snapshot is what a trainer reads.
#[test]
fn broken_labs_are_refused() {
    let mut cases: Vec<_> = fs::read_dir("tests/labs").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_file());
    cases.sort();
    assert!(cases.len() > 50, "the cases are there");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/labs");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| cases.iter().for_each(|case| refuse(case)));
}

fn refuse(case: &Path) {
    let name = case.file_stem().unwrap().to_str().unwrap();
    let text = match lab::find(case.to_str().unwrap()).unwrap().load(&[]) {
        Ok(_) => panic!("{name} is loaded"),
        Err(LoadError::Content(problems)) => problems.draw(false),
        Err(error) => panic!("{name}: {error}"),
    };
    insta::assert_snapshot!(name, text);
}
