//! Labs of one's own: made by `labctl new`, found in folders, and written out as manifests.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use labctl::{
    lab::{self, Collection, LoadError},
    render::manifest,
};

use crate::{said, sound};

/// Runs labctl in a folder.
fn labctl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments).current_dir(folder).output().unwrap()
}

fn answer(folder: &Path, arguments: &[&str]) -> String {
    let output = labctl(folder, arguments);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    format!("{stdout}{stderr}exit code {}", output.status.code().unwrap())
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_lab_is_sound_and_called_as_its_folder() {
    let home = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(answer(home.path(), &["new", "team-lab"]), @r"
    team-lab/lab.yaml
    team-lab/templates/namespace.yaml
    team-lab/templates/policy.yaml
    team-lab/templates/programs.yaml
    team-lab/templates/shared/program.yaml

    Next:
      labctl test ./team-lab --mutate   prove it
      labctl show ./team-lab            read it as a trainee does
      labctl run ./team-lab             run it
    exit code 0
    ");
    assert_eq!(entries(home.path()), ["team-lab"]);
    let lab = sound(home.path().join("team-lab").to_str().unwrap());
    assert_eq!(lab.metadata.name, "team-lab");
    assert_eq!(lab.objects().next().unwrap().name(), "team-lab");
}

/// Whatever is bundled can be copied, and then is the same lab: nothing of it comes from the program any more.
#[test]
fn every_bundled_lab_can_be_copied() {
    let home = tempfile::tempdir().unwrap();
    for name in lab::bundled() {
        let copy = format!("own-{name}");
        let output = labctl(home.path(), &["new", &copy, "--from", &name]);
        assert!(output.status.success(), "{output:?}");
        let folder = home.path().join(&copy);
        let (original, copied) = (sound(&name), sound(folder.to_str().unwrap()));
        assert_eq!(copied.metadata.name, copy);
        assert!(original.objects().eq(copied.objects()), "{name}");
        let text = fs::read_to_string(folder.join("lab.yaml")).unwrap();
        let bundled = fs::read_to_string(Path::new("labs").join(&name).join("lab.yaml")).unwrap();
        assert_eq!(text.replacen(&copy, &name, 1), bundled);
    }
    assert!(
        home.path().join("own-hipster-app/templates/shared/program.yaml").is_file(),
        "what is included comes along"
    );
}

#[test]
fn a_copy_of_a_copy_keeps_its_own_templates() {
    let home = tempfile::tempdir().unwrap();
    labctl(home.path(), &["new", "first"]);
    let policy = home.path().join("first/templates/policy.yaml");
    fs::write(&policy, fs::read_to_string(&policy).unwrap() + "# ours\n").unwrap();
    let output = labctl(home.path(), &["new", "second", "--from", "./first"]);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read_to_string(home.path().join("second/templates/policy.yaml")).unwrap().ends_with("# ours\n"));
}

#[test]
fn labs_that_cannot_be_made() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("taken")).unwrap();
    fs::create_dir(home.path().join("broken")).unwrap();
    fs::write(home.path().join("broken/lab.yaml"), "apiVersion: labctl/v1\nkind: Lab\n").unwrap();
    let answers = [
        answer(home.path(), &["new"]).lines().take(2).collect::<Vec<_>>().join("\n"),
        answer(home.path(), &["new", "My_Lab"]),
        answer(home.path(), &["new", "2026"]),
        answer(home.path(), &["new", "taken"]),
        answer(home.path(), &["new", "no-such-folder/my-lab"]),
        answer(home.path(), &["new", "my-lab", "--from", "mtls-stict"]),
        answer(home.path(), &["new", "my-lab", "--from", "./broken"]),
    ];
    insta::assert_snapshot!(answers.join("\n\n"));
    assert_eq!(entries(home.path()), ["broken", "taken"], "nothing is half written");
    assert_eq!(entries(&home.path().join("taken")), Vec::<String>::new());
}

#[test]
fn manifests_are_rendered_as_they_are_applied() {
    let text = |arguments: &[&str]| String::from_utf8(crate::labctl(arguments).stdout).unwrap();
    let whole = manifest::read("stdout", &text(&["render", "boards"])).unwrap();
    assert!(sound("boards").objects().eq(&whole), "the setup and all steps, in their order");
    for step in ["default", "mesh"] {
        let rendered = text(&["render", "mtls-strict", "--step", step]);
        assert!(!rendered.is_empty());
        assert_eq!(rendered, text(&["show", "mtls-strict", "--step", step, "--manifests"]));
    }
    let set = text(&["render", "mtls-strict", "--set", "httpbin_image=mccutchen/go-httpbin:2.18"]);
    assert!(set.contains("image: mccutchen/go-httpbin:2.18"), "{set}");
    let image = text(&["render", "hello-mesh", "--image", "registry.example/labctl:1"]);
    assert!(image.contains("image: registry.example/labctl:1"), "{image}");
}

#[test]
fn what_cannot_be_rendered_is_said() {
    let answers =
        [said(&["render", "mtls-strict", "--step", "prot"]), said(&["render", "mtls-strict", "--set", "a=b"])];
    insta::assert_snapshot!(answers.join("\n\n"), @r"
    error: the lab `mtls-strict` has no step `prot`
    hint: did you mean `port`?
    exit code 2

    error: the lab has no parameter `a`; there are: httpbin_image, sleep_image
    hint: `labctl show mtls-strict` lists the parameters
    exit code 2
    ");
}

#[test]
fn a_folder_stands_for_the_labs_in_it() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).display().to_string();
    for lab in ["labs/b", "labs/a", "labs/.hidden", "labs/deep/er", "empty/x"] {
        fs::create_dir_all(path(lab)).unwrap();
        if !lab.starts_with("empty") {
            fs::write(Path::new(&path(lab)).join("lab.yaml"), "").unwrap();
        }
    }
    let search = |names: &[String]| Collection::default().search(names).map_err(|error| error.to_string());
    let both = vec![path("labs/a"), path("labs/b")];
    assert_eq!(search(&[path("labs")]), Ok(both.clone()), "sorted, neither hidden nor deeper");
    assert_eq!(search(&[path("labs/b"), path("labs")]), Ok(vec![path("labs/b"), path("labs/a")]), "each once");
    assert_eq!(search(&["boards".to_owned(), "./x".to_owned()]), Ok(vec!["boards".to_owned(), "./x".to_owned()]));
    let none = search(&[path("empty")]).unwrap_err().replace(&path("empty"), "[folder]");
    assert_eq!(none, "no lab is in `[folder]`: neither it nor a folder in it has a `lab.yaml`");
}

/// What `starter` promises to whoever makes a lab.
#[test]
fn the_starter_is_sound() {
    match lab::starter().load(&[]) {
        Ok(lab) => assert_eq!(lab.steps.len(), 1),
        Err(LoadError::Content(problems)) => panic!("{}", problems.draw(false)),
        Err(error) => panic!("{error}"),
    }
}
