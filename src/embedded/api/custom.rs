//! Resources that a `CustomResourceDefinition` defines.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    builtin::ALL_VERBS,
    resource::{Resource, Rules, Version},
    table::CustomColumn,
};
use crate::embedded::objects::{
    field_error::FieldError,
    schema::{Schema, SchemaError},
    shape::Shape,
};

/// The rules of a custom resource.
#[derive(Debug)]
pub struct Custom {
    /// The name of the definition.
    pub definition: String,
    versions: BTreeMap<String, CustomVersion>,
}

/// The rules of one version.
#[derive(Debug)]
struct CustomVersion {
    schema: Schema,
    scale: Option<ScalePaths>,
    selectable: Vec<String>,
    columns: Vec<CustomColumn>,
    /// The schema as its author wrote it.
    written: Value,
}

/// Where a custom resource keeps the numbers of its scale, as JSON pointers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScalePaths {
    /// The number that is wanted.
    pub spec_replicas: String,
    /// The number there are.
    pub status_replicas: String,
    /// A label selector in text form.
    pub selector: Option<String>,
}

impl Custom {
    /// The fields that lists can be selected by.
    pub fn selectable(&self, version: &str) -> Vec<&str> {
        let own = self.versions.get(version).into_iter().flat_map(|version| &version.selectable);
        ["metadata.name", "metadata.namespace"].into_iter().chain(own.map(String::as_str)).collect()
    }

    /// How objects merge.
    pub fn shape(&self, version: &str) -> Shape<'_> {
        self.versions.get(version).map_or(Shape::UNKNOWN, |version| Shape::custom(&version.schema))
    }

    /// The schema as its author wrote it.
    pub fn written(&self, version: &str) -> Option<&Value> {
        self.versions.get(version).map(|version| &version.written)
    }

    /// What a table shows beside the name.
    pub(super) fn columns(&self, version: &str) -> &[CustomColumn] {
        self.versions.get(version).map_or(&[], |version| &version.columns)
    }

    /// Where the scale is.
    pub fn scale(&self, version: &str) -> Option<&ScalePaths> {
        self.versions.get(version)?.scale.as_ref()
    }

    /// Removes what the schema does not know; answers the paths of what went.
    pub fn prune(&self, version: &str, object: &mut Value) -> Vec<String> {
        self.versions.get(version).map_or_else(Vec::new, |version| version.schema.prune(object))
    }

    /// Fills in the schema's defaults.
    pub fn fill_defaults(&self, version: &str, object: &mut Value) {
        if let Some(version) = self.versions.get(version) {
            version.schema.fill_defaults(object);
        }
    }

    /// Complains about an object.
    pub fn validate(&self, version: &str, object: &Value) -> Vec<FieldError> {
        self.versions.get(version).map_or_else(Vec::new, |version| version.schema.validate(object))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// Makes a resource of its definition.
///
/// # Errors
/// If a schema cannot be read.
pub fn resource(definition: &Value) -> Result<Resource, SchemaError> {
    let (spec, names) = (&definition["spec"], &definition["spec"]["names"]);
    let mut versions: Vec<&Value> = spec["versions"].as_array().into_iter().flatten().collect();
    let storage = versions.iter().find(|version| version["storage"] == true).map(|version| text(&version["name"]));
    let mut rules = BTreeMap::new();
    for version in &versions {
        rules.insert(text(&version["name"]), custom_version(version)?);
    }
    versions.retain(|version| version["served"] == true);
    versions.sort_by_cached_key(|version| std::cmp::Reverse(priority(&text(&version["name"]))));
    let preferred = versions.iter().find(|version| version["deprecated"] != true).map(|version| text(&version["name"]));
    let (group, plural) = (text(&spec["group"]), text(&names["plural"]));
    Ok(Resource {
        table: format!("{plural}.{group}"),
        group: group.clone(),
        plural,
        singular: text(&names["singular"]),
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        versions: versions
            .into_iter()
            .map(|version| served_version(version, &group, &text(&names["kind"]), preferred.as_deref()))
            .collect(),
        storage_version: storage.unwrap_or_default(),
        verbs: ALL_VERBS,
        rules: Rules::Custom(Custom { definition: text(&definition["metadata"]["name"]), versions: rules }),
    })
}

fn custom_version(version: &Value) -> Result<CustomVersion, SchemaError> {
    let pointer = |path: &Value| text(path).replace('.', "/");
    let scale = &version["subresources"]["scale"];
    Ok(CustomVersion {
        written: version["schema"]["openAPIV3Schema"].clone(),
        schema: Schema::parse(&version["schema"]["openAPIV3Schema"])?,
        scale: scale.is_object().then(|| ScalePaths {
            spec_replicas: pointer(&scale["specReplicasPath"]),
            status_replicas: pointer(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"].is_string().then(|| pointer(&scale["labelSelectorPath"])),
        }),
        columns: version["additionalPrinterColumns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(CustomColumn::parse)
            .collect(),
        selectable: version["selectableFields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
            .collect(),
    })
}

fn served_version(version: &Value, group: &str, kind: &str, preferred: Option<&str>) -> Version {
    let name = text(&version["name"]);
    let subresources = ["scale", "status"].into_iter().filter(|&own| version["subresources"][own].is_object());
    let deprecation = (version["deprecated"] == true).then(|| {
        let own = version["deprecationWarning"].as_str().map(str::to_owned);
        let instead = preferred.map(|preferred| format!("; use {group}/{preferred} {kind}")).unwrap_or_default();
        own.unwrap_or_else(|| format!("{group}/{name} {kind} is deprecated{instead}"))
    });
    Version { name, subresources: subresources.map(str::to_owned).collect(), deprecation }
}

/// Kubernetes' order of versions: stable before beta before alpha, then by number; anything else comes last.
pub(super) fn priority(name: &str) -> (u8, u32, u32, std::cmp::Reverse<String>) {
    let parsed = || {
        let rest = name.strip_prefix('v')?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let major: u32 = rest[..end].parse().ok()?;
        let (stage, minor) = match &rest[end..] {
            "" => (3, 0),
            beta if beta.starts_with("beta") => (2, beta[4..].parse().ok()?),
            alpha if alpha.starts_with("alpha") => (1, alpha[5..].parse().ok()?),
            _ => return None,
        };
        Some((stage, major, minor))
    };
    let (stage, major, minor) = parsed().unwrap_or((0, 0, 0));
    (stage, major, minor, std::cmp::Reverse(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_kubernetes_does() {
        let mut names = ["foo1", "v1alpha3", "v1", "v10", "v1beta1", "v2beta2", "v11beta2", "v2", "foo10"];
        names.sort_by_cached_key(|name| std::cmp::Reverse(priority(name)));
        assert_eq!(names, ["v10", "v2", "v1", "v11beta2", "v2beta2", "v1beta1", "v1alpha3", "foo1", "foo10"]);
    }
}
