//! The documents that describe an image.

use std::collections::HashMap;

use oci_spec::image::{
    Arch, Config, ConfigBuilder, Descriptor, HistoryBuilder, ImageConfigurationBuilder, ImageIndex, ImageIndexBuilder,
    ImageManifestBuilder, MediaType, Os, Platform, RootFsBuilder, SCHEMA_VERSION,
};

use super::{Image, ImageName, USER, blob::Blob, layer::Layer};

/// When everything in an image was made, as far as anybody can tell: the same executable gives the same image.
const CREATED: &str = "1970-01-01T00:00:00Z";
const COMPLETE: &str = "every field that has to be there is given";

/// What a container of the image starts with.
pub fn config(architecture: &Arch, layer: &Layer) -> Blob {
    let files = RootFsBuilder::default().typ("layers").diff_ids(vec![layer.diff_id.to_string()]).build();
    let history = HistoryBuilder::default().created(CREATED).created_by("labctl image").build();
    let document = ImageConfigurationBuilder::default()
        .architecture(architecture.clone())
        .os(Os::Linux)
        .created(CREATED)
        .config(container())
        .rootfs(files.expect(COMPLETE))
        .history(vec![history.expect(COMPLETE)])
        .build();
    Blob::document(MediaType::ImageConfig, &document.expect(COMPLETE))
}

/// Without a command a container is `labctl` itself; a command is one of the links.
fn container() -> Config {
    let labels = [
        ("org.opencontainers.image.title", "labctl"),
        ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
        ("org.opencontainers.image.description", env!("CARGO_PKG_DESCRIPTION")),
        ("org.opencontainers.image.licenses", env!("CARGO_PKG_LICENSE")),
    ];
    let container = ConfigBuilder::default()
        .entrypoint(vec!["/usr/bin/labctl".to_owned()])
        .env(vec!["PATH=/usr/bin:/bin".to_owned()])
        .user(format!("{USER}:{USER}"))
        .working_dir("/")
        .labels(owned(&labels));
    container.build().expect(COMPLETE)
}

/// What belongs together.
pub fn manifest(config: &Blob, layer: &Blob) -> Blob {
    let document = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(config.descriptor())
        .layers(vec![layer.descriptor()])
        .build();
    Blob::document(MediaType::ImageManifest, &document.expect(COMPLETE))
}

/// What is in an archive, and what it is to be called.
pub fn index(image: &Image, name: &ImageName) -> ImageIndex {
    let annotations = owned(&[
        ("org.opencontainers.image.ref.name", name.tag()),
        // containerd takes the whole name from here.
        ("io.containerd.image.name", &name.to_string()),
    ]);
    let mut descriptor: Descriptor = image.manifest.descriptor();
    descriptor.set_platform(Some(platform(&image.architecture)));
    descriptor.set_annotations(Some(annotations));
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(vec![descriptor])
        .build();
    index.expect(COMPLETE)
}

fn platform(architecture: &Arch) -> Platform {
    let mut platform = Platform::default();
    platform.set_os(Os::Linux);
    platform.set_architecture(architecture.clone());
    platform
}

fn owned(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
