//! The formats that are checked; any other format says nothing, as in Kubernetes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

pub(super) fn text_fits(format: &str, text: &str) -> bool {
    match format {
        "byte" => BASE64_STANDARD.decode(text).is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, length)| is_prefix(address, length)),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "date-time" | "datetime" => text.parse::<jiff::Timestamp>().is_ok(),
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

pub(super) fn number_fits(format: &str, value: &Value) -> bool {
    let within = |least: i64, most: i64| value.as_i64().is_some_and(|number| (least..=most).contains(&number));
    match format {
        "int32" => within(i32::MIN.into(), i32::MAX.into()) || value.is_f64(),
        "uint32" => within(0, u32::MAX.into()) || value.is_f64(),
        "int64" => value.is_i64() || value.is_f64(),
        "uint64" => value.is_u64() || value.is_f64(),
        _ => true,
    }
}
