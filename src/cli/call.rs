//! A call as people type it: `FROM TO`.

use super::CliError;
use crate::mesh::{
    explain::{address::Address, chain::Call, find::Wanted},
    policy::Index,
};

/// A call as it was typed, by somebody who is in a namespace.
pub(super) struct Typed<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) namespace: Option<&'a str>,
}

impl Typed<'_> {
    /// Who calls whom, and for which path. `namespace` is that of the kubeconfig's context.
    ///
    /// # Errors
    /// 2 if nobody is called that.
    pub(super) fn find(&self, index: &Index, namespace: &str) -> Result<(Call, &str), CliError> {
        let namespace = self.namespace.unwrap_or(namespace);
        let client = Wanted::read(self.from, namespace).find(index);
        let client = client.map_err(|nobody| CliError::new(2, nobody.to_string()).hint(nobody.hint()))?;
        let address = Address::read(self.to);
        let call = address.find(index, client);
        let call = call.map_err(|error| CliError::new(2, error.to_string()).hint(error.hint()))?;
        Ok((call, address.path()))
    }
}
