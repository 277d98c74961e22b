//! Installing the mesh, unless it is there.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{Api, core::DynamicObject};

use super::{context::Context, result::Problem};
use crate::{
    cluster::{
        ObjectRef, Patience,
        wait::{Progress, State, named, until},
    },
    mesh::install::{self, CONTROL_PLANE, ROOT_NAMESPACE, Settings},
};

impl Context<'_> {
    /// The mesh's manifests; none if a control plane is there already.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn missing_mesh(&self) -> Result<Vec<DynamicObject>, Problem> {
        let control_plane = ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some(ROOT_NAMESPACE.to_owned()),
            name: CONTROL_PLANE.to_owned(),
        };
        if self.cluster.find(&control_plane).await?.is_some() {
            return Ok(Vec::new());
        }
        self.mesh_manifests()
    }

    /// All of the mesh's manifests.
    ///
    /// # Errors
    /// A bundled template is broken.
    pub fn mesh_manifests(&self) -> Result<Vec<DynamicObject>, Problem> {
        let settings = Settings { trust_domain: self.trust_domain.clone(), ..Settings::default() };
        install::manifests(&settings).map_err(|error| Problem::new(error.to_string()))
    }

    /// Applies the mesh's manifests and waits until its control plane injects and signs.
    ///
    /// # Errors
    /// What the cluster refused, or did not do in time.
    pub async fn install(&self, manifests: Vec<DynamicObject>, patience: &Patience) -> Result<(), Problem> {
        self.cluster.apply(manifests, patience).await?;
        // In this order: a control plane that does not even run has more to say.
        self.cluster.until_ready(patience).await?;
        Ok(self.until_injecting(patience).await?)
    }

    /// Waits until the control plane has put its root certificate into its webhook.
    async fn until_injecting(&self, patience: &Patience) -> Result<(), crate::cluster::ClusterError> {
        let webhooks: Api<MutatingWebhookConfiguration> = Api::all(self.cluster.client());
        let waiting_for = "the control plane to take over injection";
        until(webhooks, named(CONTROL_PLANE), waiting_for, patience, |state: &State<MutatingWebhookConfiguration>| {
            let mut hooks = state.values().flat_map(|found| found.webhooks.iter().flatten()).peekable();
            let there = hooks.peek().is_some();
            if there
                && hooks.all(|hook| hook.client_config.ca_bundle.as_ref().is_some_and(|bundle| !bundle.0.is_empty()))
            {
                Progress::Done(())
            } else {
                Progress::Waiting("its webhook has no root certificate yet".to_owned())
            }
        })
        .await
    }
}
