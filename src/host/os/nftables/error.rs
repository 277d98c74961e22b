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
        "the kernel cannot {what}: it lacks {module} ({error}). On the node: `modprobe {module}`; to have it there after a \
         restart: `echo {module} > /etc/modules-load.d/{module}.conf`. A kernel without it needs CONFIG_{option}"
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
