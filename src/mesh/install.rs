//! The manifests that install the mesh, the same for every kind of cluster.
//!
//! Applying and removing them is [`crate::cluster`]'s business.

use kube::api::DynamicObject;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Deserialize;

/// The namespace of the control plane and of mesh-wide policies.
pub const ROOT_NAMESPACE: &str = "istio-system";
/// The name of the control plane: its Deployment, Service, account and webhook configuration.
pub const CONTROL_PLANE: &str = "labctl-mesh";
/// The kinds of its webhook configurations: one changes pods, the other judges mesh resources.
pub const WEBHOOK_KINDS: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
/// The name of the gateway: its Deployment and its Service.
pub const INGRESS_GATEWAY: &str = "istio-ingressgateway";
/// The label, and its value, of everything that is installed.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "labctl");

/// The templates, in the order in which they are applied.
const TEMPLATES: [(&str, &str); 8] = [
    ("namespace.yaml", include_str!("../../templates/mesh/namespace.yaml")),
    ("peer-authentication.crd.yaml", include_str!("../../templates/mesh/peer-authentication.crd.yaml")),
    ("destination-rule.crd.yaml", include_str!("../../templates/mesh/destination-rule.crd.yaml")),
    ("gateway.crd.yaml", include_str!("../../templates/mesh/gateway.crd.yaml")),
    ("virtual-service.crd.yaml", include_str!("../../templates/mesh/virtual-service.crd.yaml")),
    ("legacy-policies.crd.yaml", include_str!("../../templates/mesh/legacy-policies.crd.yaml")),
    ("access.yaml", include_str!("../../templates/mesh/access.yaml")),
    ("control-plane.yaml", include_str!("../../templates/mesh/control-plane.yaml")),
];
/// Only where somebody asks for it.
const GATEWAY: (&str, &str) = ("ingress-gateway.yaml", include_str!("../../templates/mesh/ingress-gateway.yaml"));
/// Applied last: from then on, pods cannot start in the mesh until the control plane is ready.
const WEBHOOK: (&str, &str) = ("webhook.yaml", include_str!("../../templates/mesh/webhook.yaml"));

/// What may differ between installations.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The image with the bundled programs.
    pub image: String,
    /// The mesh's trust domain.
    pub trust_domain: String,
    /// Whether there is a gateway for traffic from outside.
    pub gateway: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            image: format!("localhost/labctl:{}", env!("CARGO_PKG_VERSION")),
            trust_domain: "cluster.local".to_owned(),
            gateway: false,
        }
    }
}

/// Why a bundled template gave no manifests.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// What was rendered is no Kubernetes object.
    #[error("templates/mesh/{0}: {1}")]
    Manifest(&'static str, serde_yaml::Error),
    /// It could not be rendered.
    #[error("templates/mesh/{0}: {1}")]
    Template(&'static str, minijinja::Error),
}

/// The objects that make up the mesh, in the order in which they are to be applied.
///
/// # Errors
/// [`InstallError`] if a bundled template is broken.
pub fn manifests(settings: &Settings) -> Result<Vec<DynamicObject>, InstallError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let parameters = context! { image => &settings.image, trust_domain => &settings.trust_domain };
    let mut objects = Vec::new();
    let gateway = settings.gateway.then_some(GATEWAY);
    for (name, source) in TEMPLATES.into_iter().chain(gateway).chain([WEBHOOK]) {
        let text = environment.render_str(source, &parameters).map_err(|error| InstallError::Template(name, error))?;
        for document in serde_yaml::Deserializer::from_str(&text) {
            let object = DynamicObject::deserialize(document).map_err(|error| InstallError::Manifest(name, error))?;
            objects.push(labelled(object));
        }
    }
    Ok(objects)
}

fn labelled(mut object: DynamicObject) -> DynamicObject {
    let (name, value) = MANAGED_BY;
    object.metadata.labels.get_or_insert_default().insert(name.to_owned(), value.to_owned());
    object
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::apps::v1::Deployment, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    };
    use serde::de::DeserializeOwned;

    use super::*;

    fn of_kind<K: DeserializeOwned + kube::Resource>(kind: &str) -> Vec<K> {
        let objects = manifests(&Settings::default()).unwrap().into_iter();
        let wanted = objects.filter(|object| object.types.as_ref().is_some_and(|types| types.kind == kind));
        wanted.map(|object| object.try_parse().unwrap()).collect()
    }

    #[test]
    fn everything_in_order() {
        let objects = manifests(&Settings::default()).unwrap();
        let line = |object: &DynamicObject| {
            assert_eq!(object.metadata.labels.as_ref().unwrap()[MANAGED_BY.0], MANAGED_BY.1);
            let kind = &object.types.as_ref().unwrap().kind;
            format!("{kind} {}", object.metadata.name.as_deref().unwrap())
        };
        let lines: Vec<String> = objects.iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn the_gateway_is_there_where_it_is_asked_for() {
        let names = |gateway| -> Vec<String> {
            let objects = manifests(&Settings { gateway, ..Settings::default() }).unwrap().into_iter();
            objects.map(|object| object.metadata.name.unwrap()).filter(|name| name.contains("ingress")).collect()
        };
        assert_eq!(names(false), Vec::<String>::new());
        assert_eq!(names(true), ["istio-ingressgateway-service-account", INGRESS_GATEWAY, INGRESS_GATEWAY]);
    }

    #[test]
    fn resource_definitions_are_served_under_the_names_people_type() {
        let lines: Vec<String> = of_kind::<CustomResourceDefinition>("CustomResourceDefinition")
            .into_iter()
            .map(|definition| {
                let spec = definition.spec;
                assert_eq!(definition.metadata.name.unwrap(), format!("{}.{}", spec.names.plural, spec.group));
                let versions: Vec<String> = spec.versions.into_iter().map(|version| version.name).collect();
                let short = spec.names.short_names.unwrap_or_default().join(" ");
                format!("{} {} {} [{short}]", spec.scope, spec.names.kind, versions.join(" "))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn settings_reach_the_control_plane() {
        let settings = Settings { image: "a\": b".to_owned(), trust_domain: "example.org".to_owned(), gateway: false };
        let deployment = manifests(&settings).unwrap().into_iter().find_map(|object| object.try_parse().ok());
        let deployment: Deployment = deployment.unwrap();
        let container = &deployment.spec.template.spec.unwrap().containers[0];
        assert_eq!(container.image.as_deref(), Some("a\": b"));
        let environment = container.env.as_ref().unwrap();
        assert_eq!(environment[0].value.as_deref(), Some("example.org"));
        assert_eq!(environment[1].value.as_deref(), Some("a\": b"));
    }

    #[test]
    fn pods_are_refused_rather_than_left_without_their_sidecar() {
        for kind in WEBHOOK_KINDS {
            let [configuration] = of_kind::<DynamicObject>(kind).try_into().unwrap();
            for webhook in configuration.data["webhooks"].as_array().unwrap() {
                assert_eq!(webhook["failurePolicy"], "Fail", "{}", webhook["name"]);
            }
        }
    }
}
