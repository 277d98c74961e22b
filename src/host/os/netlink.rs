//! Netlink: messages of attributes to the kernel and back (RFC 3549, and `linux/netlink.h`).
//!
//! Only what programming a namespace takes: requests are sent at once, answers are read until the last is done.

use std::{io, time::Duration};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect,
        netlink::SocketAddrNetlink,
        recv, send, socket_with,
        sockopt::{self, Timeout},
    },
};

/// A message asks for something.
pub(super) const REQUEST: u16 = 0x1;
/// The kernel says when it is done, also if nothing went wrong.
pub(super) const ACKNOWLEDGE: u16 = 0x4;
/// All there is, not one.
pub(super) const DUMP: u16 = 0x300;
/// What is not there is to be made.
pub(super) const CREATE: u16 = 0x400;
/// Put at the end of what is there.
pub(super) const APPEND: u16 = 0x800;

const DUMP_INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
/// Marks an attribute that consists of attributes, in the number of its kind.
const NESTED: u16 = 0x8000;
/// Marks an attribute in network byte order, in the number of its kind.
const NETWORK_ORDER: u16 = 0x4000;

/// Messages that are sent together.
#[derive(Debug, Default)]
pub(super) struct Request(Vec<u8>);

impl Request {
    /// Adds a message: the fixed part of its kind, then attributes.
    pub(super) fn add(
        &mut self,
        kind: u16,
        flags: u16,
        sequence: u32,
        fixed: &[u8],
        fill: impl FnOnce(&mut Attributes),
    ) {
        let start = self.0.len();
        self.0.extend([0; 4]);
        self.0.extend(kind.to_ne_bytes());
        self.0.extend((REQUEST | flags).to_ne_bytes());
        self.0.extend(sequence.to_ne_bytes());
        // The kernel fills in whose message it is.
        self.0.extend([0; 4]);
        self.0.extend(fixed);
        fill(&mut Attributes(&mut self.0));
        let length = u32::try_from(self.0.len() - start).expect("a message is shorter than 4 GiB");
        self.0[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }
}

/// Where the attributes of a message are put.
pub(super) struct Attributes<'a>(&'a mut Vec<u8>);

impl Attributes<'_> {
    /// An attribute of these bytes.
    pub(super) fn put(&mut self, kind: u16, value: &[u8]) {
        self.framed(kind, |bytes| bytes.extend(value));
    }

    /// An attribute that is a number in network byte order.
    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// An attribute that is text.
    pub(super) fn text(&mut self, kind: u16, value: &str) {
        self.framed(kind, |bytes| {
            bytes.extend(value.as_bytes());
            bytes.push(0);
        });
    }

    /// An attribute that consists of attributes.
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes)) {
        self.framed(kind | NESTED, |bytes| fill(&mut Attributes(bytes)));
    }

    fn framed(&mut self, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        fill(self.0);
        let length = u16::try_from(self.0.len() - start).expect("an attribute is shorter than 64 KiB");
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.0.resize(padded(self.0.len() - start) + start, 0);
    }
}

/// Lengths are multiples of four.
fn padded(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// What came is not netlink.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the kernel's answer cannot be read")]
pub struct Malformed;

/// A message of the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    flags: u16,
    sequence: u32,
    pub(super) payload: &'a [u8],
}

/// Takes the first message off `bytes`.
fn next_message<'a>(bytes: &mut &'a [u8]) -> Result<Message<'a>, Malformed> {
    let header = bytes.first_chunk::<HEADER>().ok_or(Malformed)?;
    let long = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let short = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let length = usize::try_from(long(0)).map_err(|_| Malformed)?;
    let payload = bytes.get(HEADER..length).ok_or(Malformed)?;
    *bytes = bytes.get(padded(length)..).unwrap_or_default();
    Ok(Message { kind: short(4), flags: short(6), sequence: long(8), payload })
}

/// The attributes in `bytes`: the number of each one's kind, and its value.
pub(super) fn attributes(mut bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, Malformed> {
    let mut found = Vec::new();
    while let Some(header) = bytes.first_chunk::<ATTRIBUTE_HEADER>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & !(NESTED | NETWORK_ORDER);
        found.push((kind, bytes.get(ATTRIBUTE_HEADER..length).ok_or(Malformed)?));
        bytes = bytes.get(padded(length)..).unwrap_or_default();
    }
    if bytes.is_empty() { Ok(found) } else { Err(Malformed) }
}

/// The value of the attribute of this kind.
pub(super) fn attribute<'a>(all: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    all.iter().find(|(found, _)| *found == kind).map(|&(_, value)| value)
}

/// A number in network byte order.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Why the kernel did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// It refused this message.
    Refused { sequence: u32, error: io::Error },
    /// What it was listing changed meanwhile.
    Changed,
    /// It could not be asked.
    Unheard(io::Error),
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::Unheard(error.into())
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::Unheard(io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// A connection to the kernel.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// Connects to the part of the kernel that speaks `protocol`; without one, to routing.
    ///
    /// # Errors
    /// If the kernel has no such part.
    pub(super) fn connect(protocol: Option<Protocol>) -> io::Result<Self> {
        /// The kernel answers while it is being asked; this is for one that never does.
        const PATIENCE: Duration = Duration::from_secs(5);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Sends `request` and hands the answers to `each`, up to the acknowledgement of message `last` or the end of a
    /// listing.
    pub(super) fn ask(
        &self,
        request: &Request,
        last: u32,
        mut each: impl FnMut(Message) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        /// More than the kernel puts into one answer.
        const ROOM: usize = 64 * 1024;
        self.make_room(request.0.len())?;
        send(&self.0, &request.0, SendFlags::empty())?;
        let mut buffer = vec![0; ROOM];
        loop {
            let length = match recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => length,
                // More complaints than there is room for: the first are enough.
                Err(Errno::NOBUFS) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut bytes = &buffer[..length];
            while !bytes.is_empty() {
                let message = next_message(&mut bytes)?;
                if message.flags & DUMP_INTERRUPTED != 0 {
                    return Err(Failure::Changed);
                }
                match message.kind {
                    DONE => return Ok(()),
                    ERROR if refused(message)? && message.sequence == last => return Ok(()),
                    ERROR => {}
                    _ => each(message)?,
                }
            }
        }
    }

    /// Sees to it that as many bytes can be sent at once.
    fn make_room(&self, length: usize) -> Result<(), Failure> {
        // The kernel counts its own overhead, too.
        let needed = length * 2;
        if sockopt::socket_send_buffer_size(&self.0)? < needed {
            sockopt::set_socket_send_buffer_size_force(&self.0, needed)?;
        }
        Ok(())
    }
}

/// Fails with the error that the message reports; `true` if it reports success.
fn refused(message: Message) -> Result<bool, Failure> {
    let code = message.payload.first_chunk().map(|code| i32::from_ne_bytes(*code)).ok_or(Malformed)?;
    match code {
        0 => Ok(true),
        code => {
            let error = io::Error::from_raw_os_error(code.checked_neg().ok_or(Malformed)?);
            Err(Failure::Refused { sequence: message.sequence, error })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    impl Request {
        /// What was added, as the kernel reads it.
        pub(crate) fn messages(&self) -> Result<Vec<Message<'_>>, Malformed> {
            messages(&self.0)
        }
    }

    fn messages(mut bytes: &[u8]) -> Result<Vec<Message<'_>>, Malformed> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            found.push(next_message(&mut bytes)?);
        }
        Ok(found)
    }

    #[test]
    fn message_is_laid_out_as_the_kernel_reads_it() {
        let mut request = Request::default();
        request.add(0x0a03, CREATE, 7, &[2, 0, 0, 10], |attributes| {
            attributes.text(1, "lo");
            attributes.nest(4, |attributes| attributes.number(1, 3));
        });
        let (short, long) = (|number: u16| number.to_ne_bytes().to_vec(), |number: u32| number.to_ne_bytes().to_vec());
        let head = [long(40), short(0x0a03), short(0x401), long(7), vec![0; 4]];
        let body = [
            vec![2, 0, 0, 10],
            [short(7), short(1), b"lo\0\0".to_vec()].concat(),
            [short(12), short(0x8004), short(8), short(1), vec![0, 0, 0, 3]].concat(),
        ];
        assert_eq!(request.0, [head.concat(), body.concat()].concat());
    }

    #[test]
    fn acknowledgement_is_success_or_the_kernels_error() {
        let of = |payload: &[u8]| refused(Message { kind: ERROR, flags: 0, sequence: 5, payload });
        let coded = |code: i32| of(&[code.to_ne_bytes().to_vec(), vec![0; 16]].concat());
        assert!(matches!(coded(0), Ok(true)));
        let Err(Failure::Refused { sequence, error }) = coded(-1) else { panic!("not refused") };
        assert_eq!((sequence, error.kind()), (5, io::ErrorKind::PermissionDenied));
        assert!(matches!(of(&[]), Err(Failure::Unheard(_))));
        assert!(matches!(coded(i32::MIN), Err(Failure::Unheard(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
            let _ = attributes(&bytes);
            if let Ok(found) = messages(&bytes) {
                prop_assert!(found.iter().map(|message| message.payload.len()).sum::<usize>() <= bytes.len());
            }
        }

        #[test]
        fn attributes_are_read_as_they_were_put(values in vec((1_u16..100, vec(any::<u8>(), 0..20)), 0..10)) {
            let mut request = Request::default();
            request.add(1, 0, 0, &[], |attributes| {
                values.iter().for_each(|(kind, value)| attributes.put(*kind, value));
            });
            let found = request.messages().unwrap();
            let expected: Vec<(u16, &[u8])> = values.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
            prop_assert_eq!(attributes(found[0].payload).unwrap(), expected);
        }
    }
}
