//! Redirect rules in the kernel: nftables over netlink (`linux/netfilter/nf_tables.h`), without any program's help.

mod error;
mod expression;

use rustix::net::netlink;

pub use self::error::{NftablesError, Part};
use self::expression::Unknown;
use super::netlink::{
    ACKNOWLEDGE, APPEND, Attributes, CREATE, DUMP, Failure, Malformed, Message, Netlink, Request, attribute,
    attributes, number,
};
use crate::host::redirect::rules::{Chain, Family, Hook, Rule, TABLE, Table};

/// The number of nftables among the parts of netfilter.
const SUBSYSTEM: u8 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

const NEW_TABLE: u8 = 0;
const DELETE_TABLE: u8 = 2;
const NEW_CHAIN: u8 = 3;
const GET_CHAIN: u8 = 4;
const NEW_RULE: u8 = 6;
const GET_RULE: u8 = 7;

const TABLE_NAME: u16 = 1;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;

/// Puts these tables into the kernel in place of what they held before: all of it or, on an error, nothing.
///
/// # Errors
/// [`NftablesError`], naming what the kernel lacks or the process may not do.
pub fn replace(tables: &[Table]) -> Result<(), NftablesError> {
    let mut batch = Batch::begin();
    for table in tables {
        batch.table(table);
    }
    let socket = Netlink::connect(Some(netlink::NETFILTER)).map_err(NftablesError::of_socket)?;
    let (request, last, parts) = batch.end();
    socket.ask(&request, last, |_| Ok(())).map_err(|failure| NftablesError::of_batch(failure, &parts))
}

/// Reads the tables back; a table that is not there is left out.
///
/// # Errors
/// [`NftablesError`], also if somebody has changed our tables so that they hold what [`replace`] never writes.
pub fn read() -> Result<Vec<Table>, NftablesError> {
    /// How often the rules may change while they are read.
    const PATIENCE: usize = 10;
    let socket = Netlink::connect(Some(netlink::NETFILTER)).map_err(NftablesError::of_socket)?;
    let mut tables = Vec::new();
    for family in [Family::Ip, Family::Ip6] {
        let mut attempts = (0..PATIENCE).map(|_| read_table(&socket, family));
        let settled = attempts.find(|attempt| !matches!(attempt, Err(NftablesError::Changing)));
        tables.extend(settled.unwrap_or(Err(NftablesError::Changing))?);
    }
    Ok(tables)
}

/// Messages that take effect together.
struct Batch {
    request: Request,
    /// What each message is about, by its sequence number.
    parts: Vec<Part>,
}

impl Batch {
    fn begin() -> Self {
        let mut request = Request::default();
        request.add(BATCH_BEGIN, 0, 0, &general(0, u16::from(SUBSYSTEM)), |_| {});
        Self { request, parts: vec![Part::Nftables] }
    }

    /// Replaces a table: it is made if it is not there, so that it can be deleted, and made again.
    fn table(&mut self, table: &Table) {
        let Table { family, chains } = table;
        let name = |attributes: &mut Attributes| attributes.text(TABLE_NAME, TABLE);
        self.add(Part::Table(*family), NEW_TABLE, CREATE, name);
        self.add(Part::Table(*family), DELETE_TABLE, 0, name);
        self.add(Part::Table(*family), NEW_TABLE, CREATE, name);
        for chain in chains {
            self.add(Part::Chain(*family), NEW_CHAIN, CREATE, |attributes| write_chain(chain.hook, attributes));
            for rule in &chain.rules {
                let part = Part::Rule(*family, rule.clone());
                self.add(part, NEW_RULE, CREATE | APPEND, |attributes| {
                    write_rule(*family, chain.hook, rule, attributes);
                });
            }
        }
    }

    fn add(&mut self, part: Part, message: u8, flags: u16, fill: impl FnOnce(&mut Attributes)) {
        let sequence = self.sequence();
        self.request.add(kind(message), flags, sequence, &general(number_of(part.family()), 0), fill);
        self.parts.push(part);
    }

    fn sequence(&self) -> u32 {
        u32::try_from(self.parts.len()).expect("a batch has fewer messages than that")
    }

    /// All messages, the number of the last that is acknowledged, and what each is about.
    fn end(mut self) -> (Request, u32, Vec<Part>) {
        // The kernel keeps silent about a batch as a whole: the last message changes nothing, and is acknowledged.
        let last = self.sequence();
        self.add(Part::Nftables, NEW_TABLE, CREATE | ACKNOWLEDGE, |attributes| attributes.text(TABLE_NAME, TABLE));
        self.request.add(BATCH_END, 0, last + 1, &general(0, u16::from(SUBSYSTEM)), |_| {});
        (self.request, last, self.parts)
    }
}

fn write_chain(hook: Hook, attributes: &mut Attributes) {
    attributes.text(CHAIN_TABLE, TABLE);
    attributes.text(CHAIN_NAME, hook.chain());
    attributes.nest(CHAIN_HOOK, |attributes| {
        attributes.number(HOOK_NUMBER, number_of_hook(hook));
        attributes.put(HOOK_PRIORITY, &Hook::PRIORITY.to_be_bytes());
    });
    attributes.text(CHAIN_TYPE, "nat");
}

fn write_rule(family: Family, hook: Hook, rule: &Rule, attributes: &mut Attributes) {
    attributes.text(RULE_TABLE, TABLE);
    attributes.text(RULE_CHAIN, hook.chain());
    attributes.nest(RULE_EXPRESSIONS, |attributes| expression::write(family, rule, attributes));
}

fn read_table(socket: &Netlink, family: Family) -> Result<Option<Table>, NftablesError> {
    let mut chains = Vec::new();
    listing(socket, family, GET_CHAIN, |found| {
        let ours = text(found, CHAIN_TABLE) == Some(TABLE);
        let hook =
            [Hook::Output, Hook::Prerouting].into_iter().find(|hook| text(found, CHAIN_NAME) == Some(hook.chain()));
        chains.extend(hook.filter(|_| ours).map(|hook| Chain { hook, rules: Vec::new() }));
        Ok(())
    })?;
    let mut unknown = None;
    listing(socket, family, GET_RULE, |found| {
        if text(found, RULE_TABLE) != Some(TABLE) {
            return Ok(());
        }
        let expressions = attribute(found, RULE_EXPRESSIONS).unwrap_or_default();
        let chain = chains.iter_mut().find(|chain| text(found, RULE_CHAIN) == Some(chain.hook.chain()));
        match (chain, expression::read(family, expressions)) {
            (Some(chain), Ok(rule)) => chain.rules.push(rule),
            (_, Err(Unknown::Unreadable(malformed))) => return Err(malformed),
            (_, Err(Unknown::Expression(name))) => unknown = Some(name),
            (None, Ok(_)) => unknown = text(found, RULE_CHAIN).map(|name| format!("chain {name}")),
        }
        Ok(())
    })?;
    match unknown {
        Some(what) => Err(NftablesError::Foreign { family, what }),
        None => Ok((!chains.is_empty()).then_some(Table { family, chains })),
    }
}

/// Hands the attributes of everything of this sort to `each`.
fn listing(
    socket: &Netlink,
    family: Family,
    message: u8,
    mut each: impl FnMut(&[(u16, &[u8])]) -> Result<(), Malformed>,
) -> Result<(), NftablesError> {
    const SEQUENCE: u32 = 1;
    let mut request = Request::default();
    request.add(kind(message), DUMP, SEQUENCE, &general(number_of(family), 0), |_| {});
    let each = |Message { payload, .. }: Message| {
        let found = attributes(payload.get(general(0, 0).len()..).ok_or(Malformed)?)?;
        each(&found).map_err(Failure::from)
    };
    socket.ask(&request, SEQUENCE, each).map_err(NftablesError::of_listing)
}

fn text<'a>(found: &[(u16, &'a [u8])], kind: u16) -> Option<&'a str> {
    std::str::from_utf8(attribute(found, kind)?.strip_suffix(&[0])?).ok()
}

fn kind(message: u8) -> u16 {
    u16::from_be_bytes([SUBSYSTEM, message])
}

/// The fixed part of every netfilter message (`struct nfgenmsg`).
fn general(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

fn number_of(family: Family) -> u8 {
    match family {
        Family::Ip => 2,
        Family::Ip6 => 10,
    }
}

fn number_of_hook(hook: Hook) -> u32 {
    match hook {
        Hook::Output => 3,
        Hook::Prerouting => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::host::redirect::{IpRange, Ports, Ranges, Redirect};

    fn any_range() -> impl Strategy<Value = IpRange> {
        let ip = (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(octets, length)| (IpAddr::from(octets), length));
        let ip6 = (any::<[u8; 16]>(), 0..=128_u8).prop_map(|(octets, length)| (IpAddr::from(octets), length));
        prop_oneof![ip, ip6].prop_map(|(address, length)| IpRange::new(address, length).expect("short enough"))
    }

    prop_compose! {
        fn any_redirect()(
            (outbound_port, inbound_port, exempt_uid, exempt_gid) in any::<(u16, u16, u32, u32)>(),
            include_inbound in prop_oneof![Just(Ports::All), vec(any::<u16>(), 0..4).prop_map(Ports::Only)],
            exclude_inbound in vec(any::<u16>(), 0..4),
            include_outbound_ranges in prop_oneof![Just(Ranges::All), vec(any_range(), 0..4).prop_map(Ranges::Only)],
            exclude_outbound in vec(any::<u16>(), 0..4),
            exclude_outbound_ranges in vec(any_range(), 0..4),
        ) -> Redirect {
            Redirect {
                outbound_port, inbound_port, exempt_uid, exempt_gid, include_inbound, exclude_inbound,
                include_outbound_ranges, exclude_outbound, exclude_outbound_ranges,
            }
        }
    }

    /// The expressions of a rule, as they are sent.
    fn sent(family: Family, hook: Hook, rule: &Rule) -> Vec<u8> {
        let mut request = Request::default();
        request.add(kind(NEW_RULE), 0, 1, &general(0, 0), |attributes| write_rule(family, hook, rule, attributes));
        let messages = request.messages().unwrap();
        let found = attributes(&messages[0].payload[general(0, 0).len()..]).unwrap();
        assert_eq!(text(&found, RULE_CHAIN), Some(hook.chain()));
        attribute(&found, RULE_EXPRESSIONS).unwrap().to_vec()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(redirect in any_redirect()) {
            for family in [Family::Ip, Family::Ip6] {
                for Chain { hook, rules } in redirect.table(family).chains {
                    for rule in rules {
                        prop_assert_eq!(expression::read(family, &sent(family, hook, &rule)), Ok(rule));
                    }
                }
            }
        }

        #[test]
        fn damaged_expressions_are_read_or_refused(redirect in any_redirect(), at in any::<prop::sample::Index>(), byte: u8) {
            for rule in redirect.table(Family::Ip).chains.into_iter().flat_map(|chain| chain.rules) {
                let mut bytes = sent(Family::Ip, Hook::Output, &rule);
                let at = at.index(bytes.len());
                bytes[at] = byte;
                let _ = expression::read(Family::Ip, &bytes);
                let _ = expression::read(Family::Ip6, &bytes[..at]);
            }
        }

        #[test]
        fn nonsense_is_refused(bytes in vec(any::<u8>(), 0..200)) {
            prop_assert!(expression::read(Family::Ip, &bytes).is_err());
        }
    }
}
