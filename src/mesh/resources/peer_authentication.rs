//! `security.istio.io` PeerAuthentication: what a server accepts.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Selector, null_is_default};
use crate::mesh::mode::Mode;

/// The spec of a PeerAuthentication.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerAuthentication {
    /// Whose inbound traffic it is about; all of the namespace if absent or without labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// The mode of the workload; the wider level's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtls: Option<MutualTls>,
    /// The modes of single workload ports.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub port_level_mtls: BTreeMap<u16, MutualTls>,
}

/// A mode, or `UNSET` (absent) to take that of the next wider level.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct MutualTls {
    /// The mode.
    #[serde(default, deserialize_with = "unset_is_none", serialize_with = "none_is_unset")]
    pub mode: Option<Mode>,
}

impl PeerAuthentication {
    /// The mode it gives to a workload; `None` passes to the next wider level.
    pub fn mode(&self) -> Option<Mode> {
        self.mtls?.mode
    }

    /// The mode it gives to one workload port; `None` leaves the port to the workload's mode.
    pub fn port_mode(&self, port: u16) -> Option<Mode> {
        self.port_level_mtls.get(&port)?.mode
    }
}

fn unset_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mode>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("UNSET") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

fn none_is_unset<S: Serializer>(mode: &Option<Mode>, serializer: S) -> Result<S::Ok, S::Error> {
    match mode {
        Some(mode) => mode.serialize(serializer),
        None => serializer.serialize_str("UNSET"),
    }
}
