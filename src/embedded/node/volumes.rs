//! The volumes of a pod: from their description to files in memory, and how they follow their sources.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, Pod, ServiceAccountTokenProjection, Volume as VolumeSpec, VolumeProjection,
};
use kube::ResourceExt;

use super::{
    env::{ConfigError, field_of},
    files::{Contents, Volume},
    sources::{DEFAULT_EXPIRATION, Sources},
};

/// Why a volume can't be mounted: the message of `FailedMount`.
#[derive(Debug, thiserror::Error)]
pub(super) enum MountError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("references non-existent {kind} key: {key}")]
    Key { kind: &'static str, key: String },
    #[error("failed to fetch token: {0}")]
    Token(Box<kube::Error>),
    #[error("this kind of volume is not supported by this node")]
    Unsupported,
}

/// A volume that could not be mounted.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume \"{volume}\" : {error}")]
pub(super) struct FailedMount {
    volume: String,
    error: MountError,
}

/// The mounted volumes of a pod, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Volumes(HashMap<String, Arc<Volume>>);

impl Volumes {
    /// Empty volumes, one for every description.
    pub(super) fn new(pod: &Pod) -> Self {
        Self(described(pod).map(|volume| (volume.name.clone(), Arc::default())).collect())
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Volume>> {
        self.0.get(name)
    }

    /// Fills all volumes from their sources; those that fail stay as they are, and the first of them is named.
    pub(super) async fn fill(&self, pod: &Pod, address: &str, sources: &Sources) -> Result<(), FailedMount> {
        let mut outcome = Ok(());
        for spec in described(pod).filter(|spec| spec.empty_dir.is_none()) {
            let render = Render { pod, address, sources };
            match (render.volume(spec).await, self.0.get(&spec.name)) {
                (Ok(contents), Some(volume)) => volume.replace(contents),
                (Ok(_), None) => {}
                (Err(error), _) => outcome = outcome.and(Err(FailedMount { volume: spec.name.clone(), error })),
            }
        }
        outcome
    }
}

/// When the first token of the pod must be renewed: after 80 % of its life, as the kubelet does.
pub(super) fn renewal(pod: &Pod) -> Option<Duration> {
    let projected = described(pod).filter_map(|volume| volume.projected.as_ref()?.sources.as_ref()).flatten();
    let lives = projected.filter_map(|source| Some(expiration(source.service_account_token.as_ref()?)));
    lives.min().map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0) * 4 / 5))
}

/// Whether the pod's volumes show the ConfigMap or Secret of this name.
pub(super) fn refers_to(pod: &Pod, namespace: &str, name: &str) -> bool {
    let projected = |volume: &VolumeSpec| {
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        sources.into_iter().any(|source| {
            source.config_map.as_ref().is_some_and(|source| source.name == name)
                || source.secret.as_ref().is_some_and(|source| source.name == name)
        })
    };
    pod.namespace().as_deref() == Some(namespace)
        && described(pod).any(|volume| {
            volume.config_map.as_ref().is_some_and(|source| source.name == name)
                || volume.secret.as_ref().is_some_and(|source| source.secret_name.as_deref() == Some(name))
                || projected(volume)
        })
}

fn described(pod: &Pod) -> impl Iterator<Item = &VolumeSpec> {
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten())
}

fn expiration(token: &ServiceAccountTokenProjection) -> i64 {
    token.expiration_seconds.unwrap_or(DEFAULT_EXPIRATION)
}

/// Renders volumes of one pod.
struct Render<'a> {
    pod: &'a Pod,
    address: &'a str,
    sources: &'a Sources,
}

impl Render<'_> {
    async fn volume(&self, spec: &VolumeSpec) -> Result<Contents, MountError> {
        if let Some(source) = &spec.config_map {
            self.config_map(&source.name, source.items.as_deref(), source.optional)
        } else if let Some(source) = &spec.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            self.secret(name, source.items.as_deref(), source.optional)
        } else if let Some(source) = &spec.downward_api {
            self.downward(source.items.as_deref())
        } else if let Some(source) = &spec.projected {
            let mut all = Contents::new();
            for part in source.sources.iter().flatten() {
                all.extend(self.projection(part).await?);
            }
            Ok(all)
        } else {
            Err(MountError::Unsupported)
        }
    }

    async fn projection(&self, part: &VolumeProjection) -> Result<Contents, MountError> {
        if let Some(source) = &part.config_map {
            self.config_map(&source.name, source.items.as_deref(), source.optional)
        } else if let Some(source) = &part.secret {
            self.secret(&source.name, source.items.as_deref(), source.optional)
        } else if let Some(source) = &part.downward_api {
            self.downward(source.items.as_deref())
        } else if let Some(source) = &part.service_account_token {
            let asked = self.sources.token(self.pod, source.audience.as_deref(), expiration(source));
            let token = asked.await.map_err(|error| MountError::Token(Box::new(error)))?;
            Ok(Contents::from([(source.path.clone(), token.into_bytes().into())]))
        } else {
            Err(MountError::Unsupported)
        }
    }

    fn config_map(
        &self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<Contents, MountError> {
        let object = self.sources.config_map(&self.pod.namespace().unwrap_or_default(), name);
        let data = object.map(|object| {
            let texts = object.data.iter().flatten().map(|(key, text)| (key.clone(), text.as_bytes().into()));
            let bytes = object.binary_data.iter().flatten();
            texts.chain(bytes.map(|(key, bytes)| (key.clone(), bytes.0.as_slice().into()))).collect()
        });
        select("configmap", name, data, items, optional)
    }

    fn secret(&self, name: &str, items: Option<&[KeyToPath]>, optional: Option<bool>) -> Result<Contents, MountError> {
        let object = self.sources.secret(&self.pod.namespace().unwrap_or_default(), name);
        let data = object.map(|object| {
            let data = object.data.iter().flatten();
            data.map(|(key, bytes)| (key.clone(), bytes.0.as_slice().into())).collect()
        });
        select("secret", name, data, items, optional)
    }

    fn downward(&self, items: Option<&[DownwardAPIVolumeFile]>) -> Result<Contents, MountError> {
        let file = |item: &DownwardAPIVolumeFile| {
            let field = item.field_ref.as_ref().ok_or(MountError::Unsupported)?;
            let text = field_of(self.pod, self.address, &field.field_path)?;
            Ok((item.path.clone(), text.into_bytes().into()))
        };
        items.unwrap_or_default().iter().map(file).collect()
    }
}

/// The chosen keys of an object, at their paths.
fn select(
    kind: &'static str,
    name: &str,
    data: Option<BTreeMap<String, Arc<[u8]>>>,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<Contents, MountError> {
    let optional = optional == Some(true);
    let Some(data) = data else {
        let missing = ConfigError::Missing { kind, name: name.to_owned() };
        return if optional { Ok(Contents::new()) } else { Err(missing.into()) };
    };
    let Some(items) = items else { return Ok(data) };
    let mut chosen = Contents::new();
    for item in items {
        match data.get(&item.key) {
            Some(contents) => {
                chosen.insert(item.path.clone(), contents.clone());
            }
            None if optional => {}
            None => return Err(MountError::Key { kind, key: item.key.clone() }),
        }
    }
    Ok(chosen)
}
