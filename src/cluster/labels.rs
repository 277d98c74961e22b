//! How labctl marks what it creates.

use std::{collections::BTreeMap, fmt};

/// Who manages the object: always [`MANAGER`] on ours.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Which run created the object.
pub const RUN: &str = "labctl.dev/run";
/// Of which lab the run was.
pub const LAB: &str = "labctl.dev/lab";
/// The value of [`MANAGED_BY`], and the field manager of our server-side applies.
pub const MANAGER: &str = "labctl";

/// Names one run on its cluster: twelve random hexadecimal digits, a valid label value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunId(String);

impl RunId {
    /// A new id.
    pub fn random() -> Self {
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(12);
        Self(id)
    }

    /// The id of a run that somebody else started.
    pub fn known(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The label selector that finds everything of this run.
    pub fn selector(&self) -> String {
        format!("{RUN}={self}")
    }

    /// Writes this run's labels among `labels`.
    pub fn mark(&self, labels: &mut BTreeMap<String, String>) {
        labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
        labels.insert(RUN.to_owned(), self.0.clone());
    }

    /// Whether an object with these labels belongs to this run.
    pub fn owns(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        labels.is_some_and(|labels| {
            labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER) && labels.get(RUN) == Some(&self.0)
        })
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
