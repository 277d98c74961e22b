//! Labs of one's own by their names: from a folder, from a pack, and how packs are made.

use std::os::unix::fs::symlink;

use crate::support::{LAB, Room, TEMPLATE};

/// A room with a folder of two labs, one of them called as a bundled one.
fn with_labs() -> Room {
    let room = Room::new();
    room.sound("labs/sound");
    room.sound("labs/boards");
    room.write("labs/boards/lab.yaml", LAB.replace("name: sound", "name: boards"));
    room
}

/// Exit code and all that is said.
fn told(room: &Room, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = room.said(arguments);
    format!("{stdout}{stderr}exit code {code}")
}

#[test]
fn the_list_says_where_labs_are_from() {
    let room = with_labs();
    insta::assert_snapshot!(told(&room, &["list", "--labs-dir", "labs"]));
    let (_, stdout, _) = room.said(&["list", "--labs-dir", "labs", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let from = |name: &str| {
        let lab = list["labs"].as_array().unwrap().iter().find(|lab| lab["name"] == name).unwrap();
        (lab["from"].clone(), lab["shadowsBundled"].clone())
    };
    assert_eq!(from("boards"), ("labs".into(), true.into()));
    assert_eq!(from("sound"), ("labs".into(), false.into()));
    assert_eq!(from("customers"), (serde_json::Value::Null, false.into()));
}

#[test]
fn a_lab_of_ones_own_comes_before_a_bundled_one() {
    let room = with_labs();
    let (code, stdout, stderr) = room.said(&["show", "--labs-dir", "labs", "boards"]);
    assert_eq!((code, stderr.as_str()), (0, "note: `boards` is the lab in labs, not the bundled one\n"));
    assert!(stdout.contains("A sound lab"), "{stdout}");
    let (code, stdout, stderr) = room.said(&["show", "--labs-dir", "labs", "customers"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("A frontend that came before the mesh"), "{stdout}");
}

#[test]
fn the_folder_may_come_from_the_environment() {
    let room = with_labs();
    let show = std::process::Command::new(env!("CARGO_BIN_EXE_labctl"))
        .args(["show", "sound"])
        .env("LABCTL_LABS_DIR", room.path("labs"))
        .output()
        .unwrap();
    assert!(show.status.success(), "{show:?}");
}

#[test]
fn names_that_are_not_there() {
    let room = with_labs();
    room.write("empty/README.md", "nothing");
    room.write("class.labpack", "nothing");
    let texts = [
        told(&room, &["show", "--labs-dir", "labs", "sond"]),
        told(&room, &["show", "--labs-dir", "labs", "something-else"]),
        told(&room, &["show", "--labs-dir", "nowhere", "sound"]),
        told(&room, &["show", "--labs-dir", "empty", "sound"]),
        told(&room, &["show", "class.labpack"]),
        told(&room, &["unpack", "labs"]),
        told(&room, &["unpack", "nowhere.labpack"]),
    ];
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_pack_is_made_used_and_unpacked() {
    let room = with_labs();
    let (code, digest, stderr) = room.said(&["pack", "./labs", "customers", "-o", "class.labpack"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.starts_with("class.labpack: boards, customers, sound; "), "{stderr}");
    assert!(digest.starts_with("sha256:"), "{digest}");
    let (_, again, _) = room.said(&["pack", "customers", "labs/sound", "labs/boards", "-o", "again.labpack"]);
    assert_eq!(again, digest);
    let shown = room.said(&["show", "--labs-dir", "class.labpack", "customers", "--manifests"]).1;
    assert_eq!(shown, room.said(&["show", "customers", "--manifests"]).1);
    insta::assert_snapshot!(told(&room, &["list", "--labs-dir", "class.labpack"]));
    assert_eq!(told(&room, &["unpack", "class.labpack"]), "class: boards, customers, sound\nexit code 0");
    let unpacked = std::fs::read_to_string(room.path("class/sound/templates/close.yaml")).unwrap();
    assert_eq!(unpacked, TEMPLATE);
    let (_, repacked, _) = room.said(&["pack", "class", "-o", "repacked.labpack"]);
    assert_eq!(repacked, digest);
}

#[test]
fn every_bundled_lab_can_be_packed() {
    let room = Room::new();
    let mut arguments = vec!["pack", "-o", "all.labpack"];
    let labs = labctl::lab::bundled();
    arguments.extend(labs.iter().map(String::as_str));
    let (code, _, stderr) = room.said(&arguments);
    assert_eq!(code, 0, "{stderr}");
    for lab in &labs {
        let shown = |more: &[&str]| room.said(&[&["show", lab, "--manifests"], more].concat()).1;
        assert_eq!(shown(&["--labs-dir", "all.labpack"]), shown(&[]));
    }
}

#[test]
fn a_lab_runs_from_a_pack() {
    let room = Room::new();
    assert_eq!(room.said(&["pack", "mtls-strict", "-o", "class.labpack"]).0, 0);
    let before = room.listing();
    let (code, stdout, stderr) = room.said(&["run", "--labs-dir", "class.labpack", "mtls-strict", "-o", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["run"]["verdict"], "passed", "{report:#}");
    assert_eq!(room.listing(), before, "nothing is unpacked");
}

#[test]
fn what_cannot_be_packed() {
    let room = with_labs();
    room.sound("same/sound");
    room.sound("space/sound");
    room.write("space/sound/templates/two words.yaml", TEMPLATE);
    room.sound("binary/sound");
    room.write("binary/sound/templates/image.yaml", b"\xff\xfe");
    room.sound("named/sound");
    room.write("named/sound/templates/close.yaml", "{% include 'boards/' ~ 'rogue.yaml' %}\n");
    room.write("named/sound/lab.yaml", LAB.replace("close.yaml}", "close.yaml, with: {namespace: foo, image: x}}"));
    room.write("unsound/lab.yaml", "kind: Lab\n");
    let before = room.listing();
    let texts = [
        told(&room, &["pack", "labs/sound", "same/sound", "-o", "class.labpack"]),
        told(&room, &["pack", "space/sound", "-o", "class.labpack"]),
        told(&room, &["pack", "binary/sound", "-o", "class.labpack"]),
        told(&room, &["pack", "named/sound", "-o", "class.labpack"]),
        told(&room, &["pack", "unsound", "-o", "class.labpack"]),
        told(&room, &["pack", "labs/sound", "-o", "nowhere/class.labpack"]),
        told(&room, &["pack", "labs/sound", "-o", "labs"]),
    ];
    insta::assert_snapshot!(texts.join("\n\n"));
    assert_eq!(room.listing(), before);
}

#[test]
fn a_folder_that_is_there_stays_as_it_is() {
    let room = with_labs();
    assert_eq!(room.said(&["pack", "labs/sound", "-o", "class.labpack"]).0, 0);
    room.write("class/mine.txt", "mine");
    symlink(room.path("labs"), room.path("link")).unwrap();
    symlink(room.path("nowhere"), room.path("dangling")).unwrap();
    let before = room.listing();
    let texts = [
        told(&room, &["unpack", "class.labpack"]),
        told(&room, &["unpack", "class.labpack", "-o", "link"]),
        told(&room, &["unpack", "class.labpack", "-o", "dangling"]),
        told(&room, &["unpack", "class.labpack", "-o", "nowhere/class"]),
    ];
    insta::assert_snapshot!(texts.join("\n\n"));
    assert_eq!(room.listing(), before);
    std::fs::copy(room.path("class.labpack"), room.path("pack")).unwrap();
    insta::assert_snapshot!(told(&room, &["unpack", "pack"]));
}

/// A folder from a stranger is read as a pack is: nothing outside of it.
#[test]
fn links_and_pipes_in_a_folder_are_not_followed() {
    let room = Room::new();
    room.write("secret/close.yaml", "secret: value\n");
    room.write("secret/lab.yaml", "secret: value\n");
    for lab in ["file", "template", "templates", "pipe"] {
        room.sound(lab);
    }
    let replace = |path: &str, target: &str| {
        let path = room.path(path);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        symlink(room.path(target), path).unwrap();
    };
    replace("file/lab.yaml", "secret/lab.yaml");
    replace("template/templates/close.yaml", "secret/close.yaml");
    replace("templates/templates", "secret");
    std::fs::remove_file(room.path("pipe/lab.yaml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(room.path("pipe/lab.yaml")).status().unwrap();
    assert!(made.success());
    let texts = ["file", "template", "templates", "pipe"].map(|lab| {
        let said = told(&room, &["show", &format!("./{lab}")]);
        assert!(!said.contains("secret: value"), "{said}");
        said
    });
    insta::assert_snapshot!(texts.join("\n\n"));
}
