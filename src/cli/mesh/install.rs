//! `labctl mesh install`.

use std::{fmt::Write as _, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use kube::core::DynamicObject;

use super::{
    super::{CliError, kubernetes::KubernetesArgs, output::print, run::duration},
    on_cluster,
};
use crate::{
    cluster::mesh::install::{Applied, Change},
    mesh::install::{InstallError, Settings, manifests},
    report::style::{Paint, Style},
};

/// How the mesh's objects are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Install, and say what became of each object
    Table,
    /// Only print the manifests, as a JSON List
    Json,
    /// Only print the manifests, as YAML
    Yaml,
}

/// Installs the mesh, or brings the one that is there up to date
#[derive(Debug, Args)]
pub struct InstallArgs {
    #[command(flatten)]
    kubernetes: KubernetesArgs,
    /// The image of the control plane and of the sidecars [default: the one of this version]
    #[arg(long, value_name = "REF", value_parser = image)]
    image: Option<String>,
    /// The first part of every identity of the mesh
    #[arg(long, value_name = "NAME", default_value = "cluster.local", value_parser = trust_domain)]
    trust_domain: String,
    /// Install a gateway for traffic from outside as well (istio-ingressgateway, a LoadBalancer)
    #[arg(long)]
    gateway: bool,
    /// Say what would become of each object, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Whether to wait until the mesh injects and signs
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    wait: bool,
    /// How long that may take, as `45s` or `5m`
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    deadline: Duration,
    /// `yaml` and `json` print the manifests, and reach no cluster
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl InstallArgs {
    /// Installs, or prints.
    ///
    /// # Errors
    /// As [`super::MeshArgs::execute`].
    pub fn execute(self) -> Result<u8, CliError> {
        let defaults = Settings::default();
        let settings = Settings {
            image: self.image.unwrap_or(defaults.image),
            trust_domain: self.trust_domain,
            gateway: self.gateway,
        };
        let objects = manifests(&settings).map_err(|error| broken(&error))?;
        match self.output {
            Format::Json => print(&json(&objects)?)?,
            Format::Yaml => print(&yaml(&objects)?)?,
            Format::Table => {
                let target = if self.dry_run { self.kubernetes.target() } else { self.kubernetes.consented()? };
                let (dry, wait) = (self.dry_run, self.wait && !self.dry_run);
                let applied = on_cluster(&target, self.deadline, async |cluster, patience| {
                    let applied = cluster.install_mesh(objects, dry, patience).await?;
                    if wait {
                        cluster.until_mesh_ready(patience).await?;
                    }
                    Ok(applied)
                })?;
                let how = if dry {
                    How::Dry
                } else if wait {
                    How::Ready
                } else {
                    How::Applied
                };
                print(&table(&applied, how, &settings, Style::of_stdout()))?;
            }
        }
        Ok(0)
    }
}

/// How far an installation went.
#[derive(Clone, Copy)]
enum How {
    Applied,
    Dry,
    Ready,
}

fn table(applied: &[Applied], how: How, settings: &Settings, style: Style) -> String {
    let mut text = String::new();
    for Applied { object, change } in applied {
        let paint = if *change == Change::Unchanged { Paint::Dim } else { Paint::Green };
        let why = if *change == Change::Kept { " (not labctl's)" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {object}{why}", style.paint(paint, &format!("{change:9}")));
    }
    let end = match how {
        How::Dry => "dry run: nothing was changed".to_owned(),
        How::Applied => "applied; `labctl mesh status` tells when it is ready".to_owned(),
        How::Ready if applied.iter().all(|it| matches!(it.change, Change::Kept | Change::Unchanged)) => {
            format!("the mesh is ready and unchanged, with {}", settings.image)
        }
        How::Ready => format!("the mesh is ready, with {}", settings.image),
    };
    let _ = writeln!(text, "{end}");
    text
}

fn broken(error: &InstallError) -> CliError {
    CliError::new(4, error.to_string())
}

fn yaml(objects: &[DynamicObject]) -> Result<String, CliError> {
    let documents = objects.iter().map(serde_yaml::to_string).collect::<Result<Vec<_>, _>>();
    let documents = documents.map_err(|error| CliError::new(4, format!("the manifests are not YAML: {error}")))?;
    Ok(documents.iter().map(|document| format!("---\n{document}")).collect())
}

fn json(objects: &[DynamicObject]) -> Result<String, CliError> {
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let text = serde_json::to_string_pretty(&list);
    text.map(|text| text + "\n").map_err(|error| CliError::new(4, format!("the manifests are not JSON: {error}")))
}

/// A reference that no image could have is found out before a cluster is touched.
pub fn image(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    if !text.is_empty() && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("write it as REGISTRY/NAME:TAG".to_owned())
    }
}

fn trust_domain(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if !text.is_empty() && text.len() <= 255 && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("lower case letters, digits, `.`, `-` and `_`".to_owned())
    }
}
