//! A rule as the kernel has it: a little program of expressions that load a value into a register and look at it.

use std::net::IpAddr;

use super::{Attributes, Malformed, attribute, attributes, number};
use crate::host::redirect::{
    IpRange,
    rules::{Condition, Family, Rule, Test, Verdict},
};

const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const META_REGISTER: u16 = 1;
const META_KEY: u16 = 2;
const PAYLOAD_REGISTER: u16 = 1;
const PAYLOAD_BASE: u16 = 2;
const PAYLOAD_OFFSET: u16 = 3;
const PAYLOAD_LENGTH: u16 = 4;
const BITWISE_SOURCE: u16 = 1;
const BITWISE_REGISTER: u16 = 2;
const BITWISE_LENGTH: u16 = 3;
const BITWISE_MASK: u16 = 4;
const BITWISE_FLIP: u16 = 5;
const COMPARE_REGISTER: u16 = 1;
const COMPARE_OPERATION: u16 = 2;
const COMPARE_DATA: u16 = 3;
const IMMEDIATE_REGISTER: u16 = 1;
const IMMEDIATE_DATA: u16 = 2;
const REDIRECT_FIRST: u16 = 1;

/// The one register that is needed.
const REGISTER: u32 = 1;
/// The register that holds the verdict.
const VERDICT_REGISTER: u32 = 0;
/// Go on after the chain (`NFT_RETURN`, -5).
const RETURN: [u8; 4] = (-5_i32).to_be_bytes();
const TCP: u8 = 6;
/// The kernel compares as many bytes of an interface's name.
const LOOPBACK: [u8; 16] = *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// One step of a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Expression {
    /// Compares the register.
    Compare(Test, Vec<u8>),
    /// Loads a field of the packet.
    Load(Field),
    /// Clears all bits of the register but these.
    Mask(Vec<u8>),
    /// Loads what is known about the packet.
    Meta(Key),
    /// Puts a port into the register.
    Port(u16),
    /// Redirects to the port in the register.
    Redirect,
    /// Leaves the chain.
    Return,
}

/// What is known about a packet, with the kernel's numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    OutInterface = 7,
    User = 10,
    Group = 11,
    Protocol = 16,
}

/// Where something is in a packet: from which header on, at which byte, how many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Field {
    base: u32,
    offset: u32,
    length: u32,
}

const TRANSPORT_HEADER: u32 = 2;
const NETWORK_HEADER: u32 = 1;
const PORT: Field = Field { base: TRANSPORT_HEADER, offset: 2, length: 2 };

/// Why a rule cannot be understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unknown {
    /// It has an expression, or uses one in a way, that [`write`] never does.
    Expression(String),
    /// It is no rule at all.
    Unreadable(Malformed),
}

impl From<Malformed> for Unknown {
    fn from(malformed: Malformed) -> Self {
        Self::Unreadable(malformed)
    }
}

/// Writes a rule's expressions.
pub(super) fn write(family: Family, rule: &Rule, attributes: &mut Attributes) {
    let conditions = rule.conditions.iter().flat_map(|condition| of_condition(family, condition));
    for expression in conditions.chain(of_verdict(rule.verdict)) {
        attributes.nest(LIST_ELEMENT, |attributes| expression.write(attributes));
    }
}

/// Reads a rule's expressions.
pub(super) fn read(family: Family, bytes: &[u8]) -> Result<Rule, Unknown> {
    let mut reader = Reader { family, conditions: Vec::new(), value: None, mask: None, port: None };
    for (_, element) in attributes(bytes)? {
        if let Some(verdict) = reader.step(Expression::read(element)?)? {
            return Ok(Rule { conditions: reader.conditions, verdict });
        }
    }
    Err(Unknown::Expression("no verdict".to_owned()))
}

fn of_condition(family: Family, condition: &Condition) -> Vec<Expression> {
    use Expression::{Compare, Load, Meta};
    let is_tcp = [Meta(Key::Protocol), Compare(Test::Is, vec![TCP])];
    let number = |key, test, value: u32| vec![Meta(key), Compare(test, value.to_ne_bytes().to_vec())];
    match *condition {
        Condition::Destination(test, range) => in_range(destination(family), test, range),
        Condition::DestinationPort(test, port) => {
            let compared = [Load(PORT), Compare(test, port.to_be_bytes().to_vec())];
            is_tcp.into_iter().chain(compared).collect()
        }
        Condition::Group(test, gid) => number(Key::Group, test, gid),
        Condition::Loopback => vec![Meta(Key::OutInterface), Compare(Test::Is, LOOPBACK.to_vec())],
        Condition::Source(range) => in_range(source(family), Test::Is, range),
        Condition::Tcp => is_tcp.to_vec(),
        Condition::User(test, uid) => number(Key::User, test, uid),
    }
}

fn in_range(field: Field, test: Test, range: IpRange) -> Vec<Expression> {
    let mask = (!range.is_single()).then(|| Expression::Mask(prefix(range.length(), field.length)));
    let compare = Expression::Compare(test, octets(range.network()));
    [Expression::Load(field)].into_iter().chain(mask).chain([compare]).collect()
}

fn of_verdict(verdict: Verdict) -> Vec<Expression> {
    match verdict {
        Verdict::Redirect(port) => vec![Expression::Port(port), Expression::Redirect],
        Verdict::Return => vec![Expression::Return],
    }
}

fn source(family: Family) -> Field {
    let (offset, length) = if family == Family::Ip { (12, 4) } else { (8, 16) };
    Field { base: NETWORK_HEADER, offset, length }
}

fn destination(family: Family) -> Field {
    let Field { base, offset, length } = source(family);
    Field { base, offset: offset + length, length }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// A mask of `size` bytes whose first `length` bits are set.
fn prefix(length: u8, size: u32) -> Vec<u8> {
    let bits = |byte: u32| (u32::from(length)).saturating_sub(byte * 8).min(8);
    (0..size).map(|byte| u8::MAX.checked_shl(8 - bits(byte)).unwrap_or(0)).collect()
}

/// How many bits at the front of a mask are set, if no others are.
fn prefix_length(mask: &[u8]) -> Option<u8> {
    let size = u32::try_from(mask.len()).ok()?;
    (0..=u8::try_from(size.checked_mul(8)?).ok()?).find(|&length| prefix(length, size) == mask)
}

impl Expression {
    fn name(&self) -> &'static str {
        match self {
            Self::Compare(..) => "cmp",
            Self::Load(_) => "payload",
            Self::Mask(_) => "bitwise",
            Self::Meta(_) => "meta",
            Self::Port(_) | Self::Return => "immediate",
            Self::Redirect => "redir",
        }
    }

    fn write(&self, attributes: &mut Attributes) {
        attributes.text(EXPRESSION_NAME, self.name());
        attributes.nest(EXPRESSION_DATA, |attributes| self.write_data(attributes));
    }

    fn write_data(&self, attributes: &mut Attributes) {
        match self {
            Self::Compare(test, value) => {
                attributes.number(COMPARE_REGISTER, REGISTER);
                attributes.number(COMPARE_OPERATION, u32::from(*test == Test::IsNot));
                attributes.nest(COMPARE_DATA, |attributes| attributes.put(DATA_VALUE, value));
            }
            Self::Load(Field { base, offset, length }) => {
                attributes.number(PAYLOAD_REGISTER, REGISTER);
                attributes.number(PAYLOAD_BASE, *base);
                attributes.number(PAYLOAD_OFFSET, *offset);
                attributes.number(PAYLOAD_LENGTH, *length);
            }
            Self::Mask(mask) => {
                attributes.number(BITWISE_SOURCE, REGISTER);
                attributes.number(BITWISE_REGISTER, REGISTER);
                attributes.number(BITWISE_LENGTH, u32::try_from(mask.len()).expect("an address is short"));
                attributes.nest(BITWISE_MASK, |attributes| attributes.put(DATA_VALUE, mask));
                attributes.nest(BITWISE_FLIP, |attributes| attributes.put(DATA_VALUE, &vec![0; mask.len()]));
            }
            Self::Meta(key) => {
                attributes.number(META_REGISTER, REGISTER);
                attributes.number(META_KEY, *key as u32);
            }
            Self::Port(port) => {
                attributes.number(IMMEDIATE_REGISTER, REGISTER);
                attributes.nest(IMMEDIATE_DATA, |attributes| attributes.put(DATA_VALUE, &port.to_be_bytes()));
            }
            Self::Redirect => attributes.number(REDIRECT_FIRST, REGISTER),
            Self::Return => {
                attributes.number(IMMEDIATE_REGISTER, VERDICT_REGISTER);
                attributes.nest(IMMEDIATE_DATA, |attributes| {
                    attributes.nest(DATA_VERDICT, |attributes| attributes.put(VERDICT_CODE, &RETURN));
                });
            }
        }
    }

    fn read(element: &[u8]) -> Result<Self, Unknown> {
        let parts = attributes(element)?;
        let name = attribute(&parts, EXPRESSION_NAME).and_then(|name| name.strip_suffix(&[0])).unwrap_or_default();
        let data = attributes(attribute(&parts, EXPRESSION_DATA).unwrap_or_default())?;
        let unknown = || Unknown::Expression(format!("expression {}", String::from_utf8_lossy(name)));
        Self::read_data(name, &data)?.ok_or_else(unknown)
    }

    /// `None` if the expression is none of ours.
    fn read_data(name: &[u8], data: &[(u16, &[u8])]) -> Result<Option<Self>, Malformed> {
        let field = |kind| attribute(data, kind).and_then(number);
        let value = |kind| attribute(data, kind).map(data_value).transpose().map(Option::flatten);
        Ok(match name {
            b"bitwise" => match (value(BITWISE_MASK)?, value(BITWISE_FLIP)?) {
                (Some(mask), Some(flip)) if flip.iter().all(|byte| *byte == 0) => Some(Self::Mask(mask.to_vec())),
                _ => None,
            },
            b"cmp" => {
                let test = match field(COMPARE_OPERATION) {
                    Some(0) => Some(Test::Is),
                    Some(1) => Some(Test::IsNot),
                    _ => None,
                };
                test.zip(value(COMPARE_DATA)?).map(|(test, value)| Self::Compare(test, value.to_vec()))
            }
            b"immediate" => match field(IMMEDIATE_REGISTER) {
                Some(VERDICT_REGISTER) => returns(attribute(data, IMMEDIATE_DATA))?.then_some(Self::Return),
                _ => value(IMMEDIATE_DATA)?
                    .and_then(|port| port.try_into().ok())
                    .map(|port| Self::Port(u16::from_be_bytes(port))),
            },
            b"meta" => field(META_KEY).and_then(Key::numbered).map(Self::Meta),
            b"payload" => {
                let (base, offset) = (field(PAYLOAD_BASE), field(PAYLOAD_OFFSET));
                let place = base.zip(offset).zip(field(PAYLOAD_LENGTH));
                place.map(|((base, offset), length)| Self::Load(Field { base, offset, length }))
            }
            b"redir" => Some(Self::Redirect),
            _ => None,
        })
    }
}

fn data_value(data: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    Ok(attribute(&attributes(data)?, DATA_VALUE))
}

/// Whether the verdict in `data` is to return.
fn returns(data: Option<&[u8]>) -> Result<bool, Malformed> {
    let data = attributes(data.unwrap_or_default())?;
    let verdict = attributes(attribute(&data, DATA_VERDICT).unwrap_or_default())?;
    Ok(attribute(&verdict, VERDICT_CODE) == Some(&RETURN))
}

impl Key {
    fn numbered(number: u32) -> Option<Self> {
        let all = [Self::OutInterface, Self::User, Self::Group, Self::Protocol];
        all.into_iter().find(|key| *key as u32 == number)
    }
}

/// What a rule's expressions have said so far.
struct Reader {
    family: Family,
    conditions: Vec<Condition>,
    /// What the register holds.
    value: Option<Value>,
    mask: Option<Vec<u8>>,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Value {
    Field(Field),
    Meta(Key),
}

impl Reader {
    /// Takes the next expression; answers the verdict if it is that.
    fn step(&mut self, expression: Expression) -> Result<Option<Verdict>, Unknown> {
        let name = expression.name();
        let strange = || Unknown::Expression(format!("a use of expression {name}"));
        match expression {
            Expression::Compare(test, value) => {
                let condition = self.condition(test, &value).ok_or_else(strange)?;
                self.enter(condition);
                (self.value, self.mask) = (None, None);
            }
            Expression::Load(field) => self.value = Some(Value::Field(field)),
            Expression::Mask(mask) => self.mask = Some(mask),
            Expression::Meta(key) => self.value = Some(Value::Meta(key)),
            Expression::Port(port) => self.port = Some(port),
            Expression::Redirect => return self.port.map(Verdict::Redirect).ok_or_else(strange).map(Some),
            Expression::Return => return Ok(Some(Verdict::Return)),
        }
        Ok(None)
    }

    /// A port is TCP's: that it is TCP has been asked before, and goes without saying.
    fn enter(&mut self, condition: Condition) {
        if matches!(condition, Condition::DestinationPort(..)) && self.conditions.last() == Some(&Condition::Tcp) {
            self.conditions.pop();
        }
        self.conditions.push(condition);
    }

    fn condition(&self, test: Test, value: &[u8]) -> Option<Condition> {
        let number = || Some(u32::from_ne_bytes(value.try_into().ok()?));
        let is = (test == Test::Is).then_some(());
        match self.value? {
            Value::Field(PORT) => Some(Condition::DestinationPort(test, u16::from_be_bytes(value.try_into().ok()?))),
            Value::Field(field) if field == destination(self.family) => {
                Some(Condition::Destination(test, self.range(value)?))
            }
            Value::Field(field) if field == source(self.family) => is.and(self.range(value)).map(Condition::Source),
            Value::Field(_) => None,
            Value::Meta(Key::Group) => Some(Condition::Group(test, number()?)),
            Value::Meta(Key::OutInterface) => is.filter(|()| value == LOOPBACK).map(|()| Condition::Loopback),
            Value::Meta(Key::Protocol) => is.filter(|()| value == [TCP]).map(|()| Condition::Tcp),
            Value::Meta(Key::User) => Some(Condition::User(test, number()?)),
        }
    }

    fn range(&self, value: &[u8]) -> Option<IpRange> {
        let address = address(value)?;
        match &self.mask {
            None => Some(IpRange::of(address)),
            Some(mask) => IpRange::new(address, prefix_length(mask)?),
        }
    }
}
