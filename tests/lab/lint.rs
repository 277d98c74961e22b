//! `labctl lint`: a case for every code, the forms of the answer, what is linted, and what the labs of the program get.

use std::{collections::BTreeSet, fs, path::Path};

use labctl::{
    lab,
    lint::{catalogue, lint},
};

use super::{labctl, said};

/// The labs of `tests/lint`, by the name of their file.
fn cases() -> Vec<String> {
    let files = fs::read_dir("tests/lint").unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn path(case: &str) -> String {
    format!("tests/lint/{case}.yaml")
}

/// Each file is a lab in which one thing is wrong, or may look so; its snapshot is what a trainer reads.
#[test]
fn what_is_said_about_labs() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/lint");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for case in cases() {
            insta::assert_snapshot!(case.clone(), said(&["lint", &path(&case)]));
        }
    });
}

#[test]
fn every_code_has_a_case_of_its_own() {
    let codes = |case: &str| -> BTreeSet<String> {
        let findings = lint(&lab::find(&path(case)).unwrap());
        findings.iter().map(|finding| finding.code.rule().name.to_owned()).collect()
    };
    let cases = cases();
    for rule in catalogue::all() {
        assert!(cases.iter().any(|case| case == rule.name), "{} has no case", rule.name);
    }
    for case in cases {
        let wanted = case.split('.').next().unwrap();
        let expected: &[&str] = if wanted == "sound" { &[] } else { &[wanted] };
        assert!(codes(&case).iter().eq(expected), "{case}: {:?}", codes(&case));
    }
}

#[test]
fn bundled_labs_are_clean() {
    insta::assert_snapshot!(said(&["lint", "--all"]), @"
    ✓ 5 labs, nothing to say
    exit code 0
    ");
}

/// Every cell, put wrong, is noticed: the prediction tells of all of them, and so is not clean out of silence.
#[test]
fn a_wrong_cell_in_a_bundled_matrix_is_noticed() {
    let text = fs::read_to_string("labs/mtls-strict/lab.yaml").unwrap();
    // What curl shows must fit the verdicts, too, and is not what this is about.
    let verdicts_only = |line: &&str| !line.contains("shows:") && !line.contains(": {exit: ");
    let text = text.lines().filter(verdicts_only).collect::<Vec<_>>().join("\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.yaml");
    let mut cells = 0;
    let mut start = 0;
    for row in text.split_inclusive('\n') {
        let is_row = row.trim_start().starts_with("sleep.") && row.contains('[');
        for word in ["mtls,", "plaintext,", "reset,", "http(503),"].into_iter().filter(|_| is_row) {
            let Some(found) = row.find(word) else { continue };
            let wrong = if word == "reset," { "plaintext," } else { "reset," };
            let at = start + found;
            fs::write(&file, format!("{}{wrong}{}", &text[..at], &text[at + word.len()..])).unwrap();
            let findings = lint(&lab::find(file.to_str().unwrap()).unwrap());
            let codes: Vec<String> = findings.iter().map(|finding| finding.code.to_string()).collect();
            assert_eq!(codes, ["LAB015"], "{row}");
            cells += 1;
        }
        start += row.len();
    }
    assert!(cells > 20, "{cells}");
}

#[test]
fn forms_of_the_answer() {
    for form in ["json", "github"] {
        insta::assert_snapshot!(form, said(&["lint", &path("cannot-pass"), &path("points-total"), "-o", form]));
    }
}

#[test]
fn sarif() {
    let output = labctl(&["lint", &path("cannot-pass"), &path("points-total"), "-o", "sarif"]);
    let mut log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &mut log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), catalogue::all().count());
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    let rules = run["tool"]["driver"]["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["id"] == "LAB015");
    insta::assert_json_snapshot!(log, {".runs[0].tool.driver.semanticVersion" => "[version]"});
}

#[test]
fn the_catalogue_can_be_read() {
    insta::assert_snapshot!("list", said(&["lint", "--list"]));
    let all: Vec<String> =
        catalogue::all().map(|rule| said(&["lint", "--explain", &rule.code.to_string().to_lowercase()])).collect();
    insta::assert_snapshot!("explain", all.join("\n\n"));
}

#[test]
fn codes_that_are_not_there() {
    insta::assert_snapshot!(
        ["LAB14", "cannot-fial", "nonsense"].map(|code| said(&["lint", "--explain", code])).join("\n\n")
    );
}

/// What is linted where nothing is named, and what a folder of labs stands for.
#[test]
fn labs_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let here = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_labctl"));
        let output = command.args(arguments).current_dir(folder.path()).env_remove("NO_COLOR").output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        format!("{text}exit code {}", output.status.code().unwrap())
    };
    let copy = |name: &str, to: &str| {
        let lab = folder.path().join(to);
        fs::create_dir_all(lab.join("templates")).unwrap();
        fs::copy(path(name), lab.join("lab.yaml")).unwrap();
        for template in fs::read_dir("tests/lint/templates").unwrap().map(|entry| entry.unwrap().path()) {
            fs::copy(&template, lab.join("templates").join(template.file_name().unwrap())).unwrap();
        }
    };
    let mut texts = vec![here(&["lint"]), here(&["lint", "nowhere"])];
    copy("sound", "labs/one");
    copy("points-total", "labs/two");
    texts.extend([here(&["lint"]), here(&["lint", "labs/one", "labs"]), here(&["lint", "."])]);
    copy("sound", "three");
    copy("empty", "four");
    texts.extend([here(&["lint"]), here(&["lint", "three/lab.yaml"]), here(&["lint", "--all", "three"])]);
    insta::assert_snapshot!(texts.join("\n\n"));
}

/// Every finding is where the file says so, whatever is written around it.
#[test]
fn places_are_within_the_file() {
    for case in cases() {
        for finding in lint(&lab::find(&path(&case)).unwrap()) {
            let text = &finding.source.text;
            assert!(finding.at.offset + finding.at.length <= text.len(), "{case}");
            let (line, column) = finding.end();
            assert!((line, column) > (finding.at.line, finding.at.column), "{case}");
            let quoted = text.lines().nth(finding.at.line - 1).unwrap_or_default();
            assert!(column <= quoted.chars().count().max(1) + 1, "{case}: column {column} of `{quoted}`");
            assert!(Path::new(&finding.source.name.replace(" (rendered)", "")).is_file(), "{case}");
        }
    }
}
