//! An image as one file, in two formats at once: an OCI image layout, and what `docker load` reads.
//!
//! The two share their content. `ctr`, `kind` and newer Dockers start from `index.json`, older ones from
//! `manifest.json`, and everything else is addressed by its digest.

use std::io::{self, Write};

use oci_spec::image::OciLayoutBuilder;
use serde::Serialize;
use tar::Builder;

use super::{
    Image, ImageName,
    blob::{Blob, json},
    layer::append,
    manifest,
};

/// What Docker's archives call an image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes an archive with `image` in it, called `name`.
///
/// # Errors
/// If `out` cannot be written to.
pub fn write(image: &Image, name: &ImageName, out: impl Write) -> io::Result<()> {
    let layout = OciLayoutBuilder::default().image_layout_version("1.0.0").build();
    let layout = layout.map_err(io::Error::other)?;
    let docker = DockerManifest {
        config: path(&image.config),
        repo_tags: vec![name.to_string()],
        layers: vec![path(&image.layer)],
    };
    let mut archive = Builder::new(out);
    append(&mut archive, "oci-layout", 0o644, &json(&layout))?;
    append(&mut archive, "index.json", 0o644, &json(&manifest::index(image, name)))?;
    append(&mut archive, "manifest.json", 0o644, &json(&[docker]))?;
    let mut blobs = [&image.config, &image.layer, &image.manifest];
    blobs.sort_by_key(|blob| path(blob));
    for blob in blobs {
        append(&mut archive, &path(blob), 0o644, &blob.data)?;
    }
    archive.into_inner()?.flush()
}

/// Where a layout has the content with a digest.
fn path(blob: &Blob) -> String {
    format!("blobs/{}/{}", blob.digest.algorithm(), blob.digest.digest())
}
