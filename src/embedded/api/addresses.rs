//! The addresses and node ports of services: given out once, returned when the service goes.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::{Server, call::Call, metadata::text, status::Status};
use crate::embedded::objects::field_error::FieldError;

/// The first address of 10.96.0.0/12.
const NETWORK: u32 = u32::from_be_bytes([10, 96, 0, 0]);
/// The first address after it.
const END: u32 = u32::from_be_bytes([10, 112, 0, 0]);
/// Addresses below are left to services that ask for one by themselves.
const FIRST: u32 = NETWORK + 256;
/// The ports of nodes that services can have.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// What is given out at the moment.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    addresses: BTreeSet<u32>,
    ports: BTreeSet<u16>,
}

/// What a write took; goes back unless the write succeeds.
pub(super) struct Lease<'a> {
    pool: &'a Addresses,
    addresses: Vec<u32>,
    ports: Vec<u16>,
}

impl Lease<'_> {
    /// The write succeeded.
    pub fn keep(mut self) {
        self.addresses.clear();
        self.ports.clear();
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut taken = self.pool.lock();
        self.addresses.iter().for_each(|address| _ = taken.addresses.remove(address));
        self.ports.iter().for_each(|port| _ = taken.ports.remove(port));
    }
}

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self) -> Lease<'_> {
        Lease { pool: self, addresses: Vec::new(), ports: Vec::new() }
    }

    /// Takes an address for ever.
    pub fn reserve(&self, address: Ipv4Addr) {
        self.lock().addresses.insert(address.into());
    }

    fn release(&self, service: &Value) {
        let mut taken = self.lock();
        if let Some(address) = address_of(service) {
            taken.addresses.remove(&address);
        }
        for port in node_ports(service) {
            taken.ports.remove(&port);
        }
    }
}

impl Taken {
    /// Takes the address that a service asks for, or the next free one.
    fn take(&mut self, asked: Option<&str>) -> Result<u32, FieldError> {
        let Some(asked) = asked else {
            let free = (FIRST..END - 1).find(|address| !self.addresses.contains(address));
            let full =
                || FieldError::invalid("spec.clusterIPs", json!([""]), "failed to allocate an IP: range is full");
            let address = free.ok_or_else(full)?;
            self.addresses.insert(address);
            return Ok(address);
        };
        let refuse = |why: String| {
            let detail = format!("failed to allocate IP {asked}: {why}");
            FieldError::invalid("spec.clusterIPs", json!([asked]), detail)
        };
        let address = asked.parse::<Ipv4Addr>().map(u32::from).map_err(|_| {
            FieldError::invalid(
                "spec.clusterIPs[0]",
                asked,
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            )
        })?;
        if !(NETWORK + 1..END - 1).contains(&address) {
            return Err(refuse(format!(
                "the provided IP ({asked}) is not in the valid range. The range of valid IPs is 10.96.0.0/12"
            )));
        }
        if !self.addresses.insert(address) {
            return Err(refuse("provided IP is already allocated".to_owned()));
        }
        Ok(address)
    }

    fn take_port(&mut self, asked: Option<u16>, index: usize) -> Result<u16, FieldError> {
        let field = format!("spec.ports[{index}].nodePort");
        match asked {
            Some(port) if !NODE_PORTS.contains(&port) => {
                let detail = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                Err(FieldError::invalid(field, port, detail))
            }
            Some(port) if !self.ports.insert(port) => {
                Err(FieldError::invalid(field, port, "provided port is already allocated"))
            }
            Some(port) => Ok(port),
            None => {
                let full = || FieldError::invalid(field, 0, "failed to allocate a nodePort: range is full");
                let port = NODE_PORTS.into_iter().find(|port| !self.ports.contains(port)).ok_or_else(full)?;
                self.ports.insert(port);
                Ok(port)
            }
        }
    }
}

fn address_of(service: &Value) -> Option<u32> {
    service["spec"]["clusterIP"].as_str()?.parse::<Ipv4Addr>().ok().map(u32::from)
}

fn node_ports(service: &Value) -> Vec<u16> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    ports.filter_map(|port| u16::try_from(port["nodePort"].as_u64()?).ok()).collect()
}

impl Server {
    /// Gives a new or changed service its address and node ports; other objects need none.
    pub(super) fn allocate(
        &self,
        call: &Call,
        object: &mut Value,
        before: Option<&Value>,
    ) -> Result<Lease<'_>, Status> {
        let mut lease = self.addresses().lease();
        if call.resource.kind == "Service" && call.resource.group.is_empty() {
            let result =
                allocate_address(&mut lease, object, before).and_then(|()| allocate_ports(&mut lease, object, before));
            result.map_err(|error| Status::invalid("", "Service", text(object, "name"), &[error]))?;
        }
        Ok(lease)
    }

    /// Takes back what a service had.
    pub(super) fn release(&self, service: &Value) {
        self.addresses().release(service);
    }

    /// Takes back what a service had and has no more.
    pub(super) fn release_unused(&self, call: &Call, before: &Value, after: &Value) {
        if call.resource.table != "services" {
            return;
        }
        let mut taken = self.addresses().lock();
        if let Some(address) = address_of(before).filter(|_| address_of(before) != address_of(after)) {
            taken.addresses.remove(&address);
        }
        let kept = node_ports(after);
        for port in node_ports(before).iter().filter(|port| !kept.contains(port)) {
            taken.ports.remove(port);
        }
    }
}

fn allocate_address(lease: &mut Lease<'_>, service: &mut Value, before: Option<&Value>) -> Result<(), FieldError> {
    let spec = &mut service["spec"];
    if spec["type"] == "ExternalName" {
        return Ok(());
    }
    let asked = spec["clusterIP"].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let kept = before.is_some_and(|before| asked.is_some() && before["spec"]["clusterIP"] == spec["clusterIP"]);
    if asked.as_deref() != Some("None") && !kept {
        let address = lease.pool.lock().take(asked.as_deref())?;
        lease.addresses.push(address);
        spec["clusterIP"] = Ipv4Addr::from(address).to_string().into();
    }
    spec["clusterIPs"] = json!([spec["clusterIP"]]);
    spec["ipFamilies"] = json!(["IPv4"]);
    if spec["ipFamilyPolicy"].is_null() {
        spec["ipFamilyPolicy"] = "SingleStack".into();
    }
    Ok(())
}

fn allocate_ports(lease: &mut Lease<'_>, service: &mut Value, before: Option<&Value>) -> Result<(), FieldError> {
    let spec = &mut service["spec"];
    if !matches!(spec["type"].as_str(), Some("LoadBalancer" | "NodePort")) {
        return Ok(());
    }
    let had = before.map(node_ports).unwrap_or_default();
    for (index, port) in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
        let asked = port["nodePort"].as_u64().and_then(|number| u16::try_from(number).ok()).filter(|&port| port > 0);
        if asked.is_some_and(|asked| had.contains(&asked)) {
            continue;
        }
        let given = lease.pool.lock().take_port(asked, index)?;
        lease.ports.push(given);
        port["nodePort"] = given.into();
    }
    Ok(())
}
