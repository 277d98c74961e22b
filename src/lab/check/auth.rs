//! The `auth` check: what the proxies of a workload accept on each port, and how they call others.

use crate::{
    lab::{
        model::{Endpoint, WorkloadName},
        position::Located,
    },
    mesh::{mode::Mode, resources::ClientTlsMode},
};

/// What `labctl auth check` must show for every pod of a workload, which must work with it.
#[derive(Clone, Debug)]
pub struct Auth {
    /// One line for people.
    pub title: String,
    /// Whose proxies.
    pub of: Located<WorkloadName>,
    /// What they accept.
    pub listeners: Vec<Listens>,
    /// How they call others.
    pub outbound: Vec<Calls>,
}

/// What is accepted on a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listens {
    /// The workload's port; absent for all that nobody names.
    pub port: Option<u16>,
    /// The mode in effect; absent if the port bypasses the proxy.
    pub mode: Option<Mode>,
}

/// How somebody is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Calls {
    /// The Service as a client of this namespace types it, and its port.
    pub to: Endpoint,
    /// How connections are secured.
    pub mode: ClientTlsMode,
}
