//! Which mesh a cluster has.

use k8s_openapi::api::{
    admissionregistration::v1::MutatingWebhookConfiguration,
    apps::v1::Deployment,
    core::v1::{ConfigMap, Container},
};
use kube::{Api, ResourceExt, api::ListParams};
use serde::Deserialize;

use super::{MeshError, control_plane, is_managed, run_of};
use crate::{
    cluster::{Cluster, ClusterError, ObjectRef},
    mesh::install::{CONTROL_PLANE, INGRESS_GATEWAY, ROOT_NAMESPACE},
};

/// The label by which Istio's control plane is found, whatever its revision.
const ISTIOD: &str = "app=istiod";
/// How the names of Istio's injecting webhooks begin; a revision may follow.
const INJECTOR: &str = "istio-sidecar-injector";
/// The definition without which no lab could set a policy.
const DEFINITION: &str = "peerauthentications.security.istio.io";
/// The ConfigMap with Istio's mesh-wide configuration, and its key.
const MESH_CONFIG: (&str, &str) = ("istio", "mesh");

/// The mesh of a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presence {
    /// None.
    Absent,
    /// Istio, known by this object.
    Istio(ObjectRef),
    /// Ours.
    Labctl(Installed),
}

/// Our mesh on a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installed {
    /// The image that its control plane runs, and its sidecars get.
    pub image: String,
    /// Its trust domain.
    pub trust_domain: String,
    /// Whether it has a gateway for traffic from outside.
    pub gateway: bool,
    /// The run that installed it and will remove it, if it was one.
    pub run: Option<String>,
}

impl Cluster {
    /// Looks which mesh there is.
    ///
    /// # Errors
    /// A failed request.
    pub async fn mesh(&self) -> Result<Presence, ClusterError> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let ours = deployments.get_opt(CONTROL_PLANE).await;
        let ours = ours.map_err(ClusterError::request(format!("read {}", control_plane())))?;
        if let Some(deployment) = ours.filter(|found| is_managed(found.metadata.labels.as_ref())) {
            let gateway = deployments.get_opt(INGRESS_GATEWAY).await;
            let doing = format!("read Deployment {ROOT_NAMESPACE}/{INGRESS_GATEWAY}");
            let gateway = gateway.map_err(ClusterError::request(doing))?.is_some();
            return Ok(Presence::Labctl(installed(&deployment, gateway)));
        }
        let (istiod, injector) = tokio::try_join!(self.istiod(), self.injector())?;
        Ok(istiod.or(injector).map_or(Presence::Absent, Presence::Istio))
    }

    /// The trust domain of the Istio that is there.
    ///
    /// # Errors
    /// [`MeshError::NoIstio`] with what is missing, or a failed request.
    pub async fn istio(&self) -> Result<String, MeshError> {
        let missing = |what: &str| MeshError::NoIstio(what.to_owned());
        self.istiod().await?.ok_or_else(|| missing("no Deployment labelled app=istiod in istio-system"))?;
        self.injector().await?.ok_or_else(|| missing("no webhook istio-sidecar-injector"))?;
        let definition = ObjectRef {
            api_version: "apiextensions.k8s.io/v1".to_owned(),
            kind: "CustomResourceDefinition".to_owned(),
            namespace: None,
            name: DEFINITION.to_owned(),
        };
        self.find(&definition).await?.ok_or_else(|| MeshError::NoIstio(format!("no {definition}")))?;
        let (name, key) = MESH_CONFIG;
        let maps: Api<ConfigMap> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let map = maps.get_opt(name).await;
        let map = map.map_err(ClusterError::request(format!("read ConfigMap {ROOT_NAMESPACE}/{name}")))?;
        Ok(map.and_then(|map| trust_domain(map.data?.get(key)?)).unwrap_or_else(|| "cluster.local".to_owned()))
    }

    async fn istiod(&self) -> Result<Option<ObjectRef>, ClusterError> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let found = deployments.list(&ListParams::default().labels(ISTIOD)).await;
        let found = found.map_err(ClusterError::request(format!("list the Deployments of {ROOT_NAMESPACE}")))?;
        Ok(found.items.first().map(|found| ObjectRef { name: found.name_any(), ..control_plane() }))
    }

    async fn injector(&self) -> Result<Option<ObjectRef>, ClusterError> {
        let webhooks: Api<MutatingWebhookConfiguration> = Api::all(self.client());
        let found = webhooks.list(&ListParams::default()).await;
        let found = found.map_err(ClusterError::request("list the MutatingWebhookConfigurations"))?;
        let injector = found.items.into_iter().find(|found| found.name_any().starts_with(INJECTOR));
        Ok(injector.map(|found| ObjectRef {
            api_version: "admissionregistration.k8s.io/v1".to_owned(),
            kind: "MutatingWebhookConfiguration".to_owned(),
            namespace: None,
            name: found.name_any(),
        }))
    }
}

fn installed(deployment: &Deployment, gateway: bool) -> Installed {
    let pod = deployment.spec.template.spec.as_ref();
    let container = pod.and_then(|pod| pod.containers.first());
    let variable = |container: &Container| {
        let variables = container.env.iter().flatten();
        variables.filter(|variable| variable.name == "TRUST_DOMAIN").find_map(|variable| variable.value.clone())
    };
    Installed {
        image: container.and_then(|container| container.image.clone()).unwrap_or_default(),
        trust_domain: container.and_then(variable).unwrap_or_default(),
        gateway,
        run: run_of(deployment.metadata.labels.as_ref()),
    }
}

/// The trust domain in Istio's mesh configuration, unless it leaves that to the default.
fn trust_domain(mesh_config: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct MeshConfig {
        trust_domain: Option<String>,
    }
    serde_yaml::from_str::<MeshConfig>(mesh_config).ok()?.trust_domain.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trust_domain_is_read_from_istios_configuration() {
        assert_eq!(trust_domain("enableTracing: true\ntrustDomain: example.org\n").as_deref(), Some("example.org"));
        assert_eq!(trust_domain("enableTracing: true\n"), None);
        assert_eq!(trust_domain("trustDomain: ''\n"), None);
    }
}
