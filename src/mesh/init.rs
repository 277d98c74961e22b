//! The program `init`: asks the machine to send a pod's connections through its sidecar.
//!
//! Takes the flags of `istio-iptables`, as far as a [`Redirect`] can say them.

use std::{net::IpAddr, sync::Arc};

use futures::future::BoxFuture;

use crate::{
    host::{ExitStatus, Host, Output, Ports, Redirect},
    host_println,
};

/// The flags were not understood.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FlagError {
    /// A flag is followed by nothing.
    #[error("flag {0} needs a value")]
    NoValue(String),
    /// A flag this program does not know.
    #[error("unknown flag {0} (known: -p -z -u -m -i -x -b -d -o)")]
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
        match host.redirect(redirect.clone()) {
            Ok(()) => {
                host_println!(host, Output::Stdout, "{}", describe(&redirect));
                ExitStatus::SUCCESS
            }
            Err(error) => {
                host_println!(host, Output::Stderr, "init: cannot redirect this pod's connections: {error}");
                ExitStatus::FAILURE
            }
        }
    })
}

/// Understands the flags `-p` (outbound port), `-z` (inbound port), `-u` (exempt uid), `-m` (always `REDIRECT`), `-i`
/// (always `*`), `-x` (excluded outbound ranges), `-b` (included inbound ports), `-d` (excluded inbound ports) and `-o`
/// (excluded outbound ports). Lists are separated by commas; what is not given is as Istio has it.
///
/// # Errors
/// [`FlagError`] on an unknown flag or a value that does not fit.
pub fn parse(arguments: &[String]) -> Result<Redirect, FlagError> {
    let mut redirect = Redirect {
        outbound_port: 15001,
        inbound_port: 15006,
        exempt_uid: 1337,
        include_inbound: Ports::Only(Vec::new()),
        exclude_inbound: Vec::new(),
        exclude_outbound: Vec::new(),
        exclude_outbound_ranges: Vec::new(),
    };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().map(String::as_str).ok_or_else(|| FlagError::NoValue(flag.clone()));
        match flag.as_str() {
            "-p" => redirect.outbound_port = number("-p", value()?, "a port")?,
            "-z" => redirect.inbound_port = number("-z", value()?, "a port")?,
            "-u" => redirect.exempt_uid = number("-u", value()?, "a user id")?,
            "-m" => only("-m", value()?, "REDIRECT")?,
            "-i" => only("-i", value()?, "*")?,
            "-x" => redirect.exclude_outbound_ranges = ranges("-x", value()?)?,
            "-b" => redirect.include_inbound = included("-b", value()?)?,
            "-d" => redirect.exclude_inbound = ports("-d", value()?)?,
            "-o" => redirect.exclude_outbound = ports("-o", value()?)?,
            _ => return Err(FlagError::Unknown(flag.clone())),
        }
    }
    Ok(redirect)
}

/// Parses a list of ports, such as `15090,15021`; an empty text is an empty list.
pub(super) fn ports(flag: &'static str, list: &str) -> Result<Vec<u16>, FlagError> {
    items(list).map(|port| number(flag, port, "a list of ports")).collect()
}

/// Parses a list of address ranges, such as `10.0.0.0/8`; an empty text is an empty list.
pub(super) fn ranges(flag: &'static str, list: &str) -> Result<Vec<(IpAddr, u8)>, FlagError> {
    items(list)
        .map(|range| {
            parse_range(range).ok_or_else(|| FlagError::Value {
                flag,
                value: range.to_owned(),
                expected: "a list of address ranges",
            })
        })
        .collect()
}

/// Parses `*` or a list of ports.
pub(super) fn included(flag: &'static str, list: &str) -> Result<Ports, FlagError> {
    if list.trim() == "*" { Ok(Ports::All) } else { ports(flag, list).map(Ports::Only) }
}

fn parse_range(range: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = range.split_once('/')?;
    let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (length <= longest).then_some((address, length))
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

/// One line for the container's log.
fn describe(redirect: &Redirect) -> String {
    format!(
        "outbound connections go to port {}, inbound ones to port {}, except those of user {}",
        redirect.outbound_port, redirect.inbound_port, redirect.exempt_uid
    )
}

#[cfg(test)]
mod tests {
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
                include_inbound: Ports::All,
                exclude_inbound: vec![15090, 15021],
                exclude_outbound: vec![5432],
                exclude_outbound_ranges: vec![([10, 0, 0, 0].into(), 8)],
            }
        );
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
        insta::assert_snapshot!(refused("--help"), @"unknown flag --help (known: -p -z -u -m -i -x -b -d -o)");
        insta::assert_snapshot!(refused("-p 70000"), @"-p 70000: not a port");
        insta::assert_snapshot!(refused("-m TPROXY"), @"-m TPROXY: not REDIRECT");
        insta::assert_snapshot!(refused("-i 10.0.0.0/8"), @"-i 10.0.0.0/8: not *");
        insta::assert_snapshot!(refused("-x 10.0.0.0/33"), @"-x 10.0.0.0/33: not a list of address ranges");
        insta::assert_snapshot!(refused("-d 80,http"), @"-d http: not a list of ports");
    }
}
