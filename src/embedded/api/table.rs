//! Tables for people: what `kubectl get` prints. The columns of each kind are in the modules below.

mod age;
mod columns;
mod custom;
mod deployment;
mod event;
mod pod;
mod rbac;
mod service;

use serde_json::{Map, Value, json};

pub(super) use self::custom::CustomColumn;
use self::{columns::Column, custom::custom_columns};
use super::{
    form::{Include, META, metadata_of},
    resource::{Resource, Rules},
};

/// The metadata of a table of one object.
pub(super) fn revision_of(object: &Value) -> Map<String, Value> {
    Map::from_iter([("resourceVersion".to_owned(), object["metadata"]["resourceVersion"].clone())])
}

/// Writes objects of one resource and version as a table.
pub(super) struct Printer<'a> {
    columns: Columns<'a>,
    include: Include,
    types: (String, &'a str),
}

enum Columns<'a> {
    Builtin(&'static [Column]),
    Custom(Vec<&'a CustomColumn>),
}

impl<'a> Printer<'a> {
    /// Chooses the columns.
    pub fn new(resource: &'a Resource, version: &str, include: Include) -> Self {
        let columns = match &resource.rules {
            Rules::Builtin(_) => Columns::Builtin(columns::of(&resource.kind)),
            Rules::Custom(custom) => Columns::Custom(custom_columns(custom.columns(version))),
        };
        Self { columns, include, types: (resource.api_version(version), &resource.kind) }
    }

    /// A table of some objects; a watch describes the columns in its first one only.
    pub fn table<'o>(
        &self,
        metadata: Map<String, Value>,
        objects: impl IntoIterator<Item = &'o Value>,
        described: bool,
    ) -> Value {
        let rows: Vec<Value> = objects.into_iter().map(|object| self.row(object)).collect();
        let columns = described.then(|| self.definitions());
        let mut table = json!({"kind": "Table", "apiVersion": META, "columnDefinitions": columns, "rows": rows});
        table["metadata"] = metadata.into();
        table
    }

    fn definitions(&self) -> Vec<Value> {
        match &self.columns {
            Columns::Builtin(columns) => columns.iter().map(Column::definition).collect(),
            Columns::Custom(columns) => columns.iter().map(|column| column.definition()).collect(),
        }
    }

    fn row(&self, object: &Value) -> Value {
        let cells: Vec<Value> = match &self.columns {
            Columns::Builtin(columns) => columns.iter().map(|column| (column.cell)(object)).collect(),
            Columns::Custom(columns) => columns.iter().map(|column| column.cell(object)).collect(),
        };
        let mut row = json!({"cells": cells});
        match self.include {
            Include::Metadata => row["object"] = metadata_of(object),
            Include::None => {}
            Include::Object => {
                row["object"] = object.clone();
                row["object"]["apiVersion"] = self.types.0.as_str().into();
                row["object"]["kind"] = self.types.1.into();
            }
        }
        row
    }
}
