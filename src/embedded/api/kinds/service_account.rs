//! Service accounts.

use serde_json::Value;

use super::remove;

/// Secrets of an account are no longer made by the server, and not by its author either.
pub fn prepare_create(account: &mut Value) {
    if super::items(&account["secrets"]).is_empty() {
        remove(account, "secrets");
    }
}
