//! The columns of the built-in kinds.

use serde_json::{Value, json};

use super::{age, deployment, event, pod, rbac, service};

/// A column of a built-in kind.
pub(super) struct Column {
    name: &'static str,
    /// What kind of value its cells are.
    value: &'static str,
    /// Whether it is shown with `-o wide` only.
    wide: bool,
    /// The cell of an object.
    pub cell: fn(&Value) -> Value,
}

impl Column {
    /// The column as a table describes it.
    pub fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.value,
            "format": if self.name == "Name" { "name" } else { "" },
            "description": "",
            "priority": u8::from(self.wide),
        })
    }
}

const fn text(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, value: "string", wide: false, cell }
}

const fn number(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, value: "integer", wide: false, cell }
}

/// A number that the column does not promise to be one.
const fn count(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, value: "string", wide: false, cell }
}

const fn wide(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, value: "string", wide: true, cell }
}

const NAME: Column = text("Name", |object| object["metadata"]["name"].clone());
const AGE: Column = text("Age", |object| age::since(&object["metadata"]["creationTimestamp"]).into());
const CREATED_AT: Column = Column {
    name: "Created At",
    value: "date",
    wide: false,
    cell: |object| object["metadata"]["creationTimestamp"].clone(),
};

const DATA: Column = count("Data", |object| {
    let count = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    (count("data") + count("binaryData")).into()
});

/// The columns of a kind; those without a table of their own show when they were made.
pub(super) fn of(kind: &str) -> &'static [Column] {
    let found = TABLES.iter().find(|(own, _)| *own == kind);
    found.map_or(const { &[NAME, CREATED_AT] }, |(_, columns)| columns)
}

static TABLES: &[(&str, &[Column])] = &[
    ("ClusterRoleBinding", BINDING),
    ("ConfigMap", &[NAME, DATA, AGE]),
    (
        "Deployment",
        &[
            NAME,
            text("Ready", deployment::ready),
            count("Up-to-date", |object| deployment::count(&object["status"]["updatedReplicas"])),
            count("Available", |object| deployment::count(&object["status"]["availableReplicas"])),
            AGE,
            wide("Containers", deployment::containers),
            wide("Images", deployment::images),
            wide("Selector", deployment::selector),
        ],
    ),
    (
        "EndpointSlice",
        &[
            NAME,
            text("AddressType", |object| object["addressType"].clone()),
            text("Ports", service::slice_ports),
            text("Endpoints", service::slice_endpoints),
            AGE,
        ],
    ),
    ("Endpoints", &[NAME, text("Endpoints", service::endpoints), AGE]),
    (
        "Event",
        &[
            text("Last Seen", event::last_seen),
            text("Type", |object| object["type"].clone()),
            text("Reason", |object| object["reason"].clone()),
            text("Object", event::object),
            wide("Subobject", |object| object["involvedObject"]["fieldPath"].clone()),
            wide("Source", event::source),
            text("Message", |object| object["message"].as_str().unwrap_or_default().trim().into()),
            wide("First Seen", event::first_seen),
            wide("Count", event::count),
            wide("Name", |object| object["metadata"]["name"].clone()),
        ],
    ),
    ("Lease", &[NAME, text("Holder", |object| object["spec"]["holderIdentity"].clone()), AGE]),
    ("MutatingWebhookConfiguration", WEBHOOKS),
    ("Namespace", &[NAME, text("Status", |object| object["status"]["phase"].clone()), AGE]),
    (
        "Node",
        &[
            NAME,
            text("Status", pod::node_status),
            text("Roles", pod::node_roles),
            AGE,
            text("Version", |object| object["status"]["nodeInfo"]["kubeletVersion"].clone()),
            wide("Internal-IP", |object| pod::node_address(object, "InternalIP")),
            wide("External-IP", |object| pod::node_address(object, "ExternalIP")),
            wide("OS-Image", |object| pod::node_info(object, "osImage")),
            wide("Kernel-Version", |object| pod::node_info(object, "kernelVersion")),
            wide("Container-Runtime", |object| pod::node_info(object, "containerRuntimeVersion")),
        ],
    ),
    (
        "Pod",
        &[
            NAME,
            text("Ready", pod::ready),
            text("Status", pod::status),
            text("Restarts", pod::restarts),
            AGE,
            wide("IP", |object| or_none(&object["status"]["podIP"])),
            wide("Node", |object| or_none(&object["spec"]["nodeName"])),
            wide("Nominated Node", |object| or_none(&object["status"]["nominatedNodeName"])),
            wide("Readiness Gates", pod::readiness_gates),
        ],
    ),
    (
        "ReplicaSet",
        &[
            NAME,
            number("Desired", |object| deployment::count(&object["spec"]["replicas"])),
            number("Current", |object| deployment::count(&object["status"]["replicas"])),
            number("Ready", |object| deployment::count(&object["status"]["readyReplicas"])),
            AGE,
            wide("Containers", deployment::containers),
            wide("Images", deployment::images),
            wide("Selector", deployment::selector),
        ],
    ),
    ("RoleBinding", BINDING),
    ("Secret", &[NAME, text("Type", |object| object["type"].clone()), DATA, AGE]),
    (
        "Service",
        &[
            NAME,
            text("Type", |object| object["spec"]["type"].clone()),
            text("Cluster-IP", |object| or_none(&object["spec"]["clusterIP"])),
            text("External-IP", service::external_address),
            text("Port(s)", service::ports),
            AGE,
            wide("Selector", |object| deployment::labels(&object["spec"]["selector"])),
        ],
    ),
    (
        "ServiceAccount",
        &[NAME, number("Secrets", |object| object["secrets"].as_array().map_or(0, Vec::len).into()), AGE],
    ),
    ("ValidatingWebhookConfiguration", WEBHOOKS),
];

const WEBHOOKS: &[Column] =
    &[NAME, number("Webhooks", |object| object["webhooks"].as_array().map_or(0, Vec::len).into()), AGE];

const BINDING: &[Column] = &[
    NAME,
    text("Role", rbac::role),
    AGE,
    wide("Users", |object| rbac::subjects(object, "User")),
    wide("Groups", |object| rbac::subjects(object, "Group")),
    wide("ServiceAccounts", |object| rbac::subjects(object, "ServiceAccount")),
];

/// A text, or the word for none.
pub(super) fn or_none(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    if text.is_empty() { "<none>".into() } else { text.into() }
}
