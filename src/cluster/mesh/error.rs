//! Why a mesh could not be installed, looked at or removed.

use crate::cluster::{ClusterError, ObjectRef};

/// Something is in the way of what was asked of the mesh.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// There is no mesh of labctl.
    #[error("there is no mesh of labctl on this cluster")]
    Absent,
    /// The cluster did not do what it was asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A definition that somebody else installed does not serve the version that the control plane reads.
    #[error("CustomResourceDefinition {name} is not labctl's and serves only {}; the mesh reads {wanted}", served.join(", "))]
    Definition {
        /// Which one.
        name: String,
        /// What it serves.
        served: Vec<String>,
        /// What it would have to serve.
        wanted: String,
    },
    /// Objects of the same names are there and belong to somebody else.
    #[error("already on the cluster, and not created by labctl:{}", lines(.0.iter()))]
    Foreign(Vec<ObjectRef>),
    /// Somebody still needs the mesh.
    #[error("{}", in_use(pods, resources))]
    InUse {
        /// The pods with a sidecar, `namespace/name`.
        pods: Vec<String>,
        /// The mesh resources that go with their definitions.
        resources: Vec<ObjectRef>,
    },
    /// There is an Istio.
    #[error("this cluster has an Istio already ({0})")]
    Istio(ObjectRef),
    /// Something came back, or did not go.
    #[error("still there after the mesh was removed:{}", lines(.0.iter()))]
    Left(Vec<ObjectRef>),
    /// The bundled manifests are broken.
    #[error(transparent)]
    Manifests(#[from] crate::mesh::install::InstallError),
    /// The mesh that is there has no gateway, and the lab needs one. It belongs to this run, if it was one.
    #[error("the lab needs a gateway, and the mesh on this cluster has none")]
    NoGateway(Option<String>),
    /// The control plane does not tell what proxies have counted.
    #[error("the control plane has no graph: {0}")]
    NoGraph(String),
    /// There is no Istio, though one was asked for.
    #[error("there is no Istio on this cluster: {0}")]
    NoIstio(String),
    /// The mesh was installed by a run, and leaves with it.
    #[error("the mesh on this cluster belongs to the run {0} and is removed with it")]
    OfARun(String),
}

impl MeshError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Absent => Some("install it with `labctl mesh install`".to_owned()),
            Self::Cluster(error) => error.hint(),
            Self::Definition { .. } => Some("upgrade the Istio that it came with, or use another cluster".to_owned()),
            Self::Foreign(_) => Some(
                "labctl only changes what it created itself: delete these objects, or use a cluster without them"
                    .to_owned(),
            ),
            Self::InUse { .. } => Some("to remove it all the same, say so with --yes".to_owned()),
            Self::Istio(_) => Some("labs run against it with `labctl run LAB --mesh istio`".to_owned()),
            Self::NoGateway(None) => Some("bring it with `labctl mesh install --gateway`".to_owned()),
            Self::NoGateway(Some(run)) => Some(format!("the mesh belongs to the run {run}: end that first")),
            Self::NoGraph(_) => {
                Some("is it of this version? `labctl mesh status` tells, `labctl mesh install` updates it".to_owned())
            }
            Self::NoIstio(_) => Some("leave out `--mesh istio`, and labctl brings a mesh of its own".to_owned()),
            Self::OfARun(run) => {
                Some(format!("end that run; what it left behind is removed with `labctl down --run {run}`"))
            }
            Self::Left(_) => Some("does somebody else (GitOps?) apply the mesh's manifests?".to_owned()),
            Self::Manifests(_) => None,
        }
    }
}

/// Each on a line of its own.
fn lines<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| format!("\n  {}", item.to_string())).collect()
}

fn in_use(pods: &[String], resources: &[ObjectRef]) -> String {
    let mut parts = Vec::new();
    if !pods.is_empty() {
        let list = lines(pods.iter());
        parts.push(format!(
            "these pods have a sidecar; without its control plane it gets no new certificate and fails within a day:{list}"
        ));
    }
    if !resources.is_empty() {
        let list = lines(resources.iter());
        parts.push(format!("these are deleted with the definition of their kind:{list}"));
    }
    format!("the mesh is in use\n{}", parts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
        let namespace = namespace.map(str::to_owned);
        ObjectRef { api_version: "v1".to_owned(), kind: kind.to_owned(), namespace, name: name.to_owned() }
    }

    #[test]
    fn errors_name_what_is_in_the_way() {
        let told = |error: MeshError| format!("{error}\nhint: {}", error.hint().unwrap());
        let policy = object("PeerAuthentication", Some("shop"), "default");
        let in_use = MeshError::InUse { pods: vec!["shop/web-1".to_owned()], resources: vec![policy] };
        insta::assert_snapshot!(told(in_use), @r"
        the mesh is in use
        these pods have a sidecar; without its control plane it gets no new certificate and fails within a day:
          shop/web-1
        these are deleted with the definition of their kind:
          PeerAuthentication shop/default
        hint: to remove it all the same, say so with --yes
        ");
        let old = MeshError::Definition {
            name: "gateways.networking.istio.io".to_owned(),
            served: vec!["v1alpha3".to_owned(), "v1beta1".to_owned()],
            wanted: "v1".to_owned(),
        };
        insta::assert_snapshot!(told(old), @r"
        CustomResourceDefinition gateways.networking.istio.io is not labctl's and serves only v1alpha3, v1beta1; the mesh reads v1
        hint: upgrade the Istio that it came with, or use another cluster
        ");
        insta::assert_snapshot!(told(MeshError::Foreign(vec![object("Namespace", None, "istio-system")])), @r"
        already on the cluster, and not created by labctl:
          Namespace istio-system
        hint: labctl only changes what it created itself: delete these objects, or use a cluster without them
        ");
        insta::assert_snapshot!(told(MeshError::Istio(object("Deployment", Some("istio-system"), "istiod"))), @r"
        this cluster has an Istio already (Deployment istio-system/istiod)
        hint: labs run against it with `labctl run LAB --mesh istio`
        ");
        insta::assert_snapshot!(told(MeshError::OfARun("0123456789ab".to_owned())), @r"
        the mesh on this cluster belongs to the run 0123456789ab and is removed with it
        hint: end that run; what it left behind is removed with `labctl down --run 0123456789ab`
        ");
        insta::assert_snapshot!(told(MeshError::NoGateway(None)), @r"
        the lab needs a gateway, and the mesh on this cluster has none
        hint: bring it with `labctl mesh install --gateway`
        ");
        insta::assert_snapshot!(told(MeshError::NoGateway(Some("0123456789ab".to_owned()))), @r"
        the lab needs a gateway, and the mesh on this cluster has none
        hint: the mesh belongs to the run 0123456789ab: end that first
        ");
        insta::assert_snapshot!(told(MeshError::Absent), @r"
        there is no mesh of labctl on this cluster
        hint: install it with `labctl mesh install`
        ");
    }
}
