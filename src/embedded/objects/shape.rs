//! How the parts of an object merge: which lists have keys, which maps and lists are taken whole.
//!
//! Both server-side apply and strategic merge patch ask here. Built-in kinds have a table, custom resources their
//! schema; what neither describes is deduced from the value (maps merge, lists are taken whole).

mod built_in;

use serde_json::Value;

pub(crate) use built_in::BuiltIn;

use super::schema::Schema;

/// What is known about one place in an object.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a>(Node<'a>);

#[derive(Clone, Copy, Debug)]
enum Node<'a> {
    BuiltIn(&'static BuiltIn),
    Custom(&'a Schema),
    /// The top of a custom resource: `metadata` is a built-in part, the rest is the schema's.
    CustomRoot(&'a Schema),
    Unknown,
}

/// How lists at a place merge.
#[derive(Clone, Copy, Debug)]
pub enum ListType<'a> {
    /// The list is one value.
    Atomic,
    /// Elements are told apart by the values of their key fields.
    Map(ListKeys<'a>),
    /// Elements are scalars, each at most once.
    Set,
}

/// The names of the key fields of a list's elements, with what counts where one is absent.
#[derive(Clone, Copy, Debug)]
pub struct ListKeys<'a>(Keys<'a>);

#[derive(Clone, Copy, Debug)]
enum Keys<'a> {
    BuiltIn(&'static [(&'static str, Option<&'static str>)]),
    Custom(&'a Schema),
}

impl ListKeys<'_> {
    /// The key fields of one element, in alphabetical order; `None` if one is absent without a default.
    pub fn of(&self, element: &Value) -> Option<Vec<(String, Value)>> {
        let mut keys = match self.0 {
            Keys::BuiltIn(names) => names
                .iter()
                .map(|&(name, default)| Some((name.to_owned(), key(element, name, default.map(Value::from))?)))
                .collect::<Option<Vec<_>>>()?,
            Keys::Custom(list) => list
                .list_map_keys
                .iter()
                .map(|name| {
                    let default = list.items().and_then(|item| item.properties.get(name)?.default.clone());
                    Some((name.clone(), key(element, name, default)?))
                })
                .collect::<Option<Vec<_>>>()?,
        };
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        Some(keys)
    }

    /// The first key field that `element` lacks.
    pub(crate) fn first_missing(&self, element: &Value) -> String {
        let names: Vec<&str> = match self.0 {
            Keys::BuiltIn(names) => names.iter().map(|&(name, _)| name).collect(),
            Keys::Custom(list) => list.list_map_keys.iter().map(String::as_str).collect(),
        };
        names.into_iter().find(|name| element.get(name).is_none()).unwrap_or_default().to_owned()
    }
}

fn key(element: &Value, name: &str, default: Option<Value>) -> Option<Value> {
    element.get(name).filter(|value| !value.is_null()).cloned().or(default)
}

impl<'a> Shape<'a> {
    /// Nothing is known; everything is deduced.
    pub const UNKNOWN: Shape<'static> = Shape(Node::Unknown);

    /// The shape of a built-in kind; unknown kinds still have their metadata.
    pub fn built_in(kind: &str) -> Shape<'static> {
        Shape(Node::BuiltIn(built_in::root(kind)))
    }

    /// The shape of a custom resource with this schema (the `openAPIV3Schema` of its version).
    pub fn custom(schema: &'a Schema) -> Self {
        Self(Node::CustomRoot(schema))
    }

    /// The shape of the field `name` of a map here.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        match self.0 {
            Node::BuiltIn(node) => node.field(name).map_or(Self::UNKNOWN, |node| Shape(Node::BuiltIn(node))),
            Node::CustomRoot(_) if name == "metadata" => Shape(Node::BuiltIn(&built_in::OBJECT_META)),
            Node::Custom(schema) | Node::CustomRoot(schema) => {
                schema.field(name).map_or(Self::UNKNOWN, |schema| Shape(Node::Custom(schema)))
            }
            Node::Unknown => self,
        }
    }

    /// Whether the kind is a built-in one.
    pub(crate) fn is_built_in(self) -> bool {
        matches!(self.0, Node::BuiltIn(_))
    }

    /// Whether the field `name` is a field of a structure (`spec`), not an entry of a map (a label).
    pub(crate) fn is_named_field(self, name: &str) -> bool {
        match self.0 {
            Node::BuiltIn(node) => node.is_struct(),
            Node::CustomRoot(_) if matches!(name, "metadata" | "apiVersion" | "kind") => true,
            Node::Custom(schema) | Node::CustomRoot(schema) => schema.properties.contains_key(name),
            Node::Unknown => false,
        }
    }

    /// Whether the Go type of this built-in structure has the part even in an empty object, so that making it is no change.
    pub(crate) fn is_always_there(self) -> bool {
        matches!(self.0, Node::BuiltIn(node) if node.is_always_there())
    }

    /// The shape of the elements of a list here.
    #[must_use]
    pub fn element(self) -> Self {
        match self.0 {
            Node::BuiltIn(node) => node.element().map_or(Self::UNKNOWN, |node| Shape(Node::BuiltIn(node))),
            Node::Custom(schema) | Node::CustomRoot(schema) => {
                schema.items().map_or(Self::UNKNOWN, |schema| Shape(Node::Custom(schema)))
            }
            Node::Unknown => self,
        }
    }

    /// Whether a map here is one value to server-side apply.
    pub fn is_atomic_map(self) -> bool {
        match self.0 {
            Node::BuiltIn(node) => node.is_atomic(),
            Node::Custom(schema) => schema.map_type_atomic,
            Node::CustomRoot(_) | Node::Unknown => false,
        }
    }

    /// How server-side apply merges a list here.
    pub fn list_type(self) -> ListType<'a> {
        match self.0 {
            Node::BuiltIn(node) => node.list_type(),
            Node::Custom(schema) => match schema.list_type.as_deref() {
                Some("map") => ListType::Map(ListKeys(Keys::Custom(schema))),
                Some("set") => ListType::Set,
                _ => ListType::Atomic,
            },
            Node::CustomRoot(_) | Node::Unknown => ListType::Atomic,
        }
    }

    /// How a strategic merge patch merges a list here: by one key field, as a set of scalars, or not at all.
    pub fn patch_strategy(self) -> PatchStrategy {
        match self.0 {
            Node::BuiltIn(node) => node.patch_strategy(),
            _ => PatchStrategy::Replace,
        }
    }
}

/// How a strategic merge patch treats a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PatchStrategy {
    /// Elements with the same value in this field are merged.
    MergeBy(&'static str),
    /// Scalars are added unless they are there.
    MergeScalars,
    /// The list is replaced.
    Replace,
}
