//! The catalogue of built-in kinds.

use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    apps::v1::{Deployment, ReplicaSet},
    authentication::v1::{SelfSubjectReview, TokenReview},
    authorization::v1::{
        LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
    },
    coordination::v1::Lease,
    core::v1::{ConfigMap, Endpoints, Event, Namespace, Node, Pod, Secret, Service, ServiceAccount},
    discovery::v1::EndpointSlice,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::{
    decode::Model,
    kinds::{
        config_map, crd, deployment, endpoints, events, lease, namespace, pod, rbac, replica_set, secret, service,
        service_account, webhook,
    },
    names::Names,
    path::Verb,
    resource::{Resource, Rules, Version},
};
use crate::embedded::objects::field_error::FieldError;

/// A built-in kind: its names, and the rules that differ from kind to kind.
#[derive(Debug)]
pub struct Builtin {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
    namespaced: bool,
    subresources: &'static [&'static str],
    verbs: &'static [Verb],
    /// The kind's Go type, as far as the server knows it.
    pub(super) model: Model,
    /// What names may look like.
    pub names: Names,
    /// Whether `metadata.generation` counts.
    pub generations: bool,
    /// Whether a write to an object that is not there creates it.
    pub create_on_update: bool,
    /// Whether a deletion answers with the object instead of a status.
    pub returns_deleted: bool,
    /// What of the metadata a write to the status leaves alone.
    pub kept_by_status: &'static [&'static str],
    /// Fills in what the author left out.
    pub default: fn(&mut Value),
    /// Removes from a new object what its author has no say in, and completes it.
    pub prepare_create: fn(&mut Value),
    /// The same for a changed object, beside what it was.
    pub prepare_update: fn(&mut Value, &Value),
    /// Complains about a new object.
    pub validate: fn(&Value) -> Vec<FieldError>,
    /// Complains about a changed object, beside what it was.
    pub validate_update: fn(&Value, &Value) -> Vec<FieldError>,
}

/// What can be done with most resources.
pub const ALL_VERBS: &[Verb] = &[
    Verb::Create,
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];

/// Namespaces are never deleted all at once.
const NAMESPACE_VERBS: &[Verb] =
    &[Verb::Create, Verb::Delete, Verb::Get, Verb::List, Verb::Patch, Verb::Update, Verb::Watch];

const BASE: Builtin = Builtin {
    group: "",
    version: "v1",
    kind: "",
    plural: "",
    short_names: &[],
    categories: &[],
    namespaced: true,
    subresources: &[],
    verbs: ALL_VERBS,
    model: Model::of::<Value>(),
    names: Names::Subdomain,
    generations: false,
    create_on_update: false,
    returns_deleted: false,
    kept_by_status: &[],
    default: |_| {},
    prepare_create: |_| {},
    prepare_update: |_, _| {},
    validate: |_| Vec::new(),
    validate_update: |_, _| Vec::new(),
};

const CLUSTER: Builtin = Builtin { namespaced: false, ..BASE };
const APPS: Builtin = Builtin { group: "apps", categories: &["all"], generations: true, ..BASE };
const RBAC: Builtin =
    Builtin { group: "rbac.authorization.k8s.io", names: Names::PathSegment, create_on_update: true, ..BASE };
const REVIEW: Builtin = Builtin { namespaced: false, verbs: &[Verb::Create], ..BASE };

static BUILTINS: &[Builtin] = &[
    Builtin {
        kind: "ConfigMap",
        plural: "configmaps",
        short_names: &["cm"],
        model: Model::of::<ConfigMap>(),
        default: config_map::default,
        validate: config_map::validate,
        validate_update: config_map::validate_update,
        ..BASE
    },
    Builtin {
        kind: "Endpoints",
        plural: "endpoints",
        short_names: &["ep"],
        create_on_update: true,
        model: Model::of::<Endpoints>(),
        default: endpoints::default,
        validate: endpoints::validate,
        validate_update: |new, _| endpoints::validate(new),
        ..BASE
    },
    Builtin {
        kind: "Event",
        plural: "events",
        short_names: &["ev"],
        create_on_update: true,
        model: Model::of::<Event>(),
        default: events::default,
        ..BASE
    },
    Builtin {
        kind: "Namespace",
        plural: "namespaces",
        short_names: &["ns"],
        subresources: &["finalize", "status"],
        verbs: NAMESPACE_VERBS,
        names: Names::Label,
        model: Model::of::<Namespace>(),
        default: namespace::default,
        prepare_create: namespace::prepare_create,
        prepare_update: namespace::prepare_update,
        validate: namespace::validate,
        validate_update: |new, _| namespace::validate(new),
        ..CLUSTER
    },
    Builtin {
        kind: "Node",
        plural: "nodes",
        short_names: &["no"],
        subresources: &["status"],
        model: Model::of::<Node>(),
        ..CLUSTER
    },
    Builtin {
        kind: "Pod",
        plural: "pods",
        short_names: &["po"],
        categories: &["all"],
        subresources: &["binding", "eviction", "exec", "log", "status"],
        generations: true,
        returns_deleted: true,
        kept_by_status: &["ownerReferences"],
        model: Model::of::<Pod>(),
        default: pod::default,
        prepare_create: pod::prepare_create,
        prepare_update: pod::prepare_update,
        validate: pod::validate,
        validate_update: pod::validate_update,
        ..BASE
    },
    Builtin {
        kind: "Secret",
        plural: "secrets",
        model: Model::of::<Secret>(),
        default: secret::default,
        prepare_create: secret::prepare_create,
        validate: secret::validate,
        validate_update: secret::validate_update,
        ..BASE
    },
    Builtin {
        kind: "Service",
        plural: "services",
        short_names: &["svc"],
        categories: &["all"],
        subresources: &["status"],
        names: Names::Label1035,
        create_on_update: true,
        returns_deleted: true,
        model: Model::of::<Service>(),
        default: service::default,
        prepare_create: service::prepare_create,
        prepare_update: service::prepare_update,
        validate: service::validate,
        validate_update: service::validate_update,
        ..BASE
    },
    Builtin {
        kind: "ServiceAccount",
        plural: "serviceaccounts",
        short_names: &["sa"],
        subresources: &["token"],
        returns_deleted: true,
        model: Model::of::<ServiceAccount>(),
        prepare_create: service_account::prepare_create,
        ..BASE
    },
    Builtin {
        group: "admissionregistration.k8s.io",
        kind: "MutatingWebhookConfiguration",
        plural: "mutatingwebhookconfigurations",
        categories: &["api-extensions"],
        generations: true,
        model: Model::of::<MutatingWebhookConfiguration>(),
        default: webhook::default_mutating,
        validate: webhook::validate,
        validate_update: |new, _| webhook::validate(new),
        ..CLUSTER
    },
    Builtin {
        group: "admissionregistration.k8s.io",
        kind: "ValidatingWebhookConfiguration",
        plural: "validatingwebhookconfigurations",
        categories: &["api-extensions"],
        generations: true,
        model: Model::of::<ValidatingWebhookConfiguration>(),
        default: webhook::default_validating,
        validate: webhook::validate,
        validate_update: |new, _| webhook::validate(new),
        ..CLUSTER
    },
    Builtin {
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        short_names: &["crd", "crds"],
        categories: &["api-extensions"],
        subresources: &["status"],
        generations: true,
        model: Model::of::<CustomResourceDefinition>(),
        default: crd::default,
        prepare_create: crd::prepare_create,
        prepare_update: crd::prepare_update,
        validate: crd::validate,
        validate_update: crd::validate_update,
        ..CLUSTER
    },
    Builtin {
        kind: "Deployment",
        plural: "deployments",
        short_names: &["deploy"],
        subresources: &["scale", "status"],
        kept_by_status: &["labels"],
        model: Model::of::<Deployment>(),
        default: deployment::default,
        prepare_create: deployment::prepare_create,
        prepare_update: deployment::prepare_update,
        validate: deployment::validate,
        validate_update: deployment::validate_update,
        ..APPS
    },
    Builtin {
        kind: "ReplicaSet",
        plural: "replicasets",
        short_names: &["rs"],
        subresources: &["scale", "status"],
        model: Model::of::<ReplicaSet>(),
        default: replica_set::default,
        prepare_create: replica_set::prepare_create,
        prepare_update: replica_set::prepare_update,
        validate: replica_set::validate,
        validate_update: replica_set::validate_update,
        ..APPS
    },
    Builtin {
        group: "authentication.k8s.io",
        kind: "SelfSubjectReview",
        plural: "selfsubjectreviews",
        model: Model::of::<SelfSubjectReview>(),
        ..REVIEW
    },
    Builtin {
        group: "authentication.k8s.io",
        kind: "TokenReview",
        plural: "tokenreviews",
        model: Model::of::<TokenReview>(),
        ..REVIEW
    },
    Builtin {
        group: "authorization.k8s.io",
        kind: "LocalSubjectAccessReview",
        plural: "localsubjectaccessreviews",
        namespaced: true,
        model: Model::of::<LocalSubjectAccessReview>(),
        ..REVIEW
    },
    Builtin {
        group: "authorization.k8s.io",
        kind: "SelfSubjectRulesReview",
        plural: "selfsubjectrulesreviews",
        model: Model::of::<SelfSubjectRulesReview>(),
        ..REVIEW
    },
    Builtin {
        group: "authorization.k8s.io",
        kind: "SelfSubjectAccessReview",
        plural: "selfsubjectaccessreviews",
        model: Model::of::<SelfSubjectAccessReview>(),
        ..REVIEW
    },
    Builtin {
        group: "authorization.k8s.io",
        kind: "SubjectAccessReview",
        plural: "subjectaccessreviews",
        model: Model::of::<SubjectAccessReview>(),
        ..REVIEW
    },
    Builtin {
        group: "coordination.k8s.io",
        kind: "Lease",
        plural: "leases",
        create_on_update: true,
        model: Model::of::<Lease>(),
        default: lease::default,
        validate: lease::validate,
        validate_update: |new, _| lease::validate(new),
        ..BASE
    },
    Builtin {
        group: "discovery.k8s.io",
        kind: "EndpointSlice",
        plural: "endpointslices",
        generations: true,
        model: Model::of::<EndpointSlice>(),
        ..BASE
    },
    Builtin {
        kind: "ClusterRole",
        plural: "clusterroles",
        namespaced: false,
        model: Model::of::<ClusterRole>(),
        validate: rbac::validate_cluster_role,
        validate_update: |new, _| rbac::validate_cluster_role(new),
        ..RBAC
    },
    Builtin {
        kind: "ClusterRoleBinding",
        plural: "clusterrolebindings",
        namespaced: false,
        model: Model::of::<ClusterRoleBinding>(),
        default: rbac::default_binding,
        validate: rbac::validate_binding,
        validate_update: rbac::validate_binding_update,
        ..RBAC
    },
    Builtin {
        kind: "Role",
        plural: "roles",
        model: Model::of::<Role>(),
        validate: rbac::validate_role,
        validate_update: |new, _| rbac::validate_role(new),
        ..RBAC
    },
    Builtin {
        kind: "RoleBinding",
        plural: "rolebindings",
        model: Model::of::<RoleBinding>(),
        default: rbac::default_binding,
        validate: rbac::validate_binding,
        validate_update: rbac::validate_binding_update,
        ..RBAC
    },
];

/// Whether a kind is built in.
pub(super) fn is_known(api_version: &str, kind: &str) -> bool {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    BUILTINS.iter().any(|known| known.group == group && known.version == version && known.kind == kind)
}

/// All built-in kinds as resources.
pub fn resources() -> impl Iterator<Item = Resource> {
    BUILTINS.iter().map(|builtin| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Resource {
            group: builtin.group.to_owned(),
            plural: builtin.plural.to_owned(),
            singular: builtin.kind.to_lowercase(),
            kind: builtin.kind.to_owned(),
            list_kind: format!("{}List", builtin.kind),
            short_names: owned(builtin.short_names),
            categories: owned(builtin.categories),
            namespaced: builtin.namespaced,
            versions: vec![Version {
                name: builtin.version.to_owned(),
                subresources: owned(builtin.subresources),
                deprecation: None,
            }],
            storage_version: builtin.version.to_owned(),
            table: if builtin.group.is_empty() {
                builtin.plural.to_owned()
            } else {
                format!("{}.{}", builtin.plural, builtin.group)
            },
            verbs: builtin.verbs,
            rules: Rules::Builtin(builtin),
        }
    })
}
