//! The mesh that a run uses: its own, one that is there, or Istio.

use kube::core::DynamicObject;

use super::{context::Context, result::Problem};
use crate::{
    cluster::{
        Cluster, ClusterError, Patience,
        mesh::{MeshError, Presence, presence::Installed},
    },
    lab::model::MeshNeeds,
    mesh::install::{self, Settings},
};

/// Which mesh somebody asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mesh {
    /// The Istio that is on the cluster; nothing of ours is installed.
    Istio,
    /// Ours: the one that is there, or one that the run brings.
    Labctl {
        /// The image of one that the run brings.
        image: String,
    },
}

impl Default for Mesh {
    fn default() -> Self {
        Self::Labctl { image: Settings::default().image }
    }
}

/// How one gets to know that policies have reached the proxies, and what these have done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Distribution {
    /// Every proxy acknowledges what it got, and writes an access log that can be read: nothing is asked before.
    Acknowledged,
    /// Nobody tells. Checks are asked until all of them hold in two rounds, one after the other.
    Untold,
}

/// The mesh that a run uses.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its trust domain.
    pub trust_domain: String,
    /// How one gets to know what it does.
    pub distribution: Distribution,
    /// What has to be applied; nothing if it is there already.
    pub manifests: Vec<DynamicObject>,
    /// What whoever runs the lab should know about it.
    pub notice: Option<String>,
    /// Why nobody could look which mesh is there. What has to be applied then is a whole one.
    pub unseen: Option<Problem>,
}

/// Finds the mesh that was asked for, or what it takes to install it.
///
/// # Errors
/// There is another mesh, or none where one should be; or the cluster cannot be asked.
pub async fn choose(cluster: &Cluster, wanted: &Mesh, needs: MeshNeeds) -> Result<Chosen, MeshError> {
    let image = match wanted {
        Mesh::Labctl { image } => image,
        Mesh::Istio => {
            return Ok(Chosen {
                trust_domain: cluster.istio().await?,
                distribution: Distribution::Untold,
                manifests: Vec::new(),
                notice: Some(
                    "Istio does not tell when a policy has reached its proxies, and its access logs are not read: checks \
                     are asked until they hold twice, and blocked callers are confirmed at their own end only"
                        .to_owned(),
                ),
                unseen: None,
            });
        }
    };
    let settings = Settings { image: image.clone(), gateway: needs.gateway, ..Settings::default() };
    let manifests = || install::manifests(&settings);
    let brought = |manifests, unseen| Chosen {
        trust_domain: settings.trust_domain.clone(),
        distribution: Distribution::Acknowledged,
        manifests,
        notice: None,
        unseen,
    };
    match cluster.mesh().await {
        Ok(Presence::Istio(by)) => Err(MeshError::Istio(by)),
        Ok(Presence::Labctl(installed)) if needs.gateway && !installed.gateway => {
            Err(MeshError::NoGateway(installed.run))
        }
        Ok(Presence::Labctl(installed)) => Ok(Chosen {
            notice: difference(&installed, image),
            trust_domain: installed.trust_domain,
            distribution: Distribution::Acknowledged,
            manifests: Vec::new(),
            unseen: None,
        }),
        Ok(Presence::Absent) => Ok(brought(cluster.own_mesh(manifests()?).await?, None)),
        // Who may not even look is told of everything else that is missing, too.
        Err(error @ ClusterError::Request { status: Some(403), .. }) => Ok(brought(manifests()?, Some(error.into()))),
        Err(error) => Err(error.into()),
    }
}

/// What is other about the mesh that is there than about the one that the run would have brought.
fn difference(installed: &Installed, image: &str) -> Option<String> {
    if let Some(run) = &installed.run {
        return Some(format!("the mesh that is there belongs to the run {run}; when that ends, it is gone"));
    }
    (installed.image != image).then(|| {
        format!(
            "the mesh that is there is used as it is, with {}; `labctl mesh install --image {image}` would change it",
            installed.image
        )
    })
}

impl Context<'_> {
    /// Applies the mesh's manifests and waits until its control plane injects and signs.
    ///
    /// # Errors
    /// What the cluster refused, or did not do in time.
    pub async fn install(&self, manifests: Vec<DynamicObject>, patience: &Patience) -> Result<(), Problem> {
        self.cluster.apply(manifests, patience).await?;
        // In this order: a control plane that does not even run has more to say.
        self.cluster.until_ready(patience).await?;
        Ok(self.cluster.until_injecting(patience).await?)
    }

    /// Waits until the policies as they are now have reached the proxies, as far as these tell.
    ///
    /// # Errors
    /// A failed request, or the deadline.
    pub async fn until_distributed(&self, patience: &Patience) -> Result<(), Problem> {
        match self.mesh.distribution {
            Distribution::Acknowledged => Ok(self.cluster.until_distributed(&self.proxied(), patience).await?),
            Distribution::Untold => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_that_is_another_is_told_of() {
        let installed = |image: &str, run: Option<&str>| Installed {
            image: image.to_owned(),
            trust_domain: "cluster.local".to_owned(),
            gateway: false,
            run: run.map(str::to_owned),
        };
        assert_eq!(difference(&installed("labctl:2", None), "labctl:2"), None);
        insta::assert_snapshot!(difference(&installed("labctl:1", None), "labctl:2").unwrap(),
            @"the mesh that is there is used as it is, with labctl:1; `labctl mesh install --image labctl:2` would change it");
        insta::assert_snapshot!(difference(&installed("labctl:2", Some("0123456789ab")), "labctl:2").unwrap(),
            @"the mesh that is there belongs to the run 0123456789ab; when that ends, it is gone");
    }
}
