//! In which way a lab goes beyond its bounds.

use crate::{lab::kinds, mesh::install::ROOT_NAMESPACE};

/// Kinds outside of namespaces that a lab may use all the same.
const CLUSTER_WIDE: &[&str] = &["MeshPolicy", "Namespace"];

/// Why something of a lab is refused, and what may stand there instead.
#[derive(Debug, thiserror::Error)]
pub(super) enum Beyond {
    /// It asks for too much.
    #[error("the lab asks for more than {most} {of_what}")]
    Amount {
        /// Of what.
        of_what: &'static str,
        /// How much a lab may ask for.
        most: u64,
    },
    /// Its kind is not in namespaces.
    #[error("a lab may not touch {what}: it is for the whole cluster")]
    ClusterWide {
        /// The object.
        what: String,
    },
    /// It is in a namespace that the lab does not create.
    #[error("a lab may not touch {what} in namespace `{namespace}`, which it does not create")]
    Elsewhere {
        /// The object.
        what: String,
        /// Its namespace.
        namespace: String,
        /// The lab's namespaces.
        own: Vec<String>,
    },
    /// A field of it reaches out of its pods, or out of its namespace.
    #[error("{what} reaches beyond the lab: `{field}`")]
    Field {
        /// The object.
        what: String,
        /// Where in the object.
        field: String,
        /// What a reader can do.
        hint: &'static str,
    },
    /// It is a namespace that the lab does not create, or all namespaces.
    #[error("a lab may not touch {what}, which it does not create")]
    NamespaceOfOthers {
        /// The object.
        what: String,
        /// The lab's namespaces.
        own: Vec<String>,
    },
    /// It is in the root namespace of the mesh, and not for labs.
    #[error("a lab may not touch {what} in `{ROOT_NAMESPACE}`: that is the mesh's")]
    OfTheMesh {
        /// The object.
        what: String,
    },
    /// A namespace that every cluster has.
    #[error("the namespace `{namespace}` belongs to the cluster")]
    Reserved {
        /// The namespace.
        namespace: String,
    },
    /// Nobody knows what it reaches.
    #[error("a lab cannot use the kind `{}`{}", kind.escape_debug(), of(group))]
    UnknownKind {
        /// The group of its API.
        group: String,
        /// The kind.
        kind: String,
    },
}

/// The kinds of which a lab may have something.
fn allowed() -> Vec<String> {
    let mut kinds = kinds::names();
    kinds.retain(|kind| {
        CLUSTER_WIDE.contains(&kind.as_str()) || kinds::find(kind).is_some_and(|(_, namespaced)| namespaced)
    });
    kinds
}

fn of(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!(" of `{}`", group.escape_debug()) }
}

impl Beyond {
    /// What a reader can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Amount { .. } => "a lab runs on a laptop, and beside others on one cluster".to_owned(),
            Self::ClusterWide { .. } => {
                "a lab stays in namespaces that it creates; beyond them it may have a MeshPolicy".to_owned()
            }
            Self::Elsewhere { own, .. } | Self::NamespaceOfOthers { own, .. } => match &own[..] {
                [] => "a lab stays in namespaces that it creates: `apply` a Namespace first".to_owned(),
                own => format!("a lab stays in namespaces that it creates: {}", own.join(", ")),
            },
            Self::Field { hint, .. } => (*hint).to_owned(),
            Self::OfTheMesh { .. } => "there a lab may apply a PeerAuthentication or a DestinationRule, make a \
                 `certificate` for its gateway, and change or remove what it has made"
                .to_owned(),
            Self::Reserved { .. } => "give the lab a namespace of its own".to_owned(),
            Self::UnknownKind { kind, .. } if kinds::find(kind).is_some() => {
                let (api_version, _) = kinds::find(kind).unwrap_or_default();
                format!("write `apiVersion: {api_version}`")
            }
            Self::UnknownKind { .. } => format!("it may use: {}", allowed().join(", ")),
        }
    }
}
