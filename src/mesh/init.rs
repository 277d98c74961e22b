//! The program `init`: asks the machine to send a pod's connections through its sidecar.
//!
//! Takes the flags of `istio-iptables`, as far as a [`Redirect`] can say them.

use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;

use crate::{
    host::{ExitStatus, Host, IpRange, Output, Ports, Ranges, Redirect, redirect::rules::Family},
    host_println,
    mesh::inject::INIT_CONTAINER,
};

/// The flags were not understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FlagError {
    /// A flag is followed by nothing.
    #[error("flag {0} needs a value")]
    NoValue(String),
    /// A flag this program does not know.
    #[error("unknown flag {0} (known: -p -z -u -g -m -i -x -b -d -o)")]
    Unknown(String),
    /// The value does not fit the flag.
    #[error("{flag} {value}: not {expected}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// What followed it.
        value: String,
        /// What should have.
        expected: &'static str,
    },
}

/// Runs the program.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Box::pin(async move {
        let redirect = match parse(&arguments) {
            Ok(redirect) => redirect,
            Err(error) => {
                host_println!(host, Output::Stderr, "init: {error}");
                return ExitStatus::USAGE;
            }
        };
        match host.redirect(&redirect) {
            Ok(()) => {
                host_println!(host, Output::Stdout, "{}", describe(&redirect).trim_end());
                ExitStatus::SUCCESS
            }
            Err(error) => {
                host_println!(host, Output::Stderr, "init: cannot redirect this pod's connections: {error}");
                ExitStatus::FAILURE
            }
        }
    })
}

/// Understands the flags `-p` (outbound port), `-z` (inbound port), `-u` (exempt uid), `-g` (exempt gid; the same number
/// if it is not given), `-m` (always `REDIRECT`), `-i` (included outbound ranges), `-x` (excluded ones), `-b` (included
/// inbound ports), `-d` (excluded ones) and `-o` (excluded outbound ports). Lists are separated by commas; what is not
/// given is as Istio has it.
///
/// # Errors
/// [`FlagError`] on an unknown flag or a value that does not fit.
pub fn parse(arguments: &[String]) -> Result<Redirect, FlagError> {
    let (mut redirect, mut gid) = (Redirect::default(), None);
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().map(String::as_str).ok_or_else(|| FlagError::NoValue(flag.clone()));
        match flag.as_str() {
            "-p" => redirect.outbound_port = number("-p", value()?, "a port")?,
            "-z" => redirect.inbound_port = number("-z", value()?, "a port")?,
            "-u" => redirect.exempt_uid = number("-u", value()?, "a user id")?,
            "-g" => gid = Some(number("-g", value()?, "a group id")?),
            "-m" => only("-m", value()?, "REDIRECT")?,
            "-i" => redirect.include_outbound_ranges = included_ranges("-i", value()?)?,
            "-x" => redirect.exclude_outbound_ranges = ranges("-x", value()?)?,
            "-b" => redirect.include_inbound = included("-b", value()?)?,
            "-d" => redirect.exclude_inbound = ports("-d", value()?)?,
            "-o" => redirect.exclude_outbound = ports("-o", value()?)?,
            _ => return Err(FlagError::Unknown(flag.clone())),
        }
    }
    redirect.exempt_gid = gid.unwrap_or(redirect.exempt_uid);
    Ok(redirect)
}

/// The flags of a pod's init container: its own, or those that Istio gave it. `None` if the pod has no such container.
pub fn flags_of(pod: &Pod) -> Option<Vec<String>> {
    /// What Istio's container runs, and a flag that has nothing to do with redirection.
    const ELSEWHERE: [&str; 2] = ["istio-iptables", "--log_output_level"];
    let containers = pod.spec.as_ref()?.init_containers.as_ref()?;
    let container = containers.iter().find(|container| container.name == INIT_CONTAINER)?;
    let words = container.args.iter().flatten().cloned();
    Some(words.filter(|word| !ELSEWHERE.iter().any(|other| word.starts_with(other))).collect())
}

/// Parses a list of ports, such as `15090,15021`; an empty text is an empty list.
pub(super) fn ports(flag: &'static str, list: &str) -> Result<Vec<u16>, FlagError> {
    items(list).map(|port| number(flag, port, "a list of ports")).collect()
}

/// Parses a list of address ranges, such as `10.0.0.0/8`; an empty text is an empty list.
pub(super) fn ranges(flag: &'static str, list: &str) -> Result<Vec<IpRange>, FlagError> {
    items(list).map(|range| number(flag, range, "a list of address ranges")).collect()
}

/// Parses `*` or a list of address ranges.
pub(super) fn included_ranges(flag: &'static str, list: &str) -> Result<Ranges, FlagError> {
    if list.trim() == "*" { Ok(Ranges::All) } else { ranges(flag, list).map(Ranges::Only) }
}

/// Parses `*` or a list of ports.
pub(super) fn included(flag: &'static str, list: &str) -> Result<Ports, FlagError> {
    if list.trim() == "*" { Ok(Ports::All) } else { ports(flag, list).map(Ports::Only) }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn number<N: std::str::FromStr>(flag: &'static str, value: &str, expected: &'static str) -> Result<N, FlagError> {
    value.parse().map_err(|_| FlagError::Value { flag, value: value.to_owned(), expected })
}

fn only(flag: &'static str, value: &str, expected: &'static str) -> Result<(), FlagError> {
    if value == expected { Ok(()) } else { Err(FlagError::Value { flag, value: value.to_owned(), expected }) }
}

/// For the container's log: one line for a reader in a hurry, then the rules.
fn describe(redirect: &Redirect) -> String {
    let Redirect { outbound_port, inbound_port, exempt_uid, .. } = redirect;
    let [ip, ip6] = [Family::Ip, Family::Ip6].map(|family| redirect.table(family));
    format!(
        "outbound connections go to port {outbound_port}, inbound ones to port {inbound_port}, except those of user \
         {exempt_uid}\n{ip}{ip6}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(line: &str) -> Result<Redirect, FlagError> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_of_the_injected_container() {
        let redirect = parsed("-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -b * -d 15090,15021 -o 5432 -x 10.0.0.0/8");
        assert_eq!(
            redirect.unwrap(),
            Redirect {
                outbound_port: 15001,
                inbound_port: 15006,
                exempt_uid: 1337,
                exempt_gid: 1337,
                include_inbound: Ports::All,
                exclude_inbound: vec![15090, 15021],
                include_outbound_ranges: Ranges::All,
                exclude_outbound: vec![5432],
                exclude_outbound_ranges: vec!["10.0.0.0/8".parse().unwrap()],
            }
        );
    }

    #[test]
    fn group_is_the_user_unless_it_is_given() {
        assert_eq!(parsed("-u 99").unwrap().exempt_gid, 99);
        assert_eq!(parsed("-g 7 -u 99").unwrap().exempt_gid, 7);
        let only = parsed("-i 10.0.0.0/8,fd00::/8").unwrap().include_outbound_ranges;
        assert_eq!(only, Ranges::Only(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]));
    }

    #[test]
    fn flags_are_found_in_a_pod_whoever_injected_it() {
        let pod = |name: &str, args: &[&str]| -> Pod {
            let container = json!({ "name": name, "args": args });
            serde_json::from_value(json!({ "spec": { "containers": [], "initContainers": [container] } })).unwrap()
        };
        assert_eq!(flags_of(&pod("istio-init", &["-p", "15001"])).unwrap(), ["-p", "15001"]);
        let istio = ["istio-iptables", "-p", "15001", "--log_output_level=default:info"];
        assert_eq!(flags_of(&pod("istio-init", &istio)).unwrap(), ["-p", "15001"]);
        assert_eq!(flags_of(&pod("migrate", &["-p", "15001"])), None);
        assert_eq!(flags_of(&Pod::default()), None);
    }

    #[test]
    fn an_empty_value_is_an_empty_list() {
        let redirect = parse(&["-x".to_owned(), String::new(), "-b".to_owned(), String::new()]).unwrap();
        assert!(redirect.exclude_outbound_ranges.is_empty());
        assert_eq!(redirect.include_inbound, Ports::Only(Vec::new()));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let refused = |line| parsed(line).unwrap_err().to_string();
        insta::assert_snapshot!(refused("-p"), @"flag -p needs a value");
        insta::assert_snapshot!(refused("--help"), @"unknown flag --help (known: -p -z -u -g -m -i -x -b -d -o)");
        insta::assert_snapshot!(refused("-p 70000"), @"-p 70000: not a port");
        insta::assert_snapshot!(refused("-m TPROXY"), @"-m TPROXY: not REDIRECT");
        insta::assert_snapshot!(refused("-g staff"), @"-g staff: not a group id");
        insta::assert_snapshot!(refused("-i 10.0.0.0"), @"-i 10.0.0.0: not a list of address ranges");
        insta::assert_snapshot!(refused("-x 10.0.0.0/33"), @"-x 10.0.0.0/33: not a list of address ranges");
        insta::assert_snapshot!(refused("-d 80,http"), @"-d http: not a list of ports");
    }
}
