//! Rules in nft's own syntax: what `nft list ruleset` prints once they are in a kernel.

use std::fmt;

use super::rules::{Chain, Condition, Family, Hook, Rule, TABLE, Table, Test, Verdict};

impl Hook {
    /// The name of the chain at this hook.
    pub fn chain(self) -> &'static str {
        match self {
            Self::Output => "outbound",
            Self::Prerouting => "inbound",
        }
    }

    /// The priority, among the chains at this hook, at which a kernel rewrites destinations.
    pub const PRIORITY: i32 = -100;

    /// The name that nft has for [`Self::PRIORITY`], if it has one.
    fn priority(self) -> &'static str {
        match self {
            Self::Output => "-100",
            Self::Prerouting => "dstnat",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} {TABLE} {{", self.family)?;
        for (index, chain) in self.chains.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            chain.write(f, self.family)?;
        }
        writeln!(f, "}}")
    }
}

impl Chain {
    fn write(&self, f: &mut fmt::Formatter<'_>, family: Family) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.hook.chain())?;
        writeln!(f, "\t\ttype nat hook {} priority {}; policy accept;", self.hook, self.hook.priority())?;
        for rule in &self.rules {
            writeln!(f, "\t\t{}", rule.text(family))?;
        }
        writeln!(f, "\t}}")
    }
}

impl Rule {
    /// The rule as nft writes it in a table of this family.
    pub fn text(&self, family: Family) -> String {
        let conditions = self.conditions.iter().map(|condition| condition.text(family) + " ");
        conditions.chain([self.verdict.to_string()]).collect()
    }
}

impl Condition {
    fn text(&self, family: Family) -> String {
        match self {
            Self::Destination(test, range) => format!("{family} daddr {test}{range}"),
            Self::DestinationPort(test, port) => format!("tcp dport {test}{port}"),
            Self::Group(test, gid) => format!("meta skgid {test}{gid}"),
            Self::Loopback => "oifname \"lo\"".to_owned(),
            Self::Source(range) => format!("{family} saddr {range}"),
            Self::Tcp => "meta l4proto tcp".to_owned(),
            Self::User(test, uid) => format!("meta skuid {test}{uid}"),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
        })
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Output => "output",
            Self::Prerouting => "prerouting",
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Is => "",
            Self::IsNot => "!= ",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect(port) => write!(f, "redirect to :{port}"),
            Self::Return => f.write_str("return"),
        }
    }
}
