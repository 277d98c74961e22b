//! The formats that are checked; any other format says nothing, as in Kubernetes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::{Engine, prelude::BASE64_STANDARD};

pub(super) fn text_fits(format: &str, text: &str) -> bool {
    match format {
        "byte" => BASE64_STANDARD.decode(text).is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, length)| is_prefix(address, length)),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "date-time" | "datetime" => text.parse::<jiff::Timestamp>().is_ok(),
        "duration" => is_duration(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "uuid" => uuid::Uuid::parse_str(text).is_ok(),
        _ => true,
    }
}

fn is_prefix(address: &str, length: &str) -> bool {
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// Whether a text is a duration as Go writes it (`1h30m`), or a number and a word (`5 minutes`).
fn is_duration(text: &str) -> bool {
    const UNITS: &[&str] = &[
        "ns",
        "us",
        "µs",
        "ms",
        "s",
        "m",
        "h",
        "d",
        "w",
        "nano",
        "micro",
        "milli",
        "sec",
        "second",
        "min",
        "minute",
        "hr",
        "hour",
        "day",
        "week",
        "nanosecond",
        "microsecond",
        "millisecond",
    ];
    let mut rest = text.trim_start_matches(['-', '+']);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let unit = rest[number..].trim_start();
        let end = unit.find(|letter: char| !letter.is_alphabetic()).unwrap_or(unit.len());
        let (name, after) = unit.split_at(end);
        let known = UNITS.contains(&name) || name.strip_suffix('s').is_some_and(|one| UNITS.contains(&one));
        if number == 0 || !known {
            return false;
        }
        (any, rest) = (true, after.trim_start());
    }
    any
}
