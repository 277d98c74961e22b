//! The lists and maps of the built-in kinds that do not merge in the plain way.
//!
//! The tables hold only what differs from the plain way; they follow the `listType`, `mapType`, `patchStrategy` and
//! `patchMergeKey` markers of `k8s.io/api`.

use super::{Keys, ListKeys, ListType, PatchStrategy};

/// A part of a built-in kind.
#[derive(Debug)]
pub(crate) enum BuiltIn {
    /// A structure or list that server-side apply takes whole, but whose list elements a strategic merge patch merges.
    AtomicButPatched { key: &'static str },
    /// A structure or map that server-side apply takes whole.
    AtomicMap,
    /// A list of structures with key fields (and what an absent key field counts as).
    List { keys: &'static [(&'static str, Option<&'static str>)], patch_key: &'static str, element: &'static BuiltIn },
    /// As `List`, but there (as null) even in an empty object of its Go type.
    ListAlwaysThere {
        keys: &'static [(&'static str, Option<&'static str>)],
        patch_key: &'static str,
        element: &'static BuiltIn,
    },
    /// A map with free keys, merged entry by entry.
    Map,
    /// A pointer to a structure.
    Pointer(Fields),
    /// A list of scalars, each at most once.
    Set,
    /// A structure that is there even in an empty object of its Go type.
    Struct(Fields),
}

type Fields = &'static [(&'static str, &'static BuiltIn)];

impl BuiltIn {
    pub(super) fn field(&self, name: &str) -> Option<&'static BuiltIn> {
        let (Self::Struct(fields) | Self::Pointer(fields)) = self else { return None };
        Some(fields.iter().find(|(field, _)| *field == name).map_or(&PLAIN, |(_, node)| *node))
    }

    pub(super) fn element(&self) -> Option<&'static BuiltIn> {
        match self {
            Self::List { element, .. } | Self::ListAlwaysThere { element, .. } => Some(element),
            _ => None,
        }
    }

    pub(super) fn is_struct(&self) -> bool {
        matches!(self, Self::Struct(_) | Self::Pointer(_))
    }

    pub(super) fn is_always_there(&self) -> bool {
        matches!(self, Self::Struct(_) | Self::ListAlwaysThere { .. })
    }

    pub(super) fn is_atomic(&self) -> bool {
        matches!(self, Self::AtomicMap | Self::AtomicButPatched { .. })
    }

    pub(super) fn list_type(&self) -> ListType<'static> {
        match self {
            Self::List { keys, .. } | Self::ListAlwaysThere { keys, .. } => {
                ListType::Map(ListKeys(Keys::BuiltIn(keys)))
            }
            Self::Set => ListType::Set,
            _ => ListType::Atomic,
        }
    }

    pub(super) fn patch_strategy(&self) -> PatchStrategy {
        match self {
            Self::AtomicButPatched { key } => PatchStrategy::MergeBy(key),
            Self::List { patch_key, .. } | Self::ListAlwaysThere { patch_key, .. } => PatchStrategy::MergeBy(patch_key),
            Self::Set => PatchStrategy::MergeScalars,
            _ => PatchStrategy::Replace,
        }
    }
}

/// The shape of a kind from its top.
pub(super) fn root(kind: &str) -> &'static BuiltIn {
    match kind {
        "ConfigMap" => &CONFIG_MAP,
        "CustomResourceDefinition" => &CUSTOM_RESOURCE_DEFINITION,
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => &PODS_OWNER,
        "Job" => &PODS_OWNER,
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => &WEBHOOK_CONFIGURATION,
        "Node" => &NODE,
        "Pod" => &POD,
        "ClusterRoleBinding" | "RoleBinding" => &ROLE_BINDING,
        "Secret" => &SECRET,
        "Service" => &SERVICE,
        "ServiceAccount" => &SERVICE_ACCOUNT,
        "Event" => &EVENT,
        _ => &PLAIN_OBJECT,
    }
}

static ATOMIC: BuiltIn = BuiltIn::AtomicMap;
static MAP: BuiltIn = BuiltIn::Map;
static PLAIN: BuiltIn = BuiltIn::Pointer(&[]);
static SET: BuiltIn = BuiltIn::Set;

/// `metadata` of every kind.
pub(super) static OBJECT_META: BuiltIn = BuiltIn::Struct(&[
    ("annotations", &MAP),
    ("finalizers", &SET),
    ("labels", &MAP),
    ("ownerReferences", &BuiltIn::List { keys: &[("uid", None)], patch_key: "uid", element: &ATOMIC }),
]);

static CONDITIONS: BuiltIn = BuiltIn::List { keys: &[("type", None)], patch_key: "type", element: &PLAIN };
static STATUS: BuiltIn = BuiltIn::Struct(&[("conditions", &CONDITIONS)]);
static PLAIN_SPEC: BuiltIn = BuiltIn::Struct(&[]);
static PLAIN_OBJECT: BuiltIn =
    BuiltIn::Struct(&[("metadata", &OBJECT_META), ("spec", &PLAIN_SPEC), ("status", &STATUS)]);

static CONFIG_MAP: BuiltIn = BuiltIn::Struct(&[("metadata", &OBJECT_META), ("data", &MAP), ("binaryData", &MAP)]);
static SECRET: BuiltIn = BuiltIn::Struct(&[("metadata", &OBJECT_META), ("data", &MAP), ("stringData", &MAP)]);
static ROLE_BINDING: BuiltIn = BuiltIn::Struct(&[("metadata", &OBJECT_META), ("roleRef", &ATOMIC)]);
static EVENT: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    ("involvedObject", &BuiltIn::Struct(&[])),
    ("source", &BuiltIn::Struct(&[])),
]);
static SERVICE_ACCOUNT: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    ("secrets", &BuiltIn::List { keys: &[("name", None)], patch_key: "name", element: &PLAIN }),
]);
static WEBHOOK_CONFIGURATION: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    (
        "webhooks",
        &BuiltIn::List {
            keys: &[("name", None)],
            patch_key: "name",
            element: &BuiltIn::Struct(&[
                ("clientConfig", &BuiltIn::Struct(&[])),
                ("namespaceSelector", &ATOMIC),
                ("objectSelector", &ATOMIC),
            ]),
        },
    ),
]);

static CUSTOM_RESOURCE_DEFINITION: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    ("spec", &BuiltIn::Struct(&[("names", &BuiltIn::Struct(&[]))])),
    ("status", &BuiltIn::Struct(&[("acceptedNames", &BuiltIn::Struct(&[])), ("conditions", &CONDITIONS)])),
]);

static NODE: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    ("spec", &BuiltIn::Struct(&[("podCIDRs", &SET), ("taints", &BuiltIn::AtomicButPatched { key: "key" })])),
    (
        "status",
        &BuiltIn::Struct(&[
            ("addresses", &BuiltIn::List { keys: &[("type", None)], patch_key: "type", element: &PLAIN }),
            ("allocatable", &MAP),
            ("capacity", &MAP),
            ("conditions", &CONDITIONS),
        ]),
    ),
]);

static SERVICE: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    (
        "spec",
        &BuiltIn::Struct(&[
            (
                "ports",
                &BuiltIn::List {
                    keys: &[("port", None), ("protocol", Some("TCP"))],
                    patch_key: "port",
                    element: &PLAIN,
                },
            ),
            ("selector", &ATOMIC),
        ]),
    ),
    ("status", &BuiltIn::Struct(&[("conditions", &CONDITIONS), ("loadBalancer", &BuiltIn::Struct(&[]))])),
]);

static POD: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    ("spec", &POD_SPEC),
    (
        "status",
        &BuiltIn::Struct(&[
            ("conditions", &CONDITIONS),
            ("podIPs", &BuiltIn::List { keys: &[("ip", None)], patch_key: "ip", element: &PLAIN }),
            ("hostIPs", &BuiltIn::AtomicButPatched { key: "ip" }),
        ]),
    ),
]);

static PODS_OWNER: BuiltIn = BuiltIn::Struct(&[
    ("metadata", &OBJECT_META),
    (
        "spec",
        &BuiltIn::Struct(&[
            ("selector", &ATOMIC),
            ("strategy", &BuiltIn::Struct(&[])),
            ("updateStrategy", &BuiltIn::Struct(&[])),
            ("template", &BuiltIn::Struct(&[("metadata", &OBJECT_META), ("spec", &POD_SPEC)])),
        ]),
    ),
    ("status", &STATUS),
]);

static POD_SPEC: BuiltIn = BuiltIn::Struct(&[
    ("containers", &BuiltIn::ListAlwaysThere { keys: &[("name", None)], patch_key: "name", element: &CONTAINER }),
    ("ephemeralContainers", &CONTAINERS),
    ("hostAliases", &BuiltIn::List { keys: &[("ip", None)], patch_key: "ip", element: &PLAIN }),
    ("imagePullSecrets", &BuiltIn::List { keys: &[("name", None)], patch_key: "name", element: &PLAIN }),
    ("initContainers", &CONTAINERS),
    ("nodeSelector", &ATOMIC),
    (
        "topologySpreadConstraints",
        &BuiltIn::List {
            keys: &[("topologyKey", None), ("whenUnsatisfiable", None)],
            patch_key: "topologyKey",
            element: &BuiltIn::Pointer(&[("labelSelector", &ATOMIC)]),
        },
    ),
    ("volumes", &BuiltIn::List { keys: &[("name", None)], patch_key: "name", element: &VOLUME }),
]);

static CONTAINERS: BuiltIn = BuiltIn::List { keys: &[("name", None)], patch_key: "name", element: &CONTAINER };

static CONTAINER: BuiltIn = BuiltIn::Pointer(&[
    ("env", &BuiltIn::List { keys: &[("name", None)], patch_key: "name", element: &ENV }),
    (
        "ports",
        &BuiltIn::List {
            keys: &[("containerPort", None), ("protocol", Some("TCP"))],
            patch_key: "containerPort",
            element: &PLAIN,
        },
    ),
    (
        "resources",
        &BuiltIn::Struct(&[
            ("claims", &BuiltIn::List { keys: &[("name", None)], patch_key: "name", element: &PLAIN }),
            ("limits", &MAP),
            ("requests", &MAP),
        ]),
    ),
    ("volumeDevices", &BuiltIn::List { keys: &[("devicePath", None)], patch_key: "devicePath", element: &PLAIN }),
    ("volumeMounts", &BuiltIn::List { keys: &[("mountPath", None)], patch_key: "mountPath", element: &PLAIN }),
]);

static ENV: BuiltIn = BuiltIn::Pointer(&[(
    "valueFrom",
    &BuiltIn::Pointer(&[
        ("configMapKeyRef", &ATOMIC),
        ("fieldRef", &ATOMIC),
        ("resourceFieldRef", &ATOMIC),
        ("secretKeyRef", &ATOMIC),
    ]),
)]);

static VOLUME: BuiltIn = BuiltIn::Pointer(&[]);
