//! Who asks: users as the API server knows them, and how a request proves to be one.

pub mod token;

use std::collections::BTreeMap;

/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who proved an identity.
pub const AUTHENTICATED: &str = "system:authenticated";

/// Somebody who talks to the API server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct User {
    /// The name, such as `system:serviceaccount:foo:default`.
    pub name: String,
    /// Tells users of one name apart over time, where the source of the identity can.
    pub uid: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// What else the source of the identity says, such as the pod a token is bound to.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The groups of every service account of a namespace.
pub fn service_account_groups(namespace: &str) -> [String; 2] {
    ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

impl User {
    /// A user of that name in `groups` and in `system:authenticated`.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { name: name.to_owned(), groups, ..Self::default() }
    }

    /// A part of the system itself, which may do everything.
    pub fn system(name: &str) -> Self {
        Self::new(name, &[MASTERS])
    }

    /// Whether the user belongs to `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}
