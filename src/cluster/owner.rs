//! Whose an object is that stands in our way, and since when it is there.

use std::fmt;

use jiff::Timestamp;
use kube::core::{DynamicObject, ObjectMeta};

use super::{ObjectRef, labels};

/// Who made an object.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Owner {
    /// `labctl mesh install`, whose objects stay until somebody uninstalls them.
    Mesh,
    /// A run of labctl: an earlier one that could not clean up, or one that goes on right now.
    Run {
        /// Its id.
        id: String,
        /// Its lab, if the object says so.
        lab: Option<String>,
    },
    /// Anybody else, as far as the object says who.
    Somebody(Option<String>),
}

impl Owner {
    /// Reads from an object whose it is.
    pub fn of(metadata: &ObjectMeta) -> Self {
        let label = |name: &str| metadata.labels.as_ref().and_then(|labels| labels.get(name));
        match (label(labels::MANAGED_BY), label(labels::RUN)) {
            (Some(by), Some(id)) if by == labels::MANAGER => {
                Self::Run { id: id.clone(), lab: label(labels::LAB).cloned() }
            }
            (Some(by), None) if by == labels::MANAGER => Self::Mesh,
            (Some(by), _) => Self::Somebody(Some(by.clone())),
            (None, _) => {
                let first = metadata.managed_fields.iter().flatten().next();
                Self::Somebody(first.and_then(|first| first.manager.clone()))
            }
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mesh => f.write_str("part of a mesh that `labctl mesh install` made"),
            Self::Run { id, lab: Some(lab) } => write!(f, "made by run {id} of the lab {lab}"),
            Self::Run { id, lab: None } => write!(f, "made by run {id} of labctl"),
            Self::Somebody(Some(name)) => write!(f, "made with {name}"),
            Self::Somebody(None) => f.write_str("made by somebody else"),
        }
    }
}

/// An object that is there already, and whose it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Clash {
    /// The object.
    pub object: ObjectRef,
    /// Whose it is.
    pub owner: Owner,
    /// Since when it is there.
    pub created: Option<Timestamp>,
}

impl Clash {
    /// What `found`, known as `object`, says about itself.
    pub fn of(object: ObjectRef, found: &DynamicObject) -> Self {
        let created = found.metadata.creation_timestamp.as_ref().map(|time| time.0);
        Self { object, owner: Owner::of(&found.metadata), created }
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.object, self.owner)?;
        match self.created {
            Some(created) => write!(f, " {}", ago(created, Timestamp::now())),
            None => Ok(()),
        }
    }
}

/// `5 minutes ago`, as precisely as people say it.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match age(then, now) {
        None => "just now".to_owned(),
        Some(age) => format!("{age} ago"),
    }
}

/// `5 minutes`; `None` for a few seconds, which two clocks may differ by.
pub fn age(then: Timestamp, now: Timestamp) -> Option<String> {
    const FEW: i64 = 10;
    let seconds = now.as_second() - then.as_second();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= *unit).filter(|_| seconds >= FEW)?;
    let count = seconds / unit;
    Some(format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clash(metadata: &serde_json::Value) -> String {
        let found: DynamicObject = serde_json::from_value(serde_json::json!({"metadata": metadata})).unwrap();
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: "foo".to_owned(),
        };
        Clash::of(object, &found).to_string()
    }

    #[test]
    fn an_object_says_whose_it_is() {
        let labels = |labels: serde_json::Value| clash(&serde_json::json!({"labels": labels}));
        let by = "app.kubernetes.io/managed-by";
        insta::assert_snapshot!(labels(serde_json::json!({by: "labctl", "labctl.dev/run": "0a1b", "labctl.dev/lab": "mtls-strict"})), @"Namespace foo, made by run 0a1b of the lab mtls-strict");
        insta::assert_snapshot!(labels(serde_json::json!({by: "labctl", "labctl.dev/run": "0a1b"})), @"Namespace foo, made by run 0a1b of labctl");
        insta::assert_snapshot!(labels(serde_json::json!({by: "labctl"})), @"Namespace foo, part of a mesh that `labctl mesh install` made");
        insta::assert_snapshot!(labels(serde_json::json!({by: "Helm"})), @"Namespace foo, made with Helm");
        insta::assert_snapshot!(labels(serde_json::json!({"labctl.dev/run": "forged"})), @"Namespace foo, made by somebody else");
        let fields = serde_json::json!([{"manager": "kubectl-create", "operation": "Update"}]);
        insta::assert_snapshot!(clash(&serde_json::json!({"managedFields": fields})), @"Namespace foo, made with kubectl-create");
    }

    #[test]
    fn ages_are_said_as_people_say_them() {
        let ago = |seconds: i64| {
            ago(Timestamp::from_second(1_000_000 - seconds).unwrap(), Timestamp::from_second(1_000_000).unwrap())
        };
        let said: Vec<String> = [-5, 3, 59, 60, 150, 3600, 90_000, 900_000].map(ago).into();
        insta::assert_snapshot!(said.join("; "), @"just now; just now; 59 seconds ago; 1 minute ago; 2 minutes ago; 1 hour ago; 1 day ago; 10 days ago");
    }
}
