//! The kinds that labs write without their `apiVersion`.

/// `(kind, apiVersion, whether its objects are in namespaces)`, in alphabetical order.
const KINDS: &[(&str, &str, bool)] = &[
    ("AuthorizationPolicy", "security.istio.io/v1", true),
    ("ClusterRole", "rbac.authorization.k8s.io/v1", false),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", false),
    ("ConfigMap", "v1", true),
    ("CronJob", "batch/v1", true),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1", false),
    ("DaemonSet", "apps/v1", true),
    ("Deployment", "apps/v1", true),
    ("DestinationRule", "networking.istio.io/v1", true),
    ("Gateway", "networking.istio.io/v1", true),
    ("Job", "batch/v1", true),
    ("MeshPolicy", "authentication.istio.io/v1alpha1", false),
    ("Namespace", "v1", false),
    ("NetworkPolicy", "networking.k8s.io/v1", true),
    ("PeerAuthentication", "security.istio.io/v1", true),
    ("PersistentVolumeClaim", "v1", true),
    ("Pod", "v1", true),
    ("Policy", "authentication.istio.io/v1alpha1", true),
    ("ReplicaSet", "apps/v1", true),
    ("Role", "rbac.authorization.k8s.io/v1", true),
    ("RoleBinding", "rbac.authorization.k8s.io/v1", true),
    ("Secret", "v1", true),
    ("Service", "v1", true),
    ("ServiceAccount", "v1", true),
    ("StatefulSet", "apps/v1", true),
    ("VirtualService", "networking.istio.io/v1", true),
];

/// The `apiVersion` of a kind, and whether its objects are in namespaces.
pub(super) fn find(kind: &str) -> Option<(&'static str, bool)> {
    KINDS.iter().find(|&&(known, ..)| known == kind).map(|&(_, api_version, namespaced)| (api_version, namespaced))
}

/// The kinds that are known.
pub(super) fn names() -> Vec<String> {
    KINDS.iter().map(|&(kind, ..)| kind.to_owned()).collect()
}
