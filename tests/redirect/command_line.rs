//! `labctl sidecar rules` without a kernel: what is shown, and what is refused.

use std::process::Command;

fn rules(arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_labctl")).args(["sidecar", "rules"]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn refused(arguments: &[&str]) -> String {
    let (code, printed, errors) = rules(arguments);
    assert_eq!(printed, "");
    format!("{errors}exit code {code}")
}

#[test]
fn shows_what_a_pod_without_annotations_gets() {
    let (code, printed, errors) = rules(&[]);
    assert_eq!((code, errors.as_str()), (0, ""));
    insta::assert_snapshot!(printed.replace('\t', "    "), @r#"
    table ip labctl {
        chain outbound {
            type nat hook output priority -100; policy accept;
            oifname "lo" ip saddr 127.0.0.6 return
            oifname "lo" ip daddr != 127.0.0.1 tcp dport != 15008 meta skuid 1337 redirect to :15006
            oifname "lo" meta skuid != 1337 return
            meta skuid 1337 return
            oifname "lo" ip daddr != 127.0.0.1 tcp dport != 15008 meta skgid 1337 redirect to :15006
            oifname "lo" meta skgid != 1337 return
            meta skgid 1337 return
            ip daddr 127.0.0.1 return
            meta l4proto tcp redirect to :15001
        }

        chain inbound {
            type nat hook prerouting priority dstnat; policy accept;
            tcp dport 15008 return
            tcp dport 15090 return
            tcp dport 15021 return
            tcp dport 15020 return
            meta l4proto tcp redirect to :15006
        }
    }
    table ip6 labctl {
        chain outbound {
            type nat hook output priority -100; policy accept;
            oifname "lo" ip6 saddr ::6 return
            oifname "lo" ip6 daddr != ::1 tcp dport != 15008 meta skuid 1337 redirect to :15006
            oifname "lo" meta skuid != 1337 return
            meta skuid 1337 return
            oifname "lo" ip6 daddr != ::1 tcp dport != 15008 meta skgid 1337 redirect to :15006
            oifname "lo" meta skgid != 1337 return
            meta skgid 1337 return
            ip6 daddr ::1 return
            meta l4proto tcp redirect to :15001
        }

        chain inbound {
            type nat hook prerouting priority dstnat; policy accept;
            tcp dport 15008 return
            tcp dport 15090 return
            tcp dport 15021 return
            tcp dport 15020 return
            meta l4proto tcp redirect to :15006
        }
    }
    "#);
}

#[test]
fn shows_what_flags_mean() {
    let (code, printed, _) = rules(&["-o", "json", "--", "-b", "80", "-o", "5432", "-i", "10.0.0.0/8"]);
    assert_eq!(code, 0);
    let document: serde_json::Value = serde_json::from_str(&printed).unwrap();
    insta::assert_json_snapshot!(document["tables"][0], @r#"
    {
      "chains": [
        {
          "hook": "output",
          "name": "outbound",
          "rules": [
            "tcp dport 5432 return",
            "oifname \"lo\" ip saddr 127.0.0.6 return",
            "oifname \"lo\" ip daddr != 127.0.0.1 tcp dport != 15008 meta skuid 1337 redirect to :15006",
            "oifname \"lo\" meta skuid != 1337 return",
            "meta skuid 1337 return",
            "oifname \"lo\" ip daddr != 127.0.0.1 tcp dport != 15008 meta skgid 1337 redirect to :15006",
            "oifname \"lo\" meta skgid != 1337 return",
            "meta skgid 1337 return",
            "ip daddr 127.0.0.1 return",
            "ip daddr 10.0.0.0/8 meta l4proto tcp redirect to :15001"
          ]
        },
        {
          "hook": "prerouting",
          "name": "inbound",
          "rules": [
            "tcp dport 15008 return",
            "tcp dport 80 redirect to :15006"
          ]
        }
      ],
      "family": "ip",
      "name": "labctl"
    }
    "#);
}

#[test]
fn refuses_what_makes_no_sense() {
    insta::assert_snapshot!(refused(&["--", "-q"]), @r"
    error: unknown flag -q (known: -p -z -u -g -m -i -x -b -d -o)
    hint: `labctl sidecar rules --help` lists the flags
    exit code 2
    ");
    insta::assert_snapshot!(refused(&["--", "-x", "10.0.0.0"]), @r"
    error: -x 10.0.0.0: not a list of address ranges
    hint: `labctl sidecar rules --help` lists the flags
    exit code 2
    ");
    insta::assert_snapshot!(refused(&["a-pod", "--", "-b", "80"]), @r"
    error: the argument '[POD]' cannot be used with '[FLAGS]...'

    Usage: labctl sidecar rules <POD> [-- <FLAGS>...]

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused(&["--kernel", "a-pod"]), @r"
    error: the argument '--kernel' cannot be used with '[POD]'

    Usage: labctl sidecar rules --kernel [POD] [-- <FLAGS>...]

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused(&["-n", "foo"]), @r"
    error: the following required arguments were not provided:
      <POD>

    Usage: labctl sidecar rules --namespace <NAMESPACE> <POD> [-- <FLAGS>...]

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused(&["a-pod", "--kubeconfig", "/nowhere/config"]), @r"
    error: cannot reach a cluster: cannot read /nowhere/config: No such file or directory (os error 2)
    exit code 4
    ");
}
