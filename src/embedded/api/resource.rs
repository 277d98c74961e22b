//! What kinds of resource there are: how they are named, what they can do, and the rules of their kind.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;

use super::{builtin, custom::Custom, path::Verb, status::GroupResource};
use crate::embedded::objects::{field_error::FieldError, selector::supported_fields, shape::Shape};

/// A resource of the API, built in or custom.
#[derive(Debug)]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural, as paths spell it.
    pub plural: String,
    /// The singular.
    pub singular: String,
    /// The kind.
    pub kind: String,
    /// The kind of a list.
    pub list_kind: String,
    /// What people may type instead of the plural.
    pub short_names: Vec<String>,
    /// Groups of resources such as `all`.
    pub categories: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// The served versions, the preferred one first.
    pub versions: Vec<Version>,
    /// The version that objects are stored in.
    pub storage_version: String,
    /// The store's table.
    pub table: String,
    /// What can be done with objects; the subresources are listed by version.
    pub verbs: &'static [Verb],
    /// The rules of the kind.
    pub rules: Rules,
}

/// A served version of a resource.
#[derive(Clone, Debug, Default)]
pub struct Version {
    /// The name, such as `v1beta1`.
    pub name: String,
    /// The subresources, such as `status`.
    pub subresources: Vec<String>,
    /// What the server warns about when the version is used.
    pub deprecation: Option<String>,
}

/// Where the rules of a kind come from.
#[derive(Debug)]
pub enum Rules {
    /// From this program.
    Builtin(&'static builtin::Builtin),
    /// From a `CustomResourceDefinition`.
    Custom(Custom),
}

impl Resource {
    /// How messages name the resource.
    pub fn name(&self) -> GroupResource<'_> {
        GroupResource { group: &self.group, resource: &self.plural }
    }

    /// The `apiVersion` of objects in `version`.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// A served version.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    /// Whether a version has a subresource.
    pub fn has(&self, version: &str, subresource: &str) -> bool {
        self.version(version).is_some_and(|version| version.subresources.iter().any(|own| own == subresource))
    }

    /// Whether the rules come from a `CustomResourceDefinition`.
    pub fn is_custom(&self) -> bool {
        matches!(self.rules, Rules::Custom(_))
    }

    /// Whether objects are questions, which are answered and forgotten.
    pub fn is_review(&self) -> bool {
        self.verbs == [Verb::Create]
    }

    /// Whether the server counts changes of an object's wishes in `metadata.generation`.
    pub fn counts_generations(&self) -> bool {
        match &self.rules {
            Rules::Builtin(builtin) => builtin.generations,
            Rules::Custom(_) => true,
        }
    }

    /// The fields that lists can be selected by.
    pub fn selectable(&self, version: &str) -> Vec<&str> {
        match &self.rules {
            Rules::Builtin(_) => supported_fields(&self.kind).to_vec(),
            Rules::Custom(custom) => custom.selectable(version),
        }
    }

    /// How objects merge, for the patches that know.
    pub fn shape(&self, version: &str) -> Shape<'_> {
        match &self.rules {
            Rules::Builtin(_) => Shape::built_in(&self.kind),
            Rules::Custom(custom) => custom.shape(version),
        }
    }

    /// Complains about an object of this kind.
    pub fn validate(&self, version: &str, object: &Value, before: Option<&Value>) -> Vec<FieldError> {
        match &self.rules {
            Rules::Builtin(builtin) => match before {
                Some(before) => (builtin.validate_update)(object, before),
                None => (builtin.validate)(object),
            },
            Rules::Custom(custom) => custom.validate(version, object),
        }
    }
}

/// All resources there are at the moment.
#[derive(Debug)]
pub struct Registry {
    resources: RwLock<Arc<Resources>>,
}

/// Resources by group and plural.
pub type Resources = BTreeMap<(String, String), Arc<Resource>>;

impl Default for Registry {
    fn default() -> Self {
        let resources = builtin::resources()
            .map(|resource| ((resource.group.clone(), resource.plural.clone()), Arc::new(resource)));
        Self { resources: RwLock::new(Arc::new(resources.collect())) }
    }
}

impl Registry {
    /// All of them.
    pub fn all(&self) -> Arc<Resources> {
        Arc::clone(&self.resources.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One of them.
    pub fn find(&self, group: &str, plural: &str) -> Option<Arc<Resource>> {
        self.all().get(&(group.to_owned(), plural.to_owned())).cloned()
    }

    /// Adds a resource, or replaces it.
    pub fn insert(&self, resource: Resource) {
        let key = (resource.group.clone(), resource.plural.clone());
        self.change(|resources| resources.insert(key, Arc::new(resource)));
    }

    /// Removes a resource.
    pub fn remove(&self, group: &str, plural: &str) {
        self.change(|resources| resources.remove(&(group.to_owned(), plural.to_owned())));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Resources) -> T) {
        let mut guard = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        let mut resources = Resources::clone(&guard);
        change(&mut resources);
        *guard = Arc::new(resources);
    }
}
