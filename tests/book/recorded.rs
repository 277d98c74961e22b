//! What the guide shows is what a run shows.

use std::fs;

use crate::support::labctl;

/// The gate: the labs of today show what the guide says. `labctl book record` records them anew.
#[test]
fn every_lab_shows_what_is_recorded() {
    let said = labctl(&["book", "record", "--check"], "");
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let wanted: String = labctl::lab::bundled().iter().map(|name| format!("{name}: as recorded\n")).collect();
    assert_eq!(said.stdout, wanted);
}

#[test]
fn what_differs_is_told_and_can_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("recorded");
    fs::create_dir(&kept).unwrap();
    let recorded = fs::read_to_string("book/recorded/mtls-strict.json").unwrap();
    let file = kept.join("mtls-strict.json");
    // Somebody typed a success into the recording: a caller without a sidecar, and a certificate all the same.
    let claimed = recorded.replacen("\"seen\": \"reset\"", "\"seen\": \"plaintext\"", 1);
    assert_ne!(claimed, recorded);
    fs::write(&file, claimed).unwrap();
    let book = folder.path().to_str().unwrap();
    let said = labctl(&["book", "record", "mtls-strict", "--check", "--book", book], "");
    assert_eq!(said.code, 1, "{}", said.stderr);
    insta::assert_snapshot!(said.stdout);
    assert!(
        said.stderr.ends_with("hint: if that is as it should be, `labctl book record` records it\n"),
        "{}",
        said.stderr
    );
    let said = labctl(&["book", "record", "mtls-strict", "--book", book], "");
    assert_eq!((said.code, said.stdout.as_str()), (0, "mtls-strict: recorded\n"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), recorded);
}

#[test]
fn a_folder_without_recordings_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().to_str().unwrap();
    let said = labctl(&["book", "record", "hello-mesh", "--book", book, "--check"], "");
    assert_eq!(said.code, 1);
    insta::assert_snapshot!("nothing", format!("{}{}", said.stdout, said.stderr).replace(book, "[folder]"));
    // The first recording makes its folder.
    let said = labctl(&["book", "record", "hello-mesh", "--book", book], "");
    assert_eq!((said.code, said.stdout.as_str()), (0, "hello-mesh: recorded\n"), "{}", said.stderr);
    assert!(folder.path().join("recorded/hello-mesh.json").is_file());

    let said = labctl(&["book", "record", "hello-mesh", "--book", "/nowhere"], "");
    assert_eq!(said.code, 2);
    insta::assert_snapshot!("nowhere", said.stderr);
}
