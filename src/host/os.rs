//! [`Host`](super::Host) on the real machine.
