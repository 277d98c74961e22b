//! Which connections of a network namespace go to its sidecar.
//!
//! [`Redirect`] is what was asked for, in the words of `istio-iptables`; [`rules`] turns it into the one list of rules
//! that a kernel is given and that the embedded node decides by. Nothing here talks to a kernel.

mod decide;
mod range;
pub mod rules;
mod text;

pub use self::{
    decide::Packet,
    range::{BadRange, IpRange},
};

/// Which connections of a network namespace go to the sidecar, as `istio-init` programs them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redirect {
    /// Where outbound connections go instead (15001).
    pub outbound_port: u16,
    /// Where inbound connections go instead (15006).
    pub inbound_port: u16,
    /// The user whose own connections are left alone (1337).
    pub exempt_uid: u32,
    /// The group whose own connections are left alone (as Istio has it, the number of the user).
    pub exempt_gid: u32,
    /// Inbound ports that are redirected.
    pub include_inbound: Ports,
    /// Inbound ports that bypass the sidecar.
    pub exclude_inbound: Vec<u16>,
    /// Outbound destinations that are redirected.
    pub include_outbound_ranges: Ranges,
    /// Outbound destination ports that bypass the sidecar.
    pub exclude_outbound: Vec<u16>,
    /// Outbound destinations that bypass the sidecar.
    pub exclude_outbound_ranges: Vec<IpRange>,
}

impl Default for Redirect {
    /// What `istio-iptables` does without flags: everything outbound, nothing inbound.
    fn default() -> Self {
        const PROXY: u32 = 1337;
        Self {
            outbound_port: 15001,
            inbound_port: 15006,
            exempt_uid: PROXY,
            exempt_gid: PROXY,
            include_inbound: Ports::Only(Vec::new()),
            exclude_inbound: Vec::new(),
            include_outbound_ranges: Ranges::All,
            exclude_outbound: Vec::new(),
            exclude_outbound_ranges: Vec::new(),
        }
    }
}

/// All ports, or just these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ports {
    /// Every port (`*`).
    All,
    /// Only the listed ones.
    Only(Vec<u16>),
}

/// All addresses, or just these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ranges {
    /// Every address (`*`).
    All,
    /// Only those in the listed ranges.
    Only(Vec<IpRange>),
}
