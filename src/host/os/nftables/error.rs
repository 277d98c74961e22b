//! Why a kernel does not take rules, or does not tell its own, and what to do about it.

use std::io;

use rustix::io::Errno;

use super::super::netlink::Failure;
use crate::host::redirect::rules::{Family, Rule, TABLE};

/// What a message of a batch is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// The batch itself.
    Nftables,
    /// A table.
    Table(Family),
    /// A chain that rewrites addresses.
    Chain(Family),
    /// A rule.
    Rule(Family, Rule),
}

/// Why redirect rules are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum NftablesError {
    /// Somebody keeps changing the rules while they are read.
    #[error("the rules change faster than they can be read: try again")]
    Changing,
    /// The process may not.
    #[error(
        "redirect rules take the capability NET_ADMIN, which this process lacks (in a pod: \
         securityContext.capabilities.add: [NET_ADMIN], in a namespace whose pod security level is privileged)"
    )]
    Denied,
    /// Our table has been changed by somebody else.
    #[error(
        "table {family} {TABLE} holds what labctl does not write ({what}): `nft list table {family} {TABLE}` shows it"
    )]
    Foreign {
        /// The table's family.
        family: Family,
        /// What it holds.
        what: String,
    },
    /// The kernel lacks a part.
    #[error(
        "the node's kernel cannot {what}: module {module} is missing ({error}). On the node, `modprobe {module}` loads it \
         and `echo {module} > /etc/modules-load.d/{module}.conf` keeps it; a kernel is built with it by CONFIG_{option}"
    )]
    Missing {
        /// What it would be good for.
        what: &'static str,
        /// The name of the module.
        module: &'static str,
        /// The kernel's own option for it.
        option: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// Anything else the kernel said about a part.
    #[error("the kernel refuses {what}: {error}")]
    Refused {
        /// What it refuses.
        what: String,
        /// What it said.
        error: io::Error,
    },
    /// The kernel could not be asked.
    #[error("the kernel cannot be asked about redirect rules: {0}")]
    Unheard(io::Error),
}

impl Part {
    /// The family of addresses it concerns; of the batch itself, any.
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Nftables => Family::Ip,
            Self::Table(family) | Self::Chain(family) | Self::Rule(family, _) => *family,
        }
    }

    /// What the part is good for, the module that brings it, and the option the kernel is built with.
    fn module(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Nftables | Self::Table(_) => ("keep rules", "nf_tables", "NF_TABLES"),
            Self::Chain(_) => ("rewrite addresses", "nft_chain_nat", "NFT_NAT"),
            Self::Rule(..) => ("redirect connections", "nft_redir", "NFT_REDIR"),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Nftables => "a change of rules".to_owned(),
            Self::Table(family) => format!("table {family} {TABLE}"),
            Self::Chain(family) => format!("a nat chain in table {family} {TABLE}"),
            Self::Rule(family, rule) => format!("the rule `{}` in table {family} {TABLE}", rule.text(*family)),
        }
    }
}

impl NftablesError {
    /// No connection to this part of the kernel.
    pub(super) fn of_socket(error: io::Error) -> Self {
        let lacks = [Errno::PROTONOSUPPORT, Errno::AFNOSUPPORT, Errno::PROTOTYPE];
        if lacks.iter().any(|code| is(&error, *code)) {
            let (what, module, option) = ("be told of rules", "nfnetlink", "NETFILTER_NETLINK");
            return Self::Missing { what, module, option, error };
        }
        Self::Unheard(error)
    }

    /// A batch failed; `parts` says what its messages were about.
    pub(super) fn of_batch(failure: Failure, parts: &[Part]) -> Self {
        match failure {
            Failure::Changed => Self::Changing,
            Failure::Refused { sequence, error } => {
                let part = usize::try_from(sequence).ok().and_then(|index| parts.get(index));
                Self::of_part(part.unwrap_or(&Part::Nftables), error)
            }
            Failure::Unheard(error) => Self::Unheard(error),
        }
    }

    /// A listing failed.
    pub(super) fn of_listing(failure: Failure) -> Self {
        Self::of_batch(failure, &[])
    }

    /// The kernel said no to this part.
    pub(super) fn of_part(part: &Part, error: io::Error) -> Self {
        let lacks = [Errno::NOENT, Errno::OPNOTSUPP, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT];
        // The tables and chains that a part stands in are made by the same batch: what is not found is the kernel's.
        if lacks.iter().any(|code| is(&error, *code)) {
            let (what, module, option) = part.module();
            return Self::Missing { what, module, option, error };
        }
        if is(&error, Errno::PERM) {
            return Self::Denied;
        }
        Self::Refused { what: part.text(), error }
    }
}

fn is(error: &io::Error, code: Errno) -> bool {
    error.raw_os_error() == Some(code.raw_os_error())
}

impl From<NftablesError> for io::Error {
    fn from(error: NftablesError) -> Self {
        let kind = match &error {
            NftablesError::Denied => io::ErrorKind::PermissionDenied,
            NftablesError::Missing { .. } => io::ErrorKind::Unsupported,
            NftablesError::Foreign { .. } => io::ErrorKind::InvalidData,
            NftablesError::Changing => io::ErrorKind::Interrupted,
            NftablesError::Refused { error, .. } | NftablesError::Unheard(error) => error.kind(),
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::redirect::{Redirect, rules::Hook};

    fn parts() -> Vec<Part> {
        let table = Redirect::default().table(Family::Ip6);
        let outbound = table.chains.into_iter().find(|chain| chain.hook == Hook::Output).unwrap();
        let rule = outbound.rules.into_iter().next_back().unwrap();
        vec![Part::Nftables, Part::Table(Family::Ip6), Part::Chain(Family::Ip6), Part::Rule(Family::Ip6, rule)]
    }

    fn told(sequence: u32, code: Errno) -> String {
        NftablesError::of_batch(Failure::Refused { sequence, error: code.into() }, &parts()).to_string()
    }

    #[test]
    fn a_part_that_the_kernel_lacks_is_named() {
        let socket = NftablesError::of_socket(Errno::PROTONOSUPPORT.into());
        insta::assert_snapshot!(socket, @"the node's kernel cannot be told of rules: module nfnetlink is missing (Protocol not supported (os error 93)). On the node, `modprobe nfnetlink` loads it and `echo nfnetlink > /etc/modules-load.d/nfnetlink.conf` keeps it; a kernel is built with it by CONFIG_NETFILTER_NETLINK");
        insta::assert_snapshot!(told(0, Errno::OPNOTSUPP), @"the node's kernel cannot keep rules: module nf_tables is missing (Operation not supported (os error 95)). On the node, `modprobe nf_tables` loads it and `echo nf_tables > /etc/modules-load.d/nf_tables.conf` keeps it; a kernel is built with it by CONFIG_NF_TABLES");
        insta::assert_snapshot!(told(1, Errno::AFNOSUPPORT), @"the node's kernel cannot keep rules: module nf_tables is missing (Address family not supported by protocol (os error 97)). On the node, `modprobe nf_tables` loads it and `echo nf_tables > /etc/modules-load.d/nf_tables.conf` keeps it; a kernel is built with it by CONFIG_NF_TABLES");
        insta::assert_snapshot!(told(2, Errno::NOENT), @"the node's kernel cannot rewrite addresses: module nft_chain_nat is missing (No such file or directory (os error 2)). On the node, `modprobe nft_chain_nat` loads it and `echo nft_chain_nat > /etc/modules-load.d/nft_chain_nat.conf` keeps it; a kernel is built with it by CONFIG_NFT_NAT");
        insta::assert_snapshot!(told(3, Errno::NOENT), @"the node's kernel cannot redirect connections: module nft_redir is missing (No such file or directory (os error 2)). On the node, `modprobe nft_redir` loads it and `echo nft_redir > /etc/modules-load.d/nft_redir.conf` keeps it; a kernel is built with it by CONFIG_NFT_REDIR");
    }

    #[test]
    fn other_refusals_say_what_was_refused() {
        insta::assert_snapshot!(told(0, Errno::PERM), @"redirect rules take the capability NET_ADMIN, which this process lacks (in a pod: securityContext.capabilities.add: [NET_ADMIN], in a namespace whose pod security level is privileged)");
        insta::assert_snapshot!(told(1, Errno::NOMEM), @"the kernel refuses table ip6 labctl: Cannot allocate memory (os error 12)");
        insta::assert_snapshot!(told(2, Errno::BUSY), @"the kernel refuses a nat chain in table ip6 labctl: Device or resource busy (os error 16)");
        insta::assert_snapshot!(told(3, Errno::INVAL), @"the kernel refuses the rule `meta l4proto tcp redirect to :15001` in table ip6 labctl: Invalid argument (os error 22)");
        insta::assert_snapshot!(told(99, Errno::INVAL), @"the kernel refuses a change of rules: Invalid argument (os error 22)");
        insta::assert_snapshot!(NftablesError::Changing, @"the rules change faster than they can be read: try again");
        insta::assert_snapshot!(NftablesError::of_socket(Errno::MFILE.into()), @"the kernel cannot be asked about redirect rules: Too many open files (os error 24)");
    }

    #[test]
    fn kinds_tell_a_missing_right_from_a_missing_part() {
        let kind = |code| io::Error::from(NftablesError::of_part(&Part::Nftables, Errno::into(code))).kind();
        assert_eq!(kind(Errno::PERM), io::ErrorKind::PermissionDenied);
        assert_eq!(kind(Errno::OPNOTSUPP), io::ErrorKind::Unsupported);
    }
}
