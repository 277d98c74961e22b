//! What helps people at a shell: completion and manual pages, made from the same definitions as the arguments.

use std::{
    path::Path,
    process::{Command, Output},
};

fn labctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn bash_completes_subcommands_and_options() {
    let script = text(&labctl(&["completion", "bash"]));
    let ask = |words: &str, last: usize| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={last}; _labctl labctl \"${{COMP_WORDS[{last}]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let asked = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
        let answers: Vec<String> = text(&asked).lines().map(str::to_owned).collect();
        answers
    };
    assert_eq!(ask("labctl ru", 1), ["run"]);
    assert_eq!(ask("labctl mesh un", 2), ["uninstall"]);
    assert!(ask("labctl run --ke", 2).contains(&"--keep".to_owned()));
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(text(&labctl(&["completion", shell])).contains("labctl"), "{shell}");
    }
    let unknown = labctl(&["completion", "tcsh"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8(unknown.stderr).unwrap().contains("[possible values: bash, elvish, fish, powershell, zsh]")
    );
}

#[test]
fn there_is_a_manual_page_for_every_subcommand() {
    let page = text(&labctl(&["man"]));
    assert!(page.contains(".TH labctl 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    text(&labctl(&["man", "--dir", folder.path().to_str().unwrap()]));
    let help = text(&labctl(&["--help"]));
    let commands = help.split_once("Commands:\n").unwrap().1.lines().map_while(|line| line.strip_prefix("  "));
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"run"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = folder.path().join(format!("labctl-{name}.1"));
        assert!(std::fs::read_to_string(&page).unwrap().contains(".SH SYNOPSIS"), "{}", page.display());
    }
    assert!(Path::new(&folder.path().join("labctl-mesh-install.1")).exists());
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let refused = labctl(&["man", "--dir", "/nowhere/at/all"]);
    assert_eq!(refused.status.code(), Some(4));
    insta::assert_snapshot!(String::from_utf8(refused.stderr).unwrap(), @r"
    error: cannot write the manual into /nowhere/at/all: No such file or directory (os error 2)
    hint: the folder must be there, and you must be allowed to write into it
    ");
}
