//! mdBook's protocol: a book in, the book filled in out; and what a mistake in a chapter says.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Said, labctl};

/// What mdBook sends for a book of one chapter.
fn sent(root: &str, edition: &str, content: &str) -> String {
    let chapter = json!({
        "name": "One", "content": content, "number": [2], "sub_items": [], "path": "one.md", "source_path": "one.md",
        "parent_names": [],
    });
    let config = json!({"book": {}, "preprocessor": {"labctl": {"command": "labctl book", "edition": edition}}});
    json!([
        {"root": root, "config": config, "renderer": "html", "mdbook_version": "0.5.4"},
        {"items": [{"PartTitle": "Part"}, "Separator", {"Chapter": chapter}]},
    ])
    .to_string()
}

fn chapter(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{}", said.stderr);
    let book: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(book["items"][0], json!({"PartTitle": "Part"}));
    assert_eq!(book["items"][1], json!("Separator"));
    book["items"][2]["Chapter"].clone()
}

fn filled(content: &str) -> Said {
    labctl(&["book"], &sent(".", "learner", content))
}

#[test]
fn every_renderer_is_supported() {
    assert_eq!(labctl(&["book", "supports", "html"], "").code, 0);
}

#[test]
fn labs_become_chapters_below() {
    let chapter = chapter(&filled("Here: {{#labctl labs}}"));
    let below: Vec<&Value> = chapter["sub_items"].as_array().unwrap().iter().map(|item| &item["Chapter"]).collect();
    let paths: Vec<&str> = below.iter().map(|chapter| chapter["path"].as_str().unwrap()).collect();
    // The shortest first.
    let minutes = |name: &String| labctl::lab::find(name).unwrap().load(&[]).unwrap().metadata.minutes;
    let mut wanted = labctl::lab::bundled();
    wanted.sort_by_key(minutes);
    assert_eq!(paths, wanted.iter().map(|name| format!("one/{name}.md")).collect::<Vec<_>>());
    assert_eq!((&below[1]["number"], &below[1]["parent_names"]), (&json!([2, 2]), &json!(["One"])));
    assert!(chapter["content"].as_str().unwrap().contains("(one/mtls-strict.md)"));
}

#[test]
fn a_backslash_makes_a_directive_a_text() {
    assert_eq!(chapter(&filled(r"Write \{{#labctl labs}}."))["content"], "Write {{#labctl labs}}.");
}

/// A lab of one's own in a book of one's own, without a recording: the chapter shows what the lab expects.
#[test]
fn an_own_lab_is_found_from_the_books_folder_and_asks_for_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("my-lab");
    fs::create_dir(&lab).unwrap();
    let text = fs::read_to_string("labs/mtls-strict/lab.yaml").unwrap();
    let text = text
        .replace("name: mtls-strict", "name: my-lab")
        .replace("Three namespaces", "{{ '{{#include /etc/passwd}}' }} Three");
    fs::write(lab.join("lab.yaml"), text).unwrap();
    let said = labctl(&["book"], &sent(folder.path().to_str().unwrap(), "trainer", "{{#labctl lab ./my-lab}}"));
    let content = chapter(&said)["content"].as_str().unwrap().to_owned();
    assert!(content.contains("<span class=\"seen locked\">● mTLS</span>") && content.contains("Solution"));
    assert!(content.contains(r"\{{#include /etc/passwd}}"), "mdBook takes it as text");
}

#[test]
fn mistakes_say_where_they_are_and_what_to_write() {
    let cases = [
        ("unknown directive", "learner", "One.\n\n{{#labctl labz}}"),
        ("far from every directive", "learner", "{{#labctl}}"),
        ("no argument", "learner", "{{#labctl lab}}"),
        ("too many arguments", "learner", "{{#labctl labs all}}"),
        ("unknown topic", "learner", "{{#labctl reference verdict}}"),
        ("unknown lab", "learner", "{{#labctl lab mtls-strickt}}"),
        ("no such folder", "learner", "{{#labctl lab ./no-lab}}"),
        ("unknown edition", "teacher", "One."),
    ];
    let mut told = String::new();
    for (case, edition, content) in cases {
        let said = labctl(&["book"], &sent(".", edition, content));
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{case}");
        told += &format!("{case}:\n{}", said.stderr);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_no_book_is_refused() {
    let said = labctl(&["book"], "{}");
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.stderr);
}

#[test]
fn an_unsound_lab_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lab")).unwrap();
    fs::write(folder.path().join("lab/lab.yaml"), "kind: Lab\n").unwrap();
    let said = labctl(&["book"], &sent(folder.path().to_str().unwrap(), "learner", "{{#labctl lab ./lab}}"));
    assert_eq!(said.code, 6);
    insta::assert_snapshot!(said.stderr.replace(folder.path().to_str().unwrap(), "[folder]"));
}

#[test]
fn a_broken_recording_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("recorded")).unwrap();
    fs::write(folder.path().join("recorded/boards.json"), "{}").unwrap();
    let said = labctl(&["book"], &sent(folder.path().to_str().unwrap(), "learner", "{{#labctl lab boards}}"));
    assert_eq!(said.code, 4);
    insta::assert_snapshot!(said.stderr.replace(folder.path().to_str().unwrap(), "[folder]"));
}
