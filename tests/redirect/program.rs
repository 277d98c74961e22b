//! The program `init` and what a kernel has afterwards.

use std::{process::Command, time::Instant};

use crate::namespace::{Namespace, said};

const PLAIN: [&str; 6] = ["-b", "*", "-d", "15090,15021,15020", "-x", ""];

fn init(namespace: &Namespace, flags: &[&str]) -> (i32, String, String) {
    namespace.labctl(&[&["workload", "init"], flags].concat())
}

/// The rules in the kernel, read back by us and, where it is installed, by nft: they have to agree.
fn in_kernel(namespace: &Namespace) -> String {
    let (code, rules, errors) = namespace.labctl(&["sidecar", "rules", "--kernel"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    match namespace.run(Command::new("nft").args(["list", "ruleset"])) {
        Ok(nft) => assert_eq!(said(&nft), (0, rules.clone(), String::new())),
        Err(error) => eprintln!("not compared with nft's own view: {error}"),
    }
    rules
}

/// The rules that these flags mean.
fn meant(flags: &[&str]) -> String {
    let arguments = [&["sidecar", "rules", "--"], flags].concat();
    let output = Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments).output().unwrap();
    let (code, rules, errors) = said(&output);
    assert_eq!((code, errors.as_str()), (0, ""));
    rules
}

#[test]
fn rules_in_the_kernel_are_those_that_were_shown() {
    let Some(namespace) = Namespace::new() else { return };
    let every = [
        "-b",
        "80,443",
        "-d",
        "15021",
        "-o",
        "5432,6379",
        "-u",
        "7",
        "-g",
        "8",
        "-p",
        "16001",
        "-z",
        "16006",
        "-i",
        "10.0.0.0/8,10.96.0.0/12,192.0.2.1/32,fd00::/8,2001:db8::/33",
        "-x",
        "10.1.0.0/17,0.0.0.0/0,::/0,fc00::/7",
    ];
    for flags in [&PLAIN[..], &every, &["-b", ""], &["-i", "127.0.0.0/8,::1/128"]] {
        let (code, log, errors) = init(&namespace, flags);
        assert_eq!((code, errors.as_str()), (0, ""));
        assert_eq!(in_kernel(&namespace), meant(flags));
        assert_eq!(log.split_once('\n').unwrap().1, meant(flags), "the log shows them, too");
    }
}

#[test]
fn a_container_that_restarts_leaves_the_rules_as_they_are() {
    let Some(namespace) = Namespace::new() else { return };
    for _ in 0..3 {
        assert_eq!(init(&namespace, &PLAIN).0, 0);
        assert_eq!(in_kernel(&namespace), meant(&PLAIN));
    }
}

#[test]
fn rules_of_others_are_left_alone() {
    let Some(namespace) = Namespace::new() else { return };
    let mut nft = Command::new("nft");
    nft.arg("add table ip other; add chain ip other c; add rule ip other c tcp dport 80 counter accept");
    match namespace.run(&mut nft) {
        Ok(output) => assert_eq!(said(&output).0, 0),
        Err(error) => return eprintln!("skipped: nft is not to be had: {error}"),
    }
    assert_eq!(init(&namespace, &PLAIN).0, 0);
    let (_, rules, _) = namespace.labctl(&["sidecar", "rules", "--kernel"]);
    assert_eq!(rules, meant(&PLAIN));
    let listed = namespace.run(Command::new("nft").args(["list", "table", "ip", "other"])).unwrap();
    assert!(said(&listed).1.contains("tcp dport 80 counter"), "{listed:?}");
}

#[test]
fn what_somebody_added_to_our_table_is_pointed_out() {
    let Some(namespace) = Namespace::new() else { return };
    assert_eq!(init(&namespace, &PLAIN).0, 0);
    let added = namespace.run(Command::new("nft").arg("add rule ip labctl inbound tcp dport 80 counter accept"));
    let Ok(added) = added else { return eprintln!("skipped: nft is not to be had") };
    assert_eq!(said(&added).0, 0);
    let (code, rules, errors) = namespace.labctl(&["sidecar", "rules", "--kernel"]);
    assert_eq!((code, rules.as_str()), (4, ""));
    insta::assert_snapshot!(errors, @"error: table ip labctl holds what labctl does not write (expression counter): `nft list table ip labctl` shows it");
    // The next start of the container puts it in order.
    assert_eq!(init(&namespace, &PLAIN).0, 0);
    assert_eq!(in_kernel(&namespace), meant(&PLAIN));
}

#[test]
fn a_namespace_without_rules_is_an_error_that_says_so() {
    let Some(namespace) = Namespace::new() else { return };
    let (code, rules, errors) = namespace.labctl(&["sidecar", "rules", "--kernel"]);
    assert_eq!((code, rules.as_str()), (4, ""));
    insta::assert_snapshot!(errors, @r"
    error: this network namespace has no table labctl: nothing is redirected here
    hint: `nsenter -t PID -n labctl sidecar rules --kernel` looks into the namespace of process PID
    ");
}

#[test]
fn without_the_capability_it_says_which() {
    let Some(namespace) = Namespace::new() else { return };
    let weak = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--", env!("CARGO_BIN_EXE_labctl")]).args(arguments);
        namespace.run(&mut command)
    };
    let Ok(output) = weak(&["workload", "init", "-b", "*"]) else {
        return eprintln!("skipped: setpriv is not to be had");
    };
    let (code, log, errors) = said(&output);
    assert_eq!((code, log.as_str()), (1, ""));
    insta::assert_snapshot!(errors, @"init: cannot redirect this pod's connections: redirect rules take the capability NET_ADMIN, which this process lacks (in a pod: securityContext.capabilities.add: [NET_ADMIN], in a namespace whose pod security level is privileged)");
    let (code, _, errors) = said(&weak(&["sidecar", "rules", "--kernel"]).unwrap());
    assert_eq!(code, 4);
    insta::assert_snapshot!(errors, @r"
    error: redirect rules take the capability NET_ADMIN, which this process lacks (in a pod: securityContext.capabilities.add: [NET_ADMIN], in a namespace whose pod security level is privileged)
    hint: as root: `sudo labctl sidecar rules --kernel`
    ");
}

#[test]
fn net_admin_alone_is_enough() {
    let Some(namespace) = Namespace::new() else { return };
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all,+net_admin", "--inh-caps=-all", "--", env!("CARGO_BIN_EXE_labctl")]);
    let Ok(output) = namespace.run(command.args(["workload", "init"]).args(PLAIN)) else {
        return eprintln!("skipped: setpriv is not to be had");
    };
    assert_eq!(said(&output).0, 0, "{output:?}");
    assert_eq!(in_kernel(&namespace), meant(&PLAIN));
}

#[test]
fn many_ports_take_effect_at_once() {
    let Some(namespace) = Namespace::new() else { return };
    let ports: Vec<String> = (1..=3000).map(|port: u16| port.to_string()).collect();
    let flags = ["-b", "*", "-d", &ports.join(",")];
    let started = Instant::now();
    assert_eq!(init(&namespace, &flags).0, 0);
    eprintln!("3000 excluded ports, two families: {:?}", started.elapsed());
    assert_eq!(in_kernel(&namespace), meant(&flags));
}
