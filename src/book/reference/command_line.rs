//! Every command with its options, as its own `--help` says them.

use clap::Command;

/// The width that help is wrapped to.
const WIDTH: usize = 88;

/// All commands, each under a heading of its own.
pub(super) fn all(command: &Command) -> String {
    let mut command = command.clone().term_width(WIDTH);
    command.build();
    let mut out = String::new();
    each(&mut out, &command, command.get_name());
    out
}

fn each(out: &mut String, command: &Command, name: &str) {
    let help = command.clone().bin_name(name).render_long_help();
    let lines: Vec<String> = help.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    out.push_str(&format!("## {name}\n\n```text\n{}\n```\n\n", lines.join("\n").trim_end()));
    let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
    below.for_each(|below| each(out, below, &format!("{name} {}", below.get_name())));
}
