//! Virtual hosts made ready: which one a name belongs to, and which of its routes a request takes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::matcher::{Asked, Fit, Matcher};
use crate::sidecar::config::routing::{self as config, RouteAction, Weighted};

/// Virtual hosts by their names.
#[derive(Debug, Default)]
pub(crate) struct VirtualHosts {
    exact: HashMap<String, Arc<Host>>,
    /// By what a name ends with, the longest first.
    suffixes: Vec<(String, Arc<Host>)>,
}

/// One virtual host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Whether all requests are sent to HTTPS.
    pub https_redirect: bool,
    ways: Vec<Way>,
}

/// One route.
#[derive(Debug)]
pub(crate) struct Way {
    /// What happens to its requests.
    pub action: RouteAction,
    matchers: Vec<Matcher>,
    turns: Turns,
}

impl VirtualHosts {
    pub fn new(hosts: &[config::VirtualHost]) -> Self {
        let mut all = Self::default();
        for host in hosts {
            let compiled = Arc::new(Host {
                https_redirect: host.https_redirect,
                ways: host.routes.iter().map(Way::new).collect(),
            });
            for name in host.hosts.iter().map(|name| name.to_ascii_lowercase()) {
                match name.strip_prefix('*') {
                    Some(suffix) => all.suffixes.push((suffix.to_owned(), compiled.clone())),
                    None => _ = all.exact.entry(name).or_insert_with(|| compiled.clone()),
                }
            }
        }
        // Stable: of two for the same names the first one holds.
        all.suffixes.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        all
    }

    /// The host of this name, which has no port.
    pub fn find(&self, name: &str) -> Option<&Arc<Host>> {
        if self.exact.is_empty() && self.suffixes.is_empty() {
            return None;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let by_suffix = || self.suffixes.iter().find(|(suffix, _)| name.ends_with(suffix.as_str()));
        self.exact.get(&name).or_else(|| by_suffix().map(|(_, host)| host))
    }
}

impl Host {
    /// The first route that a request fits.
    pub fn way(&self, asked: &Asked<'_>) -> Option<(&Way, Fit)> {
        self.ways.iter().find_map(|way| Some((way, way.fits(asked)?)))
    }
}

impl Way {
    fn new(route: &config::HttpRoute) -> Self {
        let turns = match &route.action {
            RouteAction::Forward(forward) => Turns::new(&forward.destinations),
            RouteAction::Redirect(_) => Turns::default(),
        };
        Self { action: route.action.clone(), matchers: route.matches.iter().map(Matcher::new).collect(), turns }
    }

    fn fits(&self, asked: &Asked<'_>) -> Option<Fit> {
        if self.matchers.is_empty() {
            return Some(Fit { matched: 1.min(asked.uri.path().len()) });
        }
        self.matchers.iter().find_map(|matcher| matcher.fits(asked))
    }

    /// The destination whose turn it is.
    pub fn choose<'a>(&self, destinations: &'a [Weighted]) -> Option<&'a config::Destination> {
        self.turns.choose(destinations)
    }
}

/// Gives each destination its share: exactly so in as few turns as the shares allow, and mixed among them.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    next: AtomicU64,
    /// The weights without their common divisor.
    shares: Vec<u64>,
    total: u64,
    step: u64,
}

impl Turns {
    pub fn new(destinations: &[Weighted]) -> Self {
        let weights = destinations.iter().map(|weighted| u64::from(weighted.weight));
        let common = weights.clone().fold(0, divisor).max(1);
        let shares: Vec<u64> = weights.map(|weight| weight / common).collect();
        let total = shares.iter().sum();
        Self { next: 0.into(), shares, total, step: step(total) }
    }

    pub fn choose<'a>(&self, destinations: &'a [Weighted]) -> Option<&'a config::Destination> {
        let mut place = match self.total {
            0 | 1 => 0,
            total => self.next.fetch_add(self.step, Ordering::Relaxed) % total,
        };
        let found = destinations.iter().zip(&self.shares).find(|(_, share)| {
            let mine = place < **share;
            place = place.saturating_sub(**share);
            mine
        });
        found.map(|(weighted, _)| &weighted.destination)
    }
}

/// A step that visits every place below `total` once before it comes back, far from the one before: about the golden
/// section of it, and without a common divisor.
fn step(total: u64) -> u64 {
    let near = total.saturating_mul(618) / 1000;
    (near.max(1)..=total.max(1)).find(|&step| divisor(step, total) == 1).unwrap_or(1)
}

/// The greatest common divisor.
fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(host: &str, weight: u32) -> Weighted {
        let destination = config::Destination { host: host.to_owned(), port: None, subset: None };
        Weighted { destination, weight }
    }

    #[test]
    fn everybody_gets_its_share_and_nobody_waits_long() {
        let destinations = [weighted("a", 70), weighted("none", 0), weighted("b", 30)];
        let turns = Turns::new(&destinations);
        let chosen: Vec<_> = (0..100).map(|_| turns.choose(&destinations).unwrap().host.as_str()).collect();
        let count = |host| chosen.iter().filter(|name| **name == host).count();
        assert_eq!((count("a"), count("b"), count("none")), (70, 30, 0));
        assert!(chosen.windows(6).all(|window| window.contains(&"b")), "{chosen:?}");
        assert_eq!(Turns::new(&[]).choose(&[]), None);
    }

    #[test]
    fn the_narrowest_name_counts() {
        let named = |hosts: &[&str], https_redirect| config::VirtualHost {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            https_redirect,
            routes: Vec::new(),
        };
        let hosts = [named(&["*", "*.example.com"], false), named(&["shop.Example.com", "*.eu.example.com"], true)];
        let hosts = VirtualHosts::new(&hosts);
        let redirected = |name| hosts.find(name).unwrap().https_redirect;
        assert!(redirected("Shop.example.com.") && redirected("a.eu.example.com"));
        assert!(!redirected("a.example.com") && !redirected("example.com"));
        assert!(VirtualHosts::new(&[]).find("a").is_none());
    }
}
